"""From a document to one HTML file.

Nothing of a clip is trusted: templates escape everything, the data for the script is JSON in which no character can end its element,
colours reach style attributes only as "#rrggbb", and a content security policy in the file forbids every script but the report's own
(named by its hash) and every connection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reelscope.document.report import facts, shotlist, tables
from reelscope.document.report.aside import aside
from reelscope.document.report.insights import cards
from reelscope.document.report.lanes import Tips, lanes
from reelscope.document.report.mends import Mends, known
from reelscope.document.report.now import ROWS, now, player, row_reason
from reelscope.document.report.overlay import LAYERS, overlay
from reelscope.document.report.page import environment, page_script, page_style, policy_of
from reelscope.document.report.summaries import figures, summary_of, unread_lines
from reelscope.document.report.transcript import spoken_facts, transcript
from reelscope.document.report.whole import whole
from reelscope.document.report.words import clean, timecode
from reelscope.document.schema import Document

__all__ = ["render_report", "report_policy", "script_json"]

SCRIPTS = (
    "core",
    "timeline",
    "bars",
    "lanes",
    "tips",
    "viewer",
    "player",
    "overlay",
    "now",
    "shots",
    "sound",
    "print",
    "transcript",
    "mend",
    "page",
)
"""Parts of the script in their order; each keeps its names in a block, and all stand in one function."""

STYLES = ("base", "stage", "header", "timeline", "shots", "insights", "sections", "transcript", "mend", "print")


def script_json(value: Any) -> str:
    """JSON that can stand inside a script element: "<", ">" and "&" are written as escapes, so no "</script>" or "<!--" can appear."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def report_policy(*, served: bool = False) -> str:
    """The content security policy that stands in a report, for a server to send along. served: it may talk to that server."""
    return policy_of(page_script(SCRIPTS), served=served)


def _file_name(document: Document) -> str:
    source = document.source
    if source.path:
        return clean(source.path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or source.path)
    return clean(source.url or "clip")


def _aspect(document: Document) -> float:
    """Width of the picture to its height; 1 without a picture."""
    media = document.media
    return round(media.width_px / media.height_px, 4) if media.width_px and media.height_px else 1.0


def _data(
    document: Document, rows: list[dict[str, Any]], tips: Tips, *, over: Mapping[str, Any], now_at: Mapping[str, Any]
) -> dict[str, Any]:
    """What the script works with: see js/core.js."""
    return {
        "duration": document.media.duration_s,
        "fps": document.media.fps,
        "vfr": document.media.vfr,
        "start": document.media.start_s,
        "aspect": _aspect(document),
        "player": player(document, _file_name(document)),
        "over": over,
        "now": now_at,
        "shots": [{"n": row["number"], "s": shot.start_s, "e": shot.end_s} for row, shot in zip(rows, document.shots, strict=True)],
        "tips": tips.entries,
        "curves": tips.curves,
        "rows": tips.rows,
    }


def render_report(
    document: Document,
    *,
    keyframes: Mapping[str, bytes],
    title: str | None = None,
    clip: str | None = None,
    served: bool = False,
    revision: int = 0,
) -> str:
    """The report of a document as one self-contained HTML text.

    Args:
        document: What to show.
        keyframes: JPEG bytes by `ShotRow.keyframe`; a shot whose picture is not there is shown without one.
        title: Heading instead of the file's name.
        clip: Address of the clip as seen from the report: a relative path, or the server's; None where it is not known.
        served: Whether a server shows it, so that its readers can mend what was misread.
        revision: Of the clip's corrections that it shows: a served page sends it along, so that nothing is changed that it does not show.

    Returns:
        HTML that needs nothing beside it; encodes as UTF-8 whatever stands in the document.
    """
    from markupsafe import Markup

    tips, mends = Tips(), Mends(served)
    made = lanes(document, tips, mends)
    sound = tables.sound(document, tips)
    rows = shotlist.shots(document, keyframes, mends)
    over, now_at = overlay(document, made), now(document, rows)
    data = _data(document, rows, tips, over=over, now_at=now_at)
    left_aside = aside(document)
    page = {
        "title": clean(title) if title else _file_name(document),
        "file_name": _file_name(document),
        "document": document,
        "duration": timecode(document.media.duration_s),
        "aspect": _aspect(document),
        "facts": facts.facts(document),
        "badges": facts.badges(document),
        "damage": facts.damage(document),
        "run_facts": facts.run_facts(document),
        "phases": facts.phases(document),
        "glance": facts.glance(document),
        "gaps": facts.gaps(document),
        "gap_count": sum(e.status != "ok" for e in document.analyzers.values()),
        "aside": left_aside,
        "unplaced": sum(not a.taken for a in left_aside),
        "shots": rows,
        "shot_head": json.dumps(shotlist.SHOT_HEAD),
        "cut_entry": document.analyzers["cut_analysis"],
        "lanes": made,
        "transcript": transcript(document, mends),
        "spoken_facts": spoken_facts(document),
        "said_entry": document.analyzers["speech_transcription"],
        "served": served,
        "text_entry": document.analyzers["text_overlay"],
        "unread_lines": unread_lines(document),
        "text_rows": tables.text_rows(document, mends),
        "sound": sound,
        "sound_entry": document.analyzers["audio_analysis"],
        "palette": tables.palette(document),
        "colour_entry": document.analyzers["color_analysis"],
        "colour_figures": [f for f in figures(summary_of(document, "color_analysis")) if f.name != "Palette"],
        "figures": whole(document, [(lane.name, lane.title) for lane in made if lane.name != "color_analysis"]),
        "statuses": facts.statuses(document),
        "insights": cards(document),
        "clip": clip,
        "data_player": data["player"],
        "layers": [(name, words, over[name]["why"]) for name, words in LAYERS],
        "zones": over["zones"].get("profiles", []),
        "now_rows": [(name, words, row_reason(now_at, name)) for name, words in ROWS],
        "css": Markup(page_style(STYLES)),  # noqa: S704 - our own package file
        "script": Markup(page_script(SCRIPTS)),
        "policy": report_policy(served=served),
        "data": Markup(script_json(data | ({"mends": mends.edits, "mended": known(document, revision)} if served else {}))),
    }
    return environment().get_template("report.html.j2").render(page)
