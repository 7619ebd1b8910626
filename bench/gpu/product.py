"""`python -m bench.gpu.product [--model qwen2-vl-7b|tiny] [--json FILE]`: the product's own VLM from a store, at the published size.

The other parts of the benchmark make their networks on the device; this one writes a checkpoint with random weights into a model store of
its own, as a pull would leave it (16 GB of disk), and analyses a clip with `qwen2_vl_temporal` as it is: sha256, the loader, prompts,
patches and answers are the product's. Random weights never answer in the asked-for shape, so every segment is asked about twice and fails:
counts and seconds are those of the worst case. The tokenizer knows bytes only, so the words of a prompt are several times as many tokens as
with the real one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.gpu.configs import ARCHITECTURES
from bench.gpu.nvml import Sampler, card, nvml_reader

__all__ = ["main", "write_store"]

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
BYTES = 256
IDS = {token: BYTES + i for i, token in enumerate(SPECIAL)}
TOKENS = 160  # of an answer, as in the rest of the benchmark
READ = 2**24


def write_tokenizer(folder: Path) -> None:
    """A token for each byte, and the real special tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    words = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, merges=[]))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    words.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    words.save(str(folder / "tokenizer.json"))


def write_store(root: Path, name: str, network: str, device: str) -> dict[str, Any]:
    """Write the checkpoint `name` with random weights of the architecture `network` into a store: what it took."""
    import torch
    import transformers

    folder = root / name
    folder.mkdir(parents=True)
    config = ARCHITECTURES[network].config()
    config.image_token_id, config.video_token_id = IDS["<|image_pad|>"], IDS["<|video_pad|>"]
    config.vision_start_token_id, config.vision_end_token_id = IDS["<|vision_start|>"], IDS["<|vision_end|>"]
    text = config.get_text_config()
    text.bos_token_id = text.pad_token_id = IDS["<|endoftext|>"]
    text.eos_token_id = IDS["<|im_end|>"]
    started = time.perf_counter()
    torch.manual_seed(7)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = transformers.Qwen2VLForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    made_s = time.perf_counter() - started
    started = time.perf_counter()
    model.save_pretrained(folder, max_shard_size="2GB")
    parameters = sum(p.numel() for p in model.parameters())
    del model
    if device != "cpu":
        torch.cuda.empty_cache()
    write_tokenizer(folder)
    paths = sorted(p for p in folder.iterdir() if p.is_file())
    with ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(_sha256, paths))
    files = {p.name: {"sha256": s, "bytes": p.stat().st_size} for p, s in zip(paths, sums, strict=True)}
    (folder / "record.json").write_text(json.dumps({"revision": "0" * 40, "accepted": False, "files": files}))
    return {
        "parameters, million": parameters / 1e6,
        "weights made, seconds": made_s,
        "written and summed, seconds": time.perf_counter() - started,
        "files, GB": sum(p.stat().st_size for p in paths) / 1e9,
    }


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ):
            digest.update(block)
    return digest.hexdigest()


def analysed(store: Path, name: str, clip: Path, repeats: int, read: Any) -> dict[str, Any]:
    """A first run, in which the model is verified and loaded, and more with it there."""
    from reelscope.config import Settings
    from reelscope.pipeline import Session

    options = {"qwen2_vl_temporal": {"max_new_tokens": TOKENS}}
    analysis = {"backends": {"qwen2_vl_temporal": name}, "options": options, "fresh": True}
    settings = Settings.model_validate({"models": {"dir": str(store)}, "analysis": analysis, "system": {"keep_results": False}})
    facts: dict[str, Any] = {}
    seconds = []
    with Session(settings, many=True) as session, Sampler(read, period_s=0.25) as sampler:
        placed = [w for w in session.plan(only=["qwen2_vl_temporal"]).placement.workers if "qwen2_vl_temporal" in w.members]
        facts["worker"] = ", ".join(f"{w.name} on {w.device}, budget {w.gpu_budget_mib} MiB" for w in placed)
        for i in range(repeats + 1):
            started = time.perf_counter()
            entry = session.analyze(clip, only=["qwen2_vl_temporal"]).document.analyzers["qwen2_vl_temporal"]
            spent = time.perf_counter() - started
            if i == 0:
                facts["first run, seconds (sha256, loading)"] = spent
            else:
                seconds.append(spent)
            summary = entry.summary.model_dump()
            print(f"run {i}: {spent:.2f} s, {entry.status}, {entry.reason}, {summary}", flush=True)
    facts |= {
        "status": entry.status,
        "reason": entry.reason,
        "device": entry.device,
        "further runs, seconds each": [round(s, 2) for s in seconds],
        "segments": len(entry.segments),
        "answers asked for": summary.get("answers"),
        "tokens": summary.get("tokens"),
        "tokens a second, last run": summary["tokens"] / seconds[-1] if seconds and summary.get("tokens") else None,
        "device memory at most, MiB": sampler.use().device_peak_mib,
        "first segment": entry.segments[0].model_dump(mode="json") if entry.segments else None,
    }
    return facts


def main(argv: Sequence[str] | None = None) -> int:
    """Write, analyse, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.product", description=__doc__)
    parser.add_argument("--model", choices=("qwen2-vl-7b", "qwen2-vl-2b", "tiny"), default="qwen2-vl-7b")
    parser.add_argument("--seconds", type=float, default=16.0, help="length of the clip: 16 s are one group of 8 segments")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(argv)
    from bench.gpu.clip import make_clip
    from bench.machine import machine_facts
    from reelscope.config import Settings
    from reelscope.engine.hardware import read_hardware

    tiny = given.model == "tiny"
    name, network = ("qwen2-vl-7b", "qwen2-vl-tiny") if tiny else (given.model, given.model)
    gpus = read_hardware(Settings()).gpus
    if not gpus and not tiny:
        print("needs an NVIDIA GPU; --model tiny runs on a CPU")
        return 1
    facts: dict[str, Any] = {"weights": "random", "model": name, "network": network}
    facts["card"] = card(gpus[0].uuid) if gpus else "none: a CPU"
    facts["machine"] = machine_facts(("torch", "transformers", "av", "numpy"))
    with tempfile.TemporaryDirectory(prefix="reelscope-bench-product-") as work:
        folder = Path(work)
        facts["checkpoint"] = write_store(folder / "store", name, network, "cuda:0" if gpus else "cpu")
        print(facts["checkpoint"], flush=True)
        clip = make_clip(folder / "clip.mp4", seconds=given.seconds, width=540, height=960)
        facts["clip"] = f"{given.seconds:g} s of 540x960, made on the spot"
        facts["runs"] = analysed(folder / "store", name, clip, given.repeats, nvml_reader(gpus[0].uuid) if gpus else None)
    print(json.dumps(facts, indent=1))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(facts, indent=1) + "\n")
    return 0 if facts["runs"]["status"] == "ok" else 1


if __name__ == "__main__":
    raise SystemExit(main())
