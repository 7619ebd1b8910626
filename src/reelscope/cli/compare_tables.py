"""Comparisons on the terminal, within 100 columns. What is the same is counted, not shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from reelscope.cli.terminal import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from reelscope.document.compare.many import Association, Distribution, Many
    from reelscope.document.compare.pairs import Group, Pair, ShotPair

__all__ = ["number", "show_many", "show_pair"]

MOST_EFFECTS = 15  # largest correlations shown where nothing or little was found; all stand in the JSON
SHOT_WORDS = ("size", "move", "transition_in")
SHOT_FIGURES = {"speech_share": "speech", "loudness_lufs": "LUFS", "sharpness": "sharp", "texts": "text", "speed_fw_s": "speed"}


def number(value: Any, *, sign: bool = False) -> str:
    """A figure in four significant digits, large ones in full; words as they are, yes and no."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return one_line(value)
    shown = f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return f"+{shown}" if sign and value > 0 else shown


def show_pair(pair: Pair, out: Console) -> None:
    """Two documents: shots, then each group's figures that differ, then what only one has."""
    for letter, clip in (("A", pair.a), ("B", pair.b)):
        out.print(Text(f"{letter}: {one_line(clip.name)} ({clip.duration_s:.2f} s, reelscope {one_line(clip.version)})"), soft_wrap=True)
    _warn(pair.warnings, out)
    if pair.same:
        out.print("no difference")
        return
    if any(s.a is None or s.b is None or s.figures_a != s.figures_b for s in pair.shots):
        _shot_table(pair.shots, out)
    for group in pair.groups:
        _group_table(group, out)
    neither: dict[str, list[str]] = {}
    for group in pair.groups:
        if group.neither is not None:
            a, b = group.neither
            neither.setdefault(a if a == b else f"A: {a}; B: {b}", []).append(group.name)
    _by_reason("in neither", neither, out)


def _table(title: str, *columns: str, words: Iterable[int] = (0,)) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    words = set(words)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i in words else "right", overflow="fold", no_wrap=i not in words)
    return table


def _shot_table(shots: Sequence[ShotPair], out: Console) -> None:
    """Each pair on two lines, A above B, and a shot without a counterpart on one."""
    table = _table(
        "\nshots, in order", "", "shot", "from", "length", "size", "move", "entered by", *SHOT_FIGURES.values(), "cost", words=(0, 4, 5, 6)
    )
    for pair in shots:
        for letter, index, figures in (("A", pair.a, pair.figures_a), ("B", pair.b, pair.figures_b)):
            if figures is None or index is None:
                continue
            lone = pair.a is None or pair.b is None
            cells = [letter, str(index + 1), number(figures["start_s"]), number(figures["duration_s"])]
            cells += [number(figures[k]).replace("_", " ") for k in SHOT_WORDS] + [number(_two(figures[k])) for k in SHOT_FIGURES]
            cells.append("alone" if lone else (f"{pair.cost:.2f}" if letter == "A" and pair.cost is not None else ""))
            table.add_row(*cells, style="dim" if lone else None)
    table.columns[4].no_wrap = table.columns[5].no_wrap = True
    out.print(table)


def _two(value: Any) -> Any:
    return float(f"{value:.2g}") if isinstance(value, float) else value


def _group_table(group: Group, out: Console) -> None:
    if not group.both and not group.one:
        return
    differ = [d for d in group.both if not d.same]
    same = len(group.both) - len(differ)
    title = f"\n{group.name}" + (f" ({same} figure{'s' * (same != 1)} the same)" if same else "")
    if differ:
        table = _table(title, "figure", "A", "B", "B - A")
        for d in differ:
            name = d.figure.split(".", 1)[1]
            table.add_row(name, *(number(_cut(v)) for v in (d.a, d.b)), number(d.difference, sign=True) if d.difference is not None else "")
        out.print(table)
    elif group.one:
        out.print(Text(title, style="bold"))
    for side, other in (("a", "B"), ("b", "A")):
        lone: dict[str, list[str]] = {}
        for one in group.one:
            if one.measured_in == side:
                lone.setdefault(f"{other} has none: {one.reason}", []).append(f"{one.figure.split('.', 1)[1]} {number(_cut(one.value))}")
        _by_reason(f"in {side.upper()} alone", lone, out)


def _cut(value: Any) -> Any:
    return f"{value[:25]}..." if isinstance(value, str) and len(value) > 28 else value


