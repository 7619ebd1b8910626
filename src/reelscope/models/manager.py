"""Which models are loaded: sessions by (model, device, precision), least recently used out first."""

from __future__ import annotations

from typing import Any

__all__ = ["ModelHandle", "ModelManager"]


class ModelHandle:
    """A member's hold on one model."""

    session: Any

    def pin(self) -> None:
        """Keep it loaded (loading it now where it is not) until `unpin`."""

    def unpin(self) -> None:
        """It may be unloaded again."""


class ModelManager:
    """Hands out sessions; one for each process."""

    def handle(self, model: str, *, device: str = "cpu", precision: str = "fp32", threads: int = 1) -> ModelHandle:
        """A handle; nothing is loaded yet."""
        raise NotImplementedError
