"""Nothing that analyses opens a connection: the processes run in a network namespace that has only loopback, and strace sees every call.

The namespace alone would hide an attempt that fails in silence; strace alone would let it through. Both together show that none was made.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reelscope.models.importing import import_folder
from reelscope.models.manifest import manifest
from reelscope.models.store import ModelStore
from tests.clips import moving_frames, tone, write_clip
from tests.conftest import SHARED, debian_program

pytestmark = pytest.mark.system

REST_S = 5  # after the last clip: what reports home in the background waits for a quiet moment
LIMIT_S = 1200

# Calls that reach out, and the families that stay on this machine. A datagram socket that is only made reaches nobody.
REACHES = re.compile(r"\b(connect|sendto|sendmsg|sendmmsg)\(")
LOCAL = re.compile(r"sa_family=AF_(UNIX|LOCAL|NETLINK)|127\.0\.0\.1|\"::1\"")
UNNAMED = re.compile(r"\bsend(to|msg|mmsg)\((?!.*sa_family=)")  # on a connection: what made it was seen

COMMAND = """
import sys
from reelscope.cli import run
sys.exit(run(sys.argv[1:]))
"""
SESSION = """
import sys, time
from reelscope.cli.terminal import read_settings
from reelscope.pipeline import Session

if __name__ == "__main__":
    clip, rest_s, tier = sys.argv[1:]
    flags = {"placement.workers": "1", "analysis.tier": tier, "system.keep_results": "false", "faults.window_timeout_s": "600"}
    with Session(read_settings(flags).settings, many=True) as session:
        entries = session.analyze(clip).document.analyzers
        print(*(f"{name}={entry.status}:{entry.tier}" for name, entry in entries.items()), flush=True)
        time.sleep(float(rest_s))
"""
# torch and transformers, which can ask a hub for everything: a network of theirs in an analyzer, and a checkpoint of a folder.
FULL = """
import sys, time
from pathlib import Path
from reelscope.cli.terminal import read_settings
from reelscope.models.sessions import SessionRequest, open_session
from reelscope.models.sources import ModelSource, Part, file_sha256
from reelscope.pipeline import Session

if __name__ == "__main__":
    clip, rest_s, folder = sys.argv[1], float(sys.argv[2]), Path("checkpoint")
    flags = {"placement.workers": "0", "analysis.backends.cut_analysis": "transnetv2", "system.keep_results": "false"}
    with Session(read_settings(flags).settings) as session:
        entry = session.analyze(clip, only=["cut_analysis"]).document.analyzers["cut_analysis"]
        import transformers
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        transformers.ViTModel(transformers.ViTConfig(image_size=32, **sizes)).save_pretrained(folder)
        parts = tuple(Part(p, file_sha256(p), p.stat().st_size) for p in folder.iterdir())
        source = ModelSource("seer", runtime="transformers", path=folder, parts=parts, loads="ViTModel")
        opened = open_session(SessionRequest(source))
        print(f"cut_analysis={entry.status}:{entry.backend}", type(opened.model).__name__, flush=True)
        time.sleep(rest_s)
"""
# A library that reports home, as onnxruntime's wheels do where nothing forbids it.
CULPRIT = """
import socket, threading
def report():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        try: s.sendto(b"usage", ("192.0.2.1", 53))
        except OSError: pass
thread = threading.Thread(target=report); thread.start(); thread.join()
"""


@pytest.fixture(scope="module")
def alone() -> list[str]:
    """A command prefix: a namespace with only loopback, and strace over all that runs in it."""
    unshare, strace, ip = debian_program("unshare"), debian_program("strace"), debian_program("ip")
    prefix = [unshare, "-rn", "sh", "-c", f'{ip} link set lo up && exec "$@"', "sh"]
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no network namespace can be made here: {tried.stderr.strip()}")
    return [*prefix, strace, "-f", "-qq", "-e", "trace=%network"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_frames(60, width=180, height=320), sound=tone(2.0))


def run(alone: list[str], folder: Path, code: str, *arguments: str) -> tuple[str, list[str]]:
    """Run a program alone; return what it printed and the calls by which it tried to reach somebody."""
    trace, script = folder / "trace", folder / "script.py"
    script.write_text(code, encoding="utf-8")
    env = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    done = subprocess.run(
        [*alone, "-o", str(trace), sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
        cwd=folder,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, [line for line in trace.read_text(encoding="utf-8").splitlines() if reaches_out(line)]


def reaches_out(line: str) -> bool:
    """Whether a line of strace is an attempt to reach another machine."""
    return REACHES.search(line) is not None and LOCAL.search(line) is None and UNNAMED.search(line) is None


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ('12 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = -1 ENETUNREACH', True),
        ('12 connect(3, {sa_family=AF_INET6, sin6_port=htons(53), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr)}, 28) = -1', True),
        ('12 sendto(3, "q", 1, MSG_NOSIGNAL, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.1")}, 16) = 1', True),
        ('12 connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1 ENOENT', False),
        ('12 connect(3, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, 16) = 0', False),
        ("12 sendto(3, [{nlmsg_len=20}], 20, 0, {sa_family=AF_NETLINK, nl_pid=0}, 12) = 20", False),
        ('12 sendto(7, "x", 1, 0, NULL, 0) = 1', False),
        ("12 socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0", False),
    ],
)
def test_lines_are_told_apart(line: str, out: bool) -> None:
    assert reaches_out(line) == out


def test_an_attempt_would_be_seen(alone: list[str], tmp_path: Path) -> None:
    _, calls = run(alone, tmp_path, CULPRIT)
    assert len(calls) == 1 and "192.0.2.1" in calls[0]


def test_the_command_line_reaches_nobody(alone: list[str], tmp_path: Path, clip: Path) -> None:
    _, calls = run(alone, tmp_path, COMMAND, "analyze", str(clip), "--out", str(tmp_path / "out"), "--fresh")
    assert calls == [] and (tmp_path / "out/analysis.json").is_file()


@pytest.mark.parametrize("tier", ["embedded", "compact"])
def test_a_session_reaches_nobody_while_it_works_nor_while_it_rests(
    alone: list[str], tmp_path: Path, clip: Path, tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every analyzer with the models of the tier, in this process and in a worker."""
    if tier == "compact":
        if not (SHARED / "models/MANIFEST.json").is_file():
            pytest.skip("needs ../shared/models, which is not here")
        import_folder(ModelStore(tmp_path / "store"), manifest(), SHARED / "models", ["age-utkface"])
        monkeypatch.setenv("REELSCOPE_MODELS__DIR", str(tmp_path / "store"))
    said, calls = run(alone, tmp_path, SESSION, str(clip), str(REST_S), tier)
    assert calls == []
    entries = dict(word.split("=") for word in said.split())
    assert len(entries) == 19 and not any(state.startswith(("failed", "timeout")) for state in entries.values()), said
    if tier == "compact":
        assert "compact" in {state.partition(":")[2] for state in entries.values()}, said


@pytest.mark.torch
def test_torch_and_transformers_reach_nobody(alone: list[str], tmp_path: Path, clip: Path) -> None:
    pytest.importorskip("torch", reason="needs torch: make test-full")
    said, calls = run(alone, tmp_path, FULL, str(clip), str(REST_S))
    assert calls == [] and said.split() == ["cut_analysis=ok:transnetv2", "ViTModel"]
