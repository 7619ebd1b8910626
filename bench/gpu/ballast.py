"""A process that holds GPU memory: `python -m bench.gpu.ballast --leave-mib 900`, on the first GPU that CUDA_VISIBLE_DEVICES leaves.

It takes memory until only so much of the device is free, says "holding <MiB>" and keeps it until its standard input is closed. With
`--empty` it holds nothing and only lives. It never touches another process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Ballast", "hold", "leave_mib"]

MIB = 2**20
STEP_MIB = 256  # one block: small enough to stop near the target, large enough to be quick
LINE_TIMEOUT_S = 120.0


def leave_mib(*, device_peak_mib: float, reserved_mib: float, weights_mib: float) -> int:
    """Memory to leave so that the weights fit and the full batch does not, but half of it does.

    Args:
        device_peak_mib: What the device held at most for us in a quiet run, contexts included.
        reserved_mib: Of that what PyTorch had reserved at its peak; weights_mib: and of that the weights.

    Returns:
        Weights and contexts, and six tenths of the rest: the activations of half a batch and a little, not of a whole one.
    """
    if not 0 < weights_mib <= reserved_mib <= device_peak_mib:
        raise ValueError(f"expected 0 < weights {weights_mib} <= reserved {reserved_mib} <= device {device_peak_mib} MiB")
    return round(device_peak_mib - reserved_mib + weights_mib + 0.6 * (reserved_mib - weights_mib))


class Ballast:
    """A running ballast. held_mib: what it took."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        line = process.stdout.readline().split()
        if len(line) != 2 or line[0] != "holding":
            process.kill()
            raise RuntimeError(f"the ballast did not start: {process.communicate()[1].strip()[-500:]}")
        self.held_mib = int(line[1])

    @property
    def alive(self) -> bool:
        """Whether it still runs and holds."""
        return self._process.poll() is None


@contextmanager
def hold(uuid: str | None, leave: int) -> Iterator[Ballast]:
    """Start one in a process of its own, on the GPU with this UUID (None: an empty one), and end it afterwards."""
    command = [sys.executable, "-m", "bench.gpu.ballast", "--leave-mib", str(leave), *([] if uuid else ["--empty"])]
    env = os.environ | ({"CUDA_VISIBLE_DEVICES": uuid} if uuid else {})
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    try:
        yield Ballast(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(LINE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def main() -> int:
    """Take memory, say so, wait."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leave-mib", type=int, required=True)
    parser.add_argument("--empty", action="store_true")
    given = parser.parse_args()
    blocks = []
    if not given.empty:
        import torch

        while torch.cuda.mem_get_info(0)[0] - STEP_MIB * MIB > given.leave_mib * MIB:
            blocks.append(torch.empty(STEP_MIB * MIB, dtype=torch.uint8, device="cuda:0"))
    print("holding", len(blocks) * STEP_MIB, flush=True)
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
