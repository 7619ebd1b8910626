"""Where somebody speaks: Silero VAD on 16 kHz mono, in blocks, and the phrases that its probabilities make."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from reelscope.features.base import Feature, FeatureSpec, Inputs, LoadContext
from reelscope.media.audio import MONO_RATE_HZ
from reelscope.media.frames import AudioNeed
from reelscope.timebase import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from reelscope.models.manager import ModelHandle

__all__ = ["FEATURE", "Voice", "VoiceActivity", "phrases"]

CHUNK = 512  # samples per probability: what the model takes at 16 kHz
CONTEXT = 64  # samples of the chunk before, which it also sees
BLOCK_CHUNKS = 1024  # 32.8 s at once: the block, its spectra and activations take about 25 MiB

# Fixed on 80 generated mixes (librispeech, licence and Russian speech over jazz and ESC-50 sounds at 20 to 0 dB), see docs.
THRESHOLD = 0.6
RELEASE = 0.45
MIN_SILENCE_S = 0.29  # nine frames are 0.288 s, too few; ten are 0.32 s
MIN_SPEECH_S = 0.2  # music alone makes shorter ones
PAD_S = 0.032  # one frame: the model answers about 40 ms after the voice begins, and releases before the last consonant


@dataclass(frozen=True, slots=True)
class Voice:
    """Voice activity of the clip.

    Attributes:
        start_s: Middle of the first frame; hop_s: between frames (0.032 s).
        probability: float32 [frames], 0-1, that somebody speaks.
        segments: Phrases, half-open seconds: speech without a pause of 0.3 s or more.
    """

    start_s: float
    hop_s: float
    probability: np.ndarray
    segments: tuple[Interval, ...]

    def mean_probability(self, start_s: float, end_s: float) -> float | None:
        """Mean probability of the frames in [start_s, end_s); None where there are none."""
        first, after = (max(0, math.ceil((t - self.start_s) / self.hop_s - 1e-9)) for t in (start_s, end_s))
        inside = self.probability[first:after]
        return float(inside.mean()) if len(inside) else None


def phrases(
    probability: Iterable[float],
    hop_s: float,
    *,
    duration_s: float,
    threshold: float = THRESHOLD,
    release: float = RELEASE,
    min_silence_s: float = MIN_SILENCE_S,
    min_speech_s: float = MIN_SPEECH_S,
) -> list[Interval]:
    """Turn frame probabilities into phrases with a threshold that has hysteresis.

    Speech starts with the first frame at `threshold` or above and ends with the first below `release` that is followed by
    `min_silence_s` without a frame at `threshold`; shorter phrases than `min_speech_s` are dropped, the others get one frame more at
    both ends.
    """
    out: list[Interval] = []
    start: float | None = None
    quiet: float | None = None  # where the current pause inside a phrase began
    for i, p in enumerate(probability):
        t = i * hop_s  # where the frame begins
        if p >= threshold:
            if start is None:
                start = t
            elif quiet is not None and t - quiet >= min_silence_s - 1e-9:
                out.append((start, quiet))
                start = t
            quiet = None
        elif p < release and start is not None and quiet is None:
            quiet = t
    if start is not None:
        out.append((start, duration_s if quiet is None else quiet))
    return [
        (max(0.0, start - PAD_S), min(end + PAD_S, duration_s)) for start, end in out if min(end, duration_s) - start >= min_speech_s - 1e-9
    ]


class VoiceActivity(Feature[Voice]):
    """Runs Silero VAD, whose ONNX file lies inside the faster-whisper package; no torch, no download."""

    spec: ClassVar[FeatureSpec] = FeatureSpec(
        name="voice", version=1, models=("silero-vad",), packages=("faster_whisper", "onnxruntime"), audio=AudioNeed("mono16k"), cost=0.004
    )

    _model: ModelHandle | None = None

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        self._model = ctx.model("silero-vad")  # the file alone: importing faster-whisper would load CTranslate2 and more

    def finish(self, inputs: Inputs) -> Voice:
        """Probabilities and phrases of `inputs.audio`; a clip without sound has neither."""
        import numpy as np

        audio = inputs.audio
        if audio is None or audio.mono_frames == 0:
            return Voice(CHUNK / 2 / MONO_RATE_HZ, CHUNK / MONO_RATE_HZ, np.zeros(0, np.float32), ())
        probability = self.probabilities(audio.mono16k)
        hop_s = CHUNK / MONO_RATE_HZ
        found = phrases(probability.tolist(), hop_s, duration_s=audio.mono_frames / MONO_RATE_HZ)
        return Voice(hop_s / 2, hop_s, probability, tuple(found))

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """One probability per 512 samples of float32 [n] at 16 kHz; the last chunk is filled with zeros."""
        import numpy as np

        assert self._model is not None, "load() comes before finish()"
        state = {"h": np.zeros((1, 1, 128), np.float32), "c": np.zeros((1, 1, 128), np.float32)}
        context = np.zeros(CONTEXT, np.float32)
        out = []
        for start in range(0, len(samples), BLOCK_CHUNKS * CHUNK):
            block = np.nan_to_num(np.asarray(samples[start : start + BLOCK_CHUNKS * CHUNK], np.float32), posinf=0.0, neginf=0.0)
            chunks = np.pad(block, (0, -len(block) % CHUNK)).reshape(-1, CHUNK)
            before = np.concatenate([context[None], chunks[:-1, -CONTEXT:]])
            probability, state["h"], state["c"] = self._model.session.run(
                None, {"input": np.concatenate([before, chunks], axis=1), **state}
            )
            context = chunks[-1, -CONTEXT:]
            out.append(probability.reshape(-1))
        return np.concatenate(out) if out else np.zeros(0, np.float32)

    def close(self) -> None:
        self._model = None  # other members may share the session: the manager unloads it


FEATURE = VoiceActivity
