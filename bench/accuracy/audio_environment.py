"""Accuracy of audio_environment: the classes second by second against labels by hand, and YAMNet's names for sounds that are known.

The labels (tests/labels/sounds.json) say how they were made. The embedded regressions were fitted on other material (docs): of these
recordings only the three of TUNING went into it, as speech without music. They are counted apart.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.accuracy._speech import TUNING_SPEECH
from bench.accuracy.rows import Context, Counts, Row
from reelscope.analyzers.audio_environment._classes import CLASSES
from reelscope.config import Settings
from reelscope.document.schema import AnalyzerEntry
from reelscope.models.importing import import_folder
from reelscope.models.manifest import manifest
from reelscope.models.store import ModelStore
from reelscope.pipeline import Session
from reelscope.timebase import clip_to, intersect, total_s

__all__ = ["measure", "score_seconds"]

NAME = "audio_environment"
LABELS = Path(__file__).resolve().parents[2] / "tests" / "labels" / "sounds.json"
EMBEDDED, COMPACT = "lines", "yamnet"
TUNING = TUNING_SPEECH
GOAL = 0.9
GOALS = ("speech", "music")
MOSTLY, PARTLY = 0.7, 0.3  # of a second; between them a second is neither with nor without the class, and is not counted
NOT_HERE = "NOT MEASURED: the model is not in ../shared/models"
TOP = 5
# What the manifest says the sound is, as AudioSet calls it.
KNOWN = {
    "sound-esc50-alarm-clock.wav": "Alarm clock",
    "sound-esc50-car-horn-a.wav": "Vehicle horn, car horn, honking",
    "sound-esc50-cat.wav": "Cat",
    "sound-esc50-dog.wav": "Dog",
    "sound-esc50-thunderstorm-a.wav": "Thunderstorm",
    "sound-panns-telephone-speech.wav": "Telephone",
    "music-jazz-vibe-ace.ogg": "Music",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording's labels and what each backend said of it."""

    labels: dict[str, Any]
    entries: dict[str, AnalyzerEntry]


def measure(ctx: Context) -> list[Row]:
    """All rows."""
    if ctx.media is None:
        return [Row(NAME, "classes by the second", note="no shared media here")]
    clips = json.loads(LABELS.read_text(encoding="utf-8"))["clips"]
    store = _store(ctx)
    backends = (EMBEDDED,) if store is None else (EMBEDDED, COMPACT)
    sessions = {b: _session(b, store) for b in backends}
    try:
        heard = [Heard(c, {b: _entry(sessions[b], ctx.media / c["clip"]) for b in backends}) for c in clips]
    finally:
        for session in sessions.values():
            session.close()
    rows = [row for label in CLASSES for row in _rows_of(label, heard, store is not None)]
    return [*rows, _masked_music(heard), *_names(heard, store is not None)]


def _store(ctx: Context) -> Path | None:
    """A store with YAMNet from ../shared/models; None without it."""
    models = None if ctx.media is None else ctx.media.parent / "models"
    if models is None or not (models / "yamnet.tflite").is_file():
        return None
    store = ctx.work / "sounds"
    import_folder(ModelStore(store), manifest(), models)
    return store


def _session(backend: str, store: Path | None) -> Session:
    settings: dict[str, Any] = {"analysis": {"backends": {NAME: backend}}, "system": {"keep_results": False}, "placement": {"workers": 0}}
    if store is not None:
        settings["models"] = {"dir": str(store)}
    return Session(Settings.model_validate(settings))


def _entry(session: Session, path: Path) -> AnalyzerEntry:
    entry = session.analyze(path, only=[NAME]).document.analyzers[NAME]
    if entry.status != "ok":
        raise RuntimeError(f"{NAME} on {path.name}: {entry.status} ({entry.code}): {entry.reason}")
    return entry


def score_seconds(
    found: Sequence[tuple[float, float]], truth: Sequence[Sequence[float]], unsure: Sequence[Sequence[float]], duration_s: float
) -> Counts:
    """Seconds with a class, without it, and missed.

    A second counts as having the class where 0.7 of it or more has, as not having it where at most 0.3 has; one that is unsure for more
    than 0.3 is left out, and so is a rest of less than half a second at the end. What was found counts from half a second on.
    """
    tp = fp = fn = 0
    spans = [[(float(a), float(b)) for a, b in part] for part in (found, truth, unsure)]
    for second in range(max(1, math.floor(duration_s + 0.5))):
        bounds = (float(second), min(second + 1.0, duration_s))
        length = bounds[1] - bounds[0]
        is_found, is_true, is_unsure = (total_s(clip_to(part, bounds)) / length for part in spans)
        if is_unsure > PARTLY or PARTLY < is_true < MOSTLY:
            continue
        if is_true >= MOSTLY:
            tp, fn = (tp + 1, fn) if is_found >= 0.5 else (tp, fn + 1)
        else:
            fp += is_found >= 0.5
    return Counts(tp, fp, fn)


