"""`python -m bench.gpu.batches [NETWORK=SIZE,SIZE...]`: seconds and memory of a batch by its size, a network alone, without the engine.

Random weights and random pictures; what a size costs and brings, and whether the plan's figures of memory hold. A GPU; `--device cpu` takes
tiny networks.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.gpu.configs import ARCHITECTURES
from bench.gpu.members import MEMBERS, SEGMENT_FRAMES, SOUND_RATE_HZ
from reelscope.engine.limits import OFFLINE

__all__ = ["main", "measure"]

MIB = 2**20
PLAN = {  # the plan's batches, on a card of 95 GiB and more twice that; the VLM's further
    "qwen2-vl-7b": (1, 8, 16, 32, 64), "d-fine-full": (64, 128), "segformer-b5": (16, 32), "vitpose-huge": (16, 32),
    "siglip-so400m": (16, 32), "clip-vit-l": (16, 32), "whisper-large-v3": (2, 8), "ast": (8,), "wav2vec2-large": (8, 16),
}  # fmt: skip
STRETCH_S = {b.name: m.stretch_s for m in MEMBERS if hasattr(m, "stretch_s") for b in m.spec.backends}


def item_of(network: str, device: str) -> Any:
    """One random item as the network's analyzer makes it."""
    import torch

    made = ARCHITECTURES[network]
    if made.size_px is None:
        return torch.randn(round(STRETCH_S[network] * SOUND_RATE_HZ), device=device)
    wide, high = made.size_px
    frames = (4 if "tiny" in network else SEGMENT_FRAMES,) if made.wrapper == "Describer" else ()
    return torch.randint(0, 256, (*frames, high, wide, 3), dtype=torch.uint8, device=device)


def measure(network: str, sizes: Sequence[int], device: str, repeats: int) -> list[dict[str, Any]]:
    """A row for each size: median seconds of a batch, and PyTorch's memory."""
    import torch

    from bench.gpu.networks import build
    from reelscope.models.sessions import SessionRequest
    from reelscope.models.sources import ModelSource

    cuda = device != "cpu"
    source = ModelSource(f"random/{network}", "torch", loader=build, revision="random", licence="none: random weights")
    started = time.perf_counter()
    model = build(SessionRequest(source, device, precision="bf16"))
    if cuda:
        torch.cuda.synchronize(device)
    made_s = time.perf_counter() - started
    weights = sum(p.numel() * p.element_size() for p in model.parameters()) / MIB
    rows = []
    for size in sizes:
        items = [item_of(network, device) for _ in range(size)]
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
        row: dict[str, Any] = {"network": network, "batch": size, "made_s": made_s, "weights_mib": weights}
        rows.append(row)
        try:
            seconds = []
            for _ in range(repeats + 1):
                started = time.perf_counter()
                model.run(items)  # ends with a copy to the CPU: the device is done
                seconds.append(time.perf_counter() - started)
        except torch.OutOfMemoryError as error:
            row["error"] = f"out of memory: {str(error)[:80]}"
            break
        except Exception as error:  # of one network; the others are measured all the same
            row["error"] = f"{type(error).__name__}: {str(error)[:200]}"
            break
        row |= {
            "warm_up_s": seconds[0],
            "median_s": statistics.median(seconds[1:]),
            "least_s": min(seconds[1:]),
            "most_s": max(seconds[1:]),
            "items_per_s": size / statistics.median(seconds[1:]),
            "peak_allocated_mib": torch.cuda.max_memory_allocated(device) / MIB if cuda else None,
            "peak_reserved_mib": torch.cuda.max_memory_reserved(device) / MIB if cuda else None,
        }
    del model
    if cuda:
        torch.cuda.empty_cache()
    return rows


def _chosen(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = text.partition("=")
    if name not in ARCHITECTURES:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(ARCHITECTURES)}")
    return name, tuple(int(s) for s in sizes.split(",")) if sizes else PLAN.get(name, (1,))


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print a line for each size."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.batches", description=__doc__)
    parser.add_argument("networks", nargs="*", type=_chosen, metavar="NETWORK=SIZE,SIZE", help="default: all at the plan's sizes")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(argv)
    os.environ.update(OFFLINE)  # as the engine's workers have it: without it generating asks a hub, and waits where there is no network
    rows: list[dict[str, Any]] = []
    titles = ("batch", "median s", "least", "most", "items/s", "weights", "peak MiB")
    print(f"{'network':18} " + " ".join(f"{t:>9}" for t in titles) + " | weights: random")
    for network, sizes in given.networks or list(PLAN.items()):
        for row in measure(network, sizes, given.device, given.repeats):
            rows.append(row)
            if "error" in row:
                print(f"{network:18} {row['batch']:5} {row['error']}", flush=True)
                continue
            peak = "-" if row["peak_allocated_mib"] is None else f"{row['peak_allocated_mib']:.0f}"
            cells = (f"{row['median_s']:.3f}", f"{row['least_s']:.3f}", f"{row['most_s']:.3f}", f"{row['items_per_s']:.1f}")
            line = " ".join(f"{c:>9}" for c in (str(row["batch"]), *cells, f"{row['weights_mib']:.0f}", peak))
            print(f"{network:18} {line} | weights: random", flush=True)
        if given.json:
            given.json.parent.mkdir(parents=True, exist_ok=True)
            given.json.write_text(json.dumps({"weights": "random", "repeats": given.repeats, "rows": rows}, indent=1) + "\n")
    return 1 if any("error" in r for r in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
