"""Plugins for tests: distributions written by hand into a folder of sys.path, and the example as pip installs it."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from reelscope.analyzers import registry
from reelscope.plugins import plugins

__all__ = ["EXAMPLE", "Site", "install_example", "plugin_site"]

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "reelscope-flicker"

SOURCE = """
from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, FrameNeed, Options
from reelscope.document.schema import AnalyzerResult, Segment, Series, Summary

class Few(Options):
    few: int = 1

class {kind}(Analyzer[AnalyzerResult]):
    spec = AnalyzerSpec(
        name="{name}", version=1, group="people", {spec}
        backends=(Backend(name="plain", tier="embedded", rank=1, frames=(FrameNeed(5, 32),), {backend}),),
    )
    Options = Few
    Result = AnalyzerResult

    def begin(self, clip):
        self.count = 0

    def feed(self, window):
        self.count += len(window.frames(self.frames[0]))
        {feed}

    def finish(self, inputs):
        return AnalyzerResult({result})
"""


COUNTED = "segments=[Segment(start_s=0, end_s=1, counted=self.count)]"


class Site:
    """A folder on sys.path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def declare(self, distribution: str, entries: Mapping[str, str], version: str = "1.0") -> None:
        """Metadata of a distribution with these entry points (name -> target), in place of what it declared before."""
        stem = distribution.replace("-", "_")
        for old in self.folder.glob(f"{stem}-*.dist-info"):
            shutil.rmtree(old)
        info = self.folder / f"{stem}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = "".join(f"{name} = {target}\n" for name, target in entries.items())
        (info / "entry_points.txt").write_text(f"[reelscope.analyzers]\n{lines}")
        self.look_again()

    def add(
        self, name: str, *, spec: str = "", backend: str = "", feed: str = "pass", result: str = COUNTED, version: str = "1.0"
    ) -> None:  # fmt: skip
        """A package of one analyzer that counts frames, but for what the arguments put into it."""
        module = f"plugin_{name}"
        self.write(module, SOURCE.format(kind="Made", name=name, spec=spec, backend=backend, feed=feed, result=result))
        self.declare(f"package-{name.replace('_', '-')}", {name: f"{module}:Made"}, version)

    def write(self, module: str, source: str) -> None:
        (self.folder / f"{module}.py").write_text(source)

    def look_again(self) -> None:
        """As a new process would."""
        importlib.invalidate_caches()
        plugins.cache_clear()
        registry._looked_at.cache_clear()
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.folder)):
                del sys.modules[name]


@pytest.fixture
def plugin_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder on sys.path, whose distributions are this test's alone."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    site = Site(folder)
    site.look_again()
    yield site
    site.look_again()
    monkeypatch.undo()
    plugins.cache_clear()


def install_example(target: Path, work: Path) -> None:
    """What `pip install` makes of the example, from this disk alone."""
    shutil.copytree(EXAMPLE, work, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info", ".pytest_cache"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command += ["--disable-pip-version-check", "--target", str(target), str(work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
