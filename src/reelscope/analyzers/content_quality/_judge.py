"""Words for figures: which of a shot's figures are beyond a documented limit, and the checks of the file's facts. Pure; no numpy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reelscope.document.schema import MediaInfo

__all__ = ["LIMITS", "Limit", "MediaCheck", "media_checks", "reasons", "video_bit_rate_bps"]


@dataclass(frozen=True, slots=True)
class Limit:
    """`word` is said where `figure` is above (or below) `value`; `why` is the argument for the value."""

    word: str
    figure: str
    above: bool
    value: float
    why: str


# Chosen on half of the shared takes and their degraded versions; docs/analyzers/content_quality.md has the table of what they scored.
LIMITS: tuple[Limit, ...] = (
    Limit("soft", "sharpness_peak", False, 0.45, "untouched takes 0.55-0.81 in their sharpest parts; blurred by 2 px at 720: 0.34-0.67"),
    Limit(
        "little_fine_detail",
        "fine_detail",
        False,
        0.2,
        "untouched takes 0.23-0.37; enlarged, blurred or CRF 38 and worse: mostly below 0.25",
    ),
    Limit("noisy", "noise_sigma", True, 2.0, "levels; plainly visible from about 2, untouched takes stay below 0.3"),
    Limit("blocky", "blockiness", True, 0.5, "steps on the grid half as large again as beside it; x264 reaches it at CRF 38-44"),
    Limit("banded", "banding_share", True, 0.25, "a quarter of the picture consists of plateaus on a gradient"),
    Limit("highlights_clipped", "over_share", True, 0.1, "a tenth of the picture is at or above 250 of 255"),
    Limit("shadows_crushed", "under_share", True, 0.25, "a quarter of the picture is at or below 5 of 255"),
)

MIN_SHORT_SIDE_PX = 720  # phones show a reel on 1080 px and more: below 720 it is enlarged by half or more
# Bits per pixel below which codecs at usual settings show their work; rules of thumb from bit-rate ladders for 1080p at 30 frames/s
MIN_BITS_PER_PIXEL = {"h264": 0.04, "hevc": 0.025, "vp9": 0.025, "av1": 0.02}
MIN_FPS = 23.0  # film's 24, less the 1000/1001 of television
OF_THE_MAKING = "the clip was made of still pictures: frame rate and bit rate are of the making"


@dataclass(frozen=True, slots=True)
class MediaCheck:
    """One fact of the file against a limit; ok None: not known, or no limit known (see reason)."""

    check: str
    value: float | None
    unit: str
    least: float | None
    ok: bool | None
    reason: str | None = None


def reasons(figures: Mapping[str, float | None]) -> list[str]:
    """The words whose limit is passed; figures that were not measured say nothing."""
    return [limit.word for limit in _passed(figures)]


def _passed(figures: Mapping[str, float | None]) -> Iterator[Limit]:
    for limit in LIMITS:
        value = figures.get(limit.figure)
        if value is not None and (value > limit.value if limit.above else value < limit.value):
            yield limit


def video_bit_rate_bps(media: MediaInfo) -> int | None:
    """Bit rate of the pictures: measured from their packets where the probe did, else of the whole file less the sound's."""
    if media.video_bit_rate_bps:
        return media.video_bit_rate_bps
    if not media.bit_rate_bps:
        return None
    sound = media.audio.bit_rate_bps if media.audio and media.audio.bit_rate_bps else 0
    return max(0, media.bit_rate_bps - sound) or None


def media_checks(media: MediaInfo) -> list[MediaCheck]:
    """Resolution, frame rate and bits per pixel."""
    short = float(min(media.width_px, media.height_px))
    out = [MediaCheck("short_side", short, "px", MIN_SHORT_SIDE_PX, short >= MIN_SHORT_SIDE_PX)]
    if media.slides is not None:
        of_the_making = (("frame_rate", "1/s"), ("bits_per_pixel", "bit"))
        return [*out, *(MediaCheck(name, None, unit, None, None, OF_THE_MAKING) for name, unit in of_the_making)]
    if media.fps:
        out.append(MediaCheck("frame_rate", media.fps, "1/s", MIN_FPS, media.fps >= MIN_FPS))
    else:
        out.append(MediaCheck("frame_rate", None, "1/s", MIN_FPS, None, "the frame rate is not known"))
    rate = video_bit_rate_bps(media)
    least = MIN_BITS_PER_PIXEL.get(media.codec)
    if rate is None or not media.fps:
        out.append(MediaCheck("bits_per_pixel", None, "bit", least, None, "bit rate or frame rate is not known"))
    else:
        value = rate / (media.coded_width_px * media.coded_height_px * media.fps)
        missing = None if least else f"no limit is known for {media.codec}"
        out.append(MediaCheck("bits_per_pixel", value, "bit", least, value >= least if least else None, missing))
    return out
