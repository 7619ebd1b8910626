"""audio_environment's model backends: class map, framing, hysteresis, classes and events from scores, with stub sessions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.audio_environment import AudioEnvironment, _assemble, _ast, _audioset, _yamnet
from reelscope.analyzers.audio_environment._audioset import Scores
from reelscope.analyzers.base import Inputs, LoadContext, NoOptions
from reelscope.config import Settings
from reelscope.errors import ModelError
from reelscope.features.voice import Voice
from reelscope.models.sources import ModelSource, register
from reelscope.pipeline import Session
from tests.audio_tools import make_track

RATE = 16_000
NAMES = ("Speech", "Whispering", "Dog", "Bark", "Music", "Jazz", "Scary music", "Singing", "Silence", "Inside, small room")


def write_map(folder: Path, *, rows: int = 521, header: str = "index,mid,display_name", line: str = '{i},/m/{i},"Sound, {i}"') -> Path:
    (folder / "yamnet_class_map.csv").write_text("\n".join([header, *(line.format(i=i) for i in range(rows))]) + "\n", encoding="utf-8")
    return folder


# --- Class map


def test_a_good_class_map(tmp_path: Path) -> None:
    names = _yamnet.class_names(write_map(tmp_path))
    assert len(names) == 521 and names[3] == "Sound, 3"


@pytest.mark.parametrize("folder", [None, "nothing"])
def test_a_missing_class_map(tmp_path: Path, folder: str | None) -> None:
    with pytest.raises(ModelError, match="yamnet_class_map") as caught:
        _yamnet.class_names(None if folder is None else tmp_path)
    assert caught.value.hint and "models pull yamnet" in caught.value.hint
    assert caught.value.code == ("model_corrupt" if folder is None else "model_missing")


@pytest.mark.parametrize(
    "wrong",
    [{"rows": 520}, {"rows": 0}, {"header": "mid,display_name"}, {"line": "{i},/m/{i}"}, {"line": "7,/m/{i},x"}, {"line": "{i},/m/{i},"}],
)
def test_a_broken_class_map(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="not a list of 521 classes") as caught:
        _yamnet.class_names(write_map(tmp_path, **wrong))
    assert caught.value.code == "model_corrupt"


def test_a_class_map_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "yamnet_class_map.csv").write_bytes(b"\xff\xfe\x00index")
    with pytest.raises(ModelError, match="cannot be read"):
        _yamnet.class_names(tmp_path)


# --- Framing


class Frames:
    """A stand-in for YAMNet: the score of class 0 is the mean of the frame, of class 1 the number of samples asked for."""

    def __init__(self, *, extra: int = 0, classes: int = 2) -> None:
        self.asked: list[int] = []
        self.extra, self.classes = extra, classes

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        (samples,) = inputs
        self.asked.append(len(samples))
        count = (len(samples) - 15_600) // 7_680 + 1
        out = np.zeros((count + self.extra, self.classes), np.float32)
        out[:count, 0] = [samples[i * 7_680 : i * 7_680 + 15_600].mean() for i in range(count)]
        return [out, np.zeros((1, 1024)), np.zeros((1, 64))]


@pytest.mark.parametrize(("samples", "cells"), [(0, 1), (1, 1), (15_600, 1), (15_601, 2), (23_280, 2), (23_281, 3)])
def test_how_many_frames(samples: int, cells: int) -> None:
    scores = _yamnet.score(Frames(), np.zeros(samples, np.float32), ("a", "b"))
    assert scores.values.shape == (cells, 2)
    assert scores.edges_s[0] == 0 and scores.edges_s[-1] == samples / RATE and np.all(np.diff(scores.edges_s) >= 0)


@pytest.mark.parametrize("extra", [0, 1])
def test_blocks_are_heard_like_the_whole(extra: int) -> None:
    """150 frames in three blocks, whether the model adds a frame of zeros or not."""
    ramp = np.linspace(0, 1, 15_600 + 149 * 7_680).astype(np.float32)
    session = Frames(extra=extra)
    scores = _yamnet.score(session, ramp, ("a", "b"))
    expected = [ramp[i * 7_680 : i * 7_680 + 15_600].mean() for i in range(150)]
    np.testing.assert_allclose(scores.values[:, 0], expected, rtol=1e-5)
    assert session.asked == [15_600 + 63 * 7_680, 15_600 + 63 * 7_680, 15_600 + 21 * 7_680]
    assert scores.edges_s[1] == pytest.approx(0.72) and scores.edges_s[2] == pytest.approx(1.2)


def test_what_is_no_number_or_too_loud_never_reaches_the_model() -> None:
    samples = np.array([np.nan, np.inf, 5.0, -5.0] * 5000, np.float32)
    scores = _yamnet.score(Frames(), samples, ("a", "b"))
    assert np.all(np.abs(scores.values) <= 1)


@pytest.mark.parametrize("session", [Frames(classes=3), Frames(extra=2)])
def test_an_answer_of_another_shape_is_told(session: Frames) -> None:
    with pytest.raises(ModelError, match="it answered with") as caught:
        _yamnet.score(session, np.zeros(RATE, np.float32), ("a", "b"))
    assert caught.value.code == "model_corrupt"


# --- Scores


def scores_of(columns: dict[str, list[float]], step_s: float = 0.5, names: tuple[str, ...] = NAMES) -> Scores:
    cells = len(next(iter(columns.values())))
    values = np.zeros((cells, len(names)), np.float32)
    for name, column in columns.items():
        values[:, names.index(name)] = column
    return Scores(names, values, np.arange(cells + 1) * step_s)


def test_scores_that_do_not_fit_together() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Scores(("a",), np.zeros((2, 2)), np.arange(3.0))


@pytest.mark.parametrize(
    ("column", "found"),
    [
        ([0.0, 0.29, 0.2, 0.0], []),
        ([0.0, 0.3, 0.15, 0.14], [(0.5, 1.5, 0.3)]),
        ([0.15, 0.2, 0.9, 0.15], [(0.0, 2.0, 0.9)]),
        ([0.5, 0.1, 0.6, 0.0], [(0.0, 0.5, 0.5), (1.0, 1.5, 0.6)]),
        ([], []),
    ],
)
def test_hysteresis(column: list[float], found: list[tuple[float, float, float]]) -> None:
    made = _audioset.events(scores_of({"Bark": column}))
    assert [(e.start_s, e.end_s, pytest.approx(e.score, abs=1e-6)) for e in made] == found
    assert all(e.label == "Bark" for e in made)


def test_silence_is_no_event() -> None:
    assert _audioset.events(scores_of({"Silence": [0.9, 0.9]})) == []


def test_many_events_are_thinned_to_the_highest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_audioset, "MOST_EVENTS", 3)
    column = [0.3, 0, 0.4, 0, 0.5, 0, 0.6, 0]
    assert [round(e.score, 1) for e in _audioset.events(scores_of({"Dog": column}))] == [0.4, 0.5, 0.6]


def test_classes_from_the_tree() -> None:
    cells = {"Speech": 0, "Jazz": 1, "Bark": 2, "Singing": 3}
    columns = {name: [0.5 + 0.1 * at if i == at else 0.0 for i in range(4)] for name, at in cells.items()}
    found = _audioset.class_scores(scores_of(columns | {"Inside, small room": [1.0] * 4}))
    np.testing.assert_allclose(found["speech"], [0.5, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(found["music"], [0, 0.6, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(found["noise"], [0, 0, 0.7, 0], rtol=1e-6)  # neither singing nor the room is noise


def test_branches() -> None:
    assert [NAMES[i] for i in _audioset.branch("Music", NAMES)] == ["Music", "Jazz", "Scary music"]
    assert [NAMES[i] for i in _audioset.branch("Dog", NAMES)] == ["Dog", "Bark"]
    with pytest.raises(KeyError):
        _audioset.branch("Whispering", NAMES)


def test_top_events() -> None:
    top = _audioset.top_events(scores_of({"Dog": [0.1, 0.8], "Bark": [0.9, 0.2]}))
    assert [(t.label, round(t.score, 2), t.t_s) for t in top[:2]] == [("Bark", 0.9, 0.25), ("Dog", 0.8, 0.75)]
    assert len(top) == 10
    assert _audioset.top_events(Scores(("a",), np.zeros((0, 1)), np.zeros(1))) == []


# --- Results


def quiet_voice(*phrases: tuple[float, float]) -> Voice:
    return Voice(0.016, 0.032, np.full(200, 0.7 if phrases else 0.0, np.float32), phrases)


def test_nothing_is_heard_in_digital_silence(tmp_path: Path) -> None:
    """Whatever the model says of zeros."""
    track = make_track(tmp_path, np.zeros(2 * RATE, np.float32), RATE)
    result = _assemble.by_scores(track, quiet_voice(), scores_of({"Music": [0.9] * 4, "Bark": [0.9] * 4}))
    assert [(s.kind, s.label, s.start_s, s.end_s) for s in result.segments] == [("class", "silence", 0.0, 2.0)]


def test_classes_and_events_of_scores(tmp_path: Path) -> None:
    samples = 0.1 * np.random.default_rng(0).normal(size=3 * RATE)
    columns = {"Music": [0.0, 0.0, 0.8, 0.6, 0.2, 0.0], "Dog": [0.4, 0.0, 0.0, 0.0, 0.0, 0.0]}
    result = _assemble.by_scores(make_track(tmp_path, samples, RATE), quiet_voice((0.5, 1.0)), scores_of(columns))
    made = {(s.kind, s.label): (s.start_s, s.end_s, s.confidence) for s in result.segments}
    assert made["event", "Dog"] == (0.0, 0.5, pytest.approx(0.4)) and made["event", "Music"] == (1.0, 2.5, pytest.approx(0.8))
    assert made["class", "music"] == (1.0, 2.5, pytest.approx(0.8 / 1.5, abs=0.01))
    assert made["class", "speech"] == (0.5, 1.0, pytest.approx(0.7))
    noise = [(s.start_s, s.end_s) for s in result.segments if (s.kind, s.label) == ("class", "noise")]
    assert noise == [(0.0, 0.5), (2.5, 3.0)]  # the bark by its score, the rest because nothing else explains it
    assert {s.name for s in result.series} == {"speech_score", "music_score", "noise_score"}
    assert result.summary.top_events is not None and not result.summary.not_measured


def test_the_analyzer_asks_yamnet(tmp_path: Path) -> None:
    analyzer = AudioEnvironment()
    session = Frames(classes=521)
    session.folder = write_map(tmp_path)  # type: ignore[attr-defined]
    analyzer._model = SimpleNamespace(session=session)  # type: ignore[assignment]
    analyzer.ctx = LoadContext("cpu", NoOptions(), (), backend="yamnet")
    track = make_track(tmp_path, np.full(2 * RATE, 0.5, np.float32), RATE)
    text = (tmp_path / "yamnet_class_map.csv").read_text(encoding="utf-8").splitlines()
    text[1:5] = ["0,/m/0,Speech", "1,/m/1,Music", "2,/m/2,Scary music", "3,/m/3,Dog"]
    (tmp_path / "yamnet_class_map.csv").write_text("\n".join(text), encoding="utf-8")
    result = analyzer.finish(Inputs(None, track, {"voice": quiet_voice()}))  # type: ignore[arg-type]
    (event,) = [s for s in result.segments if s.kind == "event"]
    assert (event.label, event.start_s, event.end_s, event.confidence) == ("Speech", 0.0, 2.0, pytest.approx(0.5))
    assert not [s for s in result.segments if s.label == "speech"]  # that is told by voice activity


# --- AST, without the model


def test_windows_of_ast() -> None:
    """30 s: nine windows of four cells each, a cell is the mean of those that hear all of it."""
    seen: list[int] = []

    def run(inputs: Any) -> list[np.ndarray]:
        seen.append(len(inputs))
        return [np.full(2, sum(seen[:-1]) + i, np.float32) for i in range(len(inputs))]

    scores = _ast.score(np.zeros(30 * RATE, np.float32), ("a", "b"), run, batch=4)
    assert seen == [4, 4, 1] and scores.values.shape == (12, 2)
    np.testing.assert_allclose(scores.values[:, 0], [0, 0.5, 1, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7, 7.5, 8])
    assert scores.edges_s[-1] == 30 and scores.edges_s[1] == pytest.approx(2.56)


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 40_960, 163_840])
def test_short_sounds_make_one_window(samples: int) -> None:
    scores = _ast.score(np.zeros(samples, np.float32), ("a",), lambda inputs: [np.ones(1)] * len(inputs), batch=8)
    assert np.all(scores.values == 1) and scores.edges_s[-1] == samples / RATE


def test_the_filter_bank_is_padded_with_zeros_before_scaling() -> None:
    made = _ast.fbank(np.zeros(100, np.float32))
    assert made.shape == (1024, 128) and made.dtype == np.float32
    np.testing.assert_allclose(made, 4.2677393 / (2 * 4.5689974), rtol=1e-6)


# --- The real model, where it is


def test_yamnet_names_real_sounds(media: Path) -> None:
    model = media.parent / "models" / "yamnet.tflite"
    if not model.is_file():
        pytest.skip("needs ../shared/models/yamnet.tflite, which is not here")
    register(ModelSource.of_file("yamnet", model, runtime="litert"))
    settings = {"placement": {"workers": 0}, "analysis": {"backends": {"audio_environment": "yamnet"}}}
    with Session(Settings.model_validate(settings)) as session:
        entry = session.analyze(media / "sound-esc50-alarm-clock.wav", only=["audio_environment"]).document.analyzers["audio_environment"]
    assert (entry.status, entry.backend, entry.tier) == ("ok", "yamnet", "compact"), entry.reason
    assert entry.summary.top_events[0].label == "Alarm clock"
    assert "Alarm clock" in {s.label for s in entry.segments if s.kind == "event"}
    assert not [s for s in entry.segments if s.label in ("music", "speech")]
