"""qwen2_vl_temporal with tiny random checkpoints of the three real classes, and its pictures beside transformers' own processors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.qwen2_vl_temporal._asking import NO_TIME, Ask
from reelscope.analyzers.qwen2_vl_temporal._vision import FAMILIES, Eye, fit_size, patches, resize
from reelscope.config import Settings
from reelscope.document.schema import AnalyzerEntry
from reelscope.engine.batching import MemoryBatches
from reelscope.errors import ModelError
from reelscope.models.batches import Batches
from reelscope.pipeline import Session
from tests.analyzers.qwen_store import IDS, put_model, tiny_model, write_tokenizer
from tests.clips import moving_frames, write_clip

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch (make test-full)")
pytest.importorskip("transformers", reason="needs transformers (make test-full)")

TYPES = {"qwen2_vl": "qwen2-vl-7b", "qwen2_5_vl": "qwen2.5-vl-7b", "qwen3_vl": "qwen3-vl-4b"}
JSON = json.dumps({"what_happens": "Blocks move.", "objects": ["block"], "setting": None, "mood": "calm", "continuity": "It goes on."})


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    return {name: tiny_model(name) for name in TYPES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("words")
    write_tokenizer(made)
    return made


def writer(model: Any, folder: Path, batches: Batches | None = None) -> Any:
    from reelscope.analyzers.qwen2_vl_temporal._transformers import Writer

    return Writer("tiny", lambda: SimpleNamespace(model=model, folder=folder), (batches or Batches(8)).run)


def pictures(n: int, eye: Eye, seed: int = 0) -> tuple[np.ndarray, ...]:
    return tuple(np.random.default_rng(seed).integers(0, 256, (n, 2 * eye.factor, 3 * eye.factor, 3), np.uint8))


def ask(eye: Eye, *, frames: int = 4, text: str = "What?", seed: int = 0, before: bool = True, **rest: Any) -> Ask:
    shown = pictures(frames + 1, eye, seed)
    return Ask(text, {}, rest.pop("tokens", 6), shown[:frames], tuple(i / 8 for i in range(frames)), shown[-1] if before else None, **rest)


def last_logits(made: Any, model: Any, asks: Sequence[Ask]) -> Any:
    model.model.rope_deltas = None
    with torch.inference_mode():
        return model(**made.inputs(asks)).logits[:, -1]


# --- pictures beside transformers' own


def own_processor() -> Any:
    return pytest.importorskip(
        "transformers.models.qwen2_vl.image_processing_pil_qwen2_vl", reason="this transformers has no processor without torchvision"
    )


@pytest.mark.parametrize("size", [(97, 61), (336, 597), (640, 360), (20, 30), (300, 40)])
def test_pictures_are_those_of_the_models_own_processor(size: tuple[int, int]) -> None:
    wide, high = size
    module = own_processor()
    small = np.random.default_rng(2).integers(0, 256, (high // 6 + 2, wide // 6 + 2, 3), np.uint8)
    picture = np.ascontiguousarray(np.kron(small, np.ones((6, 6, 1), np.uint8))[:high, :wide])
    theirs = module.Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": 114_000})(images=picture, return_tensors="np")
    shown = fit_size(wide, high, factor=28, min_pixels=3136, max_pixels=114_000)
    assert shown[::-1] == module.smart_resize(high, wide, 28, 3136, 114_000)
    ours, grid = patches([resize(picture, *shown)], Eye(), FAMILIES["qwen2_vl"])
    assert [list(grid)] == theirs["image_grid_thw"].tolist()
    level = 1 / 255 / min(FAMILIES["qwen2_vl"].std)
    difference = np.abs(ours - theirs["pixel_values"])
    # Pillow 13 resamples rows or columns first, whichever is less work; where it is rows, values between the passes are clipped elsewhere.
    assert difference.mean() < 0.2 * level and (difference > 1e-5).mean() < 0.1
    pillow = pytest.importorskip("PIL.Image")
    by_pass = pillow.fromarray(picture).resize((shown[0], high), pillow.BICUBIC).resize(shown, pillow.BICUBIC)
    off = np.abs(resize(picture, *shown).astype(int) - np.asarray(by_pass))
    assert off.max() <= 2 and (off > 0).mean() < 0.05  # it adds in integers: ties fall otherwise


@pytest.mark.parametrize("count", [2, 3, 16])
def test_patches_of_a_video_are_those_of_the_models_own_processor(count: int) -> None:
    module = pytest.importorskip("transformers.models.qwen3_vl.video_processing_qwen3_vl")
    eye, family = Eye(16, 2, 2), FAMILIES["qwen3_vl"]
    frames = pictures(count, eye)
    ours, grid = patches(frames, eye, family)
    pixels = (torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)[None].float() / 255 - 0.5) / 0.5
    kind = module.Qwen3VLVideoProcessor
    theirs, *their_grid = kind.patchify(kind.__new__(kind), pixels, 16, 2, 2)
    assert grid == tuple(their_grid)
    np.testing.assert_allclose(ours, theirs[0].numpy(), atol=1e-6)


# --- what the model gets


@pytest.mark.parametrize("name", TYPES)
def test_a_batch_says_what_each_question_says_alone(name: str, models: dict[str, Any], folder: Path) -> None:
    """Questions of different length, with and without a picture before, with fewer frames, and with a second round."""
    model = models[name]
    made = writer(model, folder)
    asks = [
        ask(made.eye, before=False),
        ask(made.eye, text="A much longer question than the others: " * 5, seed=1),
        ask(made.eye, frames=1, seed=2),
        ask(made.eye, seed=3, turns=(("bad", "again"),)),
        Ask("No picture at all.", {}, 6),
    ]
    together = last_logits(made, model, asks)
    for i, one in enumerate(asks):
        torch.testing.assert_close(together[i], last_logits(made, model, [one])[0], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", TYPES)
def test_every_picture_and_its_place_reach_the_model(name: str, models: dict[str, Any], folder: Path) -> None:
    model = models[name]
    made = writer(model, folder)
    plain = ask(made.eye)
    base = last_logits(made, model, [plain])
    for i in range(len(plain.frames)):
        other = list(plain.frames)
        other[i] = 255 - other[i]
        changed = Ask(plain.text, {}, 6, tuple(other), plain.times_s, plain.before)
        assert (last_logits(made, model, [changed]) - base).abs().max() > 1e-6, f"frame {i}"
    flipped = Ask(plain.text, {}, 6, plain.frames, plain.times_s, 255 - plain.before)
    assert (last_logits(made, model, [flipped]) - base).abs().max() > 1e-6
    slower = Ask(plain.text, {}, 6, plain.frames, tuple(4 * t for t in plain.times_s), plain.before)
    knows_time = (last_logits(made, model, [slower]) - base).abs().max() > 1e-6
    assert bool(knows_time) == (name != "qwen2_vl")  # its positions count frames, the others' count seconds


@pytest.mark.parametrize("name", TYPES)
def test_the_prompt(name: str, models: dict[str, Any], folder: Path) -> None:
    made = writer(models[name], folder)
    given = made.inputs([ask(made.eye, frames=3), ask(made.eye, before=False, text="?")])
    first, second = given["input_ids"].tolist()
    assert second[0] == IDS["<|endoftext|>"] and given["attention_mask"][1, 0] == 0 and given["attention_mask"].sum(1)[0] == len(first)
    assert first.count(IDS["<|image_pad|>"]) == 6 and first.count(IDS["<|video_pad|>"]) == second.count(IDS["<|video_pad|>"]) == 12
    assert given["video_grid_thw"].tolist() == [[2, 4, 6], [2, 4, 6]] and given["image_grid_thw"].tolist() == [[1, 4, 6]]
    text = made._words.decode([t for t in second if t not in (IDS["<|video_pad|>"], IDS["<|endoftext|>"])], skip_special_tokens=False)
    blocks = text.count("<|vision_start|><|vision_end|>")
    assert text.startswith("<|im_start|>system\n") and text.endswith("?<|im_end|>\n<|im_start|>assistant\n")
    if name == "qwen3_vl":
        assert blocks == 2 and "<0.1 seconds><|vision_start|>" in text and "<0.3 seconds><|vision_start|>" in text
    else:
        assert blocks == 1 and "seconds>" not in text
    assert ("second_per_grid_ts" in given) == (name == "qwen2_5_vl")
    if name == "qwen2_5_vl":
        assert given["second_per_grid_ts"].tolist() == pytest.approx([0.25, 0.25])


# --- answering


class Typist:
    """Stands in for a model's `generate`: types texts token by token, under the criteria that it is given."""

    def __init__(self, model: Any, folder: Path, say: Callable[[int], str], after: Callable[[], None] = lambda: None) -> None:
        from tokenizers import Tokenizer

        self.config, self.device, self.model = model.config, model.device, SimpleNamespace(rope_deltas="stale")
        self.words, self.say, self.after = Tokenizer.from_file(str(folder / "tokenizer.json")), say, after
        self.generation_config: Any = None
        self.sizes: list[int] = []

    def generate(self, input_ids: Any, stopping_criteria: Any, **given: Any) -> Any:
        assert self.model.rope_deltas is None and not self.generation_config.do_sample
        self.sizes.append(len(input_ids))
        rows = [self.words.encode(self.say(i)).ids + [IDS["<|im_end|>"]] for i in range(len(input_ids))]
        for step in range(1, self.generation_config.max_new_tokens + 1):
            now = torch.tensor([(r + [IDS["<|endoftext|>"]] * step)[:step] for r in rows])
            self.after()
            if bool(stopping_criteria(now, None).all()) or all(step >= len(r) for r in rows):
                break
        return torch.cat([input_ids, now], 1)


