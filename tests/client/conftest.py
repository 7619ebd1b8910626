"""A scripted server and a client of it that does not wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reelscope.client import Client, Retries
from tests.client.stub import Stub, start


@pytest.fixture
def stub() -> Iterator[Stub]:
    made, server = start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def slept() -> list[float]:
    """How long the client would have waited, pause by pause."""
    return []


@pytest.fixture
def client(stub: Stub, slept: list[float]) -> Iterator[Client]:
    with Client(stub.url, token="secret-token", retries=Retries(times=3), sleep=slept.append) as made:
        yield made
