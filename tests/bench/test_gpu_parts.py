"""The parts of the GPU benchmark that need neither a GPU nor PyTorch."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.console import make_console
from bench.gpu.__main__ import command_line
from bench.gpu.ballast import leave_mib
from bench.gpu.clip import loop_clip, make_clip, pictures
from bench.gpu.configs import ARCHITECTURES
from bench.gpu.members import MEMBERS, BenchSummary, Measured
from bench.gpu.nvml import Reading, Sampler, fragmentation, percentile, summarise
from bench.gpu.recorded import SEGMENTS, make_segments, parse_description
from bench.gpu.report import Printer, comparable, worker_memory
from bench.gpu.setup import hardware_for, logical_gpus, session_on, settings_for
from bench.gpu.sharing import Batch, SharedQueue, fill

from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import AnalyzerEntry, Document, RunInfo, Segment, SourceInfo
from reelscope.engine.placement import Gpu, Hardware, Placement
from reelscope.media.probe import probe
from tests.clips import picture_facts

ROOT = Path(__file__).resolve().parents[2]


# --- figures ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([5.0], 0.5, 5.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), ([4.0, 1.0, 3.0, 2.0], 0.1, 1.0), ([1.0, 2.0], 1.0, 2.0), ([1.0, 2.0], 0.0, 1.0)],
)
def test_percentile(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 1.5), ([1.0], -0.1)])
def test_percentile_of_nothing_is_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, share)


def test_use_of_a_batch() -> None:
    use = summarise([Reading(20, 1000, {7: 400}), Reading(90, 3000, {7: 900, 8: 50}), Reading(100, 2000, {8: 60})])
    assert (use.readings, use.mean_percent, use.median_percent, use.p10_percent) == (3, 70.0, 90.0, 20.0)
    assert use.device_peak_mib == 3000 and use.process_peaks_mib == {7: 900, 8: 60}
    assert use.goal_met is True and summarise([Reading(59.9, 1)]).goal_met is False


def test_without_readings_no_figure_is_made_up() -> None:
    use = summarise([])
    assert (use.mean_percent, use.median_percent, use.device_peak_mib, use.goal_met) == (None, None, None, None)
    with Sampler(None) as sampler:
        pass
    assert sampler.use() == use


def test_sampler_reads_until_it_is_left() -> None:
    enough = threading.Event()
    count = 0

    def read() -> Reading:
        nonlocal count
        count += 1
        if count >= 3:
            enough.set()
        return Reading(float(count), 10.0)

    with Sampler(read, period_s=0.001) as sampler:
        assert enough.wait(60)
    seen = sampler.use().readings
    assert seen >= 3 and seen == count  # none after it was left


@pytest.mark.parametrize(("allocated", "reserved", "expected"), [(75, 100, 0.25), (100, 100, 0.0), (0, 0, None), (0, 10, 1.0)])
def test_fragmentation(allocated: float, reserved: float, expected: float | None) -> None:
    assert fragmentation(allocated, reserved) == expected


def test_fragmentation_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="reserved"):
        fragmentation(11, 10)


def test_the_ballast_leaves_room_for_half_a_batch() -> None:
    # contexts 500, weights 1000, activations of the full batch 4000: half of them fits, all does not
    left = leave_mib(device_peak_mib=5500, reserved_mib=5000, weights_mib=1000)
    assert 500 + 1000 + 2000 <= left < 5500
    with pytest.raises(ValueError, match="expected"):
        leave_mib(device_peak_mib=100, reserved_mib=200, weights_mib=50)


# --- batches that clips share -----------------------------------------------------------------------------------------------------------


def doubled(items: Sequence[int]) -> list[int]:
    return [2 * i for i in items]


def test_a_full_batch_runs_at_once_and_the_rest_when_results_are_wanted() -> None:
    queue, owner, seen = SharedQueue(), object(), []

    def run(items: Sequence[int]) -> list[int]:
        seen.append(list(items))
        return doubled(items)

    queue.enter(owner)
    tickets = [queue.put(owner, i, limit=3, run=run) for i in range(5)]
    assert seen == [[0, 1, 2]]
    assert queue.results(tickets, limit=3, run=run) == [0, 2, 4, 6, 8]
    assert seen == [[0, 1, 2], [3, 4]]


def test_clips_share_a_batch() -> None:
    queue, a, b = SharedQueue(), object(), object()
    queue.enter(a)
    queue.enter(b)
    of_a = [queue.put(a, i, limit=4, run=doubled) for i in (1, 2, 3)]
    of_b = [queue.put(b, 10, limit=4, run=doubled)]
    assert [t.result for t in (*of_a, *of_b)] == [2, 4, 6, 20]  # b's item filled the batch
    assert {t.batch for t in of_a} == {of_b[0].batch} and of_b[0].batch is not None and of_b[0].batch.clips == 2
    assert queue.results(of_a, limit=4, run=doubled) == [2, 4, 6]


def test_the_last_batch_waits_for_another_clip_but_never_alone() -> None:
    queue, a, b = SharedQueue(), object(), object()
    queue.enter(a)
    alone = [queue.put(a, 1, limit=4, run=doubled)]
    started = time.monotonic()
    assert queue.results(alone, limit=4, run=doubled, wait_s=600) == [2] and time.monotonic() - started < 300
    queue.enter(b)
    waiting = [queue.put(a, 2, limit=2, run=doubled)]
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.extend(queue.results(waiting, limit=2, run=doubled, wait_s=600)))
    thread.start()
    other = queue.put(b, 5, limit=2, run=doubled)
    thread.join(300)
    assert got == [4] and other.batch is not None and (other.batch.size, other.batch.clips) == (2, 2)


def test_a_clip_that_ends_takes_its_items_along() -> None:
    queue, a, b = SharedQueue(), object(), object()
    queue.enter(a)
    queue.enter(b)
    queue.put(a, 1, limit=3, run=doubled)
    queue.leave(a)
    ticket = queue.put(b, 2, limit=3, run=doubled)
    assert queue.results([ticket], limit=3, run=doubled, wait_s=60) == [4]  # nobody else is on the way: no waiting
    assert ticket.batch is not None and ticket.batch.size == 1


def test_what_a_batch_raises_reaches_everybody_in_it_and_the_queue_goes_on() -> None:
    queue, a, b = SharedQueue(), object(), object()

    def broken(items: Sequence[int]) -> list[int]:
        raise RuntimeError("no")

    first = [queue.put(a, 1, limit=2, run=broken), queue.put(b, 2, limit=2, run=broken)]
    for ticket in first:
        with pytest.raises(RuntimeError, match="no"):
            queue.results([ticket], limit=2, run=doubled)
    later = [queue.put(a, 3, limit=2, run=doubled)]
    assert queue.results(later, limit=2, run=doubled) == [6]


def test_a_backlog_lets_items_wait_but_not_without_end() -> None:
    queue, owner = SharedQueue(), object()
    tickets = [queue.put(owner, i, limit=2, run=doubled, backlog=3) for i in range(6)]
    assert [t.done.is_set() for t in tickets] == [True, True, False, False, False, False]
    assert queue.results(tickets, limit=2, run=doubled) == [0, 2, 4, 6, 8, 10]


def test_fill_counts_each_batch_once() -> None:
    full, half = Batch("1", 8, 8, 2), Batch("2", 4, 8, 1)
    assert fill([full, half, full]) == (2, 0.75, 0.5)
    assert fill([]) is None


# --- recorded outputs, architectures, clip --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [m.spec.name for m in MEMBERS])
def test_recorded_outputs_parse(name: str) -> None:
    spans = [(float(i), i + 1.0) for i in range(len(SEGMENTS[name]) + 1)]
    made = make_segments(name, spans)
    assert [s.start_s for s in made] == [a for a, _ in spans]
    assert all(s.model_extra or s.confidence for s in made)
    assert made[0].model_extra == made[-1].model_extra  # in turn


@pytest.mark.parametrize("text", ["no JSON here", '{"action": "cut off', "[1, 2]"])
def test_nothing_is_repaired(text: str) -> None:
    with pytest.raises(ValueError):
        parse_description(text)


def test_every_member_has_a_tiny_backend_and_full_ones_that_never_run_by_themselves_on_a_cpu() -> None:
    for member in MEMBERS:
        *full, tiny = member.spec.backends
        assert full and "tiny" in tiny.name and tiny.rank < min(b.rank for b in full)
        assert all(b.tier == "full" and b.vram_mib > 0 and b.name in ARCHITECTURES for b in member.spec.backends)


def test_groups_fit_their_budgets() -> None:
    held: dict[str, int] = {}
    for member in MEMBERS:
        held[member.spec.group] = held.get(member.spec.group, 0) + member.spec.backends[0].vram_mib
    assert held["language"] <= 24 * 1024 and held["detection"] <= 10 * 1024 and held["people"] <= 7 * 1024


def test_the_registry_is_found_by_name_and_imports_no_torch() -> None:
    code = (
        "import sys, pickle, importlib; from bench.gpu import REGISTRY as r\n"
        "module, _, name = r.where.partition(':'); assert getattr(importlib.import_module(module), name) is r\n"
        "q = pickle.loads(pickle.dumps(r)); k = q.analyzer('qwen2_vl_temporal'); assert k.spec.backends[0].name == 'qwen2-vl-7b'\n"
        "assert q.analyzer('cut_analysis').__module__ == 'reelscope.analyzers.cut_analysis'\n"
        "print([m for m in ('torch', 'transformers', 'av', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_the_clip_is_the_same_each_time_has_cuts_and_a_sound(tmp_path: Path) -> None:
    frames = list(pictures(40, 90, 160, 10, 1))
    again = list(pictures(40, 90, 160, 10, 1))
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))
    moved = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(frames, frames[1:], strict=False)]
    assert max(moved) > 3 * float(np.median(moved)) > 0  # a cut among movements
    facts = probe(make_clip(tmp_path / "a.mp4", seconds=2, width=90, height=160, fps=10))
    assert facts.video_index is not None and facts.audio_index is not None and abs(facts.media.duration_s - 2) < 0.2


def test_a_looped_clip_lasts_as_long_as_asked(tmp_path: Path) -> None:
    short = make_clip(tmp_path / "a.mp4", seconds=1, width=64, height=64, fps=10)
    facts = probe(loop_clip(short, tmp_path / "b.mp4", seconds=3.5))
    assert abs(facts.media.duration_s - 3.5) < 0.3


# --- the command ------------------------------------------------------------------------------------------------------------------------


def test_without_pytorch_the_command_says_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    hide = tmp_path / "sitecustomize.py"
    hide.write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda n, p=None: None if n in ('torch', 'transformers') else find(n, p)\n"
    )
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{tmp_path}:{ROOT}:{ROOT / 'src'}"}
    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu", "--size", "tiny"], capture_output=True, text=True, cwd=ROOT, env=env, check=False
    )
    assert done.returncode == 1
    assert "torch, transformers" in done.stdout and "make setup-gpu" in done.stdout and "Traceback" not in done.stderr


def test_the_page_names_no_folder() -> None:
    given = ["--size", "tiny", "--page", "/a/p.md", "--json=/a/f.json", "--clip", "/a/b.mp4", "--clips", "2"]
    assert command_line(given) == "python -m bench.gpu --size tiny --clip b.mp4 --clips 2"


def test_full_size_without_a_gpu_says_so() -> None:
    with pytest.raises(LookupError, match="no driver.*--size tiny"):
        hardware_for("full", 1, found=Hardware(2, 4096, (), ("two cores", "no driver")))


# --- logical devices --------------------------------------------------------------------------------------------------------------------

H200 = Gpu(0, "GPU-1", "NVIDIA H200", 143_771)


def test_halves_of_one_gpu() -> None:
    first, second = hardware_for("full", 2, found=Hardware(16, 131_072, (H200,))).gpus
    assert (first.index, second.index) == (0, 1) and first.uuid == second.uuid == "GPU-1"
    assert first.memory_mib == second.memory_mib == 71_885 and "1 of 2" in first.name and "2 of 2" in second.name
    assert hardware_for("full", 1, found=Hardware(16, 131_072, (H200,))).gpus == (H200,)
    with pytest.raises(ValueError, match="--logical 0"):
        logical_gpus(H200, 0)


def test_tiny_stands_in_whatever_there_is() -> None:
    gpus = hardware_for("tiny", 2, found=Hardware(2, 4096, (H200,))).gpus
    assert len({g.uuid for g in gpus}) == 2 and all("standing in" in g.name for g in gpus)


NAMES = tuple(m.spec.name for m in MEMBERS)


def placed(hardware: Hardware, size: str, names: Sequence[str] = NAMES) -> Placement:
    with session_on(hardware, settings_for(size, "7b", names)) as session:
        return session.plan(only=names).placement


@pytest.fixture
def usable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan takes PyTorch for installed: nothing is loaded by planning."""
    real = importlib.util.find_spec
    pretended = ("torch", "transformers")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: object() if name in pretended else real(name, package))


