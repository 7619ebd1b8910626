"""Work beside everything else, with threads and without."""

from __future__ import annotations

import threading

import pytest

from reelscope.engine.aside import all_beside, started


def refuse(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread at interpreter shutdown")


def test_calls_are_made_at_the_same_time() -> None:
    meeting = threading.Barrier(3)
    all_beside([lambda: meeting.wait(30)] * 3)
    assert meeting.broken is False


def test_without_threads_calls_are_made_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", refuse)
    here: list[tuple[int, int]] = []
    all_beside([lambda i=i: here.append((i, threading.get_ident())) for i in range(3)])
    assert here == [(i, threading.get_ident()) for i in range(3)]
    assert not started(threading.Thread(target=here.clear)) and here


def test_an_error_of_another_kind_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(thread: threading.Thread) -> None:
        raise ValueError("no")

    monkeypatch.setattr(threading.Thread, "start", broken)
    with pytest.raises(ValueError, match="no"):
        started(threading.Thread(target=int))
