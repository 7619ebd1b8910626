"""What insights share: saying that one cannot be had, and spans of time."""

from __future__ import annotations

from typing import TypeVar

from reelscope.document.evidence import Channel, Lack
from reelscope.document.schema import Insight, Model, Seconds
from reelscope.timebase import Interval

__all__ = ["Span", "lacking", "spans", "unavailable"]

I = TypeVar("I", bound=Insight)  # noqa: E741 - an insight


class Span(Model):
    """A stretch of time, half-open."""

    start_s: Seconds
    end_s: Seconds


def spans(intervals: list[Interval] | tuple[Interval, ...]) -> list[Span]:
    """Intervals as they stand in the document."""
    return [Span(start_s=start, end_s=end) for start, end in intervals]


def unavailable(kind: type[I], lack: Lack) -> I:
    """An insight that cannot be had, and why."""
    return kind(status="unavailable", code=lack.code or "not_measured", reason=lack.reason, hint=lack.hint)


def lacking(channels: dict[str, Channel]) -> dict[str, str]:
    """`not_measured` for figures whose channel has no result: reasons by name of the figure."""
    return {name: channel.lack.reason for name, channel in channels.items() if channel.lack is not None}