def _by_reason(title: str, reasons: Mapping[str, Sequence[str]], out: Console) -> None:
    for reason, names in reasons.items():
        out.print(Text(f"{title}: {one_line(', '.join(names))} ({one_line(reason)})", style="dim"))


def _warn(warnings: Iterable[str], out: Console) -> None:
    for warning in warnings:
        out.print(Text(f"warning: {one_line(warning)}", style="yellow"))


def show_many(many: Many, out: Console) -> None:
    """Many documents: the clips with their numbers, distributions by group, what goes with views."""
    ids = {clip.name: str(i) for i, clip in enumerate(many.clips, 1)}
    out.print(Text(f"{len(many.clips)} clips; lowest and highest name them by number", style="bold"))
    for name, i in ids.items():
        views = next(c.views for c in many.clips if c.name == name)
        out.print(Text(f"{i:>4} {one_line(name)}" + (f" ({views:,} views)" if views is not None else "")), soft_wrap=True)
    _warn(many.warnings, out)
    groups: dict[str, list[Distribution]] = {}
    for row in many.distributions:
        groups.setdefault(row.figure.split(".", 1)[0], []).append(row)
    for name, rows in groups.items():
        _distributions(name, rows, ids, len(many.clips), out)
    never: dict[str, list[str]] = {}
    for name, reasons in many.never.items():
        never.setdefault("; ".join(reasons), []).append(name)
    _by_reason("in none", never, out)
    _views(many, out)


def _distributions(name: str, rows: Sequence[Distribution], ids: Mapping[str, str], clips: int, out: Console) -> None:
    shown = [r for r in rows if not r.constant or r.n < clips]
    same = len(rows) - len(shown)
    title = f"\n{name}" + (f" ({same} figure{'s' * (same != 1)} the same in all)" if same else "")
    if not shown:
        out.print(Text(title, style="bold"))
        return
    table = _table(title, "figure", "n", "min", "q1", "median", "q3", "max", "lowest", "highest", words=(0, 7, 8))
    for r in shown:
        edges = [" ".join(ids[c] for c in names) + (f" +{more}" if more else "") for names, more in _edges(r)]
        table.add_row(r.figure.split(".", 1)[1], str(r.n), *(number(v) for v in (r.minimum, r.q1, r.median, r.q3, r.maximum)), *edges)
    out.print(table)
    lacks: dict[str, list[str]] = {}
    for r in shown:
        for reason, names in r.not_measured.items():
            lacks.setdefault(f"{len(names)} clip{'s' * (len(names) != 1)}: {reason}", []).append(r.figure.split(".", 1)[1])
    _by_reason("not measured", lacks, out)


def _edges(row: Distribution) -> tuple[tuple[Sequence[str], int], ...]:
    return () if row.constant else ((row.lowest, row.lowest_more), (row.highest, row.highest_more))


def _views(many: Many, out: Console) -> None:
    views = many.views
    out.print(Text("\nviews", style="bold"))
    if views.status != "ok":
        out.print(Text(f"{'no effects' if views.status == 'refused' else 'not compared'}: {views.reason}"))
        return
    tested = [f for f in views.figures if f.p is not None and f.same_as is None]
    found = [f for f in tested if f.found]
    out.print(f"{views.n} clips with views; {views.tests} figures tested; {len(found)} found at {views.alpha:g} after adjusting (Holm)")
    rest = sorted((f for f in tested if not f.found), key=lambda f: -abs(f.rho or 0))[: max(0, MOST_EFFECTS - len(found))]
    table = _table("", "figure", "n", "rho", "95 %", "p", "adjusted", "delta", "95 %", "found", words=(0, 8))
    for f in (*sorted(found, key=lambda f: -abs(f.rho or 0)), *rest):
        table.add_row(f.figure, str(f.n), *_effect(f), "yes" if f.found else "no", style=None if f.found else "dim")
    out.print(table)
    untested = [f for f in views.figures if f.p is None]
    if untested:
        out.print(Text(f"not tested: {len(untested)} figures (in too few clips, or the same in all: the JSON says which)", style="dim"))
    for caution in views.cautions:
        out.print(Text(caution, style="yellow"))


def _effect(f: Association) -> list[str]:
    def span(low: float | None, high: float | None) -> str:
        return "-" if low is None or high is None else f"{low:+.2f} {high:+.2f}"

    p, adjusted = (f"{v:.1e}" if v < 0.001 else f"{v:.3f}" for v in (f.p or 0.0, f.p_adjusted or 0.0))
    return [f"{f.rho:+.2f}", span(f.low, f.high), p, adjusted, number(f.delta, sign=True), span(f.delta_low, f.delta_high)]
