"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL in this process: prompts by hand, batches padded on the left, greedy decoding, a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from reelscope.analyzers.qwen2_vl_temporal._asking import NO_TIME, Ask, Reply
from reelscope.analyzers.qwen2_vl_temporal._prompt import SYSTEM
from reelscope.analyzers.qwen2_vl_temporal._vision import FAMILIES, Eye, Family, patches
from reelscope.errors import ModelError

__all__ = ["Deadline", "Writer", "eye_of", "family_of"]

Batched = Callable[[Sequence[Any], Callable[[Sequence[Any]], Sequence[Any]]], list[Any]]
TEXT, IMAGE, VIDEO = 0, 1, 2  # token types as the models take them


def family_of(config: Any, name: str) -> Family:
    """What the model's family asks for.

    Raises:
        ModelError: The model is of another family.
    """
    found = FAMILIES.get(config.model_type)
    if found is None:
        raise ModelError(f"model {name} is a {config.model_type}; known are {', '.join(FAMILIES)}")
    return found


def eye_of(config: Any) -> Eye:
    """The shape of the vision tower's input."""
    eye = config.vision_config
    patch, temporal = (v if isinstance(v, int) else v[0] for v in (eye.patch_size, eye.temporal_patch_size))
    return Eye(patch, eye.spatial_merge_size, temporal)


