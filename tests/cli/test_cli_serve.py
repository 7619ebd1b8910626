"""`reelscope serve` and `worker`: what is wrong is told in a line, before anything starts; what is right is told too."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from reelscope.config import Settings
from reelscope.errors import ConfigError
from reelscope.server.serve import run


def serving(folder: Path, **server: Any) -> Settings:
    return Settings.model_validate({"system": {"data_dir": str(folder)}, "server": {"workers": 0, **server}})


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError) as caught:
        run(serving(tmp_path, port=taken.getsockname()[1]))
    assert caught.value.code == "cannot_listen" and "--port" in str(caught.value.hint)


def test_beyond_this_machine_only_with_a_token(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run(serving(tmp_path, host="0.0.0.0"))
    assert caught.value.code == "token_needed"


@pytest.mark.parametrize("url", ["mysql://a@b/c", "no address", "http://a/"])
def test_a_database_of_another_kind(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(serving(tmp_path, database=url))
    assert "postgresql://" in str(caught.value.hint)


def test_a_database_that_does_not_answer_and_its_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run(serving(tmp_path, database="postgresql://me:topsecret@127.0.0.1:1/x"))
    assert caught.value.code == "database_failed" and "topsecret" not in caught.value.message


def test_a_worker_needs_a_database_and_a_readable_token(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("REELSCOPE_")} | {"REELSCOPE_DATA_DIR": str(tmp_path)}

    def worker(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "reelscope", "worker", *args], env=env, capture_output=True, text=True)

    done = worker()
    assert done.returncode == 2 and "--database" in done.stderr
    done = worker("--database", "postgresql://me@127.0.0.1:1/x", "--token-file", str(tmp_path / "none"))
    assert done.returncode == 2 and "cannot be read" in done.stderr


@pytest.mark.system
def test_it_says_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reelscope", "serve", "--port", "0", "--workers", "0"]
    env = {**os.environ, "REELSCOPE_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None, line
        with urllib.request.urlopen(f"{found[0]}/health") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    assert not (tmp_path / "server.sqlite3-wal").exists()  # the database was closed as it should be
