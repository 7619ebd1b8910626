"""Accuracy of speech_flow and of the feature `voice`: phrases, false speech, pitch and syllables.

Thresholds were fixed on mixes of TUNING_SPEECH (seed 1001); the rows here use other recordings (HELD_OUT_SPEECH), other places in the
backgrounds and seed 4242. Generated mixes go to the analyzer as 16 kHz samples, without an encoder in between. reel-a is reported, never
tuned on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from tests.audio_tools import make_track

from bench.accuracy import _speech
from bench.accuracy.drive import run_analyzer
from bench.accuracy.rows import Context, Counts, Row, match
from reelscope.analyzers.base import Clip, Inputs, LoadContext, NoOptions
from reelscope.analyzers.speech_flow import SpeechFlow, SpeechFlowResult, _prosody
from reelscope.document.schema import MediaInfo
from reelscope.features.voice import VoiceActivity

__all__ = ["Tools", "measure"]

NAME = "speech_flow"
SEED = 4242
EDGE_S = 0.25
RATE_HZ = _speech.RATE_HZ
NOT_SPEECH = (
    "music-jazz-vibe-ace.ogg",
    "sound-esc50-alarm-clock.wav",
    "sound-esc50-car-horn-a.wav",
    "sound-esc50-cat.wav",
    "sound-esc50-dog.wav",
    "sound-esc50-thunderstorm-a.wav",
    "title-animation-bbb-30s.webm",
    "vertical-drummer-rehearsal.mp4",
    "stage-applause-handheld.mp4",
    "plane-zoom-out-fade-out.mp4",
    "shot-change-clock-cat.mp4",
)
# Syllables counted by hand from the texts in the manifest, as a dictionary divides the words (A-mer-i-cans 4, sub-li-cence 3, a-bove 2):
# the dog sentence 8, the air sentence 9, Kennedy 9 + 2 + 8 + 9, the English licence text (the first 30 s of its file) 146.
SYLLABLES = (
    ("speech-en-harvard-dog.wav", 8, None),
    ("speech-en-harvard-air.wav", 9, None),
    ("speech-en-jfk.flac", 28, None),
    ("speech-en-de-licence-text.mp3", 146, 30.0),
)


class Tools:
    """The feature and the analyzer, loaded once, on samples at 16 kHz."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.voice, self.flow = VoiceActivity(), SpeechFlow()
        for member in (self.voice, self.flow):
            member.load(LoadContext("cpu", NoOptions(), ()))

    def analyse(self, samples: np.ndarray) -> SpeechFlowResult:
        media = MediaInfo(
            container="wav",
            duration_s=len(samples) / RATE_HZ,
            width_px=0,
            height_px=0,
            coded_width_px=0,
            coded_height_px=0,
            codec="",
            size_bytes=0,
        )
        clip = Clip("generated", media, str(self.work))
        audio = make_track(self.work, samples, RATE_HZ, name="generated")
        voice = self.voice.finish(Inputs(clip, audio))
        return self.flow.finish(Inputs(clip, audio, {"voice": voice}))


def measure(ctx: Context) -> list[Row]:
    """All rows."""
    tools = Tools(ctx.work)
    rows = _pitch(ctx, tools)
    if ctx.media is None:
        names = ("phrases", "false speech", "syllables")
        return rows + [Row(NAME, what, note="no shared media here") for what in names]
    return [*_mixes(ctx, tools), *_reel(ctx), *_false_speech(ctx), *_syllables(ctx, tools), *rows]


def _phrases(segments: list[Any]) -> list[tuple[float, float]]:
    return [(s.start_s, s.end_s) for s in segments if s.kind == "speech"]


def _compare(found: list[tuple[float, float]], truth: list[tuple[float, float]]) -> Counts:
    return match(found, truth, lambda a, b: max(abs(a[0] - b[0]), abs(a[1] - b[1])), EDGE_S)