def test_a_text_ends_where_the_model_ends_it(models: dict[str, Any], folder: Path) -> None:
    typist = Typist(models["qwen2_vl"], folder, lambda i: ["Short.", JSON][i])
    made = writer(typist, folder)
    short, long = made.answer([ask(made.eye, tokens=200), ask(made.eye, tokens=200)], time.monotonic() + 60)
    assert (short.text, short.cut, short.tokens) == ("Short.", False, 6) and (long.text, long.cut) == (JSON, False)
    (cut,) = made.answer([ask(made.eye, tokens=3)], time.monotonic() + 60)
    assert (cut.text, cut.cut, cut.tokens) == ("Sho", True, 3)


def test_what_the_clock_stops_has_no_text_and_what_was_done_before_has(models: dict[str, Any], folder: Path) -> None:
    until = time.monotonic() + 60
    typist = Typist(models["qwen2_vl"], folder, lambda i: ["Short.", JSON][i])
    made = writer(typist, folder)
    steps = iter(range(1000))

    def after() -> None:
        if next(steps) == 20:  # the short one is done by then
            patched.append(pytest.MonkeyPatch())
            patched[0].setattr(time, "monotonic", lambda: until + 1)

    patched: list[pytest.MonkeyPatch] = []
    typist.after = after
    try:
        # the clock that the deadline reads is looked up anew by this test
        import reelscope.analyzers.qwen2_vl_temporal._transformers as module

        real = module.Deadline
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "Deadline", lambda at: real(at, lambda: time.monotonic()))
            short, long = made.answer([ask(made.eye, tokens=200), ask(made.eye, tokens=200)], until)
    finally:
        for p in patched:
            p.undo()
    assert short.text == "Short." and (long.text, long.error) == (None, NO_TIME)
    late = made.answer([ask(made.eye)], time.monotonic() - 1)
    assert late[0].error == NO_TIME and len(typist.sizes) == 1  # not even begun


