"""Networks of random weights behind one call: items in, one figure for each item out. Imports torch; load it in `load` only.

Nothing is read from the outputs but whether they are finite: post-processing gets recorded outputs (bench.gpu.recorded).
"""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import interpolate, pad

from bench.gpu.configs import ARCHITECTURES
from bench.gpu.sharing import SharedQueue
from reelscope.errors import AnalyzerError
from reelscope.models.sessions import SessionRequest

__all__ = ["Network", "build", "patches"]

SEED = 7
PROMPT_TOKENS = 96  # of a prompt that asks for JSON
MEAN, STD = 0.45, 0.27  # of pictures, about those of every family here
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


class _Gate:
    """Many run at once, one builds alone: while it builds, the process's default type, which running networks read, is another."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._changed:
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @contextmanager
    def building(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0)
            yield  # with the lock: nobody begins to run meanwhile


_gate = _Gate()


def build(request: SessionRequest) -> Network:
    """Loader of the model manager: the network that the source's name says, with random weights, made on the device itself."""
    name = request.source.name.removeprefix("random/")
    made = ARCHITECTURES[name]
    dtype = DTYPES[request.precision]
    with _gate.building():  # the seed is the process's too, and transformers replaces its own module while it is first imported
        import transformers

        before = torch.get_default_dtype()
        torch.manual_seed(SEED)
        torch.set_default_dtype(dtype)
        try:
            with torch.device(request.device):
                model = getattr(transformers, made.kind)(made.config())
        finally:
            torch.set_default_dtype(before)
    model = model.to(device=request.device, dtype=dtype).eval().requires_grad_(False)
    wrapper: type[Network] = globals()[made.wrapper]
    return wrapper(name, model, tokens=made.tokens)