class Deadline(StoppingCriteria):
    """Stops every sequence once the clock passes `until`; looks at it after each token."""

    def __init__(self, until: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._until, self._clock = until, clock
        self.passed = False

    def __call__(self, input_ids: torch.Tensor, scores: Any, **rest: Any) -> torch.Tensor:
        self.passed = self.passed or self._clock() >= self._until
        return torch.full((input_ids.shape[0],), self.passed, device=input_ids.device, dtype=torch.bool)


class Writer:
    """Answers with a loaded model; an Asker.

    Args:
        name: Of the model, for messages. session: gives the loaded session; asked anew for each use, so that it can be unloaded.
        batched: Cuts asks into batches that fit into memory.

    Raises:
        ModelError: Another family, or a tokenizer that does not fit the model.
    """

    def __init__(self, name: str, session: Callable[[], Any], batched: Batched) -> None:
        self._session, self._batched = session, batched
        opened = session()
        self.config = opened.model.config
        self.family, self.eye = family_of(self.config, name), eye_of(self.config)
        path = opened.folder / "tokenizer.json"
        if not path.is_file():
            raise ModelError(f"model {name}: there is no tokenizer.json beside it", hint=f"reelscope models verify --full {name}")
        self._words = Tokenizer.from_file(str(path))
        for token, wanted in (
            ("<|image_pad|>", self.config.image_token_id),
            ("<|video_pad|>", self.config.video_token_id),
            ("<|vision_start|>", self.config.vision_start_token_id),
            ("<|vision_end|>", self.config.vision_end_token_id),
        ):
            if self._words.token_to_id(token) != wanted:
                raise ModelError(f"model {name}: {token} is {self._words.token_to_id(token)} for its tokenizer and {wanted} for the model")
        ends = [self._words.token_to_id(t) for t in ("<|im_end|>", "<|endoftext|>")]
        if None in ends or self._words.token_to_id("<|im_start|>") is None:
            raise ModelError(f"model {name}: its tokenizer does not know the tokens of a conversation")
        self._ends: list[int] = [int(e) for e in ends if e is not None]

    def answer(self, asks: Sequence[Ask], until: float) -> list[Reply]:
        """A reply to each, in order."""
        return self._batched(asks, lambda batch: self._batch(batch, until))

    # --- what goes in ---------------------------------------------------------------------------------------------------------

    def prompt(self, ask: Ask, still: tuple[int, int, int] | None, video: tuple[int, int, int] | None) -> tuple[list[int], list[int]]:
        """Token ids of a conversation and the kind of each, with as many places for pictures as the grids have merged patches."""
        ids: list[int] = []
        kinds: list[int] = []

        def say(text: str) -> None:
            found = self._words.encode(text, add_special_tokens=False).ids
            ids.extend(found)
            kinds.extend([TEXT] * len(found))

        def show(token: int, kind: int, count: int) -> None:
            ids.extend([self.config.vision_start_token_id, *[token] * count, self.config.vision_end_token_id])
            kinds.extend([TEXT, *[kind] * count, TEXT])

        say(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n")
        if still is not None:
            show(self.config.image_token_id, IMAGE, self._merged(still))
        if video is not None and self.family.timestamps:
            for k in range(video[0]):
                say(f"<{self._pair_s(ask, k):.1f} seconds>")
                show(self.config.video_token_id, VIDEO, self._merged((1, *video[1:])))
        elif video is not None:
            show(self.config.video_token_id, VIDEO, self._merged(video))
        say(f"{ask.text}<|im_end|>\n<|im_start|>assistant\n")
        for answered, asked in ask.turns:
            say(f"{answered}<|im_end|>\n<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n")
        return ids, kinds

    def _merged(self, grid: tuple[int, int, int]) -> int:
        return grid[0] * grid[1] * grid[2] // self.eye.merge**2

    def _pair_s(self, ask: Ask, k: int) -> float:
        """Mean time of the frames of one temporal patch; the last frame fills an incomplete one up."""
        times = [ask.times_s[min(i, len(ask.times_s) - 1)] for i in range(k * self.eye.temporal, (k + 1) * self.eye.temporal)]
        return sum((times[0], times[-1])) / 2

    def inputs(self, asks: Sequence[Ask]) -> dict[str, torch.Tensor]:
        """What `generate` takes for a batch."""
        rows, stills, videos = [], [], []
        for ask in asks:
            still = patches([ask.before], self.eye, self.family) if ask.before is not None else None
            video = patches(ask.frames, self.eye, self.family) if ask.frames else None
            rows.append(self.prompt(ask, still[1] if still else None, video[1] if video else None))
            stills += [still] if still else []
            videos += [(*video, self._grid_s(ask))] if video else []
        longest = max(len(ids) for ids, _ in rows)
        pad = self._ends[-1]

        def padded(values: list[list[int]], fill: int) -> torch.Tensor:
            return torch.tensor([[fill] * (longest - len(v)) + v for v in values])

        made = {
            "input_ids": padded([ids for ids, _ in rows], pad),
            "attention_mask": padded([[1] * len(ids) for ids, _ in rows], 0),
            "mm_token_type_ids": padded([kinds for _, kinds in rows], TEXT),
        }
        if stills:
            made["pixel_values"] = torch.from_numpy(np.concatenate([p for p, _ in stills]))
            made["image_grid_thw"] = torch.tensor([g for _, g in stills])
        if videos:
            made["pixel_values_videos"] = torch.from_numpy(np.concatenate([p for p, _, _ in videos]))
            made["video_grid_thw"] = torch.tensor([g for _, g, _ in videos])
            if self.family.seconds_per_grid:
                made["second_per_grid_ts"] = torch.tensor([s for _, _, s in videos])
        return made

    def _grid_s(self, ask: Ask) -> float:
        """Seconds between two temporal patches, from the frames' own times."""
        if len(ask.times_s) < 2:
            return 1.0
        return self.eye.temporal * (ask.times_s[-1] - ask.times_s[0]) / (len(ask.times_s) - 1)

    # --- what comes out -------------------------------------------------------------------------------------------------------

    def _batch(self, asks: Sequence[Ask], until: float) -> list[Reply]:
        deadline = Deadline(until)
        if time.monotonic() >= until:
            return [Reply(error=NO_TIME) for _ in asks]
        model = self._session().model
        given = {name: value.to(model.device) for name, value in self.inputs(asks).items()}
        most = max(a.tokens for a in asks)
        # The checkpoint's own settings (sampling, a penalty on repetition) must not come through: they are replaced, not merged with.
        model.generation_config = GenerationConfig(
            do_sample=False, num_beams=1, max_new_tokens=most, eos_token_id=self._ends, pad_token_id=self._ends[-1], use_cache=True
        )
        model.model.rope_deltas = None  # of the batch before: a text without pictures would inherit them
        with torch.inference_mode():
            out = model.generate(**given, stopping_criteria=StoppingCriteriaList([deadline]))
        new = out[:, given["input_ids"].shape[1] :].tolist()
        return [self._reply(row, ask, deadline.passed) for row, ask in zip(new, asks, strict=True)]

    def _reply(self, row: list[int], ask: Ask, stopped: bool) -> Reply:
        end = next((i for i, token in enumerate(row) if token in self._ends), None)
        if end is None and stopped and len(row) < ask.tokens:
            return Reply(error=NO_TIME, tokens=len(row))
        words = row if end is None else row[:end]
        return Reply(self._words.decode(words, skip_special_tokens=True), tokens=len(words), cut=end is None)
