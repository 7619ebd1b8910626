"""While the guard is on, only the connector opens connections."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from reelscope.net import connect, only_connector
from tests.net.stubs import PUBLIC, RULES, Names, Site, Trap

WAIT_S = 60.0


def attempts(port: int) -> dict[str, Callable[[], object]]:
    def datagram() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.sendto(b"x", ("127.0.0.1", port))

    def other() -> None:
        with socket.socket() as made:
            made.connect_ex(("127.0.0.1", port))

    return {
        "connection": lambda: socket.create_connection(("127.0.0.1", port)),
        "connect_ex": other,
        "datagram": datagram,
        "look-up": lambda: socket.getaddrinfo("localhost", port),
        "old look-up": lambda: socket.gethostbyname("localhost"),
        "program": lambda: subprocess.run([sys.executable, "-c", "pass"], check=False),
        "shell": lambda: os.system("true"),
        "spawn": lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], {}),
        "fork": os.fork,
    }


@pytest.mark.parametrize("way", attempts(0))
def test_others_are_stopped(forbidden: Trap, way: str) -> None:
    attempt = attempts(forbidden.port)[way]
    with only_connector(), pytest.raises(PermissionError):
        attempt()


def test_the_connector_works(site: Site) -> None:
    with only_connector():
        connect("cdn.example", site.port, RULES, WAIT_S, resolver=Names(cdn_example=[PUBLIC])).close()
        with pytest.raises(OSError, match="not known|No address|resolution"):  # by the system's resolver
            connect("name.invalid", site.port, RULES, WAIT_S)


def test_other_threads_are_free_and_so_is_everybody_afterwards(site: Site) -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(WAIT_S)
        socket.create_connection((PUBLIC, site.port)).close()
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    with only_connector():
        with only_connector():
            pass
        with pytest.raises(PermissionError):
            socket.create_connection((PUBLIC, site.port))
        go.set()
        thread.join(WAIT_S)
    assert done.is_set()
    socket.create_connection((PUBLIC, site.port)).close()


def test_named_programs_may_be_started() -> None:
    name = os.path.basename(sys.executable)  # noqa: PTH119
    with only_connector(programs=(name,)):
        assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True).stdout == b"1\n"
        with pytest.raises(PermissionError):
            subprocess.run(["true"], check=False)


def test_files_and_sockets_of_the_file_system_are_not_its_concern(tmp_path: os.PathLike[str]) -> None:
    path = f"{tmp_path}/s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        with only_connector(), socket.socket(socket.AF_UNIX) as made:
            made.connect(path)
