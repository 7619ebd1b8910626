"""Fixtures of the network's tests."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import debian_program
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


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for cdn.example, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *(debian_program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=cdn.example", "-addext", "subjectAltName=DNS:cdn.example"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def secure(certificates: Path) -> Iterator[Site]:
    """A site over TLS, as cdn.example."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    with Site(context) as made:
        made.pages["/"] = (200, {}, b"secret")
        yield made


@pytest.fixture
def trusted(certificates: Path) -> ssl.SSLContext:
    """What believes that certificate."""
    return ssl.create_default_context(cafile=str(certificates / "cert.pem"))
