"""The example's own test: `pip install -e . pytest && pytest`."""

from pathlib import Path

import numpy as np
from reelscope_flicker import Flicker

import reelscope
from reelscope.analyzers.check import check_class, check_result
from reelscope.config import AnalysisSettings, Settings
from reelscope.document.schema import Document
from reelscope.media.encode import ClipWriter

FRESH = Settings(analysis=AnalysisSettings(fresh=True))  # what an earlier state of the code measured is no evidence


def strobe(path: Path, *, hold: int, area: float = 1.0) -> str:
    """Four seconds at 30 frames a second; from 1 s to 3 s the left part of the picture changes every `hold` frames."""
    with ClipWriter(path, 160, 96, fps=30) as clip:
        for i in range(120):
            frame = np.zeros((96, 160, 3), np.uint8)
            if 30 <= i < 90 and (i - 30) // hold % 2 == 0:
                frame[:, : int(160 * area)] = 255
            clip.frame(frame)
    return str(path)


def analyzed(path: str) -> Document:
    return reelscope.analyze(path, only=["flicker"], settings=FRESH)


def test_it_keeps_the_contract() -> None:
    check_class(Flicker)


def test_five_flashes_a_second_are_over_the_limit(tmp_path: Path) -> None:
    document = analyzed(strobe(tmp_path / "a.mp4", hold=3))
    found = document.analyzers["flicker"]
    assert found.status == "ok", found.reason
    check_result(found, document.media.duration_s)
    assert (found.summary.flashes, found.summary.per_s, found.summary.within_limit) == (10, 5, False)
    assert [(s.start_s, s.end_s) for s in found.segments] == [(1.0, 2.9)]


def test_three_a_second_are_not_nor_is_a_small_part(tmp_path: Path) -> None:
    slow = analyzed(strobe(tmp_path / "a.mp4", hold=5)).analyzers["flicker"]
    small = analyzed(strobe(tmp_path / "b.mp4", hold=3, area=0.2)).analyzers["flicker"]
    assert (slow.summary.per_s, slow.summary.within_limit) == (3, True)
    assert (small.summary.flashes, small.segments) == (0, [])
