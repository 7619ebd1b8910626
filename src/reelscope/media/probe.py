"""Facts of a clip without decoding it: streams, true times from its packets, display geometry."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av.error import FFmpegError
from av.stream import Discard

from reelscope.document.schema import AudioInfo, MediaInfo
from reelscope.errors import InputError
from reelscope.media.guards import MAX_SIDE_PX, open_guarded
from reelscope.media.slides import read_mark, slide_starts, slide_words
from reelscope.timebase import seconds

if TYPE_CHECKING:
    from reelscope.media.decode import DecodeStats

__all__ = ["Probe", "probe", "settle"]

# Audio that starts this little before the picture is encoder priming, not a late picture: the clock then starts with the picture.
PRIMING_S = Fraction(1, 10)
# Sound that outlasts the picture by more than this counts as part of the clip; less is the last audio frame's padding.
SOUND_TAIL_S = 0.25
# A frame distance is irregular when it is off the median by a tenth and by more than the rounding of coarse time bases (Matroska: 1 ms)...
IRREGULAR_SHARE = 0.1
IRREGULAR_TICKS = 1.5
# ... and the clip has a variable frame rate when one distance in a hundred is (a single dropped frame at the end is not).
VFR_SHARE = 0.01
# The container's end may differ from the packets' end by rounding and audio padding; more is missing data.
MISSING_TOLERANCE_S = 0.2
# The highest sample rate of any equipment. Sound is laid out on the clip's clock at its own rate: a forged one would fill the disk.
MAX_RATE_HZ = 768_000
MISSING_REFUSE_BELOW_S = 1.0  # a truncated clip with less picture than this is refused

_HDR = {16: "pq", 18: "hlg"}  # AVCOL_TRC_SMPTE2084, AVCOL_TRC_ARIB_STD_B67


@dataclass(frozen=True, slots=True)
class Probe:
    """What the decode pass needs to know.

    Attributes:
        path: The file.
        media: Facts for the document (frames_decoded and decode_errors still 0).
        video_index, audio_index: Chosen streams; None where the clip has none.
        origin: Zero of the clip's clock in seconds of the container's time.
        frames: Number of video packets, an estimate of the number of frames.
    """

    path: Path
    media: MediaInfo
    video_index: int | None
    audio_index: int | None
    origin: Fraction
    frames: int


@dataclass(slots=True)
class _Scan:
    """Packet times of one stream, in ticks of its time base."""

    pts: list[int]
    end: int | None = None
    bytes: int = 0


def probe(path: str | os.PathLike[str]) -> Probe:
    """Read a clip's facts.

    Raises:
        InputError: Not a clip, no decodable stream, or nothing in it.
    """
    file = Path(path)
    with open_guarded(file) as container:
        video, audio, warnings = _choose(container, file)
        scans, demux_errors = _scan(container, [s for s in (video, audio) if s is not None])
        return _describe(file, container, video, audio, scans, warnings + demux_errors)


def settle(media: MediaInfo, stats: DecodeStats) -> MediaInfo:
    """The facts after decoding: what really decoded decides about duration and missing data; damage is said."""
    warnings = list(media.warnings)
    sound_end_s = media.audio.start_s + media.audio.duration_s if media.audio is not None else 0.0
    duration_s = sound_end_s if sound_end_s > stats.end_s + SOUND_TAIL_S else stats.end_s
    expected_s = max(media.duration_header_s or 0.0, media.duration_s)
    missing_s = max(0.0, expected_s - stats.end_s) if duration_s == stats.end_s else media.missing_s
    missing_s = missing_s if missing_s > MISSING_TOLERANCE_S else 0.0
    if missing_s > media.missing_s + MISSING_TOLERANCE_S:
        warnings.append(f"the picture stops decoding at {stats.end_s:.2f} s; {missing_s:.2f} s of it are missing")
    if stats.errors:
        warnings.append(f"{stats.errors} damaged frames or packets were left out")
    if stats.unordered:
        warnings.append(f"{stats.unordered} frames with times out of order were left out")
    if stats.resized:
        warnings.append(f"the picture's size or format changes {stats.resized} times on the way")
    if media.hdr:
        warnings.append(f"HDR ({media.hdr.upper()}): colours are measured on an SDR tone-mapped picture")
    return media.model_copy(
        update={
            "duration_s": duration_s,
            "duration_decoded_s": stats.end_s,
            "missing_s": missing_s,
            "frames_decoded": stats.frames,
            "decode_errors": stats.errors,
            "warnings": warnings,
        }
    )


def _choose(container: Any, file: Path) -> tuple[Any, Any, list[str]]:
    """The streams to analyse: those marked default first, then the largest picture, the most channels."""
    warnings: list[str] = []
    pictures = [s for s in container.streams.video if not _is_cover(s)]
    sounds = list(container.streams.audio)
    usable_v = [s for s in pictures if s.codec_context is not None]
    decodable_a = [s for s in sounds if s.codec_context is not None]
    usable_a = [s for s in decodable_a if 0 < s.codec_context.sample_rate <= MAX_RATE_HZ and s.channels > 0]
    if not pictures and not sounds:
        raise InputError(f"{file}: holds neither picture nor sound", code="no_streams", hint="give a video file")
    if decodable_a and not usable_a and not pictures:
        raise InputError(f"{file}: its sound states no sample rate or channels that there are", code="no_sound", hint="export it again")
    if not usable_v and (pictures or not usable_a):
        what, into = ("video", "H.264, for example with HandBrake") if pictures else ("audio", "MP4 with AAC sound, or WAV")
        raise InputError(f"{file}: its {what} codec cannot be decoded here", code="unsupported_codec", hint=f"convert the clip to {into}")
    video = max(usable_v, key=lambda s: (bool(s.disposition & s.disposition.default), s.width * s.height, -s.index), default=None)
    audio = max(usable_a, key=lambda s: (bool(s.disposition & s.disposition.default), s.channels, -s.index), default=None)
    if len(pictures) > 1:
        warnings.append(f"{len(pictures)} video streams; number {video.index} is analysed")
    if len(sounds) > 1 and audio is not None:
        warnings.append(f"{len(sounds)} audio streams; number {audio.index} is analysed")
    if sounds and audio is None:
        why = "states no sample rate or channels that there are" if decodable_a else "is in a codec that cannot be decoded here"
        warnings.append(f"the sound track {why}; the clip is analysed without sound")
    if video is not None and not (0 < video.width <= MAX_SIDE_PX and 0 < video.height <= MAX_SIDE_PX):
        if video.width == 0 or video.height == 0:
            raise InputError(f"{file}: its video stream has no picture size", code="no_picture", hint="fetch or export the clip again")
        raise InputError(
            f"{file}: claims a picture of {video.width}x{video.height} px; at most {MAX_SIDE_PX} a side are taken",
            code="picture_too_large",
            hint="scale the clip down first",
        )
    return video, audio, warnings


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & stream.disposition.attached_pic)


def _scan(container: Any, streams: list[Any]) -> tuple[dict[int, _Scan], list[str]]:
    """Times of all packets. Truncated data ends the scan; what was read until then counts."""
    scans = {s.index: _Scan([]) for s in streams}
    for stream in container.streams:
        if stream.index not in scans:
            stream.discard = Discard.all
    try:
        for packet in container.demux(streams):
            if packet.size == 0:
                continue
            scan = scans[packet.stream.index]
            time = packet.pts if packet.pts is not None else packet.dts
            if time is None:
                continue
            scan.pts.append(time)
            scan.bytes += packet.size
            end = time + (packet.duration or 0)
            scan.end = end if scan.end is None else max(scan.end, end)
    except FFmpegError as error:
        return scans, [f"the container stops being readable: {error.strerror or error}"]
    return scans, []


def _describe(file: Path, container: Any, video: Any, audio: Any, scans: dict[int, _Scan], warnings: list[str]) -> Probe:
    origin = _origin(video, audio, scans)
    header_s = container.duration / 1_000_000 if container.duration else None
    facts: dict[str, Any] = {
        "container": container.format.name,
        "duration_header_s": header_s,
        "size_bytes": file.stat().st_size,
        "bit_rate_bps": container.bit_rate or None,
        "video_streams": len([s for s in container.streams.video if not _is_cover(s)]),
        "audio_streams": len(container.streams.audio),
    }
    ends: list[float] = []
    n_frames = 0
    if video is not None:
        scan = scans[video.index]
        n_frames = len(scan.pts)
        picture, end_s = _picture_facts(file, video, scan, origin)
        facts |= picture
        ends.append(end_s)
    if audio is not None and scans[audio.index].pts:
        scan = scans[audio.index]
        start_s = max(0.0, seconds(audio.start_time if audio.start_time is not None else min(scan.pts), audio.time_base, origin))
        end_s = seconds(scan.end or 0, audio.time_base, origin)
        facts["audio"] = AudioInfo(
            codec=audio.codec_context.name,
            rate_hz=audio.codec_context.sample_rate,
            channels=audio.channels,
            layout=_layout_name(audio),
            start_s=start_s,
            duration_s=max(0.0, end_s - start_s),
            bit_rate_bps=audio.bit_rate or None,
        )
        if not ends or end_s > ends[0] + SOUND_TAIL_S:
            if ends:
                warnings.append(f"the sound goes on for {end_s - ends[0]:.2f} s after the last frame")
            ends.append(end_s)
    if not ends or (video is not None and n_frames == 0):
        raise InputError(f"{file}: its streams are empty (no frame in it)", code="no_frames", hint="fetch or export the clip again")
    duration_s = max(ends)
    if duration_s <= 0:
        raise InputError(f"{file}: has no duration", code="no_frames", hint="fetch or export the clip again")
    missing_s = max(0.0, (header_s or 0.0) - duration_s) if header_s is not None else 0.0
    if missing_s > MISSING_TOLERANCE_S:
        if duration_s < MISSING_REFUSE_BELOW_S:
            raise InputError(
                f"{file}: {duration_s:.2f} s of {header_s:.2f} s are there, too little to analyse",
                code="truncated",
                hint="fetch the clip again",
            )
        warnings.append(f"the file stops early: {missing_s:.2f} s of {header_s:.2f} s are missing")
        facts["missing_s"] = missing_s
    mark = read_mark(container) if video is not None else None
    slides = slide_starts(mark, sorted(set(scans[video.index].pts)), video.time_base, origin) if mark is not None else None
    if mark is not None and slides is not None:
        facts["slides"] = list(slides)
        warnings += slide_words(mark, duration_s)
    media = MediaInfo(duration_s=duration_s, warnings=warnings, **facts)
    return Probe(
        file,
        media,
        video.index if video is not None else None,
        audio.index if media.audio is not None else None,
        origin,
        n_frames,
    )


def _origin(video: Any, audio: Any, scans: dict[int, _Scan]) -> Fraction:
    starts = []
    for stream in (video, audio):
        if stream is None or not scans[stream.index].pts:
            starts.append(None)
            continue
        first = stream.start_time if stream.start_time is not None else min(scans[stream.index].pts)
        starts.append(first * stream.time_base)
    picture, sound = starts
    if picture is None:
        return sound if sound is not None else Fraction(0)
    if sound is None or sound >= picture or picture - sound <= PRIMING_S:
        return picture
    return sound


def _picture_facts(file: Path, video: Any, scan: _Scan, origin: Fraction) -> tuple[dict[str, Any], float]:
    first, color = _first_frame(file, video.index)
    context = video.codec_context
    aspect = video.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1)
    aspect = aspect if aspect > 0 else Fraction(1)
    rotation = first % 360
    # Display size: the coded size made square-pixelled (the longer way round, so that no detail is lost), then turned.
    width, height = (round(video.width * aspect), video.height) if aspect >= 1 else (video.width, round(video.height / aspect))
    if rotation in (90, 270):
        width, height = height, width
    pts = sorted(set(scan.pts))
    fps, vfr = _rate(pts, video.time_base)
    step = Fraction(1) / Fraction(fps).limit_denominator(60_000) if fps else Fraction(0)
    last = pts[-1] * video.time_base if pts else origin
    end_packet = (scan.end or 0) * video.time_base
    end = end_packet if end_packet > last else last + step
    duration = float(end - (pts[0] * video.time_base)) if pts else 0.0
    facts = {
        "width_px": max(1, width),
        "height_px": max(1, height),
        "coded_width_px": video.width,
        "coded_height_px": video.height,
        "pixel_aspect": round(float(aspect), 6),
        "rotation_deg": rotation,
        "fps": round(float(fps), 6) if fps else None,
        "vfr": vfr,
        "start_s": seconds(pts[0], video.time_base, origin) if pts else 0.0,
        "codec": context.name,
        "pixel_format": context.pix_fmt,
        "bit_depth": context.format.components[0].bits if context.format is not None else None,
        "hdr": _HDR.get(color),
        "video_bit_rate_bps": round(scan.bytes * 8 / duration) if duration > 0 else None,
    }
    return facts, float(end - origin)


def _first_frame(file: Path, index: int) -> tuple[int, int]:
    """Rotation (degrees, clockwise, to show the picture upright) and transfer characteristic of the first frame that decodes."""
    with open_guarded(file) as container:
        try:
            for frame in container.decode(container.streams[index]):
                # PyAV gives the display matrix's angle, counter-clockwise.
                return round(-frame.rotation / 90) * 90, int(frame.color_trc or 0)
        except FFmpegError:
            pass
    return 0, 0


def _rate(pts: list[int], time_base: Fraction) -> tuple[float | None, bool]:
    """Mean frame rate over the packets' distinct times, and whether the distances vary."""
    if len(pts) < 2:
        return None, False
    steps = [b - a for a, b in zip(pts, pts[1:], strict=False)]
    median = sorted(steps)[len(steps) // 2]
    limit = max(IRREGULAR_SHARE * median, IRREGULAR_TICKS)
    irregular = sum(abs(s - median) > limit for s in steps)
    return float((len(pts) - 1) / ((pts[-1] - pts[0]) * time_base)), irregular / len(steps) > VFR_SHARE


def _layout_name(stream: Any) -> str:
    """FFmpeg's name of a stream's channel layout; WAV files often leave it open for one and two channels."""
    return {1: "mono", 2: "stereo"}.get(stream.channels, stream.layout.name)
