"""The shape of the code: imports point one way, the package imports lightly, the public names are these."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import reelscope

SRC = Path(reelscope.__file__).parent
# Each may import those to its right only (and itself).
ORDER = (
    "cli",
    "server",
    "client",
    "pipeline",
    "usable",
    "assemble",
    "engine",
    "analyzers",
    "features",
    "models",
    "demo",
    "media",
    "net",
    "config",
    "outputs",
    "api",
    "plugins",
    "document",
    "events",
    "timebase",
    "errors",
)
RANK = {name: i for i, name in enumerate(ORDER)}
HEAVY = ("numpy", "av", "cv2", "onnxruntime", "scipy", "librosa", "skimage", "rapidocr", "faster_whisper", "ctranslate2", "jinja2", "PIL")
PUBLIC = ["Client", "Document", "ReelscopeError", "Session", "__version__", "analyze"]
MAX_LINES = 500


def _layer(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def _imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append(node.module or "")
        elif isinstance(node, ast.Import):
            found += [a.name for a in node.names]
    return found


def test_imports_point_one_way() -> None:
    wrong = []
    for path in SRC.rglob("*.py"):
        layer = _layer(path)
        for name in _imports(path):
            parts = name.split(".")
            if parts[0] != "reelscope" or len(parts) < 2 or layer not in RANK or parts[1] not in RANK:
                continue
            if RANK[parts[1]] < RANK[layer]:
                wrong.append(f"{path.relative_to(SRC)} imports {name}")
    assert wrong == []


def test_every_layer_has_its_place() -> None:
    free = {"__init__", "__main__", "version"}
    assert {_layer(p) for p in SRC.rglob("*.py")} - free == set(ORDER)


def test_decisions_import_no_heavy_library() -> None:
    for name in ("engine/plan.py", "document/merge.py", "document/schema.py", "timebase.py"):
        assert not {n.split(".")[0] for n in _imports(SRC / name)} & set(HEAVY), name


def test_modules_stay_small() -> None:
    assert {
        str(p.relative_to(SRC)): n for p in SRC.rglob("*.py") if (n := len(p.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    } == {}


def test_importing_the_package_and_its_contracts_is_light() -> None:
    code = (
        "import sys, reelscope, reelscope.analyzers.base, reelscope.features.base, reelscope.document.schema\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_specifications_are_read_without_heavy_libraries() -> None:
    code = (
        "import sys; from reelscope.analyzers.registry import INSTALLED, ANALYZER_NAMES\n"
        "kinds = [INSTALLED.analyzer(n) for n in ANALYZER_NAMES]\n"
        "[INSTALLED.feature(f) for k in kinds if k for b in k.spec.backends for f in b.features]\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_public_names() -> None:
    assert sorted(reelscope.__all__) == sorted(PUBLIC)
    assert all(getattr(reelscope, name) is not None for name in PUBLIC)
