"""Fixtures of the network's tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.net.stubs import Site, Trap, trap


@pytest.fixture
def forbidden() -> Iterator[Trap]:
    """Ports that nobody may connect to; the test fails where somebody did."""
    with trap() as made:
        yield made
        assert made.caught() == 0, "a forbidden address was connected to"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as made:
        yield made


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that a socket of this process was connected to, or was to be."""
    seen: list[Any] = []
    connect = socket.socket.connect

    def recorded(self: socket.socket, address: Any) -> None:
        seen.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", recorded)
    monkeypatch.setattr(socket.socket, "connect_ex", recorded)
    return seen


@pytest.fixture
def no_other_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver and Python's own ways to connect fail the test."""

    def never(*args: Any, **_: Any) -> Any:
        pytest.fail(f"went past the connector: {args}")

    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, never)
