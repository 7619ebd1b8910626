"""Writing the demo reel: picture and sound into an MP4, its truth beside it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from reelscope.demo import timeline
from reelscope.errors import InputError, OutputError

__all__ = ["render_demo"]

# x264's quickest setting spares half of the rendering time; the file is three times as large as at "veryfast", which nobody minds.
PRESET, CRF = "ultrafast", 23


def render_demo(path: Path) -> Path:
    """Write the demo reel to `path` (1080x1920, 20.4 s, 30 frames/s, stereo) and its truth to `<stem>.json` beside it.

    The same bytes every time on one machine and set of packages; neither file appears before it is complete.

    Args:
        path: Where the clip goes; must end in .mp4. Missing folders are made.

    Returns:
        Path of the truth.

    Raises:
        InputError: The name does not end in .mp4, or is a folder.
        OutputError: The files cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise InputError(f"the demo reel is an MP4 file, and {path.name!r} does not end in .mp4", hint="give a name like demo.mp4")
    if path.is_dir():
        raise InputError(f"{path} is a folder", hint="give the name of the file to write, such as demo.mp4")
    truth_path = path.with_suffix(".json")
    part, truth_part = path.with_name(f".{path.stem}.part.mp4"), path.with_name(f".{path.stem}.part.json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_clip(part)
        truth_part.write_text(json.dumps(_truth(path.name), indent=1) + "\n", encoding="utf-8")
        truth_part.replace(truth_path)
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}", hint="choose a folder that can be written, with 50 MB free"
        ) from error
    finally:
        for left in (part, truth_part):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)
    return truth_path


def _truth(file: str) -> dict[str, object]:
    from reelscope.demo.picture import caption_boxes
    from reelscope.demo.truth import truth

    return truth(file, {c: caption_boxes(c) for c in (*timeline.CAPTIONS, timeline.WATERMARK)})


def _write_clip(path: Path) -> None:
    import cv2

    from reelscope.demo.picture import Painter
    from reelscope.demo.sound import RATE_HZ, soundtrack
    from reelscope.media.encode import ClipWriter

    sound = soundtrack()
    painter = Painter()
    options = {"preset": PRESET, "crf": CRF, "audio_rate_hz": RATE_HZ, "channels": 2}
    with ClipWriter(path, timeline.WIDTH_PX, timeline.HEIGHT_PX, fps=timeline.FPS, **options) as clip:
        heard = 0
        for number in range(timeline.FRAMES):
            # Converted here: OpenCV takes a tenth of the time that the encoder's own conversion does.
            clip.frame(cv2.cvtColor(painter.frame(number), cv2.COLOR_RGB2YUV_I420))
            if (number + 1) % timeline.FPS == 0 or number == timeline.FRAMES - 1:  # sound and picture interleaved, second by second
                until = round((number + 1) / timeline.FPS * RATE_HZ)
                clip.audio(sound[heard:until])
                heard = until