@pytest.mark.usefixtures("usable")
def test_full_size_on_one_h200() -> None:
    found = placed(Hardware(16, 131_072, (H200,)), "full")
    where = {name: found.worker_of(name) for name in NAMES}
    assert {where[n].device for n in NAMES} == {"cuda:0"} and not found.unplaced
    assert where["qwen2_vl_temporal"].gpu_budget_mib == 48 * 1024 and where["object_detection"].gpu_budget_mib == 20 * 1024
    assert where["object_detection"] is where["background_segmentation"] and where["body_pose"] is where["scene_segmentation"]
    assert (found.batches["object_detection"], found.batches["background_segmentation"], found.batches["qwen2_vl_temporal"]) == (
        128,
        32,
        16,
    )


@pytest.mark.usefixtures("usable")
def test_full_size_on_two_halves_spreads_the_groups() -> None:
    found = placed(hardware_for("full", 2, found=Hardware(16, 131_072, (H200,))), "full")
    assert found.worker_of("qwen2_vl_temporal").device == "cuda:0" and found.worker_of("object_detection").device == "cuda:1"
    assert found.worker_of("qwen2_vl_temporal").gpu_budget_mib == 24 * 1024 and found.batches["object_detection"] == 64
    assert {w.gpu_uuid for w in found.workers if w.device != "cpu"} == {"GPU-1"}


