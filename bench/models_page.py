"""The tables of docs/models.md, from the manifest; what stands between them is written by hand."""

from __future__ import annotations

import re
from pathlib import Path

from reelscope.analyzers.registry import ANALYZER_NAMES, INSTALLED
from reelscope.models.manifest import TIERS, Entry, manifest, refused

__all__ = ["models_page"]

PAGE = Path(__file__).parent.parent / "docs" / "models.md"
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def models_page() -> str:
    """docs/models.md with its tables as they would be written now."""
    return BLOCK.sub(lambda m: f"{m[1]}{_table(m[2])}{m[3]}", PAGE.read_text(encoding="utf-8"))


def _table(name: str) -> str:
    if name == "refused":
        lines = ["| sha256 begins | bytes | what it is |", "|---|---|---|"]
        lines += [f"| `{r.pin.sha256[:12]}` | {r.pin.bytes:,} | {r.why} |" for r in refused()]
        return "\n".join(lines) + "\n"
    if name not in TIERS:
        raise ValueError(f"docs/models.md: there is no table {name!r}")
    users = used_by()
    lines = ["| model | for | used by | licence | MB | runtime | from |", "|---|---|---|---|---|---|---|"]
    for entry in manifest().values():
        if entry.tier == name:
            size = f"{entry.bytes / 1e6:,.1f}" if entry.bytes < 10e6 else f"{entry.bytes / 1e6:,.0f}"
            runtime = entry.runtime + (f" (`{entry.loads}`)" if entry.runtime == "transformers" else "")
            size = "" if entry.files_of else size
            cells = [f"`{entry.name}`", entry.purpose, ", ".join(users.get(entry.name, [])) or "nothing yet"]
            lines.append(f"| {' | '.join([*cells, _licence(entry), size, runtime, _origin(entry)])} |")
    return "\n".join(lines) + "\n"


def used_by() -> dict[str, list[str]]:
    """Names of the analyzers whose backends, or the features that these read, name a model."""
    found: dict[str, list[str]] = {}

    def models_of(feature: str) -> set[str]:
        spec = INSTALLED.feature(feature).spec
        return {*spec.models, *(m for f in spec.features for m in models_of(f))}

    for name in ANALYZER_NAMES:
        kind = INSTALLED.analyzer(name)
        for backend in kind.spec.backends if kind is not None else ():
            for model in {*backend.models, *(m for f in backend.features for m in models_of(f))}:
                if name not in found.setdefault(model, []):
                    found[model].append(name)
    return found


def _licence(entry: Entry) -> str:
    return entry.licence if entry.permissive else f"{entry.terms} **(by name)**"


def _origin(entry: Entry) -> str:
    if entry.in_package:
        return f"package {entry.distribution} {', '.join(entry.pins or ())}"
    if entry.files_of:
        return f"`{entry.member}` of the same file as `{entry.files_of}`"
    if entry.brings:
        return f"import only: your own `{entry.brings}`"
    if not entry.public:
        return "import only, by sha256"
    assert entry.source is not None
    if entry.source.kind == "github":
        return f"github.com/{entry.source.repo} at `{str(entry.source.revision)[:12]}`"
    ref = f" at `{entry.source.ref}`" if entry.source.ref != "main" else ""
    return f"hub: {entry.source.repo}{ref}" + ("; pulled by name only" if entry.on_request else "")
