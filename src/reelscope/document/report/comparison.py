"""From comparisons to one HTML file with the look of the report: clips as strips on one time scale, figures with every clip's place."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reelscope.document.compare.effects import Effects
from reelscope.document.compare.figures import Fact, Figures, in_order
from reelscope.document.compare.many import Many
from reelscope.document.compare.pairs import Pair
from reelscope.document.insights import INSIGHTS
from reelscope.document.names import ANALYZER_TITLES
from reelscope.document.report.page import environment, page_script, page_style, policy_of
from reelscope.document.report.shotlist import data_uri, swatches
from reelscope.document.report.words import NA, SPACE, clean, figure, key_title, number, sentence, timecode, unit_of

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["render_comparison"]

SCRIPTS, STYLES = ("comparison",), ("base", "sections", "comparison")
THUMB_PX = 132  # height of a keyframe: some 5 kB each
MOST_PICTURED = 24  # clips whose keyframes are shown: more would not be looked at, and the file would grow past what opens quickly
MOST_THUMBS = 24  # of one clip
COLUMNS = 6  # clips whose values stand in columns of their own; more stand in the plot
GROUP_TITLES = {"media": "The file", "shots": "Shots", **INSIGHTS, **ANALYZER_TITLES}
TONES = 8
LONG_UNIT = 5  # characters; a shorter unit stands with each figure


@dataclass(frozen=True, slots=True)
class Strip:
    """One clip on the common time scale. left and width in percent of the longest clip."""

    number: int
    name: str
    file: str
    words: str
    tone: str
    width: float
    shots: Sequence[Mapping[str, Any]]
    more: int


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. values: words per clip, None where not measured, then why; dots: clip number, place 0-100, words.

    same: measured in all clips, and alike. differs: measured in two or more, and not alike.
    """

    path: str
    title: str
    same: bool
    differs: bool
    values: Sequence[tuple[str | None, str]]
    dots: Sequence[tuple[int, float, str]]
    box: tuple[float, float, float] | None
    low: str
    high: str
    difference: str
    measured: int


def render_comparison(
    clips: Sequence[Figures],
    found: Pair | Many,
    *,
    keyframes: Sequence[Mapping[str, bytes]] = (),
    left_out: Sequence[str] = (),
) -> str:
    """The comparison of two documents or more as one self-contained HTML text.

    Args:
        clips: Figures of the documents, in the order in which they are shown.
        found: What `compare_pair` or `compare_many` said of them.
        keyframes: For each clip JPEG bytes by `ShotRow.keyframe`; a shot without one is a plain block.
        left_out: Warnings of what is not in the comparison.
    """
    from markupsafe import Markup

    longest = max((c.clip.duration_s for c in clips), default=0.0) or 1.0
    groups = _groups(clips, found)
    script = page_script(SCRIPTS)
    page = {
        "title": f"{clean(clips[0].clip.name)} and {clean(clips[1].clip.name)}" if isinstance(found, Pair) else f"{len(clips)} clips",
        "strips": [_strip(n, c, longest, keyframes[n] if n < len(keyframes) else {}) for n, c in enumerate(clips)],
        "pictured": MOST_PICTURED,
        "scale": timecode(longest),
        "pair": isinstance(found, Pair),
        "columns": [clean(c.clip.name) for c in clips] if len(clips) <= COLUMNS else [],
        "groups": groups,
        "differ": sum(row.differs for _, _, rows in groups for row in rows),
        "lacking": sum(row.measured < len(clips) for _, _, rows in groups for row in rows),
        "total": sum(len(rows) for _, _, rows in groups),
        "shots": _shot_pairs(found) if isinstance(found, Pair) else [],
        "shots_reason": clean(found.shots_reason) if isinstance(found, Pair) and found.shots_reason else None,
        "words": _words(found) if isinstance(found, Many) else [],
        "missing": _missing(clips),
        "effects": _effects(found.effects) if isinstance(found, Many) and found.effects is not None else None,
        "warnings": [clean(w) for w in (*left_out, *found.warnings)],
        "versions": ", ".join(sorted({clean(c.clip.version) for c in clips})),
        "css": Markup(page_style(STYLES)),  # noqa: S704 - our own package files
        "script": Markup(script),  # noqa: S704
        "policy": policy_of(script),
    }
    return environment().get_template("comparison.html.j2").render(page)


