"""What holds at every moment of the clip, for the panel under the player: words and times, each from the analyzer that measured it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reelscope.document.report.overlay import reason_of
from reelscope.document.report.summaries import summary_of
from reelscope.document.report.words import clean, sentence
from reelscope.document.schema import Document
from reelscope.document.unread import unread

__all__ = ["ROWS", "now", "player", "row_reason"]

ROWS: tuple[tuple[str, str], ...] = (("shot", "Shot"), ("text", "Text"), ("said", "Said"), ("sound", "Sound"), ("seen", "Seen"))
"""Name and title of the panel's rows."""

CODECS = {
    "h264": "H.264", "hevc": "H.265 (HEVC)", "vp8": "VP8", "vp9": "VP9", "av1": "AV1", "prores": "ProRes", "mpeg4": "MPEG-4",
    "mpeg2video": "MPEG-2", "mjpeg": "Motion JPEG",
}  # fmt: skip
CONTAINERS = (
    ("mov", "MP4 or MOV"), ("mp4", "MP4"),
    ("matroska", "Matroska"), ("avi", "AVI"), ("mpegts", "MPEG-TS"), ("asf", "ASF"), ("flv", "FLV"), ("ogg", "Ogg"),
)  # fmt: skip

WEB_CODECS = frozenset({"vp8", "vp9", "av1"})  # in a Matroska container they are what is called WebM

# What browsers of the last years play; a clip outside of these is no fault of its file's place.
PLAYED_CODECS = frozenset({"h264", "vp8", "vp9", "av1", "theora", None})
PLAYED_CONTAINERS = ("mov", "mp4", "matroska", "webm", "ogg", "mp3", "wav", "flac", "aac")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def player(document: Document, file_name: str) -> dict[str, Any]:
    """What the player must know of the clip.

    Returns:
        name: of the file; form: codec and container as words; played: whether browsers usually play that; picture, sound: what there is;
        longest: other durations by which the same clip may go (its header's).
    """
    media = document.media
    container = media.container or ""
    words = next((title for part, title in CONTAINERS if part in container), sentence(clean(container.split(",")[0])))
    if media.codec in WEB_CODECS and "webm" in container:
        words = "WebM"
    codec = media.codec if media.codec is None else clean(media.codec)
    form = " in ".join(w for w in (CODECS.get(codec or "", (codec or "").upper()), words) if w)
    return {
        "name": file_name,
        "form": form,
        "played": media.codec in PLAYED_CODECS and any(c in container for c in PLAYED_CONTAINERS),
        "picture": bool(media.width_px and media.height_px),
        "sound": media.audio is not None,
        "header": media.duration_header_s,
    }


def now(document: Document, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the panel shows.

    Args:
        rows: Of `tables.shots`.

    Returns:
        shots: words of each shot. text, said, sound, seen: `why` (None, or the reason for which the row stays empty) and `of`, a list of
        start, end in ms and what holds. flow: stretches of speech where there are no words.
    """
    entries = document.analyzers
    words = entries["speech_transcription"]
    return {
        "shots": [_shot(row) for row in rows],
        "text": _row(reason_of(entries["text_overlay"]) or unread(summary_of(document, "text_overlay")), _texts(document)),
        "said": _row(reason_of(words), _said(document)),
        "flow": _spans(entries["speech_flow"].segments, "kind", {"speech"}) if words.status != "ok" else [],
        "sound": _row(reason_of(entries["audio_environment"]), _spans(entries["audio_environment"].segments, "label")),
        "seen": _row(reason_of(entries["object_detection"]), _spans(entries["object_detection"].segments, "label")),
    }


def row_reason(made: Mapping[str, Any], name: str) -> str | None:
    """Why a row of the panel stays empty for the whole clip; None where it may say something."""
    if name == "shot" or (name == "said" and made["flow"]):
        return None
    why: str | None = made[name]["why"]
    return why


def _row(why: str | None, of: list[Any]) -> dict[str, Any]:
    return {"why": why, "of": of}


def _shot(row: Mapping[str, Any]) -> str:
    transition, camera = row["transition"], row["camera"]
    parts = (
        transition["words"] if transition["kind"] not in ("", "start") else None,
        "jump cut" if transition["jump"] else None,
        camera["words"] if camera else None,
        row["size"],
    )
    return " \N{MIDDLE DOT} ".join(part for part in parts if part)


def _texts(document: Document) -> list[list[Any]]:
    found = []
    for s in sorted(document.analyzers["text_overlay"].segments, key=lambda s: (s.start_s, s.end_s)):
        text = getattr(s, "text", None)
        if isinstance(text, str) and text:
            found.append([_ms(s.start_s), _ms(s.end_s), clean(text), int(getattr(s, "role", None) == "watermark")])
    return found


def _said(document: Document) -> list[list[Any]]:
    """start, end, speaker (None where not told apart), words as [start, end, text]; a segment without words is its text."""
    found = []
    for s in sorted(document.analyzers["speech_transcription"].segments, key=lambda s: (s.start_s, s.end_s)):
        words = getattr(s, "words", None) or []
        spoken = [[_ms(w["start_s"]), _ms(w["end_s"]), clean(w["text"])] for w in map(_plain, words) if w.get("text")]
        if not spoken and getattr(s, "text", None):
            spoken = [[_ms(s.start_s), _ms(s.end_s), clean(str(s.text))]]  # type: ignore[attr-defined]
        if spoken:
            found.append([_ms(s.start_s), _ms(s.end_s), _speaker(s), spoken])
    return found


def _plain(word: Any) -> Mapping[str, Any]:
    return word if isinstance(word, Mapping) else word.model_dump()


def _speaker(segment: Any) -> str | None:
    """Name of a speaker: the one that a reader gave, else a number from 1."""
    name = getattr(segment, "speaker_name", None)
    if isinstance(name, str) and name:
        return clean(name)
    speaker = getattr(segment, "speaker", None)
    if isinstance(speaker, str) and speaker:
        return clean(speaker)
    return f"Speaker {speaker + 1}" if isinstance(speaker, int) else None


def _spans(segments: Iterable[Any], key: str, only: set[str] | None = None) -> list[list[Any]]:
    """start, end and the word that `key` holds, as people read it."""
    found = []
    for s in sorted(segments, key=lambda s: (s.start_s, s.end_s)):
        value = getattr(s, key, None)
        if isinstance(value, str) and value and (only is None or value in only) and s.end_s > s.start_s:
            found.append([_ms(s.start_s), _ms(s.end_s), sentence(clean(value))])
    return found