def test_the_clock_stops_a_real_model(models: dict[str, Any], folder: Path) -> None:
    from reelscope.analyzers.qwen2_vl_temporal._transformers import Deadline

    ticks = iter([0.0, 0.0, 5.0, 5.0])
    deadline = Deadline(1.0, lambda: next(ticks))
    rows = torch.zeros(3, 4, dtype=torch.long)
    assert [deadline(rows, None).tolist() for _ in range(4)] == [[False] * 3, [False] * 3, [True] * 3, [True] * 3] and deadline.passed
    made = writer(models["qwen2_vl"], folder)
    started = time.monotonic()
    (reply,) = made.answer([ask(made.eye, tokens=100_000)], started + 0.5)
    assert reply.error == NO_TIME and 0 < reply.tokens < 100_000 and time.monotonic() - started < 30


def test_out_of_memory_halves_the_batch_and_changes_no_answer(models: dict[str, Any], folder: Path) -> None:
    typist = Typist(models["qwen2_vl"], folder, lambda i: JSON)
    generate, free = typist.generate, 2

    def hungry(input_ids: Any, **given: Any) -> Any:
        if len(input_ids) > free:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(input_ids, **given)

    typist.generate = hungry  # type: ignore[method-assign]
    made = writer(typist, folder, MemoryBatches(8))
    replies = made.answer([ask(made.eye, tokens=300, seed=i) for i in range(8)], time.monotonic() + 60)
    assert [r.text for r in replies] == [JSON] * 8 and typist.sizes == [2] * 4