# --- figures of documents ---------------------------------------------------------------------------------------------------------------


def document(name: str = "object_detection", **measured: Any) -> Document:
    given = BenchSummary(network="d-fine-tiny", parameters=10, items=4, tokens=0, measured=Measured(**measured))
    entries = {n: AnalyzerEntry(status="skipped", requested=False) for n in ANALYZER_NAMES}
    entries[name] = AnalyzerEntry(status="ok", requested=True, seconds=measured.get("weights_mib", 1.0), summary=given)
    return Document(
        analysis_id=str(measured), created_at=datetime.now(UTC), source=SourceInfo(path="a.mp4", sha256="0"),
        media=picture_facts(2.0, 64, 48), run=RunInfo(version="0", seconds=1.0, realtime_factor=0.5, tier="full", device="cpu", passes=1),
        analyzers=entries,
    )  # fmt: skip


def test_documents_are_compared_without_what_was_measured() -> None:
    a, b = document(pid=1, largest_batch=8, weights_mib=3.0), document(pid=2, largest_batch=4, weights_mib=5.0)
    assert comparable(a) == comparable(b)
    b.analyzers["object_detection"].status = "failed"
    assert comparable(a) != comparable(b)
    c = document()
    c.analyzers["object_detection"].segments.append(Segment(start_s=0, end_s=1))
    assert comparable(a) != comparable(c)


