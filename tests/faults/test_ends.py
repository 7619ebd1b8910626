"""The end of the main process, however it comes: its workers end, and the next start sweeps what is left, never what a living one holds."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from reelscope.document.schema import Document
from tests.clips import moving_frames, tone, write_clip
from tests.faults.tools import DEADLINE_S, Place, same, until, workers_of


@contextmanager
def program(place: Place, *arguments: str | Path, **popen: object) -> Iterator[subprocess.Popen[str]]:
    """A Python program of the test's own; it and its workers are gone afterwards, whatever the test does."""
    command = [sys.executable, "-m", *map(str, arguments)]
    running = subprocess.Popen(
        command,
        env=place.environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test run in the background has it ignored
    )
    workers: list[psutil.Process] = []
    try:
        yield running
    finally:
        workers = workers_of(running.pid) if running.poll() is None else []
        running.kill()
        running.communicate()
        for worker in workers:
            with suppress(psutil.NoSuchProcess):  # it has ended with its parent
                worker.kill()


@pytest.mark.parametrize("deed", ["pause", "hang"])
def test_workers_end_with_their_parent_and_the_next_start_sweeps(
    place: Place, clip: Path, quiet: Document, deed: str, caplog: pytest.LogCaptureFixture
) -> None:
    place.control.set(color_analysis={"do": deed, "phase": "feed", "window": 2})
    with program(place, "tests.faults.parent", place.root, clip, "1") as parent:
        until(lambda: place.control.marks("color_analysis"), "a worker is in the middle of a window")
        workers = workers_of(parent.pid)
        assert len(workers) == 2
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        _, alive = psutil.wait_procs(workers, timeout=DEADLINE_S)
        assert alive == []
    assert {name.split("/")[0] for name in place.left()} == {"temp", "shared"}
    place.control.set()
    with place.session() as session:
        same(session.analyze(clip).document, quiet)
    assert place.left() == []


def test_a_start_beside_a_living_instance_sweeps_the_dead_and_leaves_the_living(place: Place, clip: Path, quiet: Document) -> None:
    place.control.set(color_analysis={"do": "pause", "phase": "feed", "window": 2, "times": 2})
    with (
        program(place, "tests.faults.parent", place.root, clip, "1") as dead,
        program(place, "tests.faults.parent", place.root, clip, "1") as living,
    ):
        until(lambda: len(place.control.marks("color_analysis")) == 2, "both are in the middle of a window")
        of_both = set(place.left())
        victims = [psutil.Process(dead.pid), *workers_of(dead.pid)]
        for victim in victims:
            with suppress(psutil.NoSuchProcess):  # a worker may have noticed that its parent is gone
                victim.kill()
        dead.wait()
        with place.session() as session:
            same(session.analyze(clip).document, quiet)
        left = of_both & set(place.left())
        assert left and left < of_both
        place.control.release()
        out, err = living.communicate(timeout=DEADLINE_S)
        assert (living.returncode, out.split()) == (0, ["1", "ok", "unavailable"]), err
    assert place.left() == []


@pytest.mark.parametrize("most_bytes", [100_000, 30_000])
def test_files_that_cannot_grow_end_every_clip_with_one_clear_error(place: Place, clip: Path, most_bytes: int) -> None:
    with program(place, "tests.faults.parent", place.root, clip, "2", str(most_bytes)) as parent:
        out, err = parent.communicate(timeout=DEADLINE_S)
    lines = out.splitlines()
    assert (parent.returncode, len(lines)) == (0, 2), err
    assert all(line.startswith("OutputError ") and str(place.root) in line for line in lines)
    assert "Traceback" not in err
    assert place.left() == []


def test_ctrl_c_ends_the_command_and_its_workers(place: Place, tmp_path: Path) -> None:
    frames = moving_frames(600, width=360, height=640)
    clip = write_clip(tmp_path / "long.mp4", frames * 4, sound=tone(80.0))  # so long that it is on its way still, however late the signal
    sets = {"placement.workers": 2, "system.temp_dir": place.temp, "system.shared_dir": place.shared, "performance.window_s": 0.5}
    flags = [part for key, value in sets.items() for part in ("--set", f"{key}={value}")]
    with program(place, "reelscope", "analyze", clip, "--out", tmp_path / "out", *flags) as command:
        until(lambda: command.poll() is not None or [n for n in place.left() if "/slot-" in n], "windows are on their way")
        assert command.poll() is None, command.communicate()
        workers = until(lambda: workers_of(command.pid), "workers")
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=2 * DEADLINE_S)
        assert command.returncode == 130, err
        assert "Traceback" not in err and "interrupted" in err, print(err)
        assert psutil.wait_procs(workers, timeout=DEADLINE_S)[1] == []
    assert place.left() == []
    assert not (tmp_path / "out").exists(), (list((tmp_path / "out").rglob("*")), err)
