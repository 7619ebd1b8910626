"""A snapshot of the monitor as tables for a terminal, from 60 columns up; what matters least goes first where there is no room."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reelscope.cli.status import span
from reelscope.cli.terminal import one_line
from reelscope.server.monitor.shapes import AnalyzerRates, Gpu, Machine, ModelUse, MonitorSnapshot, WorkerNow

__all__ = ["bar", "view"]

WIDE, MIDDLE = 110, 80  # columns from which on everything, and most of it, has room
UNKNOWN = "-"
STATES = {"ready": "green", "starting": "yellow", "draining": "yellow", "gone": "red", "lost": "red"}
HIGH, FULL = 0.8, 0.95  # shares from which on a figure is yellow, and red
MANY_ERRORS, SOME_ERRORS = 0.1, 0.0
STALE_S = 5.0  # beats come once a second
BAR = 10
GIB = 1024.0


def view(s: MonitorSnapshot, *, width: int, server: str, trouble: str | None = None) -> RenderableType:
    """Everything of a snapshot. trouble: why it is not a newer one."""
    parts: list[RenderableType] = [_head(s, server, trouble), _queue(s)]
    if not s.workers:
        parts += [Text(), Text("no workers", style="red")]
    else:
        parts += [Text(), _workers(s.workers, width)] if width >= MIDDLE else [Text(), *_workers_narrow(s.workers)]
    parts += [Text(), _machines(s.machines, width)]
    gpus = [(m.host, gpu) for m in s.machines for gpu in m.gpus]
    if gpus:
        parts += [Text(), _gpus(gpus, width)]
    if s.analyzers:
        parts += [Text(), _analyzers(s.analyzers, width)]
    if s.models:
        parts += [Text(), _models(s.models, width)]
    return Group(*parts)


def bar(share: float | None, cells: int = BAR) -> str:
    """A bar of a share, 0-1; blank where it is not known."""
    if share is None:
        return " " * cells
    full = round(max(0.0, min(1.0, share)) * cells)
    return "█" * full + "░" * (cells - full)


def _head(s: MonitorSnapshot, server: str, trouble: str | None) -> Text:
    text = Text(overflow="ellipsis")
    text.append(f"reelscope {s.version}", style="bold").append(f" at {server}: ").append(s.state, style=STATES.get(s.state, ""))
    text.append(f", up {span(s.uptime_s)}")
    if s.restarts or s.engine_restarts:
        text.append(f", restarts: {s.restarts} of workers, {s.engine_restarts} in engines", style="yellow" if s.restarts else "")
    if trouble:
        text.append(f"\n{trouble}; figures of {s.at:%H:%M:%S} UTC", style="red")
    return text


def _queue(s: MonitorSnapshot) -> Text:
    q = s.queue
    waits = f" (the oldest for {span(q.oldest_queued_s)})" if q.oldest_queued_s is not None else ""
    text = Text(f"queue: {q.queued} waiting{waits}, {q.running} running; last hour: {q.done_1h} done, ")
    text.append(f"{q.failed_1h} failed", style="red" if q.failed_1h else "")
    return text.append(f", {q.cancelled_1h} cancelled")


def _workers(workers: Sequence[WorkerNow], width: int) -> Table:
    table = _table()
    table.add_column("worker", overflow="ellipsis", no_wrap=True, max_width=28 if width < WIDE else None)
    table.add_column("state", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True)
    if width >= WIDE:
        table.add_column("models", justify="right", no_wrap=True)
        table.add_column("restarts", justify="right", no_wrap=True)
    table.add_column("does", overflow="ellipsis", no_wrap=True, ratio=1)
    for w in workers:
        row: list[RenderableType] = [Text(one_line(w.id)), _state(w), _of(w.rss_mib, w.memory_limit_mib)]
        if width >= WIDE:
            row += [_mib(sum(m.mib for m in w.models)) if w.models else Text(UNKNOWN), Text(f"{w.restarts} + {w.engine_restarts}")]
        table.add_row(*row, _does(w))
        for each in w.engine:
            if each.name != "here" and (width >= WIDE or _near(each.rss_mib, each.memory_limit_mib)):
                table.add_row(*_process(each.name, each.device, each.ready, _of(each.rss_mib, each.memory_limit_mib), width))
    return table


def _workers_narrow(workers: Sequence[WorkerNow]) -> list[RenderableType]:
    """Without columns: what a worker does stands below it."""
    lines: list[RenderableType] = [Text("worker", style="bold")]
    for w in workers:
        facts = (Text(one_line(w.id)), _state(w), _of(w.rss_mib, w.memory_limit_mib))
        lines.append(_line(Text("  ").join(facts)))
        if w.doing:
            lines += [_line(Text("  ").append_text(line)) for line in _does(w).split("\n")]
    return lines


def _line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _state(w: WorkerNow) -> Text:
    state = Text(w.state, style=STATES.get(w.state, ""))
    if w.state != "gone" and w.beat_age_s > STALE_S:
        state.append(f", silent {span(w.beat_age_s)}", style="red")
    return state


def _process(name: str, device: str, ready: bool, memory: Text, width: int) -> list[RenderableType]:
    blank = [Text(), Text()] if width >= WIDE else []
    return [Text(f"  {name} on {device}", style="dim"), Text("ready" if ready else "starting", style="dim"), memory, *blank, Text()]


def _does(worker: WorkerNow) -> Text:
    if not worker.doing:
        return Text("nothing" if worker.state == "ready" else "", style="dim")
    text = Text()
    for i, d in enumerate(worker.doing):
        text.append("\n" if i else "").append(bar(d.share), style="cyan").append(f" {d.share:>4.0%} " if d.share is not None else "      ")
        text.append(f"{d.phase} {one_line(d.title)}" + (f" ({span(d.seconds)})" if d.seconds is not None else ""))
    return text


def _machines(machines: Sequence[Machine], width: int) -> Table:
    table = _table()
    table.add_column("machine", overflow="ellipsis", no_wrap=True, min_width=8)
    table.add_column("cpu", justify="right", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True)
    if width >= MIDDLE:
        table.add_column("container", justify="right", no_wrap=True)
        table.add_column("load", justify="right", no_wrap=True)
    table.add_column("data free", justify="right", no_wrap=True)
    table.add_column("temp free", justify="right", no_wrap=True)
    for m in machines:
        disks = {d.path_role: d for d in m.disks}
        row: list[RenderableType] = [Text(one_line(m.host)), _cpu(m), _of(m.memory_used_mib, m.memory_total_mib)]
        if width >= MIDDLE:
            row += [_of(m.memory_limit_used_mib, m.memory_limit_mib), Text(_known(m.load_1m, ".2f"))]
        for role in ("data", "temp"):
            disk = disks.get(role)
            used = 1 - disk.free_mib / disk.total_mib if disk is not None and disk.total_mib else None
            row.append(_mib(disk.free_mib, _style(used)) if disk is not None else Text(UNKNOWN))
        table.add_row(*row)
    return table


def _cpu(m: Machine) -> Text:
    cores = f" of {m.cpu_cores}" if m.cpu_cores is not None else ""
    return Text(f"{_known(m.cpu_percent, '.0f', '%')}{cores}")


def _gpus(gpus: Sequence[tuple[str, Gpu]], width: int) -> Table:
    table = _table()
    table.add_column("gpu", no_wrap=True, overflow="ellipsis")
    if width >= MIDDLE:
        table.add_column("name", no_wrap=True, overflow="ellipsis")
    for name in ("use", "memory", "°C", "W"):
        table.add_column(name, justify="right", no_wrap=True)
    for host, gpu in gpus:
        row: list[RenderableType] = [Text(f"{one_line(host)}:{gpu.index}")]
        if width >= MIDDLE:
            row.append(Text(one_line(gpu.name or UNKNOWN)))
        use = Text("lost", style="red") if gpu.state == "lost" else Text(_known(gpu.util_percent, ".0f", "%"))
        row += [use, _of(gpu.memory_used_mib, gpu.memory_total_mib)]
        table.add_row(*row, Text(_known(gpu.temperature_c, ".0f")), Text(_known(gpu.power_w, ".0f")))
    return table


def _analyzers(rates: Sequence[AnalyzerRates], width: int) -> Table:
    """The ones that fail most first."""
    table = _table()
    table.add_column("analyzer", no_wrap=True, overflow="ellipsis")
    short = width < MIDDLE  # the hour alone
    for window in ("1 h",) if short else ("5 min", "1 h"):
        for name in (f"{window}: runs", "failed", "median s"):
            table.add_column(name, justify="right", no_wrap=True)
    if not short:
        table.add_column("p95 s", justify="right", no_wrap=True)
    for r in sorted(rates, key=lambda r: (-(r.error_rate_1h or 0.0), r.name)):
        row = [Text(r.name)]
        row += [] if short else [Text(str(r.runs_5m)), _errors(r.error_rate_5m), Text(_known(r.seconds_median_5m, ".2f"))]
        row += [Text(str(r.runs_1h)), _errors(r.error_rate_1h), Text(_known(r.seconds_median_1h, ".2f"))]
        table.add_row(*row, *([] if short else [Text(_known(r.seconds_p95_1h, ".2f"))]))
    return table


def _models(models: Sequence[ModelUse], width: int) -> Table:
    table = _table()
    table.add_column("model", no_wrap=True, overflow="ellipsis")
    table.add_column("found loaded", justify="right", no_wrap=True)
    if width >= MIDDLE:
        table.add_column("uses", justify="right", no_wrap=True)
    table.add_column("loads", justify="right", no_wrap=True)
    table.add_column("loading s", justify="right", no_wrap=True)
    table.add_column("held by", justify="right", no_wrap=True)
    for m in models:
        loads = Text(str(m.loads))
        if m.failed:
            loads.append(f", {m.failed} failed", style="red")
        row = [Text(m.name), Text(_known(m.hit_rate, ".0%"))]
        row += [Text(str(m.hits + m.misses))] if width >= MIDDLE else []
        table.add_row(*row, loads, Text(f"{m.load_s:.1f}"), Text(str(len(m.loaded_in))))
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))


def _known(value: float | None, form: str, unit: str = "") -> str:
    return UNKNOWN if value is None else f"{value:{form}}{unit}"


def _errors(rate: float | None) -> Text:
    style = "" if rate is None or rate <= SOME_ERRORS else "red" if rate >= MANY_ERRORS else "yellow"
    return Text(_known(rate, ".1%"), style=style)


def _mib(mib: float | None, style: str = "") -> Text:
    if mib is None:
        return Text(UNKNOWN)
    return Text(f"{mib:.0f} MiB" if mib < GIB else f"{mib / GIB:.1f} GiB", style=style)


def _of(used: float | None, most: float | None) -> Text:
    """Memory against what it may be."""
    if used is None:
        return Text(UNKNOWN)
    if most is None:
        return _mib(used)
    unit, divisor = ("MiB", 1.0) if most < GIB else ("GiB", GIB)
    return Text(f"{used / divisor:.1f} of {most / divisor:.1f} {unit}", style=_style(used / most if most else None))


def _near(used: float | None, most: float | None) -> bool:
    return used is not None and bool(most) and used / (most or 1.0) >= HIGH


def _style(share: float | None) -> str:
    return "" if share is None or share < HIGH else "red" if share >= FULL else "yellow"
