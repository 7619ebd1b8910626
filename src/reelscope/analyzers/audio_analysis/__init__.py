"""Loudness, levels, clipping and silence, tempo and beats, key, onsets and spectral features of the clip's sound.

One pass over the sound in blocks of 10 s, in its original layout and rate; see docs/analyzers/audio_analysis.md for the formulas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, SerializeAsAny

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, AudioNeed, Backend, Inputs, LoadContext, Options
from reelscope.document.schema import AnalyzerResult, Segment, Series, Summary, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np

    from reelscope.media.audio import AudioTrack

__all__ = ["ANALYZER", "AudioAnalysis", "AudioAnalysisResult", "AudioOptions", "AudioSegment", "AudioSummary"]

BLOCK_S = 10.0  # seconds of sound in memory at once
KEPT_SILENCES = 2000  # longest kept; bounds the document of very long clips


class AudioOptions(Options):
    """Options of audio_analysis."""

    silence_dbfs: Annotated[float, Field(ge=-120, le=0)] = -50.0
    """Silence is below this RMS (mean of the channels' power, 20 ms windows; a full-scale sine reads -3 dBFS)."""
    silence_min_s: Annotated[float, Field(gt=0)] = 0.3
    """Shortest silence reported."""


class AudioSegment(Segment):
    """A stretch of the sound.

    `kind`: `silence` (below the threshold; `level_dbfs` its RMS, null for digital silence), `clipping` (runs of at least three samples
    at full scale, less than 0.1 s apart; `clipped_runs`, `clipped_samples` over all channels) or `pulse` (a steady beat; `tempo_bpm`,
    `clarity` 0-1).
    """

    kind: Literal["silence", "clipping", "pulse"]
    level_dbfs: Value = None
    clipped_runs: int | None = None
    clipped_samples: int | None = None
    tempo_bpm: Value = None
    clarity: Value = None


class AudioSummary(Summary):
    """Figures of the whole clip; `not_measured` says why for each that is null.

    Attributes:
        integrated_lufs, loudness_range_lu, max_momentary_lufs, max_short_term_lufs: EBU R 128, original channel layout.
        true_peak_dbtp: Largest true peak of the channels; sample_peak_dbfs: largest sample; rms_dbfs: of all channels.
        tempo_bpm: Tempo that holds for the longest; pulse_clarity: normalised autocorrelation (0-1) of the onsets at its beats;
            pulse_share: share of the sound with any stable pulse; beats: their number.
        key: "C major", "A minor"; key_correlation: Pearson's r with the key's profile; key_margin: lead over `key_runner_up`;
            tuning_cents: mean deviation from A4 = 440 Hz.
        onsets: Number of note or sound beginnings.
        clipped_samples, clipped_runs: Over all channels. silence_s: Total.
    """

    integrated_lufs: Value = None
    loudness_range_lu: Value = None
    max_momentary_lufs: Value = None
    max_short_term_lufs: Value = None
    true_peak_dbtp: Value = None
    sample_peak_dbfs: Value = None
    rms_dbfs: Value = None
    tempo_bpm: Value = None
    pulse_clarity: Value = None
    pulse_share: Value = None
    beats: int = 0
    key: str | None = None
    key_correlation: Value = None
    key_margin: Value = None
    key_runner_up: str | None = None
    tuning_cents: Value = None
    onsets: int = 0
    clipped_samples: int = 0
    clipped_runs: int = 0
    silence_s: Value = 0.0
    not_measured: dict[str, str] = {}


class AudioAnalysisResult(AnalyzerResult):
    """Segments: silence, clipping, pulse. Series: waveform, loudness, spectral features, bands, onsets, beats."""

    segments: list[SerializeAsAny[AudioSegment]] = []
    summary: AudioSummary = AudioSummary()


class AudioAnalysis(Analyzer[AudioAnalysisResult]):
    """Sound and music, measured from the samples."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        name="audio_analysis",
        version=2,
        group="audio",
        backends=(
            Backend(
                name="r128_spectral",
                tier="embedded",
                rank=10,
                packages=("av", "numpy"),
                audio=AudioNeed("original"),
                ram_mib=60,
                cost=0.012,
            ),
        ),
    )
    Options: ClassVar[type[Options]] = AudioOptions
    Result: ClassVar[type[AnalyzerResult]] = AudioAnalysisResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        from reelscope.analyzers.audio_analysis import _key, _levels, _loudness, _rhythm, _spectrum  # noqa: F401  (imports PyAV and numpy)

    def finish(self, inputs: Inputs) -> AudioAnalysisResult:
        """Measure `inputs.audio`."""
        if inputs.audio is None:
            raise ValueError("audio_analysis was run without sound; the plan must mark it not_applicable")
        return analyse(inputs.audio, self.options)


def analyse(audio: AudioTrack, options: AudioOptions) -> AudioAnalysisResult:
    """All figures of one sound track."""
    from reelscope.analyzers.audio_analysis import _key, _levels, _loudness, _rhythm, _spectrum

    missing: dict[str, str] = {}
    warnings: list[str] = []
    meter, scan = _levels.LevelMeter(audio.rate_hz), _spectrum.SpectrumScan(audio.rate_hz)
    layout = _loudness.known_layout(audio.layout, audio.channels)
    damaged = 0

    def measured() -> Iterator[np.ndarray]:
        nonlocal damaged
        for block, bad in _finite(audio.blocks(BLOCK_S)):
            damaged += bad
            meter.push(block)
            scan.push(block.mean(axis=1))
            yield block

    loudness = _loudness.measure_loudness(measured(), audio.rate_hz, layout)
    meter.finish()
    onset, features = scan.finish()
    if damaged:
        warnings.append(f"{damaged} samples are not finite numbers and count as silence")
    missing.update(loudness.reasons)
    again = (block for block, _ in _finite(audio.blocks(BLOCK_S)))
    peak = _loudness.measure_true_peak(again, audio.rate_hz, layout, meter.sample_peak, audio.frames)
    if peak is None:
        why = "digital silence" if audio.frames else "the sound track holds no samples"
        missing.update(dict.fromkeys(("true_peak_dbtp", "sample_peak_dbfs", "rms_dbfs", "integrated_lufs", "loudness_range_lu"), why))

    pulses = _rhythm.find_pulses(onset[0], onset[1], scan.frame_s)
    tempo = _rhythm.main_tempo(pulses)
    if tempo is None:
        missing["tempo_bpm"] = _why_no_tempo(audio.duration_s, peak is None)
    beats = _beats(onset[0], scan.frame_s, pulses)
    onsets = _rhythm.find_onsets(onset[0], scan.frame_s)
    key = _key.estimate_key(scan.pitches.bins, scan.pitches.frames)
    if key.reason:
        missing["key"] = "digital silence" if peak is None else key.reason
    silences = meter.silences(options.silence_dbfs, options.silence_min_s)

    summary = AudioSummary(
        integrated_lufs=loudness.integrated_lufs,
        loudness_range_lu=loudness.range_lu,
        max_momentary_lufs=loudness.momentary_max_lufs,
        max_short_term_lufs=loudness.short_term_max_lufs,
        true_peak_dbtp=peak,
        sample_peak_dbfs=meter.sample_peak_dbfs(),
        rms_dbfs=meter.rms_dbfs(),
        tempo_bpm=tempo[0] if tempo else None,
        pulse_clarity=tempo[1] if tempo else None,
        pulse_share=min(1.0, sum(p.end_s - p.start_s for p in pulses) / audio.duration_s) if audio.frames else None,
        beats=len(beats[0]),
        key=key.key,
        key_correlation=key.correlation,
        key_margin=key.margin,
        key_runner_up=key.runner_up,
        tuning_cents=key.tuning_cents,
        onsets=len(onsets.t_s),
        clipped_samples=meter.clipped_samples,
        clipped_runs=meter.clipped_runs,
        silence_s=sum(s.end_s - s.start_s for s in silences),
        not_measured=missing,
    )
    end_s = audio.duration_s
    segments = [
        AudioSegment(kind="pulse", start_s=p.start_s, end_s=min(p.end_s, end_s), tempo_bpm=p.tempo_bpm, clarity=p.clarity) for p in pulses
    ]
    if len(silences) > KEPT_SILENCES:
        warnings.append(f"of {len(silences)} silences the longest {KEPT_SILENCES} are listed")
        silences = sorted(silences, key=lambda s: s.start_s - s.end_s)[:KEPT_SILENCES]
    segments += [AudioSegment(kind="silence", start_s=s.start_s, end_s=s.end_s, level_dbfs=s.level_dbfs) for s in silences]
    clipping = meter.clipping
    if len(clipping) > _levels.MAX_INTERVALS:
        warnings.append(f"of {len(clipping)} clipped stretches those {_levels.MAX_INTERVALS} with the most samples are listed")
        clipping = sorted(clipping, key=lambda c: -c.samples)[: _levels.MAX_INTERVALS]
    segments += [
        AudioSegment(kind="clipping", start_s=c.start_s, end_s=c.end_s, clipped_runs=c.runs, clipped_samples=c.samples) for c in clipping
    ]
    segments.sort(key=lambda s: (s.start_s, s.end_s, s.kind))
    series = [
        _series("peak_dbfs", "dBFS", *meter.peaks()),
        _series("momentary_lufs", "LUFS", *zip(*loudness.momentary, strict=True)) if loudness.momentary else None,
        _series("short_term_lufs", "LUFS", *zip(*loudness.short_term, strict=True)) if loudness.short_term else None,
        _series("spectral_centroid_hz", "Hz", features.t_s, features.centroid_hz),
        _series("spectral_rolloff_hz", "Hz", features.t_s, features.rolloff_hz),
        _series("spectral_bandwidth_hz", "Hz", features.t_s, features.bandwidth_hz),
        _series("spectral_flatness", "ratio", features.t_s, features.flatness),
        *(_series(f"band_{name}_dbfs", "dBFS", features.t_s, features.bands_db[:, i]) for i, (name, _, _) in enumerate(_spectrum.BANDS_HZ)),
        _series("onset_strength", "log10 power", onsets.t_s, onsets.strength),
        _series("beat_strength", "log10 power", *beats),
    ]
    return AudioAnalysisResult(segments=segments, series=[s for s in series if s is not None], summary=summary, warnings=warnings)


def _finite(blocks: Iterable[tuple[float, np.ndarray]]) -> Iterator[tuple[np.ndarray, int]]:
    """Blocks with NaN and infinite samples (damaged float sound) as zeros, and how many those were."""
    import numpy as np

    for _, block in blocks:
        good = np.isfinite(block)
        bad = good.size - int(np.count_nonzero(good))
        yield (np.where(good, block, np.float32(0)) if bad else block), bad


def _series(name: str, unit: str, t_s: Iterable[float], values: Iterable[float | None]) -> Series:
    clean = [None if v is None or v != v else float(v) for v in values]
    return Series(name=name, unit=unit, t_s=[float(t) for t in t_s], values=clean)


def _beats(onset: np.ndarray, frame_s: float, pulses: list) -> tuple[list[float], list[float]]:
    """Beats of every stretch with a pulse, on the clip's clock."""
    from reelscope.analyzers.audio_analysis import _rhythm

    times: list[float] = []
    strengths: list[float] = []
    for pulse in pulses:
        first, after = round(pulse.start_s / frame_s), round(pulse.end_s / frame_s)
        found, strength = _rhythm.beat_times(onset[first:after], frame_s, pulse.tempo_bpm)
        # Two stretches with different tempos meet: a beat within half a period of the last one would be the same beat twice.
        gap = 30 / pulse.tempo_bpm
        for t, s in zip((found + first * frame_s).tolist(), strength.tolist(), strict=True):
            if not times or t - times[-1] > gap:
                times.append(t)
                strengths.append(s)
    return times, strengths


def _why_no_tempo(duration_s: float, silent: bool) -> str:
    from reelscope.analyzers.audio_analysis import _rhythm

    if silent:
        return "digital silence"
    if duration_s < _rhythm.MIN_SOUND_S:
        return f"the sound lasts {duration_s:.2f} s, a pulse needs {_rhythm.MIN_SOUND_S:.0f} s"
    return f"no stretch of {min(duration_s, _rhythm.WINDOW_S):.0f} s has a stable pulse (clarity {_rhythm.MIN_CLARITY} or more)"


ANALYZER = AudioAnalysis
