"""A command line whose folders, user and environment are the test's own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from reelscope.media.encode import ClipWriter


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    def assert_refused(self, code: int, *words: str) -> None:
        """One line that says what is wrong, at most one that says what to do, no traceback, nothing on stdout."""
        assert self.code == code, (self.out, self.err)
        assert self.out == ""
        lines = self.err.splitlines()
        assert [line.partition(":")[0] for line in lines] in (["error"], ["error", "hint"]), self.err
        for word in words:
            assert word in self.err, (word, self.err)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, with a home and a temporary folder beside it; no REELSCOPE_* variables."""
    for name in ("here", "home", "tmp"):
        (tmp_path / name).mkdir()
    for name in [name for name in os.environ if name.startswith("REELSCOPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def cli(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Sequence[str]], Result]:
    """Run a command line in this process."""
    from reelscope.cli import run

    def call(argv: Sequence[str]) -> Result:
        capsys.readouterr()
        code = run([str(word) for word in argv])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call


def write_clip(path: Path, seconds: float = 2.0, *, size: tuple[int, int] = (96, 160), fps: int = 12, sound: bool = True) -> Path:
    """A clip of moving bars in two takes, with a tone."""
    width, height = size
    ramp = np.linspace(0, 255, width, dtype=np.float32)
    with ClipWriter(path, width, height, fps=fps, audio_rate_hz=16_000 if sound else None) as clip:
        for i in range(round(seconds * fps)):
            row = np.roll(ramp, 3 * i).astype(np.uint8)
            picture = np.repeat(row[None, :, None], height, axis=0).repeat(3, axis=2).copy()
            picture[..., 0 if i < seconds * fps / 2 else 2] //= 3
            clip.frame(picture)
        if sound:
            clip.audio((0.2 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * 16_000)) / 16_000)).astype(np.float32))
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small clip with picture and sound."""
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4")
