"""The clip as a file: its content's hash, whether it changed meanwhile, its name as text, the limits that it must keep."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from reelscope.config import Settings
from reelscope.errors import InputError

if TYPE_CHECKING:
    from reelscope.media.probe import Probe

__all__ = ["as_text", "check_limits", "sha256_of", "stamp"]


def as_text(path: Path) -> str:
    """A path as it can stand in JSON: bytes of a name that are no UTF-8 become escapes such as \\xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def check_limits(probe: Probe, settings: Settings) -> None:
    """Refuse a clip that is longer or larger than the settings take.

    Raises:
        InputError: `too_long` or `too_many_pixels`.
    """
    media, limits = probe.media, settings.system
    if media.duration_s > limits.max_duration_s:
        raise InputError(
            f"{probe.path}: lasts {media.duration_s:.0f} s; at most {limits.max_duration_s:.0f} s are taken",
            code="too_long",
            hint="raise system.max_duration_s",
        )
    if (media.width_px or 0) * (media.height_px or 0) > limits.max_pixels:
        raise InputError(
            f"{probe.path}: {media.width_px}x{media.height_px} px are more than the {limits.max_pixels} taken",
            code="too_many_pixels",
            hint="raise system.max_pixels",
        )


def sha256_of(path: Path) -> str:
    """The file's sha256 in hex, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of the last change; (-1, -1) where it is gone."""
    try:
        facts = path.stat()
    except OSError:
        return (-1, -1)
    return facts.st_size, facts.st_mtime_ns
