"""Opening files that nobody vouches for: local files only, container formats from a list, one clear error for each way to be unusable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from reelscope.errors import InputError

__all__ = ["DEMUXERS", "MAX_SIDE_PX", "open_guarded"]

# Formats that hold one clip in one file. Everything that names other files or addresses stays out (hls, dash, concat, sdp, image2 and the
# like), since such a file could make us open what its author chose; so do still images.
DEMUXERS = (
    "mov",
    "mp4",
    "matroska",
    "webm",
    "avi",
    "mpegts",
    "mpeg",
    "flv",
    "asf",
    "ogg",
    "wav",
    "mp3",
    "flac",
    "aac",
    "3gp",
    "w64",
    "aiff",
)

# 8K is 7680 px; a header may claim 65535 and make the decoder ask for gigabytes.
MAX_SIDE_PX = 8192

_IMAGE_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}
_HINT_VIDEO = "give a video file such as .mp4, .mov, .webm or .mkv"


def open_guarded(path: str | os.PathLike[str]) -> Any:
    """Open a clip for reading with PyAV.

    Args:
        path: A local file.

    Returns:
        An `av.container.InputContainer`; close it.

    Raises:
        InputError: The path is no readable file, or the file is no clip; `code` tells which.
    """
    file = Path(path)
    _check_file(file)
    try:
        return av.open(
            f"file:{file.resolve()}",  # the prefix keeps names such as "concat:a|b" from being read as a protocol
            options={"protocol_whitelist": "file", "format_whitelist": ",".join(DEMUXERS)},
            metadata_errors="replace",
        )
    except (FFmpegError, OSError) as error:
        raise _explain(file) from error


def _check_file(file: Path) -> None:
    try:
        found = file.stat()
    except FileNotFoundError:
        raise InputError(f"{file}: no such file", code="no_such_file", hint="check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({error})", code="unreadable", hint="check the path") from None
    if file.is_dir():
        raise InputError(f"{file}: is a directory, not a clip", code="is_directory", hint="name the files in it")
    if not file.is_file():
        raise InputError(f"{file}: is not a regular file", code="not_a_file", hint=_HINT_VIDEO)
    if found.st_size == 0:
        raise InputError(f"{file}: is empty (0 bytes)", code="empty_file", hint="fetch or export the clip again")
    if not os.access(file, os.R_OK):
        raise InputError(f"{file}: permission denied", code="unreadable", hint="make the file readable")


def _explain(file: Path) -> InputError:
    """Say what the file is, from its first bytes, where FFmpeg only says that the data is invalid."""
    with file.open("rb") as stream:
        head = stream.read(4096)
    kind = next((name for magic, name in _IMAGE_MAGIC.items() if head.startswith(magic)), None)
    if head[8:12] == b"WEBP" or head[4:12] in (b"ftypavif", b"ftypheic", b"ftypheix"):
        kind = "still"
    if kind:
        return InputError(f"{file}: is an image ({kind}), not a video", code="is_image", hint=_HINT_VIDEO)
    if head.lstrip().startswith(b"#EXTM3U") or b"<MPD" in head[:1024]:
        return InputError(
            f"{file}: is a streaming playlist, not a clip; it names other files, which are not opened", code="is_playlist", hint=_HINT_VIDEO
        )
    if head.startswith(b"ffconcat"):
        return InputError(f"{file}: is a list of files, not a clip; they are not opened", code="is_playlist", hint=_HINT_VIDEO)
    if b"ftyp" in head[:64] or b"moov" in head or b"mdat" in head[:64]:
        return InputError(
            f"{file}: is an MP4 without its index (moov): the recording or the download was cut off",
            code="no_index",
            hint="fetch or export the clip again; a recovery tool may rebuild the index from a whole recording of the same camera",
        )
    if b"\x00" not in head and _is_text(head):
        return InputError(f"{file}: is text, not a video", code="is_text", hint=_HINT_VIDEO)
    return InputError(f"{file}: is not a video that can be read (unknown or damaged container)", code="not_a_video", hint=_HINT_VIDEO)


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # only a character cut in two at the end
    return True
