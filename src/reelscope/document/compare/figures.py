"""The figures of a document by dotted path, each a value or the reason why there is none.

A path is the name of an insight or analyzer (or `media`, `shots`) and the keys below it: `hook.first_face_s`, `cut_analysis.shots`. Lists
are not walked: their rows are things, not figures of the clip. Of the shots, counts and medians are taken.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reelscope.document.insights import INSIGHTS
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import Document
from reelscope.document.unread import measured, unread_in

__all__ = ["GROUPS", "Clip", "Fact", "Figures", "figures_of", "in_order", "shot_figures"]

Fact = float | int | bool | str

GROUPS: tuple[str, ...] = ("media", "shots", *INSIGHTS, *ANALYZER_NAMES)
"""First part of a path, in the order in which figures are shown."""

# Which face or shot, not how much of anything: numbers without an order.
IDENTITIES = frozenset({"blinks_face", "face", "index", "scene", "shot", "speaker", "track_id", "utterance"})
# Words about a figure, not about the clip; and tables of reasons and of the apps' own areas.
ABOUT = frozenset({"code", "dated", "hint", "label", "not_measured", "not_read", "edits_not_measured", "profiles", "reason", "source"})
# Tables that list what occurs: a key that is not there was counted and is none. A table of shares is a share of what could be measured,
# so an empty one counted nothing.
COUNTED = frozenset({"content_quality.reasons_s", "pacing.by_kind", "text_overlay.by_role"})
SHARED_OUT = frozenset({"camera_analysis.move_share"})
# Facts of the file that say something about the clip as it is seen and heard.
MEDIA = ("duration_s", "width_px", "height_px", "fps", "vfr", "bit_rate_bps", "size_bytes", "codec", "hdr")

# Whose post it is, by the names that yt-dlp gives; what stays when an account is renamed comes first.
ACCOUNT = ("channel_id", "uploader_id", "channel", "uploader")

NOT_THERE = "looked for, and not there"  # what a null of the hook says where no reason stands beside it
NO_SHOTS = "this document has no shots: cut_analysis gave none"


@dataclass(frozen=True, slots=True)
class Clip:
    """Whose figures they are. name: as it was given; file: the clip's own path, as the document has it."""

    name: str
    sha256: str
    file: str | None
    duration_s: float
    created_at: str
    version: str
    schema_version: str
    url: str | None = None
    views: int | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What one document says.

    Attributes:
        values: Numbers, yes or no, and words, by path.
        tables: Paths of the tables that are there, with whether anything stands in them.
        lacks: Reasons for groups and for single figures, by path; a reason holds for everything below it.
        made_by: Per analyzer that ran: version, backend and models.
        shots: Rows of the spine, as JSON.
        row: Numbers and yes or no (1 and 0) of the table's columns, those that were measured.
        account: Whose clip it is, where the document knows.
    """

    clip: Clip
    values: dict[str, Fact] = field(default_factory=dict)
    tables: dict[str, bool] = field(default_factory=dict)
    lacks: dict[str, str] = field(default_factory=dict)
    made_by: dict[str, dict[str, Any]] = field(default_factory=dict)
    shots: tuple[Mapping[str, Any], ...] = ()
    row: Mapping[str, float] = field(default_factory=dict)
    account: str | None = None

    def fact(self, path: str) -> Fact | None:
        """The figure as it stands; 0 for a counted thing that does not occur."""
        value = self.values.get(path)
        return 0 if value is None and self._none_counted(path) else value

    def lack(self, path: str) -> str:
        """Why there is no such figure."""
        parts = path.split(".")
        if path in self.tables:
            return "it has rows only, no figure of the whole clip"
        if len(parts) > 2 and f"{parts[0]}.{parts[-1]}" in self.lacks:  # `attention.seconds.silence` has its reason as `silence`
            return self.lacks[f"{parts[0]}.{parts[-1]}"]
        for n in range(len(parts), 0, -1):
            here, table = ".".join(parts[:n]), ".".join(parts[: n - 1])
            if here in self.lacks:
                return self.lacks[here]
            if table in self.tables:
                return f"{table} lists no {parts[n - 1]}" if n > 2 else f"{table} has no {parts[n - 1]} in this document: another version"
        return "this document has no such figure: another version wrote it"

    def _none_counted(self, path: str) -> bool:
        table = path.rpartition(".")[0]
        return (table in COUNTED and table in self.tables and f"{table}.*" not in self.lacks) or (
            table in SHARED_OUT and self.tables.get(table, False)
        )


def figures_of(document: Document, name: str, row: Mapping[str, float] | None = None) -> Figures:
    """Read the figures of a document.

    Args:
        document: As it was read back from JSON.
        name: How it is called in the output.
        row: Its row of the table; without, none of its figures is held against views.
    """
    source = document.source
    post = source.post or {}
    clip = Clip(
        name=name,
        sha256=source.sha256,
        file=source.path,
        duration_s=document.media.duration_s,
        created_at=document.created_at.isoformat(),
        version=document.run.version,
        schema_version=document.schema_version,
        url=source.url,
        views=_views(post),
    )
    account = next((str(post[key]) for key in ACCOUNT if post.get(key)), None)
    shots = tuple(_shot(s.model_dump(mode="json"), document) for s in document.shots)
    out = Figures(clip=clip, shots=shots, row=row or {}, account=account)
    _read_media(document, out)
    _read_shots(out)
    for name_, insight in document.insights.items():
        _read_part(name_, insight.model_dump(mode="json"), out, insight=True)
    for name_ in INSIGHTS:
        if name_ not in document.insights:
            out.lacks[name_] = "this document has no such insight: an earlier version wrote it"
    for name_, entry in document.analyzers.items():
        if entry.status != "ok":
            out.lacks[name_] = f"{entry.status.replace('_', ' ')}: {entry.reason or entry.code or 'no reason is given'}"
            continue
        out.made_by[name_] = {
            "version": entry.version,
            "backend": entry.backend,
            "models": sorted(m.sha256 or m.id for m in entry.models),
            "options": entry.options,
        }
        _read_part(name_, measured(name_, entry.summary.model_dump(mode="json")), out)
    return out


def _shot(shot: dict[str, Any], document: Document) -> dict[str, Any]:
    """A row of the spine; its texts are null where lines stood in it that could not be read, and none that could."""
    return shot if shot["text"] or not unread_in(document, shot["start_s"], shot["end_s"]) else shot | {"text": None}


def _views(post: Mapping[str, Any]) -> int | None:
    """Views as a post has them: `view_count`, the name that yt-dlp gives, else `counts.views`; None where neither is a count."""
    counts = post.get("counts")
    told = (post.get("view_count"), counts.get("views") if isinstance(counts, Mapping) else None)
    return next((n for n in told if isinstance(n, int) and not isinstance(n, bool) and n >= 0), None)


def shot_figures(shot: Mapping[str, Any]) -> dict[str, Fact | None]:
    """The figures of one shot, null where not measured: its length, size, move and what else the spine has."""
    camera = shot.get("camera") or {}
    entered = shot.get("transition_in") or {}
    return {
        "start_s": shot["start_s"],
        "duration_s": round(shot["end_s"] - shot["start_s"], 6),
        "transition_in": entered.get("kind"),
        "size": shot.get("size"),
        "move": camera.get("move"),
        "speed_fw_s": camera.get("speed_fw_s"),
        "zoom_rate_s": camera.get("zoom_rate_s"),
        "shake": camera.get("shake"),
        "texts": None if "text" in shot and shot["text"] is None else len(shot.get("text") or ()),
        "speech_share": shot.get("speech_share"),
        "loudness_lufs": shot.get("loudness_lufs"),
        "sharpness": shot.get("sharpness"),
    }


def _read_media(document: Document, out: Figures) -> None:
    media = document.media.model_dump(mode="json")
    for key in MEDIA:
        if media.get(key) is None:
            out.lacks[f"media.{key}"] = "the file has no such fact"
        else:
            out.values[f"media.{key}"] = media[key]


def _read_shots(out: Figures) -> None:
    """Number of shots and, of each of their numbers, the median over the shots in which it was measured."""
    if not out.shots:
        out.lacks["shots"] = NO_SHOTS
        return
    out.values["shots.count"] = len(out.shots)
    rows = [shot_figures(shot) for shot in out.shots]
    for key in rows[0]:
        if key in ("start_s", "transition_in", "size", "move"):
            continue
        known = [float(v) for row in rows if (v := row[key]) is not None and not isinstance(v, str)]
        if known:
            out.values[f"shots.median_{key}"] = round(statistics.median(known), 6)
        else:
            out.lacks[f"shots.median_{key}"] = "measured in no shot"


def _read_part(name: str, data: Mapping[str, Any], out: Figures, *, insight: bool = False) -> None:
    """One insight, or one analyzer's summary."""
    if insight and data.get("status") != "ok":
        out.lacks[name] = f"{data.get('status')}: {data.get('reason') or 'no reason is given'}"
        return
    told = data.get("not_measured")
    for key, why in told.items() if isinstance(told, Mapping) else ():
        out.lacks[f"{name}.{key}"] = str(why)
    page = "docs/insights.md" if insight else f"docs/analyzers/{name}.md" if name in ANALYZER_NAMES else "the plugin's page"
    nothing = NOT_THERE if name == "hook" else f"null in the document: {page} says when"
    _walk(name, {k: v for k, v in data.items() if not (insight and k == "status")}, out, nothing)


