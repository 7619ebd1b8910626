"""Words of the shared speech: error rates and times, for each Whisper that is in the store (setting models.dir). Nothing is fetched here.

Truth: the transcripts of the shared media; for times the phrases of reel-a and of Kennedy's sentence (edges good to about 0.1 s), and his
"Americans", which is said at 1.8 s. The licence is scored on its English half, by the segments that were heard as English.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench.accuracy._words import Errors, TimedWord, characters, edge_errors, median, words
from bench.accuracy.rows import Context, Row
from reelscope.analyzers.speech_transcription import WITH_SPEAKERS, SpeechTranscription
from reelscope.cli.terminal import read_settings
from reelscope.config import Settings
from reelscope.config.tree import Models
from reelscope.document.measures.words import tokens
from reelscope.document.schema import AnalyzerEntry
from reelscope.models.catalog import Catalog
from reelscope.pipeline import Session, lookup

__all__ = ["measure"]

NAME = "speech_transcription"
REEL = "reel-a-1080x1920"
DRY = ("speech-en-jfk.flac", "speech-en-harvard-dog.wav", "speech-en-harvard-air.wav", "speech-en-de-licence-text.mp3")
QUIET = ("music-jazz-vibe-ace.ogg", "sound-esc50-dog.wav", "sound-esc50-thunderstorm-a.wav", "sound-esc50-car-horn-a.wav")
# What is said in each phrase of reel-a; the four in the middle are Kennedy's, 4 s later than in his file.
REEL_PHRASES = (
    "The child almost hurt the small dog",
    "And so my fellow Americans",
    "ask not",
    "what your country can do for you",
    "ask what you can do for your country",
    "At that high level the air is pure",
)
REEL_SPEAKERS = (0, 1, 1, 1, 1, 0)
KENNEDY_LATER_S = 4.0
AMERICANS_S = 1.8
GOALS = {
    "words wrong, dry speech": "WER <= 0.1",
    "characters wrong, dry speech": "CER <= 0.05",
    "words wrong, reel-a (speech over jazz)": "WER <= 0.2",
    "edges of phrases, median error": "<= 0.15 s",
    '"Americans" covers 1.8 s': "yes",
    "words heard in music and sounds": "0",
}
LIMITS = dict(zip(GOALS, (0.1, 0.05, 0.2, 0.15, 1.0, 0.0), strict=True))


def measure(ctx: Context) -> list[Row]:
    """Rows for each model that is in the store; rows that say why where none is."""
    if ctx.media is None:
        return _nothing("../shared/media is not there")
    store = read_settings().settings.models
    usable = lookup(models=Catalog.of(Settings(models=store))).unusable
    rows, missing = [], []
    for backend in SpeechTranscription.spec.backends:
        why = usable(backend)
        if why is None:
            told = backend.name.endswith(WITH_SPEAKERS)
            with _session(backend.name, store) as session:
                rows += _speakers(session, backend.name, ctx.media) if told else _words(session, backend.name, ctx.media, quick=ctx.quick)
        elif not backend.name.endswith(WITH_SPEAKERS):
            missing.append(backend.name)
    if not rows:
        return _nothing(f"no Whisper weights in the folder of the setting models.dir ({', '.join(missing)})")
    return rows


def _nothing(why: str) -> list[Row]:
    return [Row(NAME, what, goal=goal, note=f"NOT MEASURED: {why}") for what, goal in GOALS.items()]


def _words(session: Session, name: str, media: Path, *, quick: bool) -> list[Row]:
    dry = DRY[:3] if quick else DRY
    heard = {file: _entry(session, media / file) for file in dry}
    reel = _entry(session, media / f"{REEL}.mp4")
    quiet = [_entry(session, media / file) for file in QUIET]
    bad = next((e for e in (*heard.values(), reel, *quiet) if e.status != "ok"), None)
    if bad is not None:
        return [Row(NAME, f"{name}: words", goal="measured", note=f"NOT MEASURED: {bad.status}: {bad.reason}")]
    truth = {row["file"]: row["ground_truth"] for row in json.loads((media / "MANIFEST.json").read_text())}
    texts = {file: _truth(truth[file]) for file in dry}
    by_word = sum((words(texts[f], _english(heard[f])) for f in dry), Errors(0, 0))
    by_character = sum((characters(texts[f], _english(heard[f])) for f in dry), Errors(0, 0))
    marks = json.loads((media / f"{REEL}.json").read_text())
    in_reel = words(" ".join(REEL_PHRASES), _english(reel))
    phrases = [(p["start_s"], p["end_s"], text) for p, text in zip(marks["speech_phrases"], REEL_PHRASES, strict=True)]
    kennedy = [(a - KENNEDY_LATER_S, b - KENNEDY_LATER_S, text) for a, b, text in phrases[1:5]]
    edges = edge_errors(phrases, _timed(reel)) + edge_errors(kennedy, _timed(heard["speech-en-jfk.flac"]))
    named = [w for w in _timed(heard["speech-en-jfk.flac"]) if tokens(w.text) == ("americans",)]
    figures = [
        (by_word.units, by_word.rate, "", f"{by_word.wrong} of {by_word.units}"),
        (by_character.units, by_character.rate, "", f"{by_character.wrong} of {by_character.units}"),
        (in_reel.units, in_reel.rate, "", f"heard: {_english(reel)}"),
        (len(edges), median(edges), "s", f"largest {max(edges):.2f} s" if edges else "no edge's word was heard"),
        (1, float(any(w.start_s <= AMERICANS_S <= w.end_s for w in named)), "", "" if named else "the word was not heard"),
        (len(quiet), float(sum(e.summary.words for e in quiet)), "words", "; ".join(e.summary.text for e in quiet if e.summary.text)),
    ]
    rows = []
    for what, (n, value, unit, note) in zip(GOALS, figures, strict=True):
        limit = LIMITS[what]
        met = None if value is None else value >= limit if what.startswith('"') else value <= limit
        rows.append(Row(NAME, f"{name} on {reel.device}: {what}", n, value, unit, GOALS[what], met, note=note))
    seconds = (reel.seconds or 0.0) / marks["duration_s"]
    rows.append(Row(NAME, f"{name} on {reel.device}: time for reel-a", 1, seconds, "x realtime"))
    return rows


def _speakers(session: Session, name: str, media: Path) -> list[Row]:
    """Pairs of reel-a's phrases that are rightly told the same or another voice."""
    reel = _entry(session, media / f"{REEL}.mp4")
    if reel.status != "ok":
        return [Row(NAME, f"{name}: speakers of reel-a", goal="measured", note=f"NOT MEASURED: {reel.status}: {reel.reason}")]
    marks = json.loads((media / f"{REEL}.json").read_text())["speech_phrases"]
    found = []
    for mark, speaker in zip(marks, REEL_SPEAKERS, strict=True):
        middle = (mark["start_s"] + mark["end_s"]) / 2
        near = [s for s in reel.segments if s.start_s - 0.3 <= middle <= s.end_s + 0.3 and s.speaker is not None]
        found += [(near[0].speaker, speaker)] if near else []
    pairs = [((a[0] == b[0]) == (a[1] == b[1])) for i, a in enumerate(found) for b in found[i + 1 :]]
    value, met = (sum(pairs) / len(pairs), all(pairs)) if pairs else (None, None)
    return [Row(NAME, f"{name}: pairs of phrases of reel-a, same voice or not", len(pairs), value, "", "= 1", met)]


def _session(name: str, store: Models) -> Session:
    settings = {"analysis": {"backends": {NAME: name}}, "system": {"keep_results": False}}
    return Session(Settings.model_validate(settings).model_copy(update={"models": store}))


def _entry(session: Session, clip: Path) -> AnalyzerEntry:
    return session.analyze(clip, only=[NAME]).document.analyzers[NAME]


def _truth(marks: dict) -> str:
    return next(marks[key] for key in ("transcript", "transcript_en", "well_known_full_text") if marks.get(key))


def _english(entry: AnalyzerEntry) -> str:
    return " ".join(s.text for s in entry.segments if s.language == "en")


def _timed(entry: AnalyzerEntry) -> Sequence[TimedWord]:
    return [TimedWord(w.start_s, w.end_s, w.text) for s in entry.segments for w in s.words]
