"""End to end with a tiny checkpoint of the real architecture in a store: clip in, document out. No torch, no download."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.base import Clip, Inputs, LoadContext
from reelscope.analyzers.speech_transcription import SpeechTranscription, TranscriptionOptions
from reelscope.config import Settings
from reelscope.document.schema import AnalyzerEntry, MediaInfo
from reelscope.engine.placement import Gpu, Hardware
from reelscope.engine.plan import make_plan
from reelscope.features.voice import Voice
from reelscope.models.catalog import Catalog
from reelscope.models.manager import ModelManager
from reelscope.models.manifest import FilePin, Pin, manifest
from reelscope.models.sessions import open_session
from reelscope.models.sources import ModelSource
from reelscope.models.store import ModelStore, Record
from reelscope.pipeline import Session, lookup
from tests.analyzers.test_speech_transcription import text
from tests.audio_tools import make_track
from tests.clips import moving_frames, tone, write_clip
from tests.whisper_store import TEXT, put

NAME = "speech_transcription"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    return put(tmp_path_factory.mktemp("store"))


def analyse(store: ModelStore | Path, clip: Path, **options: Any) -> AnalyzerEntry:
    root = store if isinstance(store, Path) else store.root
    settings = {"models": {"dir": str(root)}, "analysis": {"options": {NAME: options}}, "system": {"keep_results": False}}
    with Session(Settings.model_validate(settings)) as session:
        return session.analyze(clip, only=[NAME]).document.analyzers[NAME]


def inside(t_s: float, phrases: Sequence[tuple[float, float]]) -> bool:
    return any(a - 0.2 - 1e-6 <= t_s <= b + 0.2 + 1e-6 for a, b in phrases)


def test_a_clip_with_a_voice(store: ModelStore, demo_reel: Path) -> None:
    entry = analyse(store, demo_reel)
    assert (entry.status, entry.backend, entry.tier, entry.device) == ("ok", "whisper-base", "compact", "cpu"), entry.reason
    assert {m.id for m in entry.models} == {"whisper-base", "silero-vad"} and all(m.sha256 for m in entry.models)
    words = [w for s in entry.segments for w in s.words]
    assert words and entry.summary.words == len(words) == len(entry.summary.text.split())
    assert entry.summary.language == "en" and entry.summary.language_probability > 0.99
    assert entry.summary.text.startswith("and so my fellow.")  # what the checkpoint hears in anything
    times = [w.start_s for w in words]
    assert times == sorted(times) and all(w.start_s <= w.end_s for w in words) and all(0.9 < w.confidence <= 1 for w in words)
    for chunk in entry.summary.chunks:
        assert chunk.end_s - chunk.start_s <= 30 and chunk.dropped is None and chunk.avg_logprob > -0.1
    spans = [(c.start_s, c.end_s) for c in entry.summary.chunks]
    assert all(any(a <= w.start_s <= w.end_s <= b for a, b in spans) for w in words)
    json.dumps(entry.model_dump(mode="json"))


def test_words_lie_where_somebody_speaks_and_the_same_again_is_the_same(store: ModelStore, media: Path) -> None:
    clip = media / "speech-en-jfk.flac"
    first = analyse(store, clip)
    assert first.status == "ok", first.reason
    again = analyse(store, clip)
    drop = {"seconds", "attempts"}
    assert first.model_dump(exclude=drop) == again.model_dump(exclude=drop)
    phrases = [(0.32, 2.2), (3.2, 4.4), (5.3, 7.7), (8.1, 10.6)]  # Kennedy's pauses
    assert all(inside(w.start_s, phrases) and inside(w.end_s, phrases) for s in first.segments for w in s.words)


def test_a_model_that_does_not_believe_its_own_words_gives_none(tmp_path: Path, demo_reel: Path) -> None:
    entry = analyse(put(tmp_path, surety=0.3), demo_reel)
    assert entry.status == "ok" and entry.segments == [] and entry.summary.text == ""
    assert entry.summary.dropped["low_probability"] + entry.summary.dropped["no_speech"] + entry.summary.dropped["loop"] > 0
    assert entry.summary.chunks[0].dropped in ("low_probability", "no_speech")


def test_a_model_that_loops_is_heard_once(tmp_path: Path, demo_reel: Path) -> None:
    entry = analyse(put(tmp_path, text="pour slowly " * 20), demo_reel)
    assert entry.status == "ok" and entry.summary.dropped["loop"] >= 38
    assert entry.summary.text in ("pour slowly", "pour slowly pour slowly", "")


def test_music_without_a_voice_is_not_asked_about(store: ModelStore, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "tone.mp4", moving_frames(24), sound=tone(1.0))
    entry = analyse(store, clip)
    assert entry.status == "ok" and entry.segments == [] and entry.summary.language is None and entry.summary.chunks == []
    assert entry.summary.not_measured["language"] == "nobody speaks"


def test_a_clip_without_sound(store: ModelStore, tmp_path: Path) -> None:
    entry = analyse(store, write_clip(tmp_path / "mute.mp4", moving_frames(5)))
    assert (entry.status, entry.code) == ("not_applicable", "no_audio")


def test_without_a_model_one_command_fixes_it(tmp_path: Path) -> None:
    entry = analyse(tmp_path / "empty", write_clip(tmp_path / "a.mp4", moving_frames(5), sound=tone(0.5)))
    assert (entry.status, entry.code, entry.hint) == ("unavailable", "no_backend", "reelscope models pull whisper-base")
    assert entry.reason == "the model whisper-base is not in the store"


@pytest.mark.parametrize(
    ("gpu_mib", "here", "licence", "backend", "hint"),
    [
        (None, (), "any", None, "reelscope models pull whisper-base"),
        (24_000, (), "any", None, "reelscope models pull whisper-large-v3-turbo"),
        (2_000, (), "any", None, "reelscope models pull whisper-base"),  # a GPU that is too small for anything but the CPU's models
        (None, ("wespeaker-resnet34",), "any", None, "reelscope models pull whisper-base"),
        (None, ("whisper-large-v3",), "any", None, "reelscope models pull whisper-base"),  # no GPU: it runs only when named
        (24_000, ("whisper-large-v3", "whisper-base"), "any", "whisper-large-v3", None),
        (None, ("whisper-base", "wespeaker-resnet34"), "any", "whisper-base-speakers", None),
        (None, ("whisper-base", "wespeaker-resnet34"), "permissive", "whisper-base", None),
    ],
)
def test_what_is_chosen_and_what_is_to_be_fetched(
    tmp_path: Path, gpu_mib: int | None, here: tuple[str, ...], licence: Any, backend: str | None, hint: str | None
) -> None:
    store = ModelStore(tmp_path)
    for name in here:
        entry = manifest()[name]
        store.folder(entry).mkdir(parents=True)
        file = store.folder(entry) / str(entry.weights)
        file.write_bytes(b"weights")
        store.note(entry, Record(None, True, (FilePin(file.name, Pin("0" * 64, 7)),)))
    plan = make_plan(
        only=[NAME],
        skip=(),
        settings=Settings(),
        lookup=lookup(models=Catalog(tmp_path, licences=licence)),
        has_picture=True,
        has_sound=True,
        hardware=Hardware(cores=2, ram_mib=8000, gpus=() if gpu_mib is None else (Gpu(0, "GPU-0", "a GPU", gpu_mib),)),
    )
    choice = plan.choices[NAME]
    assert (choice.backend.name if choice.status is None and choice.backend else None, choice.hint) == (backend, hint)


def test_the_better_of_two_models_is_taken(tmp_path: Path) -> None:
    put(tmp_path / "store", "whisper-tiny")
    put(tmp_path / "store", "whisper-small")
    entry = analyse(tmp_path / "store", write_clip(tmp_path / "a.mp4", moving_frames(5), sound=tone(0.5)))
    assert entry.backend == "whisper-small"


def test_a_damaged_model_fails_by_name_and_the_document_is_written(tmp_path: Path, demo_reel: Path) -> None:
    weights = put(tmp_path).folder(manifest()["whisper-base"]) / "model.bin"
    content = bytearray(weights.read_bytes())
    content[5000] ^= 1
    weights.write_bytes(bytes(content))
    entry = analyse(tmp_path, demo_reel)
    assert (entry.status, entry.code) == ("failed", "model_corrupt") and "whisper-base" in str(entry.reason)


def test_a_given_language_is_heard_in(store: ModelStore, demo_reel: Path) -> None:
    entry = analyse(store, demo_reel, language="de")
    assert {s.language for s in entry.segments} == {"de"} and entry.summary.language_probability is None
    assert entry.options["language"] == "de"


def test_by_the_command_line_from_a_folder_that_was_brought(
    store: ModelStore, demo_reel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from reelscope.cli import run

    monkeypatch.setenv("REELSCOPE_OFFLINE", "1")
    monkeypatch.setenv("REELSCOPE_MODELS__DIR", str(tmp_path / "models"))
    assert run(["models", "import", str(store.folder(manifest()["whisper-base"])), "--as", "whisper-base"]) == 0
    assert run(["analyze", str(demo_reel), "--only", NAME, "--out", str(tmp_path / "out")]) == 0, capsys.readouterr().err
    document = json.loads(next((tmp_path / "out").rglob("analysis.json")).read_text())
    assert document["analyzers"][NAME]["status"] == "ok" and document["analyzers"][NAME]["summary"]["words"] > 0


# --- with what other members found, and with voices

PHRASES = ((0.5, 2.0), (2.5, 4.0), (6.0, 7.5))


class Voices:
    """Two voices that take turns."""

    device, bytes = "cpu", 0

    def __init__(self) -> None:
        self.count = 0

    def run(self, outputs: None, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.count += 1
        return [np.array([[1.0, 0.0], [0.0, 1.0]])[[self.count % 2]]]

    def close(self) -> None:
        pass


def finish(store: ModelStore, tmp_path: Path, *, backend: str = "whisper-base", results: Any = None, **options: Any) -> Any:
    """The analyzer alone, on noise where the given phrases are voice."""
    entry = manifest()["whisper-base"]
    voices = ModelSource("wespeaker-resnet34", loader=lambda request: None)
    manager = ModelManager(
        sources=lambda name: voices if name == voices.name else store.source(entry, entry),
        open_session=lambda request: Voices() if request.source is voices else open_session(request),
    )
    track = make_track(tmp_path, np.random.default_rng(0).normal(0, 0.05, (16_000 * 8, 1)).astype(np.float32), 16_000)
    voice = Voice(0.016, 0.032, np.ones(250, np.float32), PHRASES)
    with manager:
        member = SpeechTranscription()
        member.load(LoadContext("cpu", TranscriptionOptions(**options), (), backend=backend, models=manager))
        member.begin(Clip("a", MediaInfo(container="wav", duration_s=8, size_bytes=1), str(tmp_path)))
        found = member.finish(Inputs(member_clip(tmp_path), track, {"voice": voice}, results or {}))
        member.close()
    return found


def member_clip(tmp_path: Path) -> Clip:
    return Clip("a", MediaInfo(container="wav", duration_s=8, size_bytes=1), str(tmp_path))


def test_speakers_are_told_apart_by_the_backend_that_can(store: ModelStore, tmp_path: Path) -> None:
    found = finish(store, tmp_path, backend="whisper-base-speakers")
    assert found.summary.speakers == 2 and "speakers" not in found.summary.not_measured
    by_word = {(w.start_s, w.text): s.speaker for s in found.segments for w in s.words}
    turns = [next((i for i, (a, b) in enumerate(PHRASES) if a - 0.2 <= t <= b + 0.2), None) for t, _ in by_word]
    assert list(by_word.values()) == [{0: 0, 1: 1, 2: 0}[t] for t in turns]
    alone = finish(store, tmp_path)
    assert {s.speaker for s in alone.segments} == {None} and alone.summary.speakers is None
    assert alone.summary.text == found.summary.text
    assert alone.summary.words + alone.summary.dropped["outside_voice"] == len(TEXT.split())  # what attention puts into a pause is not said


def test_titles_and_captions_are_hints_unless_they_are_turned_off(store: ModelStore, tmp_path: Path) -> None:
    class Seen:
        segments = (text("Pour slowly"), text("shop", "scene_text"))

    on = finish(store, tmp_path, results={"text_overlay": Seen})
    assert on.summary.hints == ["Pour slowly"]
    off = finish(store, tmp_path, results={"text_overlay": Seen}, hints=False)
    assert off.summary.hints == [] and off.summary.text.startswith("and so my fellow.") and not off.summary.chunks[0].hinted
