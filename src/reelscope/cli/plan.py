"""`reelscope plan`: what would run where, and why."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelscope.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from reelscope.config import Settings
    from reelscope.engine.placement import Hardware, WorkerPlan
    from reelscope.engine.plan import Plan

__all__ = ["as_dict", "imagined", "plan", "show"]

GIB = 1024


def plan(
    source: Annotated[str | None, typer.Argument(metavar="[SRC]", help="Video file; without: a clip with picture and sound.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="A,B", help="Run these analyzers (and what they need).")] = None,
    skip: Annotated[list[str] | None, typer.Option("--skip", metavar="A,B", help="Do not run these analyzers.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", metavar="T", help="Best tier to use: auto, embedded, compact or full.")] = None,
    backend: Annotated[list[str] | None, typer.Option("--backend", metavar="NAME=B", help="Use backend B for analyzer NAME.")] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", metavar="L", help="Models to use: permissive (Apache, MIT, BSD), or any accepted by name.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=V", help="Set any setting, such as placement.pin.text_overlay=cpu:1.")
    ] = None,
    cpus: Annotated[int | None, typer.Option("--cpus", metavar="N", help="Use N CPU cores (placement.threads).")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Use N worker processes on the CPU; 0: work in this one.")
    ] = None,
    clips: Annotated[int, typer.Option("--clips", metavar="N", min=1, help="Plan for N clips; more than one pays for workers.")] = 1,
    hardware: Annotated[
        str | None,
        typer.Option("--hardware", metavar="SPEC", help="Plan for another machine: cores=16,memory=64,gpus=2x80 (GiB; gpus=80+24)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what would run where, and why; nothing is analysed."""
    from pathlib import Path

    from reelscope.cli.analyze import names_of, settings_flags
    from reelscope.cli.options import checked_options
    from reelscope.cli.terminal import console, read_settings
    from reelscope.engine.hardware import read_hardware
    from reelscope.engine.plan import make_plan
    from reelscope.models.catalog import Catalog
    from reelscope.pipeline import SPINE, lookup

    flags = settings_flags(tier=tier, licence=licence, backend=backend or (), set_=set_ or (), cpus=cpus, workers=workers)
    settings = checked_options(read_settings(flags)).settings
    has_picture = has_sound = True
    length_s = 0.0
    if source is not None:
        from reelscope.media.probe import probe

        found = probe(Path(source))
        has_picture, has_sound, length_s = found.video_index is not None, found.audio_index is not None, found.media.duration_s
    machine = imagined(hardware, settings) if hardware is not None else read_hardware(settings)
    made = make_plan(
        only=names_of(only, "--only") if only else None,
        skip=names_of(skip or (), "--skip"),
        settings=settings,
        lookup=lookup(models=Catalog.of(settings)),
        has_picture=has_picture,
        has_sound=has_sound,
        hardware=machine,
        many=clips > 1,
        material_s=length_s,
        spine=SPINE,
    )
    if as_json:
        sys.stdout.write(json.dumps(as_dict(made, machine, imagined=hardware is not None), indent=2) + "\n")
    else:
        show(console(), made, machine, imagined=hardware is not None)


def imagined(spec: str, settings: Settings) -> Hardware:
    """A machine that is not this one, from `cores=16,memory=64,gpus=2x80`; what is not named is a core, a GiB, no GPU.

    Raises:
        ConfigError: Not of that form.
    """
    from reelscope.engine.placement import Gpu, Hardware

    form = "write it as cores=16,memory=64,gpus=2x80 (memory in GiB; gpus=80+24 for different ones)"
    given: dict[str, str] = {}
    for part in spec.split(","):
        key, _, value = (p.strip() for p in part.partition("="))
        if key not in ("cores", "memory", "gpus") or key in given:
            raise ConfigError(f"--hardware {spec}: {part.strip()!r} is not understood", hint=form)
        given[key] = value
    sizes: list[float] = []
    for part in given.get("gpus", "0").split("+") if given.get("gpus", "0") != "0" else ():
        match = re.fullmatch(r"(?:([1-9]\d?)x)?(\d+(?:\.\d+)?)", part.strip())
        if match is None or float(match[2]) <= 0:
            raise ConfigError(f"--hardware {spec}: gpus={given['gpus']} is not understood", hint=form)
        sizes += [float(match[2])] * int(match[1] or 1)
    numbers = {}
    for key, default in (("cores", "1"), ("memory", "1")):
        text = given.get(key, default)
        if not re.fullmatch(r"[1-9]\d{0,5}", text):
            raise ConfigError(f"--hardware {spec}: {key}={text} is no count", hint=form)
        numbers[key] = int(text)
    gpus = tuple(Gpu(i, f"GPU-imagined-{i}", "an imagined GPU", int(size * GIB)) for i, size in enumerate(sizes))
    cores = settings.placement.threads or numbers["cores"]
    listed = f"{_many(len(gpus), 'GPU')}: {given['gpus']} GiB" if gpus else "no GPU"
    why = (_many(cores, "core"), f"{numbers['memory']} GiB of memory", listed)
    return Hardware(cores, numbers["memory"] * GIB, gpus, why)


