"""The example of docs/writing-an-analyzer.md: installed by pip into a folder of its own, run by the command line in worker processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.check import check_result
from reelscope.document.compare.figures import figures_of
from reelscope.document.compare.pairs import compare_pair
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.report import render_report
from reelscope.document.schema import Document
from reelscope.document.table.read import row_of
from reelscope.plugins import known_names
from tests.clips import write_clip
from tests.plugin_tools import EXAMPLE, install_example

PAGE = Path(__file__).resolve().parents[2] / "docs" / "writing-an-analyzer.md"
FPS, HOLD = 30, 3  # a change every third frame: ten a second, five flashes


@dataclass(frozen=True)
class Installed:
    """The example in a folder of its own, and a clip that flashes from 1 s to 3 s."""

    site: Path
    clip: Path
    data: Path

    def run(self, *args: str | Path, code: int = 0, plugin: bool = True, **env: str) -> str:
        """A command of reelscope in a process of its own. Returns what it printed."""
        env = {**os.environ, "REELSCOPE_DATA_DIR": str(self.data), **({"PYTHONPATH": str(self.site)} if plugin else {}), **env}
        command = [sys.executable, "-m", "reelscope", *map(str, args)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("plugin")
    install_example(folder / "site", folder / "source")
    frames = [np.full((96, 160, 3), 255 * flashes(i), np.uint8) for i in range(4 * FPS)]
    return Installed(folder / "site", write_clip(folder / "strobe.mp4", frames, fps=FPS), folder / "data")


def flashes(i: int) -> bool:
    """Whether frame i is white."""
    return FPS <= i < 3 * FPS and (i - FPS) // HOLD % 2 == 0


@pytest.fixture(scope="module")
def analysed(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an analysis by the command line, in two worker processes."""
    out = tmp_path_factory.mktemp("out")
    said = installed.run("analyze", installed.clip, "--only", "flicker,color_analysis", "--workers", "2", "--out", out, "--debug")
    assert "error" not in said, said
    return out


def document_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "analysis.json").read_text())
    return found


def test_the_command_line_measures_what_is_in_the_clip(analysed: Path) -> None:
    document = document_of(analysed)
    entry = document["analyzers"]["flicker"]
    assert list(document["analyzers"]) == [*ANALYZER_NAMES, "flicker"]
    assert (entry["status"], entry["reason"], entry["device"]) == ("ok", None, "cpu")
    changes = [i / FPS for i in range(1, 4 * FPS) if flashes(i) != flashes(i - 1)]
    assert entry["summary"] == {"flashes": 10, "per_s": 5, "over_s": 1.9, "within_limit": False, "frames": 120}
    (segment,) = entry["segments"]
    assert (segment["start_s"], segment["end_s"]) == pytest.approx((changes[0], changes[-1]), abs=1e-5)
    assert (segment["flashes"], segment["per_s"], segment["area"]) == (len(changes) // 2, 5, 1.0)
    (series,) = entry["series"]
    assert (series["name"], series["unit"], len(series["t_s"]), max(series["values"])) == ("flashes", "1/s", 41, 5.0)
    assert (entry["title"], entry["distribution"], entry["distribution_version"]) == ("Flashes", "reelscope-flicker", "0.1.0")
    assert document["analyzers"]["color_analysis"]["status"] == "ok"


def test_options_backend_kept_results_and_the_list(installed: Installed, tmp_path: Path) -> None:
    def run(name: str, *args: str) -> dict[str, Any]:
        installed.run("analyze", installed.clip, "--format", "json", "--out", tmp_path / name, "--quiet", *args)
        found: dict[str, Any] = document_of(tmp_path / name)["analyzers"]["flicker"]
        return found

    chosen = ("--only", "flicker", "--backend", "flicker=luminance", "--option", "flicker.most=5")
    first, again = run("a", *chosen), run("b", *chosen)
    assert (first["options"], first["summary"]["within_limit"], first["segments"], first["reused"]) == (
        {"area": 0.25, "most": 5},
        True,
        [],
        False,
    )
    assert again["reused"] and again["summary"] == first["summary"]
    assert "error: --option flicker.many=2: flicker has no option 'many'" in installed.run(
        "analyze", installed.clip, "--option", "flicker.many=2", "--out", tmp_path / "d", code=2
    )
    rows = {row["name"]: row for row in json.loads(installed.run("analyzers", "--json"))}
    assert list(rows) == [*ANALYZER_NAMES, "flicker"]
    assert (rows["flicker"]["title"], rows["flicker"]["distribution"]) == ("Flashes", "reelscope-flicker 0.1.0")
    assert re.search(r"flicker +Flashes +luminance +embedded +reelscope-flicker 0\.1\.0", installed.run("analyzers", COLUMNS="160"))


def test_switched_off_by_a_variable(installed: Installed) -> None:
    said = installed.run("analyzers", COLUMNS="160", REELSCOPE_PLUGINS__ENABLED="false")
    assert "switched off (plugins.enabled): flicker" in said and "reelscope-flicker" not in said


def test_what_is_read_and_shown_on_a_machine_without_it(installed: Installed, analysed: Path, tmp_path: Path) -> None:
    assert "flicker" not in known_names()
    document = Document.model_validate_json((analysed / "analysis.json").read_text())
    entry = document.analyzers["flicker"]
    check_result(entry, document.media.duration_s)
    page = render_report(document, keyframes={})
    assert "Flashes" in page and "1 (reelscope-flicker 0.1.0)" in page
    row = row_of(document.model_dump(mode="json"), "strobe")
    assert row["sha256"] == document.source.sha256
    without = Document.model_validate({**document.model_dump(), "analyzers": {n: document.analyzers[n] for n in ANALYZER_NAMES}})
    with_it, other = figures_of(document, "a"), figures_of(without, "b")
    assert with_it.values["flicker.flashes"] == 10
    assert "flicker.flashes" in {one.path for one in compare_pair(with_it, other).only_one}
    shutil.copytree(analysed, tmp_path / "copy")
    installed.run("report", tmp_path / "copy" / "analysis.json", plugin=False)
    assert "Flashes" in (tmp_path / "copy" / "report.html").read_text()


def test_the_examples_own_test_passes(installed: Installed, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "test_flicker.py", tmp_path)
    env = {**os.environ, "PYTHONPATH": str(installed.site), "REELSCOPE_DATA_DIR": str(tmp_path / "data")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path / "test_flicker.py"),
    ]
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_page_shows_the_examples_own_text() -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    code = [text for language, text in blocks if language == "python"]
    module, own_test, project = ((EXAMPLE / name).read_text() for name in ("reelscope_flicker.py", "test_flicker.py", "pyproject.toml"))
    for text in code:
        assert text in module or text in own_test, f"not in the example:\n{text}"
    (declared,) = (text for language, text in blocks if language == "toml")
    assert declared in project
    shown = {line for text in code for line in text.splitlines()}
    body = module.partition('"""\n\n')[2].splitlines()
    assert [line for line in body if line not in shown] == [], "of the example, and not on the page"


def test_the_page_shows_the_documents_own_text(analysed: Path) -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    shown = json.loads("{" + block + "}")["flicker"]
    entry = document_of(analysed)["analyzers"]["flicker"]
    assert shown == {key: entry[key] for key in shown}
