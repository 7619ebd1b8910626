"""Hand-made evidence of a clip with a sound track."""

from __future__ import annotations

from typing import Any

from reelscope.document.evidence import Evidence
from reelscope.document.schema import AnalyzerEntry, AudioInfo
from tests.document.fixtures import entry, seg
from tests.document.insights.made import clip, series

__all__ = ["audio", "heard", "sounding"]

BANDS = ("bass", "mid", "air")


def sounding(duration_s: float = 10.0, **given: Any) -> Evidence:
    """`made.clip` with a sound track."""
    found = clip(duration_s, **given)
    found.media.audio = AudioInfo(codec="aac", rate_hz=48000, channels=1, layout="mono", start_s=0.0, duration_s=duration_s)
    return found


def audio(
    duration_s: float = 10.0,
    *,
    level: Any = lambda t: -20.0,
    silence: tuple[tuple[float, float], ...] = (),
    pulse: tuple[tuple[float, float, float], ...] = (),
    beats: tuple[float, ...] = (),
) -> AnalyzerEntry:
    """audio_analysis whose bands and loudness all have the level (dB) that a function of the time gives."""
    slow = [(0.125 + k / 4, level(0.125 + k / 4)) for k in range(int(duration_s * 4))]
    fast = [(0.2 + k / 10, level(0.2 + k / 10)) for k in range(int(duration_s * 10) - 3)]
    return entry(
        segments=[
            *(seg(a, b, kind="silence", level_dbfs=-70.0) for a, b in silence),
            *(seg(a, b, kind="pulse", tempo_bpm=bpm) for a, b, bpm in pulse),
        ],
        series=[
            series("momentary_lufs", *fast),
            *(series(f"band_{name}_dbfs", *slow) for name in BANDS),
            *([series("beat_strength", *((t, 1.0) for t in beats))] if beats else []),
        ],
    )


def heard(*rows: tuple[float, float, str] | tuple[float, float, str, str]) -> AnalyzerEntry:
    """audio_environment with (start_s, end_s, label) classes, or with "event" as the fourth."""
    return entry(segments=[seg(r[0], r[1], label=r[2], kind=r[3] if len(r) > 3 else "class") for r in rows])