def _strip(index: int, clip: Figures, longest: float, keyframes: Mapping[str, bytes]) -> Strip:
    about = [timecode(clip.clip.duration_s), f"{len(clip.shots)} shots" if len(clip.shots) != 1 else "1 shot"]
    if clip.clip.views is not None:
        about.append(f"{number(clip.clip.views)} views")
    shots = []
    for i, shot in enumerate(clip.shots):
        picture = None
        if index < MOST_PICTURED and i < MOST_THUMBS and (data := keyframes.get(shot.get("keyframe") or "")):
            picture = _thumbnail(data)
        colours = swatches(shot.get("palette") or [])
        shots.append(
            {
                "number": shot["index"] + 1,
                "left": round(100 * shot["start_s"] / longest, 3),
                "width": round(100 * (shot["end_s"] - shot["start_s"]) / longest, 3),
                "image": data_uri(picture) if picture else None,
                "colour": colours[0]["hex"] if colours else None,
                "speech": None if shot.get("speech_share") is None else round(100 * min(1.0, max(0.0, shot["speech_share"])), 1),
                "words": _shot_words(shot),
            }
        )
    name = clean(clip.clip.name)
    file = clean(clip.clip.url or clip.clip.file or "")
    width = round(100 * clip.clip.duration_s / longest, 3)
    return Strip(index + 1, name, file, ", ".join(about), f"t{index % TONES}", width, shots, max(0, len(clip.shots) - MOST_THUMBS))


def _shot_words(shot: Mapping[str, Any]) -> str:
    """A shot in a line: only what was measured."""
    told = [f"Shot {shot['index'] + 1}: {timecode(shot['start_s'])} to {timecode(shot['end_s'])}"]
    entered, camera = shot.get("transition_in") or {}, shot.get("camera") or {}
    if entered.get("kind"):
        told.append(f"enters by {clean(entered['kind'])}")
    told += [sentence(clean(v)).lower() for v in (shot.get("size"), camera.get("move")) if v]
    told += [f"“{clean(t)}”" for t in shot.get("text") or ()]
    if shot.get("speech"):
        told.append(f"said: {clean(shot['speech'])}")
    return ", ".join(told)


def _thumbnail(jpeg: bytes) -> bytes | None:
    """A small JPEG of a keyframe; None where it is no picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(jpeg)) as image:
            image.draft("RGB", (THUMB_PX, THUMB_PX * 2))
            small: Image = image.convert("RGB")
            small.thumbnail((THUMB_PX * 3, THUMB_PX))
            out = io.BytesIO()
            small.save(out, "JPEG", quality=72, optimize=True)
            return out.getvalue()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None


# ---- figures ---------------------------------------------------------------------------------------------------------------------


def _groups(clips: Sequence[Figures], found: Pair | Many) -> list[tuple[str, str, list[Row]]]:
    """Figures by the part of the document that they come from: name, title, rows."""
    boxes = {s.path: (s.q1, s.median, s.q3) for s in found.spreads} if isinstance(found, Many) else {}
    differences = {d.path: d.difference for d in found.figures} if isinstance(found, Pair) else {}
    texts = {w.path for w in found.words} if isinstance(found, Many) else set()
    groups: dict[str, list[Row]] = {}
    for path in in_order(path for clip in clips for path in clip.values):
        if isinstance(found, Many) and path not in boxes and path not in texts:
            continue  # words that are as many as there are clips
        group, _, rest = path.partition(".")
        groups.setdefault(group, []).append(_row(path, rest, clips, boxes.get(path), differences.get(path)))
    return [(name, GROUP_TITLES.get(name, sentence(clean(name))), rows) for name, rows in groups.items()]


def _row(path: str, rest: str, clips: Sequence[Figures], box: tuple[float, float, float] | None, difference: float | None) -> Row:
    key = rest.rpartition(".")[2]
    parts = rest.split(".")
    title = ": ".join([sentence(clean(p)) for p in parts[:-1]] + [key_title(clean(parts[-1]))])
    facts = [clip.fact(path) for clip in clips]
    numbers = [f for f in facts if _is_number(f)]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
    span = high - low

    def place(value: float) -> float:
        return round(100 * (value - low) / span, 2) if span else 50.0

    values = [(None, clean(clip.lack(path))) if f is None else (figure(key, f), "") for clip, f in zip(clips, facts, strict=True)]
    dots = [
        (n, place(float(f)), f"{clean(clip.clip.name)}: {figure(key, f)}")
        for n, (clip, f) in enumerate(zip(clips, facts, strict=True), 1)
        if _is_number(f)
    ]
    told = {str(f) for f in facts if f is not None}
    ends = (figure(key, low), figure(key, high)) if numbers else ("", "")
    unit = _shared_unit(key, [w for w, _ in values if w is not None] + [e for e in ends if e])
    if unit:
        title, values = f"{title} ({unit})", [(w and w.removesuffix(f"{SPACE}{unit}"), why) for w, why in values]
        ends = (ends[0].removesuffix(f"{SPACE}{unit}"), ends[1].removesuffix(f"{SPACE}{unit}"))
    return Row(
        path=path,
        title=title,
        same=len(told) <= 1 and all(f is not None for f in facts),
        differs=len(told) > 1,
        values=values,
        dots=dots if len(numbers) > 1 else (),
        box=None if box is None or not span else (place(box[0]), place(box[1]), place(box[2])),
        low=ends[0],
        high=ends[1],
        difference="" if difference is None else _signed(key, difference).removesuffix(f"{SPACE}{unit}" if unit else ""),
        measured=sum(f is not None for f in facts),
    )


def _shared_unit(key: str, words: Sequence[str]) -> str:
    """The unit that stands once in the row's name, not in every cell: one that is long, and that all cells have."""
    unit = words[0].rpartition(SPACE)[2] if words and SPACE in words[0] else ""
    named = unit_of(key)[1]
    unit = named if named.endswith(unit) and unit else unit
    return unit if len(unit) >= LONG_UNIT and all(w.endswith(f"{SPACE}{unit}") for w in words) else ""


