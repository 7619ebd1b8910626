"""What the server and its workers are doing, once a second: on the page, in /metrics, in `reelscope top` and in a file. docs/monitoring.md.

Each worker puts what its machine and its engine look like into its beat (`worker`); the server puts all of them together with the queue
(`watch`, `build`) into one `shapes.MonitorSnapshot`. A figure that is not known is null, never 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reelscope.server.monitor.store import DatabaseStore
    from reelscope.server.monitor.watch import Monitor

__all__ = ["DatabaseStore", "Monitor"]


def __getattr__(name: str) -> Any:
    """The server's names are found when it asks for them: workers and `reelscope top` need other modules of this package only."""
    if name == "Monitor":
        from reelscope.server.monitor.watch import Monitor

        return Monitor
    if name == "DatabaseStore":
        from reelscope.server.monitor.store import DatabaseStore

        return DatabaseStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