class Network(torch.nn.Module):
    """A model and the queue before it. `run` takes a batch of tensors as `prepare` makes them.

    Attributes:
        generated: Tokens generated since it was loaded.
    """

    def __init__(self, name: str, model: Any, *, tokens: int = 0) -> None:
        super().__init__()
        self.name, self.model, self.tokens = name, model, tokens
        self.generated = 0
        self.queue = SharedQueue()

    @property
    def device(self) -> torch.device:
        """Where it lies."""
        return next(self.model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of its weights."""
        return next(self.model.parameters()).dtype

    def run(self, items: Sequence[torch.Tensor]) -> list[float]:
        """Run a batch: for each item the mean of its output.

        Raises:
            AnalyzerError: An output is not finite.
        """
        with _gate.running(), torch.inference_mode():
            out = self.compute(self.prepare(torch.stack(list(items))))
            means = out.float().flatten(1).mean(1).cpu()  # waits for the device: the member's seconds are true
        if not bool(torch.isfinite(means).all()):
            raise AnalyzerError(f"{self.name}: outputs are not finite", code="not_finite")
        return [float(v) for v in means]

    def prepare(self, batch: torch.Tensor) -> torch.Tensor:
        """uint8 [n, h, w, 3] to normalised [n, 3, h, w] on the model's device."""
        return picture(batch, self.dtype)

    def compute(self, batch: torch.Tensor) -> torch.Tensor:
        """The forward pass: [n, ...]."""
        raise NotImplementedError


def picture(batch: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """uint8 [..., h, w, 3] to normalised [..., 3, h, w]."""
    return ((batch.to(dtype) / 255 - MEAN) / STD).movedim(-1, -3)


class Detector(Network):
    """D-FINE."""

    def compute(self, batch: torch.Tensor) -> torch.Tensor:
        return self.model(pixel_values=batch).logits


class Masks(Network):
    """SegFormer; scores are scaled to the picture and the best class taken, as post-processing does on the device."""

    def compute(self, batch: torch.Tensor) -> torch.Tensor:
        scores = self.model(pixel_values=batch).logits
        classes = torch.cat([interpolate(s[None].float(), batch.shape[-2:], mode="bilinear").argmax(1) for s in scores])
        return scores.mean(1) + 0 * classes.float().mean()


class Pose(Network):
    """ViTPose on two recorded person boxes of each picture."""

    BOXES = ((0.2, 0.1, 0.6, 0.85), (0.35, 0.2, 0.5, 0.7))  # x, y, width, height

    def prepare(self, batch: torch.Tensor) -> torch.Tensor:
        pixels = picture(batch, self.dtype)
        high, wide = pixels.shape[-2:]
        crops = []
        for x, y, w, h in self.BOXES:
            part = pixels[:, :, int(y * high) : int((y + h) * high), int(x * wide) : int((x + w) * wide)]
            crops.append(interpolate(part, (256, 192), mode="bilinear"))
        return torch.stack(crops, 1)

    def compute(self, batch: torch.Tensor) -> torch.Tensor:
        return self.model(pixel_values=batch.flatten(0, 1)).heatmaps.unflatten(0, (len(batch), len(self.BOXES)))


class Embedder(Network):
    """SigLIP or CLIP: one vector a picture."""

    def prepare(self, batch: torch.Tensor) -> torch.Tensor:
        side = self.model.config.image_size
        pixels = picture(batch, self.dtype)
        return pixels if pixels.shape[-2:] == (side, side) else interpolate(pixels, (side, side), mode="bilinear")

    def compute(self, batch: torch.Tensor) -> torch.Tensor:
        out = self.model(pixel_values=batch)
        return out.image_embeds if hasattr(out, "image_embeds") else out.pooler_output


class Describer(Network):
    """Qwen2-VL: an item is a segment, uint8 [frames, h, w, 3]; always as many tokens are generated."""

    def prepare(self, batch: torch.Tensor) -> torch.Tensor:
        return patches(picture(batch, self.dtype), self.model.config.vision_config)

    def compute(self, batch: torch.Tensor) -> torch.Tensor:
        config, (count, time, high, wide, width) = self.model.config, batch.shape
        merged = time * high * wide // config.vision_config.spatial_merge_size**2
        words = torch.arange(PROMPT_TOKENS, device=self.device) % (config.video_token_id - 8) + 3
        half = PROMPT_TOKENS // 2
        one = torch.cat(
            [
                words[:half],
                torch.tensor([config.vision_start_token_id], device=self.device),
                torch.full((merged,), config.video_token_id, device=self.device),
                torch.tensor([config.vision_end_token_id], device=self.device),
                words[half:],
            ]
        )
        ids = one.repeat(count, 1)
        kinds = (ids == config.video_token_id).int() * 2  # 0 text, 1 image, 2 video
        given = {"mm_token_type_ids": kinds} if "mm_token_type_ids" in inspect.signature(self.model.forward).parameters else {}
        out = self.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values_videos=batch.reshape(-1, width),
            video_grid_thw=torch.tensor([[time, high, wide]] * count, device=self.device),
            do_sample=False,
            min_new_tokens=self.tokens,
            max_new_tokens=self.tokens,
            **given,
        )
        new = out[:, ids.shape[1] :]
        if new.shape[1] != self.tokens:
            raise AnalyzerError(f"{self.name}: {new.shape[1]} tokens instead of {self.tokens}", code="wrong_tokens")
        self.generated += new.numel()
        return new.float()


def patches(pixels: torch.Tensor, eye: Any) -> torch.Tensor:
    """[n, frames, 3, h, w] to the vision tower's patches [n, t, h / p, w / p, 3 * tp * p * p], neighbours that merge side by side."""
    count, frames, channels, height, width = pixels.shape
    tp, p, m = eye.temporal_patch_size, eye.patch_size, eye.spatial_merge_size
    time, high, wide = frames // tp, height // p, width // p
    cut = pixels.reshape(count, time, tp, channels, high // m, m, p, wide // m, m, p)
    return cut.permute(0, 1, 4, 7, 5, 8, 3, 2, 6, 9).reshape(count, time, high, wide, channels * tp * p * p)


class Transcriber(Network):
    """Whisper: an item is 30 s of sound, float32 [480000]; greedy decoding of always as many tokens."""

    def prepare(self, batch: torch.Tensor) -> torch.Tensor:
        frames = 2 * self.model.config.max_source_positions
        return log_mel(batch, self.model.config.num_mel_bins, hop=160, window=400)[..., :frames].to(self.dtype)

    def compute(self, batch: torch.Tensor) -> torch.Tensor:
        from transformers.modeling_outputs import BaseModelOutput

        heard = BaseModelOutput(last_hidden_state=self.model.get_encoder()(batch).last_hidden_state)
        ids = torch.full((len(batch), 1), self.model.config.decoder_start_token_id, device=self.device)
        out, cache, new = None, None, []
        for _ in range(self.tokens):
            out = self.model(encoder_outputs=heard, decoder_input_ids=ids, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            ids = out.logits[:, -1:].argmax(-1)
            new.append(ids)
        self.generated += self.tokens * len(batch)
        return torch.cat(new, 1).float()


class Tagger(Network):
    """AST: an item is about 10 s of sound."""

    def prepare(self, batch: torch.Tensor) -> torch.Tensor:
        frames = self.model.config.max_length
        mel = log_mel(batch, self.model.config.num_mel_bins, hop=160, window=400)[..., :frames].to(self.dtype)
        return pad(mel, (0, frames - mel.shape[-1])).transpose(1, 2)

    def compute(self, batch: torch.Tensor) -> torch.Tensor:
        return self.model(input_values=batch).logits


class Voice(Network):
    """wav2vec2: an item is an utterance of sound."""

    def prepare(self, batch: torch.Tensor) -> torch.Tensor:
        return ((batch - batch.mean(1, keepdim=True)) / (batch.std(1, keepdim=True) + 1e-5)).to(self.dtype)

    def compute(self, batch: torch.Tensor) -> torch.Tensor:
        return self.model(input_values=batch).logits


def log_mel(sound: torch.Tensor, bins: int, *, hop: int, window: int, rate_hz: int = 16_000) -> torch.Tensor:
    """float32 [n, samples] to log energies [n, bins, frames] of triangles that are even on the mel scale."""
    shape = torch.hann_window(window, device=sound.device)
    power = torch.stft(sound.float(), 512, hop, window, shape, return_complex=True, pad_mode="constant").abs() ** 2
    edges = torch.linspace(0, 2595 * math.log10(1 + rate_hz / 2 / 700), bins + 2, device=sound.device)
    centres = 700 * (10 ** (edges / 2595) - 1)
    line = torch.linspace(0, rate_hz / 2, power.shape[1], device=sound.device)
    up = (line - centres[:-2, None]) / (centres[1:-1] - centres[:-2])[:, None]
    down = (centres[2:, None] - line) / (centres[2:] - centres[1:-1])[:, None]
    return (torch.minimum(up, down).clamp(min=0) @ power).clamp(min=1e-10).log10() / 4 + 1
