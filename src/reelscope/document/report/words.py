"""Figures, times and field names as words for people. Pure functions; what was not measured is never turned into a figure."""

from __future__ import annotations

import math
import re
from typing import Any

__all__ = [
    "LEVEL_UNITS",
    "MINUS",
    "NA",
    "SPACE",
    "THIN",
    "bytes_",
    "clean",
    "figure",
    "in_column",
    "hex_colour",
    "key_title",
    "number",
    "percent",
    "sentence",
    "timecode",
    "unit_of",
    "value_text",
]

NA = "\N{EM DASH}"
"""Stands where something was not measured; the templates add the words "not measured" to it."""

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
SPACE = "\N{NO-BREAK SPACE}"

# Units stand at the end of names (document schema); longest suffix first, because `_fw_s` ends in `_s` too.
UNITS: tuple[tuple[str, str], ...] = (
    ("_lufs", "LUFS"),
    ("_dbtp", "dBTP"),
    ("_dbfs", "dBFS"),
    ("_fw_s", "frame widths/s"),
    ("_per_10_s", "in 10 s"),
    ("_per_min", "per min"),
    ("_per_s", "per s"),
    ("_percent", "%"),
    ("_semitones", "semitones"),
    ("_syl_s", "syllables/s"),
    ("_cents", "cents"),
    ("_mired", "mired"),
    ("_share", "%"),
    ("_bits", "bit"),
    ("_bps", "bit/s"),
    ("_bpm", "BPM"),
    ("_fps", "fps"),
    ("_deg", "°"),
    ("_mib", "MiB"),
    ("_db", "dB"),
    ("_lu", "LU"),
    ("_hz", "Hz"),
    ("_px", "px"),
    ("_ms", "ms"),
    ("_k", "K"),
    ("_st", "semitones"),
    ("_s", "s"),
)

# Words that a plain "first letter up" would get wrong.
SPELLED = {
    "lufs": "LUFS",
    "lra": "LRA",
    "bpm": "BPM",
    "fps": "fps",
    "hdr": "HDR",
    "rms": "RMS",
    "ocr": "OCR",
    "ui": "UI",
    "iou": "IoU",
    "snr": "SNR",
    "cct": "Colour temperature",
    "f0": "F0",
}

LEVEL_UNITS = frozenset({"LUFS", "LU", "dB", "dBFS", "dBTP"})
"""Levels are read to a tenth of a decibel; a second decimal would promise more than the meters agree on."""

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
SNAKE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)+\Z")
HEX = re.compile(r"#[0-9a-fA-F]{6}\Z")


VERBATIM = frozenset({"text", "lines", "words", "label", "id", "name"})
"""Fields whose text is the clip's or a model's own; other snake_case words are ours and read better with spaces."""


def clean(text: object) -> str:
    """Text of a clip without control characters and lone surrogates, which no HTML file can hold."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text))


def hex_colour(value: object) -> str | None:
    """`value` where it is a plain "#rrggbb", else None: nothing else of a document may reach a style attribute."""
    return value.lower() if isinstance(value, str) and HEX.match(value) else None


def number(value: float, digits: int = 3) -> str:
    """A figure with `digits` significant digits, never in powers of ten, with a true minus and thin spaces between thousands."""
    if not math.isfinite(value):
        return NA
    if value == 0:
        return "0"
    if isinstance(value, int) or float(value).is_integer():
        text = f"{abs(int(value)):,}"
    else:
        decimals = max(0, min(6, digits - 1 - math.floor(math.log10(abs(value)))))
        text = f"{abs(value):,.{decimals}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    return (MINUS if value < 0 and text != "0" else "") + text.replace(",", THIN)


def in_column(value: float, decimals: int) -> str:
    """A figure of a column: always as many decimals, so that figures stand under each other."""
    if not math.isfinite(value):
        return NA
    text = f"{abs(value):,.{decimals}f}"
    return (MINUS if value < 0 and float(text.replace(",", "")) else "") + text.replace(",", THIN)


def timecode(seconds: float | None, decimals: int = 2) -> str:
    """`m:ss.cc`, with hours in front from one hour on."""
    if seconds is None:
        return NA
    scale = 10**decimals
    ticks = round(abs(seconds) * scale)
    whole, fraction = divmod(ticks, scale)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    text = f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"
    if decimals:
        text += f".{fraction:0{decimals}d}"
    return (MINUS if seconds < 0 and ticks else "") + text


def percent(share: float) -> str:
    """A share (0-1) in percent; one decimal below 10 %."""
    value = share * 100
    return f"{number(round(value, 1 if abs(value) < 10 else 0), 3)}{SPACE}%"


def bytes_(count: int) -> str:
    """Bytes in decimal units, as file managers show them."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{number(round(count / limit, 1))}{SPACE}{unit}"
    return f"{count}{SPACE}B"


def unit_of(key: str) -> tuple[str, str]:
    """A field's name without its unit, and the unit ("" where the name says none)."""
    if key.endswith("_rate_s"):  # per second, not seconds
        return key.removesuffix("_s"), "/s"
    for suffix, unit in UNITS:
        if key.endswith(suffix) and len(key) > len(suffix):
            return key[: -len(suffix)], unit
    return key, ""


def sentence(text: str) -> str:
    """snake_case as words, first letter up."""
    words = [SPELLED.get(word, word) for word in text.replace("-", " ").split("_") if word]
    joined = " ".join(words)
    return joined[:1].upper() + joined[1:]


def key_title(key: str) -> str:
    """Title of a field: its words without the unit; a share keeps that word, because "Speech 47 %" leaves open of what."""
    if key == "xywh_norm":
        return "Box"
    stem, _ = unit_of(key)
    return sentence(key if key.endswith("_share") else stem)


def figure(key: str, value: Any) -> str:
    """One scalar of the document with its unit, judged by its name."""
    if value is None:
        return NA
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        _, unit = unit_of(key)
        if unit == "%":
            return percent(value) if key.endswith("_share") else f"{number(value)}{SPACE}%"
        if unit in LEVEL_UNITS and math.isfinite(value):
            return f"{number(round(value, 1))}{SPACE}{unit}"
        if unit == "bit/s" and abs(value) >= 1e6:
            return f"{number(value / 1e6)}{SPACE}Mbit/s"
        if unit == "°":
            return f"{number(value)}°"
        return f"{number(value)}{SPACE}{unit}" if unit else number(value)
    words = clean(value)
    return words.replace("_", " ") if SNAKE.match(words) and key not in VERBATIM else words


def value_text(key: str, value: Any, limit: int = 8) -> str:
    """Any value of the document on one line; long lists are cut and say so."""
    if isinstance(value, dict):
        known = [(str(k), v) for k, v in value.items() if v is not None]  # what is null would only be a row of dashes
        return ", ".join(f"{key_title(k)} {value_text(k, v)}" for k, v in known[:limit]) or NA
    if isinstance(value, list | tuple):
        if key == "xywh_norm" and len(value) == 4 and all(isinstance(v, int | float) for v in value):
            x, y, w, h = value
            return f"{percent(w)} × {percent(h)} at {percent(x)}, {percent(y)}"
        shown = ", ".join(value_text(key, v) for v in value[:limit])
        return f"{shown} … ({len(value)} in all)" if len(value) > limit else shown
    return figure(key, value)
