"""How comparisons look in the terminal."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from reelscope.document.compare.effects import Effects
    from reelscope.document.compare.many import Many, Spread
    from reelscope.document.compare.pairs import Pair, ShotPair

__all__ = ["print_many", "print_pair"]

DIGITS = 4  # of figures as they are shown; all of them stand in the JSON
LONGEST = 48  # characters of a text that is shown
LEAST_NAME = 24  # characters for names of figures beside the figures; with less room they stand above them
LEAST_CELL = 8  # characters of a text in a column
INDENT = "    "


def print_pair(out: Console, pair: Pair, *, groups: Collection[str], everything: bool) -> None:
    """Shots beside each other, figures with their difference, what only one has, what neither has."""
    from rich.text import Text

    for side, clip in (("a", pair.a), ("b", pair.b)):
        out.print(_line(f"{side}: {clip.name}, {clip.duration_s:.1f} s", clip.file), soft_wrap=True)
    if not everything and not _differ(pair, groups):
        out.print("no difference")
        return
    if not groups or "shots" in groups:
        _print_shots(out, pair)
    shown = [f for f in pair.figures if _wanted(f.path, groups)]
    rows = [f for f in shown if everything or not f.same]

    def cells(f: Any) -> list[str]:
        return [_shown(f.a), _shown(f.b), "" if f.difference is None else f"{f.difference:+.{DIGITS}g}"]

    _print_figures(out, ("a", "b", "b - a"), [(group, [(f.path, cells(f)) for f in found]) for group, found in _by_group(rows)])
    hidden = len(shown) - len(rows)
    if hidden:
        out.print(Text(f"\n{hidden} figures are the same in both (--all shows them)"), soft_wrap=True)
    one = [f for f in pair.only_one if _wanted(f.path, groups)]
    if one:
        out.print(Text("\nmeasured in one only", style="bold"))
        for side, reason, names in _by_reason((f.measured_in, f.reason, f"{f.path} = {_shown(f.value)}") for f in one):
            out.print(Text(f"  {side} only: {', '.join(names)}\n    {reason}"), soft_wrap=True)
    neither = [u for u in pair.unmeasured if _wanted(u.group, groups)]
    if neither:
        out.print(Text("\nmeasured in neither", style="bold"))
        for u in neither:
            out.print(Text(f"  {u.group}: {u.a}" if u.a == u.b else f"  {u.group}: a: {u.a}; b: {u.b}"), soft_wrap=True)


def _differ(pair: Pair, groups: Collection[str]) -> bool:
    """Whether anything that is shown differs."""
    shots = not groups or "shots" in groups
    return (
        any(not f.same for f in pair.figures if _wanted(f.path, groups))
        or any(_wanted(f.path, groups) for f in pair.only_one)
        or (shots and any(s.cost is None or s.cost > 0 or any(a != b for a, b, _ in s.figures.values()) for s in pair.shots))
    )


def _print_shots(out: Console, pair: Pair) -> None:
    from rich.text import Text

    if pair.shots_reason is not None:
        out.print(Text(f"\nshots are not compared: {pair.shots_reason}"), soft_wrap=True)
        return
    table = _table("a, from", "b, from", "cost", "length", "b - a", "size", "move", "entered", "speech", "LUFS")
    for shot in pair.shots:
        unpaired = shot.cost is None
        cells = [
            _place(shot.a, shot.start_a_s), _place(shot.b, shot.start_b_s), "" if shot.cost is None else f"{shot.cost:.2f}",
            _lengths(shot), _plus(shot, "duration_s", 2),
            _change(shot, "size"), _change(shot, "move"), _change(shot, "transition_in"), _plus(shot, "speech_share", 2),
            _plus(shot, "loudness_lufs", 1),
        ]  # fmt: skip
        table.add_row(*(Text(cell, style="dim" if unpaired else "") for cell in cells))
    out.print()
    out.print(table)
    pairs = sum(shot.cost is not None for shot in pair.shots)
    out.print(Text(f"{pairs} pairs, {len(pair.shots) - pairs} shots without a counterpart; speech (share) and LUFS: b - a"), soft_wrap=True)


def print_many(out: Console, many: Many, *, groups: Collection[str], everything: bool) -> None:
    """Spreads, words with their counts, effects."""
    from rich.text import Text

    from reelscope.cli.terminal import one_line

    ids = {clip.name: str(number) for number, clip in enumerate(many.clips, 1)}
    out.print(Text(f"{len(many.clips)} clips; lowest and highest name them by number", style="bold"))
    for clip in many.clips:
        views = f", {clip.views:,} views" if clip.views is not None else ""
        out.print(Text(f"{ids[clip.name]:>4}  {one_line(clip.name)}, {clip.duration_s:.1f} s{views}"), soft_wrap=True)
    shown = [s for s in many.spreads if _wanted(s.path, groups)]
    rows = [s for s in shown if everything or s.min < s.max]

    def cells(s: Spread) -> list[str]:
        five = (_shown(v) for v in (s.min, s.q1, s.median, s.q3, s.max))
        return [str(s.n), *five, _ends(s.lowest, s.lowest_n, ids), _ends(s.highest, s.highest_n, ids)]

    titles = ("n", "min", "q1", "median", "q3", "max", "lowest", "highest")
    _print_figures(out, titles, [(group, [(s.path, cells(s)) for s in found]) for group, found in _by_group(rows)])
    if len(shown) > len(rows):
        out.print(Text(f"\n{len(shown) - len(rows)} figures are the same in all clips that have them (--all shows them)"), soft_wrap=True)
    words = [w for w in many.words if _wanted(w.path, groups) and (everything or len(w.values) > 1)]
    if words:
        table = _table("figure", "n", "how many clips")
        for w in words:
            table.add_row(
                Text("\n".join(_in_lines(w.path, out.width // 2, ""))),
                Text(str(w.n)),
                Text(", ".join(f"{value}: {n}" for value, n in w.values.items())),
            )
        out.print()
        out.print(table)
    _print_missing(out, [s for s in shown if s.missing], len(many.clips))
    if many.effects is not None:
        print_effects(out, many.effects)


def _print_missing(out: Console, spreads: Sequence[Spread], clips: int) -> None:
    """Figures that were not measured in all clips, by reason."""
    from rich.text import Text

    if not spreads:
        return
    out.print(Text(f"\nnot measured in all {clips} clips", style="bold"))
    for n, reason, names in _by_reason((str(n), reason, s.path) for s in spreads for reason, n in s.missing.items()):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        out.print(Text(f"  in {n}: {', '.join(names[:3])}{more}\n    {reason}"), soft_wrap=True)


def print_effects(out: Console, effects: Effects) -> None:
    """Figures against views; refused is said, and why."""
    from rich.text import Text

    out.print(Text("\nfigures against views", style="bold"))
    if effects.refused is not None:
        out.print(Text(f"refused: {effects.refused}"), soft_wrap=True)
        return
    table = _table("figure", "n", "rho", "95 %", "p", "adjusted", "delta", "95 %", "above/below")
    for e in effects.effects:
        cells = [
            e.figure, str(e.n), f"{e.rho:+.2f}", _interval(e.rho_low, e.rho_high), f"{e.p:.2g}", f"{e.p_adjusted:.2g}",
            "" if e.delta is None else f"{e.delta:+.2f}", _interval(e.delta_low, e.delta_high), f"{e.above_n}/{e.below_n}",
        ]  # fmt: skip
        table.add_row(*(Text(cell, style="bold" if e.finding else "") for cell in cells))
    out.print(table)
    found = sum(e.finding for e in effects.effects)
    of = f"{effects.clips_with_views} clips with views" + (f", {effects.clips_without} without" if effects.clips_without else "")
    out.print(
        Text(f"{of}; {effects.tests} figure{'s' * (effects.tests != 1)} tested, {found} with an adjusted p of at most 0.05"), soft_wrap=True
    )
    for reason, _, names in _by_reason((reason, "", figure) for figure, reason in effects.not_tested.items()):
        out.print(Text(f"not tested: {', '.join(names)}: {reason}"), soft_wrap=True)
    for warning in effects.warnings:
        out.print(Text(f"note: {warning}", style="italic"), soft_wrap=True)


def _table(*titles: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold", min_width=len(title))
    return table


Row = tuple[str, Sequence[str]]


def _print_figures(out: Console, titles: Sequence[str], groups: Sequence[tuple[str, Sequence[Row]]]) -> None:
    """Figures by group: path, cells. No name is broken inside a word: it goes on at an underscore, or has a line of its own."""
    from rich.text import Text

    rows = [cells for _, found in groups for _, cells in found]
    if not rows:
        return
    widths = [max(len(t), *(len(r[i]) for r in rows)) for i, t in enumerate(titles)]
    taken = sum(widths) + len(widths)
    out.print()
    if out.width - taken < LEAST_NAME and len(INDENT) + taken <= out.width:
        _print_beneath(out, titles, groups, widths)
        return
    room = max(LEAST_NAME, out.width - taken - 1)
    named = [(_in_lines(group, room, ""), [(_in_lines(_below(p), room, "  "), cells) for p, cells in found]) for group, found in groups]
    table = _table("figure", *titles)
    table.columns[0].min_width = max(len(line) for head, found in named for name in (head, *(n for n, _ in found)) for line in name)
    for column, width in zip(table.columns[1:], _capped(widths, out.width - table.columns[0].min_width - 1), strict=True):
        column.min_width = column.max_width = width
    for head, found in named:
        table.add_section()
        table.add_row(Text("\n".join(head), style="bold"))
        for name, cells in found:
            table.add_row(Text("\n".join(name)), *map(Text, cells))
    out.print(table)


def _print_beneath(out: Console, titles: Sequence[str], groups: Sequence[tuple[str, Sequence[Row]]], widths: Sequence[int]) -> None:
    """Each name on a line of its own, its figures beneath: for a terminal that is too narrow for both."""
    from rich.text import Text

    def line(cells: Sequence[str]) -> str:
        return INDENT + " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    out.print(Text(f"figure\n{line(titles)}", style="bold"), soft_wrap=True)
    for group, found in groups:
        out.print(Text(group, style="bold"), soft_wrap=True)
        for path, cells in found:
            out.print(Text(f"  {_below(path)}\n{line(cells)}"), soft_wrap=True)


def _capped(widths: Sequence[int], room: int) -> list[int]:
    """Widths of which the largest are cut to one limit, so that all of them with a blank each take `room`."""
    cap = max(widths)
    while cap > LEAST_CELL and sum(min(w, cap) + 1 for w in widths) > room:
        cap -= 1
    return [min(w, cap) for w in widths]


def _in_lines(name: str, room: int, indent: str) -> list[str]:
    """A name in lines of at most `room` characters, broken after underscores and points; a part that is longer stands whole."""
    lines = [indent]
    for part in re.findall(r"[^_.]*[_.]?", name):
        if len(lines[-1]) + len(part) > room and lines[-1].strip():
            lines.append(f"{indent}  ")
        lines[-1] += part
    return lines


def _line(title: str, more: str | None) -> Any:
    from rich.text import Text

    from reelscope.cli.terminal import one_line

    return Text.assemble((one_line(title), "bold"), f" ({one_line(more)})" if more else "")


def _wanted(path: str, groups: Collection[str]) -> bool:
    return not groups or path.partition(".")[0] in groups


def _by_group(rows: Iterable[Any]) -> list[tuple[str, list[Any]]]:
    out: dict[str, list[Any]] = {}
    for row in rows:
        out.setdefault(row.path.partition(".")[0], []).append(row)
    return list(out.items())


def _by_reason(rows: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, list[str]]]:
    out: dict[tuple[str, str], list[str]] = {}
    for first, second, name in rows:
        out.setdefault((first, second), []).append(name)
    return [(first, second, names) for (first, second), names in out.items()]


def _below(path: str) -> str:
    return path.partition(".")[2]


def _shown(value: Any) -> str:
    """A figure as it is read: four digits of a fraction, whole numbers whole, yes and no, words on one line."""
    from reelscope.cli.terminal import one_line

    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        flat = one_line(value)
        return flat if len(flat) <= LONGEST else flat[: LONGEST - 3] + "..."
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e12 else f"{value:.{DIGITS}g}"


def _lengths(shot: ShotPair) -> str:
    return " > ".join(f"{value:.2f}" for value in shot.figures["duration_s"][:2] if value is not None)


def _place(index: int | None, start_s: float | None) -> str:
    return "" if index is None or start_s is None else f"{index + 1}, {start_s:.1f}"


def _plus(shot: ShotPair, key: str, digits: int) -> str:
    difference = shot.figures[key][2]
    return "" if difference is None else f"{difference:+.{digits}f}"


def _change(shot: ShotPair, key: str) -> str:
    a, b, _ = shot.figures[key]
    if shot.a is None or shot.b is None:
        return _shown(b if shot.a is None else a).replace("_", " ")
    return (_shown(a) if a == b else f"{_shown(a) or '-'} > {_shown(b) or '-'}").replace("_", " ")


def _ends(names: tuple[str, ...], n: int, ids: Mapping[str, str]) -> str:
    more = f" +{n - len(names)}" if n > len(names) else ""
    return " ".join(ids[name] for name in names) + more


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:+.2f} to {high:+.2f}"