def _of(entry: AnalyzerEntry, label: str) -> list[tuple[float, float]]:
    """Stretches of a class; YAMNet's speech by its own scores, though the analyzer goes by voice activity there too."""
    own = [s for s in entry.series if s.name == f"{label}_score"] if label == "speech" else []
    if own:
        from reelscope.analyzers.audio_environment._audioset import stretches

        middles = np.array(own[0].t_s)
        edges = np.concatenate([[0.0], (middles[1:] + middles[:-1]) / 2, [2 * middles[-1] - (middles[-1] + middles[-2]) / 2]])
        return [at for at, _ in stretches(np.array(own[0].values, np.float64), edges)]
    return [(s.start_s, s.end_s) for s in entry.segments if s.kind == "class" and s.label == label]  # type: ignore[attr-defined]


def _counts(heard: Sequence[Heard], backend: str, label: str) -> tuple[Counts, list[str]]:
    total, worst = Counts(0, 0, 0), []
    for h in heard:
        counts = score_seconds(
            _of(h.entries[backend], label), h.labels[label], h.labels["unsure"].get(label, []), float(h.labels["duration_s"])
        )
        total += counts
        if counts.fp or counts.fn:
            worst.append((counts.fp + counts.fn, f"{h.labels['clip'].rsplit('.', 1)[0]} FP {counts.fp} FN {counts.fn}"))
    return total, [text for _, text in sorted(worst, reverse=True)[:4]]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _rows_of(label: str, heard: Sequence[Heard], compact: bool) -> list[Row]:
    held = [h for h in heard if h.labels["clip"] not in TUNING]
    counts, worst = _counts(held, EMBEDDED, label)
    tuned, _ = _counts([h for h in heard if h.labels["clip"] in TUNING], EMBEDDED, label)
    beside = _counts(held, COMPACT, label)[0] if compact else None
    note = "; ".join(worst) or "no error"
    note += f". The tuning recordings (left out): TP {tuned.tp} FP {tuned.fp} FN {tuned.fn}"
    if label == "silence":
        note += ". Truth and analyzer use the same definition, so this only shows that both were computed alike"
    rows = []
    for what, wrong in (("precision", "fp"), ("recall", "fn")):
        value = _share(counts.tp, counts.tp + getattr(counts, wrong))
        other = None if beside is None else _share(beside.tp, beside.tp + getattr(beside, wrong))
        goal = f">= {GOAL}" if label in GOALS else ""
        met = value >= GOAL if goal and value is not None else None
        reference = None if other is None else {"yamnet's own scores" if label == "speech" else "yamnet": other}
        title = f"{label}, seconds of {len(held)} recordings: {what} of the embedded backend"
        n, about = counts.tp + counts.fn, note if what == "precision" else ""
        rows.append(Row(NAME, title, n, value, "", goal, met, counts, reference, about))
    return rows


def _masked_music(heard: Sequence[Heard]) -> Row:
    """reel-a from 4 to 15 s, where the recipe has music that the spectrogram does not show: left out above, counted here."""
    reel = next(h for h in heard if h.labels["clip"].startswith("reel-a"))
    masked = [(float(a), float(b)) for a, b in reel.labels["unsure"]["music"]]
    shares = {b: total_s(intersect(_of(e, "music"), masked)) / total_s(masked) for b, e in reel.entries.items()}
    rest = {k: v for k, v in shares.items() if k != EMBEDDED}
    note = "music 25 dB below the speech and 10 dB below that recording's own noise, by the recipe; not scored above"
    what = "reel-a, music that the recipe has but no eye sees: share heard"
    return Row(NAME, what, 1, shares[EMBEDDED], "", reference=rest or None, note=note)


def _names(heard: Sequence[Heard], compact: bool) -> list[Row]:
    what = f"yamnet: label or its descendant among the {TOP} largest scores of a clip (ESC-50, telephone, jazz)"
    if not compact:
        return [Row(NAME, what, goal="all", note=NOT_HERE)]
    from reelscope.analyzers.audio_environment._audioset import branch

    right, said = 0, []
    for h in heard:
        label = KNOWN.get(h.labels["clip"])
        if label is None:
            continue
        top = h.entries[COMPACT].summary.top_events[:TOP]  # type: ignore[attr-defined]
        names = [t.label for t in top]
        wanted = _under(label, branch)
        at = next((i for i, name in enumerate(names, 1) if name in wanted), None)
        right += at is not None
        said.append(f"{label}: {'missed, ' + ', '.join(names) if at is None else f'{names[at - 1]} ({top[at - 1].score:.2f}), place {at}'}")
    return [Row(NAME, what, len(said), float(right), "clips", f"all {len(KNOWN)}", right == len(KNOWN), note="; ".join(said))]


def _under(label: str, branch: Any) -> set[str]:
    """Names of a label and of what is under it, in YAMNet's own list."""
    from reelscope.analyzers.audio_environment._yamnet import class_names

    names = class_names(Path(__file__).resolve().parents[3] / "shared" / "models")
    return {names[i] for i in branch(label, names)}
