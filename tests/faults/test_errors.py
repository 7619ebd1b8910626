"""What members raise or return that is wrong, memory that runs out, models that do not load: in worker processes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reelscope.document.schema import Document
from reelscope.models.catalog import Catalog
from reelscope.pipeline import Session
from tests.faults.misdeeds import Control
from tests.faults.stubs import BATCH, MODEL, use_model
from tests.faults.tools import Place, impatient, same, workers_of


@pytest.mark.parametrize(
    ("name", "deed", "phase", "code", "passes"),
    [
        ("color_analysis", "raise", "feed", "feed_failed", 1),
        ("color_analysis", "raise", "finish", "finish_failed", 1),
        ("color_analysis", "memory_error", "finish", "out_of_memory", 1),
        ("color_analysis", "quit", "feed", "feed_failed", 1),
        ("audio_analysis", "quit", "finish", "finish_failed", 1),
        ("color_analysis", "unpicklable", "finish", "unpicklable_result", 1),
        ("color_analysis", "unreadable", "finish", "unpicklable_result", 1),
    ],
)
def test_an_error_fails_its_analyzer_only_and_the_worker_lives_on(
    session: Session, control: Control, clip: Path, quiet: Document, name: str, deed: str, phase: str, code: str, passes: int
) -> None:
    before = {w.pid for w in workers_of()}
    control.set(**{name: {"do": deed, "phase": phase}})
    document = session.analyze(clip).document
    same(document, quiet, besides=[name, "cross_analyzer_intelligence"])
    entry = document.analyzers[name]
    assert (entry.status, entry.code, entry.attempts, document.run.passes) == ("failed", code, 1, passes)
    assert {w.pid for w in workers_of()} == before
    assert document.analyzers["cross_analyzer_intelligence"].status == "ok"


@pytest.mark.parametrize("batch", [1, 3])
def test_out_of_memory_halves_the_batch_and_changes_no_result(
    session: Session, control: Control, clip: Path, quiet: Document, batch: int
) -> None:
    session.engine._batches.clear()
    for worker in workers_of():  # a member keeps its size as long as it lives
        worker.kill()
    control.set(content_quality={"do": "oom", "phase": "batch", "number": batch, "times": 1})
    document = session.analyze(clip).document
    same(document, quiet)

    def sizes() -> list[int]:
        return [int(line.split()[1]) for line in control.lines("content_quality")]

    assert sizes()[:batch] == [BATCH, 7, BATCH][:batch] or sizes()[:batch] == [BATCH] * batch  # windows of 15 frames: 8 and 7
    assert set(sizes()[batch:]) <= {4, 3, 2, 1}
    control.set()
    same(session.analyze(clip).document, quiet)
    assert max(sizes()) == BATCH // 2  # kept for the next clip
    for worker in workers_of():
        worker.kill()
    control.set()
    same(session.analyze(clip).document, quiet)
    assert max(sizes()) == BATCH // 2  # and by a worker started anew


def test_out_of_memory_with_one_item_fails_its_analyzer(session: Session, control: Control, clip: Path, quiet: Document) -> None:
    control.set(content_quality={"do": "oom", "phase": "batch"})
    document = session.analyze(clip).document
    same(document, quiet, besides=["content_quality"])
    assert (document.analyzers["content_quality"].status, document.analyzers["content_quality"].code) == ("failed", "out_of_memory")
    session.engine._batches.clear()


def test_a_model_damaged_between_two_clips_is_refused_by_name_until_it_is_mended(
    place: Place, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Catalog().find("swift-f0")
    assert source is not None
    file, whole = tmp_path / "model.onnx", tmp_path / "whole.onnx"
    shutil.copy(source, file)
    shutil.copy(source, whole)
    use_model(file)
    try:
        with place.session(faults={"recycle_clips": 1}) as session:  # workers started anew for each clip load it each time
            first = session.analyze(clip).document
            entry = first.analyzers["object_detection"]
            assert (entry.status, [m.id for m in entry.models]) == ("ok", [MODEL])
            data = bytearray(whole.read_bytes())
            data[len(data) // 2] ^= 0xFF
            file.write_bytes(data)
            damaged = session.analyze(clip).document
            same(damaged, first, besides=["object_detection"])
            entry = damaged.analyzers["object_detection"]
            assert (entry.status, entry.code, entry.attempts, damaged.run.passes) == ("failed", "model_corrupt", 1, 1)
            assert MODEL in (entry.reason or "")
            shutil.copy(whole, file)
            same(session.analyze(clip).document, first)
    finally:
        use_model(None)


def test_a_damaged_model_is_tried_again_in_the_same_worker_once_it_is_mended(place: Place, clip: Path, tmp_path: Path) -> None:
    source = Catalog().find("swift-f0")
    assert source is not None
    file = tmp_path / "model.onnx"
    shutil.copy(source, file)
    use_model(file)
    try:
        file.write_bytes(b"no model")
        with place.session() as session:
            assert session.analyze(clip).document.analyzers["object_detection"].code == "model_corrupt"
            before = {w.pid for w in workers_of()}
            shutil.copy(source, file)
            assert session.analyze(clip).document.analyzers["object_detection"].status == "ok"
            assert {w.pid for w in workers_of()} == before
    finally:
        use_model(None)


def test_a_member_that_hangs_while_it_loads_is_ended(place: Place, clip: Path, quiet: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch, place.control, "cut_analysis", load_timeout_s=3.0)
    place.control.set(cut_analysis={"do": "hang", "phase": "load", "times": 1})
    with place.session() as session:
        document = session.analyze(clip).document
        same(document, quiet)
        assert document.analyzers["cut_analysis"].attempts == 2
