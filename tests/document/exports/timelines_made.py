"""Documents of clips at any frame rate whose cuts lie on known frames, for the tests of timelines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from reelscope.document.exports import Material
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import AudioInfo, Document, MediaInfo, RunInfo, ShotRow, ShotTransition, SourceInfo
from tests.document.fixtures import SHA, entry, seg

__all__ = ["EDGES", "GRADUAL", "RATES", "Rate", "document_at", "material", "media_at"]


@dataclass(frozen=True)
class Rate:
    """A clip's rate, and the grid that it is expected on. exact: frame k of the clip is frame k of the grid."""

    fps: Fraction
    grid: Fraction
    vfr: bool = False
    exact: bool = True
    slides: bool = False


RATES = {
    "24": Rate(Fraction(24), Fraction(24)),
    "25": Rate(Fraction(25), Fraction(25)),
    "30": Rate(Fraction(30), Fraction(30)),
    "50": Rate(Fraction(50), Fraction(50)),
    "60": Rate(Fraction(60), Fraction(60)),
    "23.976": Rate(Fraction(24000, 1001), Fraction(24000, 1001)),
    "29.97": Rate(Fraction(30000, 1001), Fraction(30000, 1001)),
    "59.94": Rate(Fraction(60000, 1001), Fraction(60000, 1001)),
    "vfr": Rate(Fraction(2713, 100), Fraction(30), vfr=True, exact=False),
    "photos": Rate(Fraction(30), Fraction(30), slides=True),
    "15": Rate(Fraction(15), Fraction(30), exact=False),
    "100": Rate(Fraction(100), Fraction(60), exact=False),
}

# Cuts at frames of the clip: odd ones, one at 29 and one at 123, which floating point puts a frame early, and a long last shot, so that
# drop-frame timecode would differ.
EDGES = (0, 29, 30, 123, 300, 457, 9001)
# Index of the shot that is entered: kind, variant, frames before and after the cut.
GRADUAL = {3: ("dissolve", None, 8, 7), 4: ("wipe", "left", 6, 6), 5: ("fade", "black", 10, 12)}


def at(frame: int, rate: Rate) -> float:
    """When a frame of the clip begins, as a document says it."""
    return round(float(frame / rate.fps), 6)


def media_at(rate: Rate, frames: int, **changes: Any) -> MediaInfo:
    duration = at(frames, rate)
    base: dict[str, Any] = {
        "container": "mp4", "duration_s": duration, "width_px": 1080, "height_px": 1920, "fps": round(float(rate.fps), 6), "vfr": rate.vfr,
        "codec": "h264", "size_bytes": 1, "frames_decoded": frames, "slides": [0.0, at(EDGES[1], rate)] if rate.slides else None,
        "audio": AudioInfo(codec="aac", rate_hz=48000, channels=2, layout="stereo", start_s=0.0, duration_s=duration),
    }  # fmt: skip
    return MediaInfo.model_validate({**base, **changes})


def document_at(rate: Rate, edges: tuple[int, ...] = EDGES, **media: Any) -> Document:
    """A clip with shots between `edges` (frames of the clip), three gradual transitions, a text and a sentence."""
    shots = []
    for i, (first, end) in enumerate(zip(edges, edges[1:], strict=False)):
        entered = None
        if i:
            kind, variant, before, after = GRADUAL.get(i, ("cut", None, 0, 0))
            entered = ShotTransition(kind=kind, variant=variant, start_s=at(first - before, rate), end_s=at(first + after, rate))
        shots.append(ShotRow(index=i, start_s=at(first, rate), end_s=at(end, rate), transition_in=entered, size="medium"))
    found = {name: entry("skipped", reason="not asked for") for name in ANALYZER_NAMES}
    if len(edges) > 5:
        found["text_overlay"] = entry(segments=[seg(at(130, rate), at(460, rate), text="1. Light first", role="caption")])
        said = seg(at(310, rate), at(440, rate), text="Look at this light", speaker=1, speaker_name="Ada")
        found["speech_transcription"] = entry(segments=[said])
    return Document(
        analysis_id="a-made",
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
        source=SourceInfo(path="/clips/My clip (final).mp4", sha256=SHA),
        media=media_at(rate, edges[-1] if edges else 0, **media),
        run=RunInfo(version="0.1.0", seconds=None, realtime_factor=None, tier="embedded", device="cpu", passes=1),
        shots=shots,
        analyzers=found,
    )


def material(document: Document, **changes: Any) -> Material:
    return Material(document, **{"title": "My clip", "clip": "/media/my clips/one.mp4", **changes})