def as_dict(made: Plan, machine: Hardware, *, imagined: bool) -> dict[str, Any]:
    """The plan as JSON has it."""
    from dataclasses import asdict

    placement = made.placement
    costs = _costs(made)
    total = sum(costs.values()) or 1.0
    return {
        "what_if": imagined,
        "machine": asdict(machine),
        "here": placement.here,
        "windows_in_flight": placement.windows_in_flight,
        "decode_threads": placement.decode_threads,
        "why": list(placement.why),
        "workers": [
            asdict(worker)
            | {
                "members": [
                    {
                        "name": name,
                        "backend": _backend(made, name),
                        "device": _device(worker, name),
                        "lane": _lane(worker, name),
                        "batch": placement.batches.get(name),
                        "cost_share": round(costs[name] / total, 4),
                    }
                    for name in worker.members
                ]
            }
            for worker in placement.workers
        ],
        "not_running": [
            {"name": c.name, "status": c.status, "reason": c.reason, "hint": c.hint} for c in made.choices.values() if c.status is not None
        ],
    }


def show(out: Console, made: Plan, machine: Hardware, *, imagined: bool) -> None:
    """Print the plan for people."""
    from rich.padding import Padding
    from rich.text import Text

    def lines(texts: tuple[str, ...] | list[str], indent: int = 2) -> None:
        for text in texts:
            out.print(Padding(Text(text), (0, 0, 0, indent), expand=False))

    placement = made.placement
    out.print(Text("What if: another machine" if imagined else "This machine", style="bold"))
    lines(machine.why)
    lines([f"cuda:{g.index}: {g.name}, {g.memory_mib / GIB:.1f} GiB" for g in machine.gpus])
    out.print(Text("\nThe plan", style="bold"))
    lines(placement.why)
    lines([f"{placement.decode_threads} decoder threads, {placement.windows_in_flight} windows of frames in flight"])
    costs = _costs(made)
    total = sum(costs.values()) or 1.0
    for worker in placement.workers:
        share = sum(costs[n] for n in worker.members) / total
        head = Text(f"\n{'this process' if worker.name == 'here' else worker.name}", style="bold")
        head.append(f"  {worker.device}", style="cyan")
        head.append(f"  {share:.0%} of the cost", style="default not bold")
        out.print(head)
        lines([_limits(worker), *worker.why])
        if worker.members:
            out.print(Padding(_table(made, worker, costs, total), (0, 0, 0, 2), expand=False))
    _show_idle(out, made)


def _limits(worker: WorkerPlan) -> str:
    parts = [_many(len(worker.lanes), "lane"), f"{_many(worker.threads, 'member')} finishing at once"]
    parts.append(_many(worker.numeric_threads, "numeric thread"))
    if worker.ram_budget_mib is not None:
        parts.append(f"at most {worker.ram_budget_mib} MiB of models")
    return ", ".join(parts)


def _table(made: Plan, worker: WorkerPlan, costs: dict[str, float], total: float) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("member", "backend", "device", "lane", "batch", "cost"):
        table.add_column(title, no_wrap=title != "backend", justify="right" if title in ("lane", "batch", "cost") else "left")
    for name in worker.members:
        lane = _lane(worker, name)
        batch = made.placement.batches.get(name)
        table.add_row(
            name,
            _backend(made, name) or "feature",
            _device(worker, name),
            "finish" if lane is None else str(lane),
            "" if batch is None else str(batch),
            f"{costs[name] / total:.1%}",
        )
    return table


def _show_idle(out: Console, made: Plan) -> None:
    from rich.padding import Padding
    from rich.text import Text

    idle: dict[str, list[str]] = {}
    for choice in made.choices.values():
        if choice.status is not None:
            idle.setdefault(f"{choice.reason}; {choice.hint}" if choice.hint else choice.reason or choice.status, []).append(choice.name)
    if idle:
        out.print(Text("\nDoes not run", style="bold"))
    for reason, names in idle.items():
        out.print(Padding(Text(f"{reason}: {', '.join(names)}"), (0, 0, 0, 2), expand=False))


def _costs(made: Plan) -> dict[str, float]:
    """Measured CPU core-seconds per second of clip, by member."""
    return {n: f.cost for n, f in made.features.items()} | {c.name: c.backend.cost for c in made.running if c.backend}


def _backend(made: Plan, name: str) -> str | None:
    choice = made.choices.get(name)
    return choice.backend.name if choice is not None and choice.backend is not None else None


def _device(worker: WorkerPlan, name: str) -> str:
    """Device of a member as this machine counts it; the worker itself sees one GPU and calls it cuda:0."""
    return "cpu" if worker.member_device[name] == "cpu" else worker.device


def _lane(worker: WorkerPlan, name: str) -> int | None:
    """Number of the lane that feeds a member; None for one that takes no frames."""
    return next((i for i, lane in enumerate(worker.lanes) if name in lane.members), None)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