def _silero(samples: np.ndarray) -> list[tuple[float, float]]:
    """What faster-whisper's voice filter answers with Silero's own threshold of 0.5, split at 0.3 s, without padding."""
    from faster_whisper.vad import get_speech_timestamps

    found = get_speech_timestamps(samples.copy(), threshold=0.5, min_silence_duration_ms=300, speech_pad_ms=0)
    return [(s["start"] / RATE_HZ, s["end"] / RATE_HZ) for s in found]


def _speech_files(media: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    # Kennedy's last 0.4 s are a rising room noise that the energy takes for speech
    return [_speech.read_mono16k(media / n)[: round(10.6 * RATE_HZ) if "jfk" in n else None] for n in names]


def _mixes(ctx: Context, tools: Tools) -> list[Row]:
    assert ctx.media is not None
    rng = np.random.default_rng(SEED)
    speech = _speech_files(ctx.media, _speech.HELD_OUT_SPEECH)
    grounds = {n: _speech.read_mono16k(ctx.media / n) for n in _speech.BACKGROUNDS}
    rows = []
    dry = Counts(0, 0, 0)
    for samples in speech:
        dry += _compare(_phrases(tools.analyse(samples).segments), _speech.dry_phrases(samples))
    rows.append(Row(NAME, "phrases of dry held-out speech, edges within 0.25 s", dry.tp + dry.fn, dry.f1, "F1", counts=dry))
    for snr_db in (20, 10, 5, 0):
        counts, default, pause = Counts(0, 0, 0), Counts(0, 0, 0), Counts(0, 0, 0)
        trials = 3 if ctx.quick else 20
        for _ in range(trials):
            mix = _speech.make_mix(rng, speech, grounds, snr_db)
            truth = list(mix.phrases)
            found = _phrases(tools.analyse(mix.samples).segments)
            counts += _compare(found, truth)
            default += _compare(_silero(mix.samples), truth)
            pause += _compare(
                [(a[1], b[0]) for a, b in zip(found, found[1:], strict=False)],
                [(a[1], b[0]) for a, b in zip(truth, truth[1:], strict=False)],
            )
        note = f"{trials} mixes of 25 s over jazz and ESC-50 sounds; pauses: TP {pause.tp} FP {pause.fp} FN {pause.fn}"
        what = f"phrases in held-out mixes, speech {snr_db} dB above the background"
        reference = {"Silero at 0.5": default.f1 or 0.0}
        rows.append(Row(NAME, what, counts.tp + counts.fn, counts.f1, "F1", counts=counts, reference=reference, note=note))
    return rows


def _reel(ctx: Context) -> list[Row]:
    assert ctx.media is not None
    path = ctx.media / "reel-a-1080x1920.mp4"
    truth = [(p["start_s"], p["end_s"]) for p in json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["speech_phrases"]]
    found = _phrases(run_analyzer(NAME, path).segments)
    counts = _compare(found, truth)
    default = _compare(_silero(_speech.read_mono16k(path)), truth).f1 or 0.0
    edges = [max(abs(a - c), abs(b - d)) for a, b in found for c, d in truth if max(abs(a - c), abs(b - d)) <= EDGE_S]
    note = f"largest edge error {max(edges, default=0):.2f} s; the truth is good to about 0.1 s"
    met = counts.fp == counts.fn == 0
    reference = {"Silero at 0.5": default}
    return [Row(NAME, "phrases of reel-a", len(truth), counts.f1, "F1", "all, within 0.25 s", met, counts, reference, note)]


def _false_speech(ctx: Context) -> list[Row]:
    assert ctx.media is not None
    groups = {"jazz": NOT_SPEECH[:1], "five ESC-50 clips": NOT_SPEECH[1:6], "music, applause, engine and room noise": NOT_SPEECH[6:]}
    rows = []
    for group, names in groups.items():
        found = {}
        total = 0.0
        for name in names:
            entry = run_analyzer(NAME, ctx.media / name)
            found[name] = sum(s.end_s - s.start_s for s in entry.segments if s.kind == "speech")
            total += max((s.t_s[-1] for s in entry.series if s.t_s), default=0.0)
        note = "; ".join(f"{n} {v:.2f} s" for n, v in found.items() if v) or "none"
        rows.append(Row(NAME, f"false speech in {group}", len(names), sum(found.values()), "s", note=f"in {total:.0f} s: {note}"))
    return rows


def _syllables(ctx: Context, tools: Tools) -> list[Row]:
    assert ctx.media is not None
    rng = np.random.default_rng(SEED)
    jazz = _speech.read_mono16k(ctx.media / "music-jazz-vibe-ace.ogg")
    rows = []
    for snr_db in (None, 10):
        errors, told = [], []
        for name, truth, until_s in SYLLABLES:
            samples = _speech.read_mono16k(ctx.media / name)
            samples = samples[: round(until_s * RATE_HZ)] if until_s else samples
            if snr_db is not None:
                ground = np.roll(jazz, int(rng.integers(len(jazz))))[: len(samples)]
                samples = samples + ground * np.float32(np.sqrt(np.mean(samples**2) / np.mean(ground**2) / 10 ** (snr_db / 10)))
            count = tools.analyse(samples).summary.syllables or 0
            errors.append(abs(count - truth) / truth)
            told.append(f"{name.removeprefix('speech-en-').split('.')[0]} {count} of {truth}")
        where = "dry" if snr_db is None else f"with jazz {snr_db} dB below"
        note = ", ".join(told) + "; n is too small for more than an order of size"
        rows.append(Row(NAME, f"syllable count, {where}: mean relative error", len(errors), float(np.mean(errors)), "share", note=note))
    return rows


def _voice(rng: np.random.Generator, seconds: float, snr_db: float) -> tuple[np.ndarray, np.ndarray]:
    """A buzz through three formants whose pitch glides and trembles, in noise: samples and the pitch in Hz at every sample."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    base = rng.uniform(80, 320)
    slow = np.interp(t, np.linspace(0, seconds, 5), rng.uniform(-4, 4, 5))
    hz = base * 2 ** ((slow + 0.3 * np.sin(2 * np.pi * 5.5 * t)) / 12)
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    formants = (rng.uniform(300, 800), rng.uniform(900, 2200), rng.uniform(2300, 3000))
    out = np.zeros(len(t))
    for k in range(1, 60):
        at = k * hz
        gain = sum(1 / (1 + np.square((at - f) / (60 + f * 0.06))) for f in formants) / k**0.5
        out += np.where(at < 7500, gain, 0) * np.sin(k * phase)
    out += rng.normal(0, 1, len(t)) * np.sqrt(np.mean(np.square(out)) / 10 ** (snr_db / 10))
    return (0.3 * out / np.abs(out).max()).astype(np.float32), hz


def _pitch(ctx: Context, tools: Tools) -> list[Row]:
    rng = np.random.default_rng(SEED)
    rows = []
    for snr_db in (30, 10):
        cents: list[np.ndarray] = []
        frames = 0
        for _ in range(4 if ctx.quick else 40):
            samples, truth = _voice(rng, 3.0, snr_db)
            found = _prosody.pitch_contour(samples, [(0.1, 2.9)], tools.flow._pitch)
            at = np.minimum(np.round(found.t_s * RATE_HZ).astype(int), len(truth) - 1)
            frames += len(at)
            cents.append(1200 * np.abs(np.log2(found.hz / truth[at]))[found.voiced])
        errors = np.concatenate(cents)
        note = f"over 1 semitone: {np.mean(errors > 100):.1%}; called unvoiced: {1 - len(errors) / frames:.1%} of {frames} frames"
        what = f"pitch of generated vowels, 63-403 Hz, gliding, noise {snr_db} dB below"
        rows.append(Row(NAME, what, len(errors), float(np.median(errors)), "cents median", note=note))
    return rows
