"""`python -m bench.speed [--clip FILE] [--runs N] [--json FILE] [--page FILE]`: seconds beside what a user would do instead.

All figures of a table come from one run on one machine; compare ratios, not seconds. Warm: models loaded, one clip analysed before.
Nothing that was kept of an earlier run spares work. The references decode for themselves: decoding alone, PySceneDetect's
AdaptiveDetector, RapidOCR on one frame a second. The compact tier takes its models from ../shared/models. What the engine costs and saves:
bench.engine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.console import make_console, save_page
from bench.engine.figures import spread
from bench.engine.material import main_clip
from bench.engine.runner import Runner, computing
from bench.machine import machine_facts
from reelscope.config.tree import Analysis, Settings, System
from reelscope.document.schema import Document
from reelscope.engine.hardware import PeakMemory
from reelscope.pipeline import Session

COMPUTING = Settings(analysis=Analysis(fresh=True, tier="embedded"), system=System(keep_results=False))
PACKAGES = ("av", "numpy", "opencv-python-headless", "onnxruntime", "rapidocr", "scenedetect-headless")
GOAL_X, COMPACT_GOAL_X = 0.5, 1.0  # of the whole document; with fewer analyzers it was 0.4
SHARED_MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"


def timed(call: Callable[[], Any], runs: int) -> list[float]:
    """Wall seconds of each run."""
    out = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        out.append(time.perf_counter() - started)
    return out


def decode_alone(clip: Path) -> None:
    """Decode every frame and drop it."""
    import av

    with av.open(str(clip)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass


def scenedetect_alone(clip: Path) -> None:
    """PySceneDetect as its documentation shows it."""
    from scenedetect import AdaptiveDetector, detect

    detect(str(clip), AdaptiveDetector())


def rapidocr_alone(clip: Path) -> None:
    """RapidOCR with its defaults on one frame a second."""
    import av
    from rapidocr import RapidOCR

    ocr = RapidOCR(params={"Global.log_level": "error"})
    due = 0.0
    with av.open(str(clip)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= due:
                ocr(frame.to_ndarray(format="bgr24"))
                due += 1.0


def compact_runs(clip: Path, work: Path, runs: int) -> list[Document]:
    """Warm documents of the compact tier; none where its models are not there."""
    if not SHARED_MODELS.is_dir():
        return []
    from reelscope.models.importing import import_folder
    from reelscope.models.manifest import manifest
    from reelscope.models.store import ModelStore

    accepted = [entry.name for entry in manifest().values() if entry.tier == "compact" and not entry.permissive]
    import_folder(ModelStore(work / "models"), manifest(), SHARED_MODELS, accepted)
    tier = COMPUTING.model_copy(
        update={"analysis": Analysis(fresh=True, tier="compact"), "models": COMPUTING.models.model_copy(update={"dir": work / "models"})}
    )
    with Session(tier) as session:
        session.analyze(clip)
        return [session.analyze(clip).document for _ in range(runs)]


def cold_start(clip: Path, work: Path) -> tuple[float, float]:
    """Seconds from the start of a process until the first window is analysed, and until its end."""
    runner = Runner(computing(work, workers=None))
    first_s = float(runner.one(clip, since=runner.started)["first_window_s"])
    return first_s, runner.close()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, help="default: reel-a of ../shared/media, else the demo reel")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--page", type=Path, help="write what is printed there, as Markdown")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelscope-bench-") as work:
        clip = main_clip(given.clip, Path(work))
        return report(clip, Path(work), given.runs, given.json, given.page)


def report(clip: Path, work: Path, runs: int, target: Path | None, page: Path | None) -> int:
    """Run everything once, print the tables, write the figures."""
    console = make_console(120)
    first_window_s, cold_s = cold_start(clip, work)
    documents: list[Document] = []
    sizes: list[int] = []
    with PeakMemory() as memory, Session(COMPUTING) as session:
        session.analyze(clip)
        for _ in range(runs):
            documents.append(session.analyze(clip).document)
            sizes.append(len(documents[-1].model_dump_json(indent=1)))
    compact = compact_runs(clip, work, runs)
    duration = documents[0].media.duration_s
    totals = [float(d.run.seconds or 0) for d in documents]
    references = {
        "decoding alone": timed(lambda: decode_alone(clip), runs),
        "PySceneDetect AdaptiveDetector": timed(lambda: scenedetect_alone(clip), runs),
        "RapidOCR, 1 frame a second": timed(lambda: rapidocr_alone(clip), runs),
    }
    decode_s = statistics.median(references["decoding alone"])
    table = Table(title=f"{clip.name}, {duration:.1f} s; n = {runs}; median (least-most)", title_justify="left")
    for column in ("what", "seconds", "x realtime", "x decoding once"):
        table.add_column(column, justify="left" if column == "what" else "right")

    def row(name: str, values: list[float], *, style: str = "") -> None:
        middle = statistics.median(values)
        table.add_row(name, spread(values), f"{middle / duration:.3f}", f"{middle / decode_s:.2f}", style=style)

    row("reelscope, warm", totals, style="bold")
    for phase in documents[0].run.phases:
        row(f"  phase {phase}", [float(d.run.phases.get(phase) or 0) for d in documents])
    for feature in documents[0].run.features:
        row(f"  feature {feature}", [float(d.run.features.get(feature) or 0) for d in documents])
    for name, entry in documents[0].analyzers.items():
        if entry.status == "ok":
            row(f"  {name}", [float(d.analyzers[name].seconds or 0) for d in documents])
    table.add_section()
    for name, values in references.items():
        row(name, values)
    if compact:
        row("reelscope, compact tier, warm", [float(d.run.seconds or 0) for d in compact], style="bold")
        for name, entry in compact[0].analyzers.items():
            if entry.status == "ok" and entry.tier == "compact":
                row(f"  {name} ({entry.backend})", [float(d.analyzers[name].seconds or 0) for d in compact])
    table.add_row("reelscope, new process", f"{cold_s:.2f}", f"{cold_s / duration:.3f}", f"{cold_s / decode_s:.2f}")
    console.print(table)
    facts = {
        "realtime_factor": statistics.median(totals) / duration,
        "goal": GOAL_X,
        "compact_realtime_factor": statistics.median(float(d.run.seconds or 0) for d in compact) / duration if compact else None,
        "compact_goal": COMPACT_GOAL_X,
        "first_window_s": first_window_s,
        "peak_rss_mib": memory.peak_mib,
        "document_kib": statistics.median(sizes) / 1024,
        "frames_decoded": documents[0].media.frames_decoded,
        "passes": documents[0].run.passes,
        "load_average_1min": os.getloadavg()[0],
    }
    machine = machine_facts(PACKAGES)
    for name, value in (facts | machine).items():
        console.print(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")
    console.print(f"goal of {GOAL_X}x realtime: {'met' if facts['realtime_factor'] <= GOAL_X else 'MISSED'}", style="bold")
    factor = facts["compact_realtime_factor"]
    said = "NOT MEASURED: ../shared/models is not here" if factor is None else "met" if factor <= COMPACT_GOAL_X else "MISSED"
    console.print(f"goal of {COMPACT_GOAL_X}x realtime for the compact tier: {said}", style="bold")
    if page:
        save_page(console, page, title="Speed", command="make bench")
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
        figures = {"clip": clip.name, "duration_s": duration, "runs": runs, **facts, "totals_s": totals, "references_s": references}
        analyzers = {n: [d.analyzers[n].seconds for d in documents] for n, e in documents[0].analyzers.items() if e.status == "ok"}
        phases = {p: [d.run.phases.get(p) for d in documents] for p in documents[0].run.phases}
        target.write_text(json.dumps(figures | {"analyzers_s": analyzers, "phases_s": phases, "machine": machine}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
