"""The clips of the contract, each analysed once for all tests that read its document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from reelscope.config import Settings
from reelscope.config.tree import System
from reelscope.document.schema import Document
from reelscope.pipeline import Session
from tests.clips import RATE_HZ, moving_frames, remux, tone, write_clip

Analysed = Callable[[str], Document]


def _talk(folder: Path) -> Path:
    frames = moving_frames(60, width=144, height=256) + moving_frames(60, width=144, height=256, seed=1)
    noise = np.random.default_rng(0).normal(0, 0.05, (RATE_HZ * 4, 2)).astype(np.float32)
    return write_clip(folder / "talk.mp4", frames, sound=tone(4.0, channels=2) + noise)


def _vfr(folder: Path) -> Path:
    return write_clip(folder / "vfr.mp4", moving_frames(20), times=np.cumsum(np.random.default_rng(0).uniform(0.01, 0.4, 20)).tolist())


def _silent(folder: Path) -> Path:
    frames = [np.zeros((90, 160, 3), np.uint8)] * 45
    return write_clip(folder / "silent.mkv", frames, sound=np.zeros((RATE_HZ * 3 // 2, 1), np.float32), audio_codec="flac")


def _late(folder: Path) -> Path:
    plain = write_clip(folder / "plain.mp4", moving_frames(45), sound=tone(2.0))
    return remux(plain, folder / "late.mkv", video_offset_s=0.5)


CLIPS: dict[str, Callable[[Path], Path]] = {
    "talk": _talk,
    "vfr": _vfr,
    "silent": _silent,
    "late": _late,
    "one_frame": lambda folder: write_clip(folder / "one.mp4", moving_frames(1, width=97, height=61), pixel_format="yuv444p"),
    "tiny": lambda folder: write_clip(folder / "tiny.mp4", moving_frames(40, width=16, height=16)),
    "fast": lambda folder: write_clip(folder / "fast.mp4", moving_frames(240, width=64, height=64), fps=120),
    "sound_only": lambda folder: remux(_talk(folder), folder / "only.m4a", drop=("video",)),
}


@pytest.fixture(scope="session")
def contract_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Nothing is kept from run to run: the same clip again is to be measured again."""
    with Session(Settings(system=System(keep_results=False))) as session:
        session.analyze(write_clip(tmp_path_factory.mktemp("first") / "first.mp4", moving_frames(2)))  # its threads are no test's
        yield session


@pytest.fixture(scope="session")
def clip_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = CLIPS[name](tmp_path_factory.mktemp(name))
        return made[name]

    return make


@pytest.fixture(scope="session")
def analysed(contract_session: Session, clip_path: Callable[[str], Path]) -> Analysed:
    documents: dict[str, Document] = {}

    def get(name: str) -> Document:
        if name not in documents:
            documents[name] = contract_session.analyze(clip_path(name)).document
        return documents[name]

    return get
