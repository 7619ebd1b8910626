"""Our reading of clips beside Debian's ffmpeg, which shares no code path with it beyond the codecs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from reelscope.media.decode import DecodePass
from reelscope.media.frames import FrameNeed
from reelscope.media.probe import probe
from reelscope.pipeline import Session
from tests.clips import moving_frames, remux, write_clip
from tests.conftest import debian_program

pytestmark = pytest.mark.system
ALL = FrameNeed(None)


@pytest.fixture(scope="module")
def ffmpeg() -> str:
    return debian_program("ffmpeg")


def run(*command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)


def ours(path: Path) -> tuple[np.ndarray, list[float]]:
    facts = probe(path)
    assert facts.media.width_px and facts.media.height_px
    decode = DecodePass(facts, [ALL.resolve(facts.media.width_px, facts.media.height_px)], threads=1)
    frames = [w.frames(ALL) for w in decode.windows()]
    return np.concatenate([f.pixels for f in frames]), [float(t) for f in frames for t in f.pts_s]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pictures_and_their_turn(ffmpeg: str, tmp_path: Path, rotation: int) -> None:
    plain = write_clip(tmp_path / "plain.mp4", moving_frames(12, width=96, height=64))
    path = remux(plain, tmp_path / "turned.mp4", rotation_deg=rotation) if rotation else plain
    pictures, _ = ours(path)
    raw = run(ffmpeg, "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-").stdout
    theirs = np.frombuffer(raw, np.uint8).reshape(pictures.shape)
    assert np.abs(pictures.astype(int) - theirs).mean() < 2  # rounding of two conversions from YUV


@pytest.mark.parametrize("times", [[i / 25 for i in range(20)], [0, 0.05, 0.3, 0.31, 1.2, 2.0]], ids=["constant", "variable"])
def test_times(ffmpeg: str, tmp_path: Path, times: list[float]) -> None:
    path = write_clip(tmp_path / "clip.mp4", moving_frames(len(times)), fps=25, times=times)
    _, found = ours(path)
    ffprobe = str(Path(ffmpeg).with_name("ffprobe"))
    printed = run(ffprobe, "-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time", "-of", "csv=p=0", str(path)).stdout
    theirs = [float(t.strip(",")) for t in printed.decode().split()]
    assert found == pytest.approx(theirs, abs=1e-5)


def test_loudness_of_the_demo_reel(ffmpeg: str, demo_reel: Path) -> None:
    printed = run(ffmpeg, "-hide_banner", "-nostats", "-i", str(demo_reel), "-af", "ebur128=peak=true", "-f", "null", "-").stderr.decode()
    summary = printed[printed.rindex("Summary:") :]
    with Session() as session:
        found = session.analyze(demo_reel, only=["audio_analysis"]).document.analyzers["audio_analysis"].summary.model_dump()
    assert found["integrated_lufs"] == pytest.approx(float(re.findall(r"I:\s+(-?[\d.]+) LUFS", summary)[0]), abs=0.1)
    assert found["true_peak_dbtp"] == pytest.approx(float(re.findall(r"Peak:\s+(-?[\d.]+) dBFS", summary)[0]), abs=0.2)