@pytest.mark.parametrize("name", TYPES)
def test_decoding_is_greedy_and_the_same_again(name: str, models: dict[str, Any], folder: Path) -> None:
    """The checkpoint's own settings would sample; they must not be read."""
    from transformers import GenerationConfig

    model = models[name]
    made = writer(model, folder)
    asks = [ask(made.eye, tokens=12, seed=i) for i in range(3)]
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model.generation_config = GenerationConfig(do_sample=True, temperature=5.0, top_k=0, repetition_penalty=3.0)
        found.append(made.answer(asks, time.monotonic() + 60))
    assert found[0] == found[1]
    (ids, _) = made.prompt(asks[0], (1, 4, 6), (2, 4, 6))
    best = int(last_logits(made, model, asks[:1])[0].argmax())
    raw = model.generate(**made.inputs(asks[:1]))[0].tolist()
    assert raw[: len(ids)] == ids and raw[len(ids)] == best


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json"),
        (lambda f: (f / "tokenizer.json").write_text((f / "tokenizer.json").read_text().replace("video_pad", "video_mat")), "video_pad"),
        (lambda f: (f / "tokenizer.json").write_text((f / "tokenizer.json").read_text().replace("im_end", "im_stop")), "conversation"),
    ],
)
def test_a_tokenizer_that_does_not_fit_is_refused(spoil: Any, message: str, models: dict[str, Any], tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    spoil(tmp_path)
    with pytest.raises(ModelError, match=message):
        writer(models["qwen2_vl"], tmp_path)


def test_another_family_is_refused(models: dict[str, Any], folder: Path) -> None:
    other = SimpleNamespace(config=SimpleNamespace(model_type="llava"))
    with pytest.raises(ModelError, match="is a llava; known are qwen2_vl, qwen2_5_vl, qwen3_vl"):
        writer(other, folder)


# --- the whole way of a clip


def analyse(store: Path, backend: str | None, clip: Path, *, fresh: bool = True, **options: Any) -> AnalyzerEntry:
    given: dict[str, Any] = {"options": {"qwen2_vl_temporal": {"max_new_tokens": 32, **options}}, "fresh": fresh}
    if backend is not None:
        given["backends"] = {"qwen2_vl_temporal": backend}
    settings = Settings.model_validate({"models": {"dir": str(store)}, "analysis": given})
    with Session(settings) as session:
        return session.analyze(clip, only=["qwen2_vl_temporal"]).document.analyzers["qwen2_vl_temporal"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, models: dict[str, Any]) -> Path:
    made = tmp_path_factory.mktemp("store")
    for kind, name in TYPES.items():
        put_model(made, name, models[kind])
    return made


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_frames(105, width=96, height=160))


