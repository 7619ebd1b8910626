"""Rows from a document. Pure functions; a null of the document is None here, whatever the file's format makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reelscope.document.exports.tables.columns import BOX, TABLES, TYPED, Kind
from reelscope.document.names import title_of
from reelscope.document.schema import AnalyzerEntry, Document, ShotRow
from reelscope.document.table.read import plain, typed
from reelscope.document.unread import unread_in
from reelscope.timebase import overlap_s

__all__ = ["Row", "rows_of", "timecode"]

Row = dict[str, Any]
"""A cell is None, a number, a text, a list of texts or (kind `json`) any JSON value."""

DECIMALS = 6  # of seconds, as in the document
BASE = frozenset({"start_s", "end_s", "confidence"})
RESULTS = {"segments", "tracks", "series"}


def rows_of(document: Document) -> dict[str, list[Row]]:
    """The rows of every table, by its name; every row has all columns of it, in their order."""
    whose = {"analysis_id": document.analysis_id, "sha256": document.source.sha256}
    made = {
        "shots": [_shot(shot, document) for shot in document.shots],
        "segments": [row for name, entry in document.analyzers.items() for row in _segments(name, entry, document.shots)],
        "analyzers": [_analyzer(name, entry) for name, entry in document.analyzers.items()],
    }
    return {
        name: [{c.name: _cell(c.kind, (row | whose).get(c.name)) for c in columns} for row in made[name]]
        for name, columns in TABLES.items()
    }


def timecode(seconds: float) -> str:
    """`h:mm:ss.mmm`, which spreadsheets read as a time."""
    ms = round(seconds * 1000)
    return f"{'-' if ms < 0 else ''}{abs(ms) // 3_600_000}:{abs(ms) // 60_000 % 60:02d}:{abs(ms) // 1000 % 60:02d}.{abs(ms) % 1000:03d}"


def _shot(shot: ShotRow, document: Document) -> Row:
    def looked_for(found: list[Any], analyzer: str) -> list[Any] | None:
        """The document has an empty list where nothing was found, and where nobody looked."""
        return found if found or document.analyzers[analyzer].status == "ok" else None

    raw = shot.model_dump(mode="json")
    camera, entered, palette = raw["camera"] or {}, raw["transition_in"] or {}, raw["palette"]
    length = round(raw["end_s"] - raw["start_s"], DECIMALS)
    names = [swatch["name"] for swatch in palette]
    return raw | {
        "number": shot.index + 1,
        "start": timecode(raw["start_s"]),
        "end": timecode(raw["end_s"]),
        "length": timecode(length),
        "length_s": length,
        "transition": entered.get("kind"),
        "transition_variant": entered.get("variant"),
        "transition_s": round(entered["end_s"] - entered["start_s"], DECIMALS) if entered else None,
        "jump_cut": entered.get("jump_cut"),
        "camera": camera.get("move"),
        "camera_components": camera.get("components"),
        "camera_speed_fw_s": camera.get("speed_fw_s"),
        "camera_zoom_rate_s": camera.get("zoom_rate_s"),
        "camera_shake": camera.get("shake"),
        "text": None if not raw["text"] and unread_in(document, shot.start_s, shot.end_s) else looked_for(raw["text"], "text_overlay"),
        "palette": looked_for([swatch["hex"] for swatch in palette], "color_analysis"),
        "palette_shares": [swatch["share"] for swatch in palette] or None,
        "palette_names": names if names and all(names) else None,
        "corrected": _corrected(raw),
    }


def _analyzer(name: str, entry: AnalyzerEntry) -> Row:
    raw = entry.model_dump(mode="json", exclude=RESULTS)
    licences = dict.fromkeys(model.licence for model in entry.models if model.licence)
    counts = {key: len(getattr(entry, key)) for key in RESULTS}
    more = {
        "analyzer": name,
        "title": title_of(name, raw.get("title")),
        "models": [model.id for model in entry.models],
        "licences": [*licences],
    }
    return raw | counts | more | {"options": raw["options"] or None, "summary": raw["summary"] or None}


def _segments(name: str, entry: AnalyzerEntry, shots: Sequence[ShotRow]) -> list[Row]:
    rows = []
    for index, segment in enumerate(entry.segments):
        raw = segment.model_dump(mode="json")
        row: Row = {"analyzer": name, "status": entry.status, "backend": entry.backend, "index": index}
        row |= {key: raw[key] for key in BASE}
        own = typed("int", raw.get("shot"))
        row["shot"] = own if own is not None else _shot_at(segment.start_s, segment.end_s, shots)
        row["corrected"] = _corrected(raw)
        rest = {key: value for key, value in raw.items() if key not in BASE and not (key == "shot" and own is not None)}
        for column in TYPED:
            value = typed(column.kind, rest.get(column.name)) if column.kind not in ("texts", "json") else None
            if value is not None or rest.get(column.name) is None:  # a field of another type stays where no type is promised
                row[column.name] = value
                rest.pop(column.name, None)
        box = rest.get("xywh_norm")
        if isinstance(box, list) and len(box) == len(BOX) and all(typed("float", value) is not None for value in box):
            row |= {column.name: value for column, value in zip(BOX, rest.pop("xywh_norm"), strict=True)}
        row["fields"] = rest or None
        rows.append(row)
    return rows


def _shot_at(start_s: float, end_s: float, shots: Sequence[ShotRow]) -> int | None:
    """The shot that shares most of an interval, the first among equals; of a moment the one in which it lies."""
    if end_s <= start_s:
        return next((shot.index for shot in shots if shot.start_s <= start_s < shot.end_s), None)
    shared, best = max(((overlap_s((start_s, end_s), (s.start_s, s.end_s)), -s.index) for s in shots), default=(0.0, 0))
    return -best if shared > 0 else None


def _corrected(raw: Row) -> list[str]:
    """Names of the fields that were corrected, each once."""
    told = raw.get("corrected")
    return [*dict.fromkeys(str(one["field"]) for one in told if isinstance(one, dict) and "field" in one)] if isinstance(told, list) else []


def _cell(kind: Kind, value: Any) -> Any:
    """The value as its column's type; an empty list is one, a null is none."""
    if kind == "json":
        return value  # `model_dump` has made nulls of what is no number in JSON
    if kind == "texts":
        return [plain(str(one)) for one in value if one is not None] if isinstance(value, list) else None
    return typed(kind, value)