def _walk(path: str, table: Mapping[str, Any], out: Figures, nothing: str) -> None:
    out.tables[path] = bool(table)
    reason = table.get("reason") if isinstance(table.get("reason"), str) else None
    if reason and path.count(".") == 0:
        for counted in COUNTED:  # nothing was measured, so nothing was counted
            if counted.startswith(f"{path}."):
                out.lacks[f"{counted}.*"] = reason
    for key, value in table.items():
        here = f"{path}.{key}"
        if key in ABOUT or key.endswith("_reason"):
            continue
        if isinstance(value, Mapping):
            _walk(here, value, out, nothing)
        elif isinstance(value, str) or (isinstance(value, int | float) and math.isfinite(value) and key not in IDENTITIES):
            out.values[here] = value
        elif value is None:
            out.lacks.setdefault(here, _why_null(key, table, here, out, reason or nothing))


def _why_null(key: str, table: Mapping[str, Any], path: str, out: Figures, otherwise: str) -> str:
    """A reason of its own (`KEY_reason`, or that of a longer or shorter name), of what it is part of or beside, or what null means here."""
    stem = key.rsplit("_", 1)[0]
    for name in (f"{key}_reason", f"{stem}_reason", f"{key.split('_')[0]}_reason", f"{key.split('_')[0].rstrip('s')}_reason"):
        if isinstance(table.get(name), str):
            return str(table[name])
    for above in _parents(path):
        if above in out.lacks:
            return out.lacks[above]
    beside = {why for at, why in out.lacks.items() if at.rpartition(".")[0] == path.rpartition(".")[0]} if path.count(".") > 1 else set()
    return beside.pop() if len(beside) == 1 else otherwise


def _parents(path: str) -> Iterator[str]:
    parts = path.split(".")
    for n in range(len(parts) - 1, 1, -1):
        yield ".".join(parts[:n])


def in_order(paths: Iterable[str]) -> list[str]:
    """Paths by group, each group's in the order in which they came."""
    rank = {group: i for i, group in enumerate(GROUPS)}
    return sorted(dict.fromkeys(paths), key=lambda p: rank.get(p.split(".", 1)[0], len(rank)))