def _is_number(fact: Fact | None) -> bool:
    return isinstance(fact, int | float) and not isinstance(fact, bool)


def _signed(key: str, value: float) -> str:
    if key.endswith("_share"):
        return f"{'+' if value > 0 else ''}{number(round(100 * value, 1))}{SPACE}points"
    if key.endswith("_lufs"):  # what is between two levels is counted in LU
        key = f"{key.removesuffix('_lufs')}_lu"
    return f"{'+' if value > 0 else ''}{figure(key, value)}"


def _shot_pairs(pair: Pair) -> list[dict[str, Any]]:
    """Shots of both clips as they stand beside each other."""
    rows = []
    for shot in pair.shots:
        cells = []
        for key in ("duration_s", "size", "move", "transition_in", "speech_share", "loudness_lufs"):
            a, b, _ = shot.figures.get(key, (None, None, None))
            both = shot.a is not None and shot.b is not None
            told = [NA if v is None else figure(key, v) for v, i in ((a, shot.a), (b, shot.b)) if i is not None]
            cells.append((told[0] if len(set(told)) == 1 else " → ".join(told), both and len(set(told)) > 1 and NA not in told))
        rows.append(
            {
                "a": None if shot.a is None else (shot.a + 1, timecode(shot.start_a_s)),
                "b": None if shot.b is None else (shot.b + 1, timecode(shot.start_b_s)),
                "cost": None if shot.cost is None else f"{shot.cost:.2f}",
                "cells": cells,
            }
        )
    return rows


def _words(many: Many) -> list[tuple[str, str, list[tuple[str, int]]]]:
    """Figures that are words, with how many clips have each: the part of the document, what is told, its values."""
    named = [(w, *_named(w.path)) for w in many.words]
    count = Counter((group, short) for _, group, short, _ in named)
    return [
        (group, short if count[group, short] == 1 else full, [(clean(v).replace("_", " "), n) for v, n in w.values.items()])
        for w, group, short, full in named
    ]


def _named(path: str) -> tuple[str, str, str]:
    """Part of the document, and the figure's name: by what it is of ("Hook: status"), and by its whole way."""
    group, *way = path.split(".")
    last = key_title(clean(way[-1]))
    of = [sentence(clean(p)) for p in way[:-1]]
    return GROUP_TITLES.get(group, sentence(clean(group))), ": ".join([*of[-1:], last]), ": ".join([*of, last])


def _missing(clips: Sequence[Figures]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What was not measured, by reason: the parts of the document that lack a result, and in which clips."""
    found: dict[tuple[str, str], list[str]] = {}
    for clip in clips:
        for group, reason in clip.lacks.items():
            if "." not in group:
                found.setdefault((group, clean(reason)), []).append(clean(clip.clip.name))
    out: dict[str, list[tuple[str, str]]] = {}
    for (group, reason), names in found.items():
        where = "all" if len(names) == len(clips) else ", ".join(names[:COLUMNS]) + (" …" if len(names) > COLUMNS else "")
        out.setdefault(reason, []).append((GROUP_TITLES.get(group, sentence(clean(group))), where))
    return list(out.items())


def _effects(effects: Effects) -> dict[str, Any]:
    rows = [
        {
            "figure": clean(e.figure),
            "n": e.n,
            "rho": number(e.rho, 2),
            "between": NA if e.rho_low is None or e.rho_high is None else f"{number(e.rho_low, 2)} to {number(e.rho_high, 2)}",
            "p": number(e.p_adjusted, 2),
            "finding": e.finding,
        }
        for e in effects.effects
    ]
    return {
        "refused": clean(effects.refused) if effects.refused else None,
        "clips": effects.clips_with_views,
        "rows": rows,
        "findings": sum(e.finding for e in effects.effects),
        "warnings": [clean(w) for w in effects.warnings],
    }
