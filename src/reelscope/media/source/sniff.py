"""What a fetched file is, from its first bytes: names and content types lie."""

from __future__ import annotations

from pathlib import Path

__all__ = ["kind_of", "picture_suffix"]

_HEAD = 4096
_STARTS = (
    (b"OggS", "ogg"), (b"fLaC", "flac"), (b"ID3", "mp3"), (b"FLV\x01", "flv"), (b"\x00\x00\x01\xba", "mpg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
)  # fmt: skip
_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"sidx"})
_TS_PACKET = 188
_WRITTEN = bytes(range(32, 127)) + b"\t\r\n\f"
_BLANK = b" \t\r\n\xef\xbb\xbf"


def kind_of(path: Path) -> str:
    """The suffix that fits a file's content, such as "mp4"; "page", "playlist", "picture" or "text" for no clip; "" if not known."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head[4:8] in _BOXES:
        if head[8:12] in (b"avif", b"avis", b"heic", b"heix", b"mif1"):
            return "picture"
        return "mov" if head[4:8] == b"ftyp" and head[8:12] == b"qt  " else "m4a" if head[8:12] == b"M4A " else "mp4"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "webm" if b"webm" in head[:64] else "mkv"
    if head.startswith(b"RIFF"):
        return {b"AVI ": "avi", b"WAVE": "wav", b"WEBP": "picture"}.get(head[8:12], "")
    if head[:1] == b"\x47" and (len(head) <= _TS_PACKET or head[_TS_PACKET : _TS_PACKET + 1] == b"\x47"):
        return "ts"
    if picture_suffix(head) is not None:
        return "picture"
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE0 == 0xE0:  # a frame of MPEG sound; layer 0 is AAC
        return "aac" if head[1] & 0x06 == 0 else "mp3"
    start = head.lstrip(_BLANK)
    if start.startswith(b"#EXTM3U") or (start.startswith(b"<") and b"<MPD" in start[:1024]):
        return "playlist"
    if start.startswith(b"<"):
        return "page"
    return "text" if head and not head.translate(None, _WRITTEN) else ""


def picture_suffix(head: bytes) -> str | None:
    """The suffix of a still picture, from its first bytes."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"GIF8"):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return "avif"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1"):
        return "heic"
    return None