@pytest.mark.parametrize("kind", TYPES)
def test_a_clip_through_a_checkpoint_of_the_real_class(kind: str, store: Path, clip: Path) -> None:
    """Random weights say nothing of the asked-for shape: every row is null, with a reason, and the same again."""
    first, second = (analyse(store, TYPES[kind], clip).model_dump(mode="json", exclude={"seconds"}) for _ in range(2))
    assert first == second
    assert (first["status"], first["backend"], first["device"]) == ("ok", TYPES[kind], "cpu")
    assert [(s["start_s"], s["end_s"], s["status"], s["frames"]) for s in first["segments"]] == [
        (0, 2, "failed", 16),
        (2, 3.5, "failed", 12),
    ]
    assert all(s["reason"] and s["what_happens"] is None and s["objects"] is None for s in first["segments"])
    assert first["summary"]["text"] is None and first["summary"]["text_reason"] == "no segment was described" and first["coverage"] == 0
    assert (
        first["models"][0]["id"] == TYPES[kind]
        and len(first["models"][0]["sha256"]) == 64
        and first["models"][0]["licence"] == "Apache-2.0"
    )
    assert first["summary"]["answers"] == 4 and first["summary"]["tokens"] > 0


def test_a_clip_whose_model_speaks(store: Path, clip: Path, models: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same way with a typist in place of `generate`."""
    import transformers

    def generate(self: Any, input_ids: Any, stopping_criteria: Any, **given: Any) -> Any:
        text = JSON if "video_grid_thw" in given else '{"summary": "Blocks all along."}'
        typist = Typist(self, folder, lambda i: text)
        typist.generation_config, typist.model.rope_deltas = self.generation_config, self.model.rope_deltas
        return typist.generate(input_ids, stopping_criteria, **given)

    monkeypatch.setattr(transformers.Qwen2VLForConditionalGeneration, "generate", generate)
    found = analyse(store, "qwen2-vl-7b", clip, max_new_tokens=256)
    assert [(s.status, s.what_happens, s.continuity) for s in found.segments] == [  # type: ignore[attr-defined]
        ("ok", "Blocks move.", None), ("ok", "Blocks move.", "It goes on."),
    ]  # fmt: skip
    assert found.coverage == 1.0 and found.summary.text == "Blocks all along." and found.warnings == []  # type: ignore[attr-defined]


def test_no_time_at_all_leaves_nulls(store: Path, clip: Path) -> None:
    found = analyse(store, "qwen2-vl-7b", clip, time_budget_x=1e-6)
    assert [s.reason for s in found.segments] == [NO_TIME, NO_TIME]  # type: ignore[attr-defined]
    assert found.status == "ok" and found.summary.answers == 2  # type: ignore[attr-defined]


def test_full_models_are_not_taken_on_a_cpu_unless_named(store: Path, clip: Path) -> None:
    found = analyse(store, None, clip)
    assert found.status == "unavailable" and "GPU" in str(found.reason) and "--backend qwen2_vl_temporal=qwen2-vl-7b" in str(found.hint)


def test_a_flipped_byte_of_the_tokenizer_is_refused_by_name(tmp_path: Path, clip: Path, models: dict[str, Any]) -> None:
    words = put_model(tmp_path, "qwen2-vl-7b", models["qwen2_vl"]) / "tokenizer.json"
    data = bytearray(words.read_bytes())
    data[len(data) // 2] ^= 1
    words.write_bytes(data)
    found = analyse(tmp_path, "qwen2-vl-7b", clip)
    assert (found.status, found.code) == ("failed", "model_corrupt") and "tokenizer.json" in str(found.reason)