def test_memory_of_workers_over_documents() -> None:
    peaks = [{"allocated_peak_mib": 600.0, "reserved_peak_mib": 1000.0, "allocated_mib": 100.0, "reserved_mib": 400.0}]
    peaks += [{"allocated_peak_mib": 900.0, "reserved_peak_mib": 1000.0, "allocated_mib": 100.0, "reserved_mib": 500.0}]
    made = [document(pid=5, weights_mib=100.0, uploads=n, **p) for n, p in enumerate(peaks, 1)]
    (found,) = worker_memory([*made, document(name="body_pose", pid=5, weights_mib=20.0, uploads=2, **peaks[1])])
    assert (found.weights_mib, found.members, found.uploads) == (120.0, ("object_detection", "body_pose"), 2)
    assert found.peak_fragmentation == pytest.approx(0.1) and found.rest_fragmentation == pytest.approx(0.8)
    (cpu,) = worker_memory([document(pid=6)])
    assert cpu.peak_fragmentation is None and cpu.rest_fragmentation is None


def test_every_printed_line_says_that_weights_are_random() -> None:
    console = make_console(100)
    out = Printer(console)
    out.line("a")
    out.facts("part", {"n": 1, "share": 0.5, "use": None})
    out.table("t", ("x", "y"), [("1", "2"), ("3", "4"), ("other", "5")], others=("other",))
    lines = console.export_text().splitlines()
    assert [line for line in lines[:4] if not line.endswith("weights: random")] == []
    assert lines[3].startswith("use: not measured")
    assert (
        lines[4].strip() == "t | weights: random" and sum("random" in line for line in lines[5:]) == 2 and "weights" in "".join(lines[4:])
    )
    assert out.figures["part"] == {"n": 1, "share": 0.5, "use": None}
