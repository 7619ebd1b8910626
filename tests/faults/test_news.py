"""What an engine tells of its workers and models, and under which clip and analyzer its log lines stand."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from pathlib import Path

import pytest

from reelscope.events import Event, News, bound, bound_now
from reelscope.models.catalog import Catalog
from reelscope.pipeline import Session
from reelscope.server.monitor.logs import JsonLines
from tests.faults.stubs import MODEL, use_model
from tests.faults.tools import Place, until


class Told:
    """A subscriber that keeps the news, and asks the engine back, as a monitor does."""

    def __init__(self, session: Session) -> None:
        self.session, self.news = session, list[News]()
        session.events.subscribe(self)

    def __call__(self, event: Event) -> None:
        if event.step == "worker":
            assert event.job == "" and event.news is not None
            self.session.engine.overview()
            self.news.append(event.news)

    def of_workers(self) -> list[tuple[str, str]]:
        return [(n.kind, n.why) for n in self.news if n.model is None]

    def of_models(self) -> list[str]:
        return [n.kind for n in self.news if n.model == MODEL]


class Lines(logging.Handler):
    """Keeps log lines with what they stand under."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[tuple[str, dict[str, str]]] = []
        self.json: list[dict[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.getMessage(), dict(bound_now())))
        self.json.append(json.loads(JsonLines().format(record)))


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture(autouse=True)
def _log(lines: Lines) -> object:
    logger = logging.getLogger("reelscope")
    logger.addHandler(lines)
    yield
    logger.removeHandler(lines)


def test_workers_and_models_are_told_once_however_many_clips_are_there(place: Place, clip: Path, tmp_path: Path) -> None:
    source, other = Catalog().find("swift-f0"), tmp_path / "other.mp4"
    assert source is not None
    shutil.copy(source, tmp_path / "model.onnx")
    shutil.copy(clip, other)
    use_model(tmp_path / "model.onnx")
    try:
        with place.session() as session:
            told = Told(session)
            session.analyze(clip)
            assert told.of_workers() == [("started", ""), ("started", "")]
            assert told.of_models() == ["load"]
            loaded = next(n for n in told.news if n.model == MODEL)
            assert loaded.bytes > 0 and loaded.seconds > 0 and loaded.device == "cpu"
            assert len(list(session.analyze_many([clip, other, clip]))) == 3  # two at a time
            assert told.of_models() == ["load", "hit", "hit", "hit"]
            levels = {level.name: level for level in session.engine.overview()}
            assert len(levels) == 2 and all(level.ready and level.pid > 0 for level in levels.values())
            assert levels[loaded.worker].models_mib == pytest.approx(loaded.bytes / 2**20)
    finally:
        use_model(None)
    assert session._engine is None


def test_a_model_that_does_not_load_is_told(place: Place, clip: Path, tmp_path: Path) -> None:
    source = Catalog().find("swift-f0")
    assert source is not None
    file = tmp_path / "model.onnx"
    shutil.copy(source, file)
    use_model(file)
    try:
        file.write_bytes(b"no model")
        with place.session() as session:
            told = Told(session)
            session.analyze(clip)
        assert told.of_models() == ["fail"]
    finally:
        use_model(None)


def test_a_worker_that_dies_is_told_with_why(place: Place, clip: Path) -> None:
    place.control.set(cut_analysis={"do": "sigkill", "phase": "feed", "window": 2, "times": 1})
    with place.session() as session:
        told = Told(session)
        session.analyze(clip)
    assert told.of_workers() == [("started", ""), ("started", ""), ("lost", "killed"), ("started", "")]


def test_a_worker_that_is_recycled_is_told(place: Place, clip: Path) -> None:
    with place.session(faults={"recycle_clips": 1}) as session:
        told = Told(session)
        session.analyze(clip)
    assert [kind for kind, _ in told.of_workers()] == ["started", "started", "recycled", "recycled"]
    assert all(why for kind, why in told.of_workers() if kind == "recycled")


def test_memory_stands_against_its_limit(place: Place, clip: Path) -> None:
    with place.session(faults={"worker_mib": 4000}) as session:
        session.analyze(clip)
        assert session.engine._guard is not None
        session.engine._guard.look()
        levels = session.engine.overview()
        assert len(levels) == 2
        for level in levels:
            assert level.ram_mib is not None and 10 < level.ram_mib < 4000 and level.ram_limit_mib == 4000
            assert (level.gpu_mib, level.gpu_limit_mib) == (None, None)
    with place.session(placement={"workers": 0}) as session:
        session.analyze(clip)
        (here,) = session.engine.overview()
        assert (here.name, here.ready, here.ram_limit_mib) == ("here", True, None) and here.ram_mib is not None and here.ram_mib > 10


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("phase", ["feed", "finish"])
def test_log_lines_stand_under_their_clip_and_analyzer(place: Place, clip: Path, lines: Lines, workers: int, phase: str) -> None:
    place.control.set(color_analysis={"do": "raise", "phase": phase})
    with place.session(placement={"workers": workers, "threads": 2}) as session:
        session.analyze(clip, job="job-17")
    (under,) = [under for text, under in lines.lines if f"color_analysis failed in {phase}" in text]
    assert under == {"job": "job-17", "analyzer": "color_analysis"}
    (written,) = [line for line in lines.json if f"color_analysis failed in {phase}" in line["message"]]
    assert (written["job"], written["analyzer"]) == ("job-17", "color_analysis")
    assert written["trace"].rstrip().endswith("RuntimeError: it broke")


def test_the_engines_own_lines_stand_under_the_clip(place: Place, clip: Path, lines: Lines) -> None:
    def told(text: str) -> bool:  # others may have been at work in the same moment
        return "cut_analysis" in text.partition("at work was: ")[2]

    place.control.set(cut_analysis={"do": "sigkill", "phase": "finish", "times": 1})
    with place.session() as session:
        session.analyze(clip, job="job-18")
        until(lambda: any(told(text) for text, _ in lines.lines), "the line", left=lambda: lines.lines)
    (under,) = [under for text, under in lines.lines if told(text)]
    assert under == {"job": "job-18"}


def test_what_a_thread_is_at_work_on_ends_with_its_block_and_is_its_own() -> None:
    seen = []
    with bound(job="a", worker=None):
        with bound(analyzer="x", job=""):
            assert bound_now() == {"job": "a", "analyzer": "x"}
        assert bound_now() == {"job": "a"}
        other = threading.Thread(target=lambda: seen.append(dict(bound_now())))
        other.start()
        other.join()
    assert seen == [{}] and bound_now() == {}
