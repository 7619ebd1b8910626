"""Reading still pictures that nobody vouches for: formats from a list, limits from the header before any pixel, one clear error each."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelscope.errors import InputError

__all__ = ["MAX_PICTURE_MIB", "MAX_PICTURE_PX", "PictureFacts", "is_picture", "picture_facts", "read_picture"]

# The largest pictures of today's phones have 50 megapixels; 64 make 200 MB of RGB, one at a time.
MAX_PICTURE_PX = 64_000_000
MAX_PICTURE_MIB = 128
MAX_SIDE_PX = 32_768  # a picture of 64 million by one is no picture

# Formats by the words for them, as Pillow names them. The rest of what Pillow knows stays out: formats that start programs (EPS), or that
# hardly anybody posts. An MPO is a JPEG with further ones behind it (depth, second eye), as some phones write them.
READ = {"JPEG": ("JPEG", "MPO"), "PNG": ("PNG",), "WebP": ("WEBP",), "GIF": ("GIF",), "AVIF": ("AVIF",), "BMP": ("BMP",)}
ANIMATED = frozenset({"PNG", "WEBP", "GIF", "AVIF"})
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp", ".heic", ".heif", ".tif", ".tiff", ".jxl"})
CLIP_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".ts", ".flv", ".wmv", ".3gp"})
HEAD_BYTES = 32
ORIENTATION = 0x0112  # EXIF
SIDEWAYS = frozenset({5, 6, 7, 8})
TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # EXIF's number to Pillow's Transpose, which makes it upright
HINT = "give JPEG, PNG, WebP, GIF, AVIF or BMP pictures"
# What Pillow's decoders raise on damaged data: its own errors are OSErrors and SyntaxErrors, RuntimeError comes from AVIF, the rest from
# wrong sizes and counts.
DAMAGE = (
    OSError,
    SyntaxError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
)
# Warnings are filtered for the whole process: one thread at a time may change that and change it back.
_QUIET = threading.Lock()


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """From the header. width_px, height_px: upright, as EXIF turns it; moving: whether it is animated."""

    path: Path
    width_px: int
    height_px: int
    moving: bool = False


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file is meant as a still picture: by its first bytes, by its name where it cannot be read.

    What is named like a video and is a picture was saved wrongly: no picture, so that reading it as a video says what it is.
    """
    file = Path(path)
    if file.suffix.lower() in CLIP_SUFFIXES:
        return False
    try:
        if not file.is_file():
            raise OSError
        with file.open("rb") as stream:
            return _kind(stream.read(HEAD_BYTES)) is not None
    except (OSError, ValueError):
        return file.suffix.lower() in SUFFIXES


def picture_facts(path: Path) -> PictureFacts:
    """Read a picture's header.

    Raises:
        InputError: It is no file, no picture, of a format that is not read here, or too large.
    """
    with _opened(path) as image:
        width, height = image.size
        if _orientation(image) in SIDEWAYS:
            width, height = height, width
        moving = image.format in ANIMATED and bool(getattr(image, "is_animated", False))
    return PictureFacts(path, width, height, moving)


def read_picture(path: Path, *, at_least_px: tuple[int, int] | None = None) -> Any:
    """A picture's first frame, upright, in sRGB, transparent parts over black.

    Args:
        at_least_px: Width and height that are wanted; a JPEG may come smaller than it is, but not smaller than this.

    Returns:
        A Pillow image of mode RGB.

    Raises:
        InputError: As `picture_facts`, or its data is damaged or cut off.
    """
    with _opened(path) as image:
        if at_least_px is not None and image.format in READ["JPEG"]:
            image.draft(None, at_least_px[::-1] if _orientation(image) in SIDEWAYS else at_least_px)
        image.load()
        picture = _rgb(image)
        turn = TURNS.get(_orientation(image))
        return picture if turn is None else picture.transpose(turn)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """A Pillow image whose header is read; what its decoder raises in the block becomes an InputError, what it warns of (odd EXIF) is not
    heard."""
    from PIL import Image

    kind = _checked_kind(file)
    too_large = InputError(
        f"{file}: has more than {MAX_PICTURE_PX / 1e6:.0f} megapixels, or a side over {MAX_SIDE_PX} px",
        code="picture_too_large",
        hint="scale the picture down first",
    )
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with file.open("rb") as stream, Image.open(stream, formats=READ[kind]) as image:
                width, height = image.size
                if width * height > MAX_PICTURE_PX or max(width, height) > MAX_SIDE_PX:
                    raise too_large
                if min(width, height) < 1:
                    raise ValueError("no pixels")
                yield image
    except (Image.DecompressionBombError, MemoryError) as error:
        raise too_large from error
    except DAMAGE as error:
        raise InputError(
            f"{file}: is a {kind} picture that cannot be decoded (damaged or cut off)",
            code="damaged_picture",
            hint="fetch or export the picture again",
        ) from error


def _checked_kind(file: Path) -> str:
    """The format, a key of READ.

    Raises:
        InputError: No readable file, or not one of these formats.
    """
    try:
        facts = file.stat()
        if not file.is_file():
            raise InputError(f"{file}: is not a regular file", code="not_a_file", hint=HINT)
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file", code="no_such_file", hint="check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({error})", code="unreadable", hint="check the path") from None
    kind = _kind(head)
    if kind is None:
        raise InputError(f"{file}: is not a picture", code="not_a_picture", hint=HINT)
    if kind not in READ:
        raise InputError(f"{file}: {kind} pictures are not read here", code="unsupported_picture", hint="export it as JPEG or PNG")
    if facts.st_size > MAX_PICTURE_MIB * 1024 * 1024:
        raise InputError(f"{file}: has more than {MAX_PICTURE_MIB} MiB", code="picture_too_large", hint="scale the picture down first")
    return kind


def _kind(head: bytes) -> str | None:
    """The format that a file's first bytes tell; some are told that are not read."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"avif", b"avis"):
            return "AVIF"
        if brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"):
            return "HEIC"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "BMP"
    if head.startswith((b"II*\0", b"MM\0*")):
        return "TIFF"
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return "JPEG XL"
    return None


def _orientation(image: Any) -> int:
    """EXIF's number, 1-8; 1 (upright) where there is none, or none that can be read."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except DAMAGE:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _rgb(image: Any) -> Any:
    """As RGB in sRGB, transparent parts over black."""
    from PIL import Image

    if image.mode.startswith("I"):
        image = _eight_bits(image)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    profile = image.info.get("icc_profile")
    picture = image if image.mode == "CMYK" else image.convert("RGB")
    picture = (_in_srgb(picture, profile) if profile else None) or picture.convert("RGB")
    if alpha is not None:
        picture = Image.composite(picture, Image.new("RGB", picture.size), alpha)
    return picture


def _eight_bits(image: Any) -> Any:
    """Grey pictures of 16 bits; Pillow's own conversion would cut off what is above 255."""
    import numpy as np
    from PIL import Image

    grey = np.clip(np.asarray(image).astype(np.int64), 0, 65_535) >> 8
    return Image.fromarray(grey.astype(np.uint8))


def _in_srgb(picture: Any, profile: bytes) -> Any:
    """Colours brought from the picture's own profile (phones: Display P3) to sRGB; None where the profile is of no use."""
    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if own.profile.xcolor_space.strip() != picture.mode:
            return None
        return ImageCms.profileToProfile(picture, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, *DAMAGE):
        return None
