"""How much is in a file that was exported, read from the file itself, so that what is told is what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["count_of"]

EVENT = re.compile(rb"^(\d{3,})\s+\S+\s+V", re.MULTILINE)  # of an edit list: number, reel, channel; a dissolve has its number twice


def count_of(name: str, data: bytes) -> str:
    """What to tell of a file: "12 cues", "431 rows", "1252 x 1307 px".

    Args:
        name: Of the file, as the exporter gave it.
    """
    count = COUNTS[name.rpartition(".")[2]]
    return count(data)


def _said(number: int, one: str) -> str:
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def _csv(data: bytes) -> str:
    """Line ends outside of quotes; Python's reader refuses cells of more than 128 KiB, and a `summary` can be longer."""
    return _said(sum(part.count(b"\n") for part in data.split(b'"')[::2]) - 1, "row")


def _parquet(data: bytes) -> str:
    import pyarrow
    import pyarrow.parquet

    return _said(pyarrow.parquet.read_metadata(pyarrow.BufferReader(data)).num_rows, "row")


def _otio(data: bytes) -> str:
    def clips(thing: Any) -> int:
        if isinstance(thing, list):
            return sum(map(clips, thing))
        if not isinstance(thing, dict) or thing.get("kind") == "Audio":  # the sound's track: the same clip again
            return 0
        return str(thing.get("OTIO_SCHEMA", "")).startswith("Clip.") + sum(map(clips, thing.values()))

    return _said(clips(json.loads(data)), "clip")


def _fcpxml(data: bytes) -> str:
    from xml.etree import ElementTree

    spines = ElementTree.fromstring(data).iter("spine")  # noqa: S314 - our own exporter wrote it just now
    return _said(sum(part.tag in ("clip", "asset-clip", "video") for spine in spines for part in spine), "clip")


def _png(data: bytes) -> str:
    return f"{int.from_bytes(data[16:20])} x {int.from_bytes(data[20:24])} px"  # of the header, the first chunk


COUNTS: Mapping[str, Callable[[bytes], str]] = {
    "srt": lambda data: _said(data.count(b" --> "), "cue"),
    "vtt": lambda data: _said(data.count(b" --> "), "cue"),
    "ass": lambda data: _said(data.count(b"\nDialogue:"), "line"),
    "csv": _csv,
    "jsonl": lambda data: _said(data.count(b"\n"), "row"),
    "parquet": _parquet,
    "otio": _otio,
    "edl": lambda data: _said(len(set(EVENT.findall(data))), "event"),
    "fcpxml": _fcpxml,
    "png": _png,
}
