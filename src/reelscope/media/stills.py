"""Photo posts: ordered pictures, with a sound or without, become a clip whose slides are marked in the file (`media.slides`).

Each picture is shown for the same time. The canvas takes the aspect that most pictures share; others stand on black, whole.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.error import FFmpegError
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from reelscope.config import Settings
from reelscope.errors import EngineError, InputError
from reelscope.media.guards import open_guarded
from reelscope.media.pictures import PictureFacts, picture_facts, read_picture
from reelscope.media.probe import Probe, probe
from reelscope.media.slides import MAX_SLIDES, TAG, SlideMark
from reelscope.media.sound import decoded_frames
from reelscope.outputs import write_error

if TYPE_CHECKING:
    import numpy as np

__all__ = ["RATE_HZ", "SECONDS_EACH", "StillsClip", "canvas_px", "read_slides", "stills_clip"]

# No app says how long it shows a picture, and viewers swipe when they like. Three seconds are enough to read a line of text, and analyzers
# that look once a second see every slide more than once.
SECONDS_EACH = 3.0
MIN_SECONDS_EACH = 0.2
# Nothing moves within a slide: ten frames a second put a boundary within 0.05 s of what was asked for and cost a third of the usual thirty.
RATE_HZ = 10
# What the apps show: 1080 px on the short side, 1920 on the long one. Larger pictures are scaled down to it, smaller ones make a smaller
# clip.
SHORT_SIDE_PX, LONG_SIDE_PX = 1080, 1920
MIN_SIDE_PX = 64  # of the canvas: encoders and analyzers take no stripes of a few pixels
SAME_ASPECT = 0.01  # cameras and apps round sides: aspects so near each other fill the canvas alike, stretched by less than eyes see
# Visually lossless, so that sharpness and noise are the picture's own.
CRF, PRESET = 16, "veryfast"
AAC_RATES_HZ = frozenset({8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
SOUND_RATE_HZ = 48_000  # for other rates
SOUND_BIT_RATE_BPS = 192_000
AAC_FRAME = 1024
SOUND_CUT_S = 0.1  # a sound that is longer by less than this was not cut: encoders pad the last frame


HINT_SOUND = "give a sound file such as .mp3, .m4a or .wav, or a video with sound"
END = object()


@dataclass(frozen=True, slots=True)
class StillsClip:
    """A clip that was made. boundaries_s: when each slide begins, the first at 0.0."""

    path: Path
    boundaries_s: tuple[float, ...]


def stills_clip(
    images: Sequence[Path],
    target: Path,
    *,
    audio: Path | None = None,
    seconds_each: float | None = None,
    settings: Settings | None = None,
    stop: threading.Event | None = None,
) -> StillsClip:
    """Make a clip (H.264 and AAC in MP4) of pictures; the same input makes the same bytes, on one machine.

    Args:
        images: JPEG, PNG, WebP, GIF, AVIF or BMP, in the order shown; of an animated one its first frame.
        target: The file to write, whole or not at all.
        audio: A sound or video file whose sound begins with the first slide. It ends with the last one, or earlier: it is not repeated.
        seconds_each: How long a slide lasts, rounded to a frame; SECONDS_EACH where not given.
        settings: For `system.max_duration_s`.
        stop: Gives up between slides once it is set.

    Raises:
        InputError: No or too many pictures, one that cannot be read (the message names it), no sound in `audio`, or a clip too long.
        OutputError: The disk fails. EngineError: stopped.
    """
    settings = settings or Settings()
    count = _frames_each(seconds_each)
    _check_count(len(images), count, settings)
    facts = [picture_facts(Path(image)) for image in images]
    length = Fraction(count * len(facts), RATE_HZ)
    sound = _sound(audio) if audio is not None else None
    whole_s = sound.media.audio.duration_s if sound is not None and sound.media.audio is not None else 0.0
    mark = SlideMark(
        (count,) * len(facts), whole_s if whole_s > length + Fraction(SOUND_CUT_S) else None, sum(picture.moving for picture in facts)
    )
    part = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        try:
            _write(part, facts, canvas_px(facts), mark, sound, float(length), stop)
            part.replace(target)
        except (OSError, FFmpegError) as error:  # of the file written: what is read has its own errors
            raise write_error(target, OSError(error.errno, error.strerror or str(error))) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return StillsClip(target, tuple(float(Fraction(first, RATE_HZ)) for first in accumulate(mark.frames[:-1], initial=0)))


def read_slides(path: str | os.PathLike[str]) -> tuple[float, ...] | None:
    """When each slide of a clip begins (seconds); None for a clip that was not made here of still pictures.

    Raises:
        InputError: The file is no clip.
    """
    slides = probe(path).media.slides
    return None if slides is None else tuple(slides)


def canvas_px(facts: Sequence[PictureFacts]) -> tuple[int, int]:
    """Width and height of the clip, both even: of the aspect that most pictures share, and of several the one that comes first; as large as
    the largest of these pictures, within what the apps show."""
    groups = [[p for p in facts if _same_aspect((p.width_px, p.height_px), (first.width_px, first.height_px))] for first in facts]
    largest = max(max(groups, key=len), key=lambda p: p.width_px * p.height_px)  # max takes the first of equals
    sides = (largest.width_px, largest.height_px)
    scale = min(1.0, SHORT_SIDE_PX / min(sides), LONG_SIDE_PX / max(sides))
    width, height = (max(MIN_SIDE_PX, 2 * round(side * scale / 2)) for side in sides)
    return width, height


def _same_aspect(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return abs(a[0] * b[1] - b[0] * a[1]) <= SAME_ASPECT * max(a[0] * b[1], b[0] * a[1])


def _frames_each(seconds_each: float | None) -> int:
    wanted_s = SECONDS_EACH if seconds_each is None else seconds_each
    if not (math.isfinite(wanted_s) and wanted_s >= MIN_SECONDS_EACH):
        raise InputError(
            f"{wanted_s} s for each picture: at least {MIN_SECONDS_EACH} s are wanted", code="bad_seconds_each", hint="for example 3"
        )
    return round(wanted_s * RATE_HZ)


def _check_count(pictures: int, frames_each: int, settings: Settings) -> None:
    if pictures == 0:
        raise InputError("no pictures given", code="no_pictures", hint="name at least one picture")
    if pictures > MAX_SLIDES:
        raise InputError(f"{pictures} pictures: at most {MAX_SLIDES} make a clip", code="too_many_pictures", hint="leave some out")
    duration_s, most_s = pictures * frames_each / RATE_HZ, settings.system.max_duration_s
    if duration_s > most_s:
        raise InputError(
            f"{pictures} pictures of {frames_each / RATE_HZ:g} s make a clip of {duration_s:.0f} s; at most {most_s:.0f} s are taken",
            code="too_long",
            hint="show each for less time, or raise system.max_duration_s",
        )


def _sound(file: Path) -> Probe:
    try:
        found = probe(file)
    except InputError as error:
        raise InputError(error.message, code=error.code, hint=HINT_SOUND) from error
    if found.audio_index is None:
        raise InputError(f"{file}: holds no sound", code="no_sound", hint=HINT_SOUND)
    return found


def _write(
    part: Path,
    facts: Sequence[PictureFacts],
    size_px: tuple[int, int],
    mark: SlideMark,
    sound: Probe | None,
    length_s: float,
    stop: threading.Event | None,
) -> None:
    # use_metadata_tags: else MP4 keeps no keys but its own; faststart: the index comes first, so that a page can play it while it loads
    options = {"movflags": "use_metadata_tags+faststart"}
    with contextlib.ExitStack() as open_things:
        container = open_things.enter_context(contextlib.closing(av.open(f"file:{part}", "w", format="mp4", options=options)))
        container.metadata[TAG] = mark.text()
        video = _video_stream(container, size_px)
        track = open_things.enter_context(contextlib.closing(_SoundTrack(container, sound, length_s))) if sound is not None else None
        number = 0
        for picture, frames in zip(facts, mark.frames, strict=True):
            frame = av.VideoFrame.from_ndarray(_on_canvas(picture.path, size_px), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            for i in range(frames):
                frame.pts, frame.time_base = number, Fraction(1, RATE_HZ)
                frame.pict_type = PictureType.I if i == 0 else PictureType.NONE
                container.mux(video.encode(frame))
                number += 1
            if track is not None:
                track.write_until(number / RATE_HZ)
            if stop is not None and stop.is_set():
                raise EngineError("stopped", code="stopped", retryable=True)
        container.mux(video.encode(None))
        if track is not None:
            track.finish()


def _video_stream(container: Any, size_px: tuple[int, int]) -> Any:
    video = container.add_stream("libx264", rate=RATE_HZ)
    video.width, video.height, video.pix_fmt = *size_px, "yuv420p"
    # One thread and frames in order: the same bytes each time, so that kept results of these pictures are found again.
    video.thread_count, video.max_b_frames = 1, 0
    video.options = {"crf": str(CRF), "preset": PRESET}
    context = video.codec_context
    context.color_primaries, context.color_trc, context.colorspace = ColorPrimaries.BT709, ColorTrc.BT709, Colorspace.ITU709
    context.color_range = ColorRange.MPEG
    return video


def _on_canvas(file: Path, size_px: tuple[int, int]) -> np.ndarray:
    """A picture as it is shown: uint8 [h, w, 3], sRGB; whole, in the middle, on black where its aspect is another."""
    import numpy as np
    from PIL import Image

    width, height = size_px
    picture = read_picture(file, at_least_px=size_px)
    if _same_aspect(picture.size, size_px):
        return np.asarray(picture.resize(size_px, Image.Resampling.LANCZOS))
    scale = min(width / picture.width, height / picture.height)
    fitted = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", size_px)
    canvas.paste(fitted, ((width - fitted.width) // 2, (height - fitted.height) // 2))
    return np.asarray(canvas)


class _SoundTrack:
    """The sound, encoded along with the slides up to the clip's end."""

    def __init__(self, container: Any, sound: Probe, length_s: float) -> None:
        info = sound.media.audio
        assert info is not None
        self._container, self._file = container, sound.path
        self._rate = info.rate_hz if info.rate_hz in AAC_RATES_HZ else SOUND_RATE_HZ
        self._layout = "mono" if info.channels == 1 else "stereo"
        self._stream = container.add_stream("aac", rate=self._rate, layout=self._layout)
        self._stream.bit_rate = SOUND_BIT_RATE_BPS
        self._left = round(length_s * self._rate)
        self._done = 0
        self._blocks = _blocks(sound, self._rate, self._layout)

    def write_until(self, t_s: float) -> None:
        """Encode up to `t_s` and at most a frame more."""
        while self._left > 0 and self._done < t_s * self._rate:
            block = next(self._blocks, None)
            if block is None:
                self._left = 0
                return
            block = block[:, : self._left]
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=self._layout)
            frame.rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), self._done
            self._done += block.shape[1]
            self._left -= block.shape[1]
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Flush the encoder.

        Raises:
            InputError: Nothing of the sound could be decoded.
        """
        if self._done == 0:
            raise InputError(f"{self._file}: none of its sound can be decoded", code="sound_undecodable", hint=HINT_SOUND)
        self._container.mux(self._stream.encode(None))

    def close(self) -> None:
        """Close the sound's file; legal at any time."""
        self._blocks.close()


def _blocks(sound: Probe, rate_hz: int, layout: str) -> Generator[np.ndarray, None, None]:
    """The decoded sound as float32 [channels, n], n at most AAC_FRAME; packets that do not decode are left out."""
    import numpy as np

    with open_guarded(sound.path) as container:
        key: Any = None
        resampler: Any = None
        for frame in chain(decoded_frames(container, container.streams[sound.audio_index]), [END]):
            if frame is None:
                continue
            found = None if frame is END else (frame.format.name, frame.layout.name, frame.sample_rate)
            ready = resampler.resample(None) if resampler is not None and found != key else []  # the rest of what was before a change
            if found is not None:
                if found != key:
                    key, resampler = found, av.AudioResampler(format="fltp", layout=layout, rate=rate_hz, frame_size=AAC_FRAME)
                ready += resampler.resample(frame)
            for out in ready:
                yield np.ascontiguousarray(np.nan_to_num(out.to_ndarray(), nan=0.0, posinf=0.0, neginf=0.0))
