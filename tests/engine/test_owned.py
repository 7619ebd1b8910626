"""Folders of dead owners go, those of living ones stay: on real processes."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reelscope.engine import owned
from reelscope.engine.owned import OwnedFolder, sweep

ID = "0123456789abcdef"
OWNER = """
import subprocess, sys
from pathlib import Path
from reelscope.engine.owned import OwnedFolder
folder = OwnedFolder(Path(sys.argv[1]))
(folder.path / "slot").write_bytes(bytes(1000))
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=sys.stdin, close_fds=False) if len(sys.argv) > 2 else None
print(folder.path, child.pid if child else 0, flush=True)
input()
"""
Start = Callable[..., tuple[subprocess.Popen[str], Path, int]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an owner in a process of its own; it ends with the test."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], Path, int]:
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(tmp_path), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout is not None
        path, child = process.stdout.readline().split()
        return process, Path(path), int(child)

    yield run
    for process in running:
        process.kill()
        process.communicate()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def age(path: Path, seconds: float = 61) -> None:
    then = path.lstat().st_mtime - seconds
    os.utime(path, (then, then))


def test_a_killed_owner_is_swept_and_a_living_one_beside_it_is_not(start: Start, tmp_path: Path) -> None:
    dead, dead_path, _ = start()
    _, living_path, _ = start()
    with OwnedFolder(tmp_path) as here:
        kill(dead)
        assert dead_path.is_dir()
        assert sweep(tmp_path) == [dead_path, dead_path.with_name(f"{dead_path.name}.lock")]
        assert (living_path / "slot").is_file()
        assert here.path.is_dir()
        assert sweep(tmp_path) == []
    assert sorted(tmp_path.iterdir()) == sorted([living_path, living_path.with_name(f"{living_path.name}.lock")])


def test_a_child_that_outlives_its_owner_keeps_nothing(start: Start, tmp_path: Path) -> None:
    owner, path, child = start("child")
    kill(owner)
    os.kill(child, 0)  # it lives, and was started without closing descriptors
    assert sweep(tmp_path)[0] == path
    assert list(tmp_path.iterdir()) == []
    os.kill(child, signal.SIGKILL)


def test_a_forked_child_neither_removes_nor_unlocks(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from reelscope.engine.owned import OwnedFolder, sweep
with OwnedFolder(Path(sys.argv[1])) as folder:
    child = os.fork()
    if child == 0:
        folder.close()
        os._exit(0)
    os.waitpid(child, 0)
    print(folder.path.is_dir(), sweep(folder.path.parent), folder.path.is_dir())
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "[]", "True"]
    assert list(tmp_path.iterdir()) == []


def test_two_owners_in_one_process_do_not_sweep_each_other(tmp_path: Path) -> None:
    with OwnedFolder(tmp_path) as one, OwnedFolder(tmp_path) as other:
        assert sweep(tmp_path) == []
        assert one.path != other.path
        assert one.path.is_dir() and other.path.is_dir()


def test_the_folder_is_private_and_close_may_be_called_twice(tmp_path: Path) -> None:
    folder = OwnedFolder(tmp_path, "frames-")
    assert folder.path.name.startswith("frames-")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    (folder.path / "deep").mkdir()
    (folder.path / "deep" / "file").touch()
    folder.close()
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_inherited(tmp_path: Path) -> None:
    with OwnedFolder(tmp_path) as folder:
        assert folder._fds and not any(os.get_inheritable(fd) for fd in folder._fds)


def test_a_sweep_between_the_lock_files_making_and_its_lock_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[Path] = []

    def flock(fd: int, operation: int) -> None:
        if not lost:
            lost.extend(tmp_path.iterdir())
            lost[0].unlink()  # as the sweep of another process does
        fcntl_flock(fd, operation)

    fcntl_flock = fcntl.flock
    monkeypatch.setattr(owned.fcntl, "flock", flock)
    with OwnedFolder(tmp_path) as folder:
        assert len(lost) == 1
        assert folder.path.name != lost[0].stem
        assert sweep(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(13, "refused", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionError):
        OwnedFolder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_without_a_folder_goes(tmp_path: Path) -> None:
    lock = tmp_path / f"reelscope-{ID}.lock"
    lock.touch()
    assert sweep(tmp_path) == [lock]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("seconds", "gone"), [(30, False), (61, True)])
def test_a_folder_without_a_lock_goes_after_a_minute(tmp_path: Path, seconds: float, gone: bool) -> None:
    folder = tmp_path / f"reelscope-{ID}"
    folder.mkdir()
    age(folder, seconds)
    assert sweep(tmp_path) == ([folder] if gone else [])
    assert folder.exists() is not gone


def test_a_living_owner_whose_lock_file_was_cleaned_away_is_left_alone(tmp_path: Path) -> None:
    with OwnedFolder(tmp_path) as folder:
        folder.path.with_name(f"{folder.path.name}.lock").unlink()
        age(folder.path, 1e6)
        assert sweep(tmp_path) == []
        assert folder.path.is_dir()


@pytest.mark.parametrize(
    "name", ["reelscope-results", "reelscope-", f"other-{ID}", f"reelscope-{ID}0", f"reelscope-x-{ID}", "reelscope-x.lock"]
)
def test_other_names_are_not_ours(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.mkdir()
    age(path)
    assert sweep(tmp_path) == []
    assert path.is_dir()


def test_links_are_never_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    parent = tmp_path / "parent"
    parent.mkdir()
    dead = parent / f"reelscope-{ID}"
    dead.mkdir()
    (dead / "link").symlink_to(precious)
    (parent / f"reelscope-{ID}.lock").touch()
    (parent / f"reelscope-{ID[::-1]}").symlink_to(precious)
    (parent / f"reelscope-{ID[::-1]}.lock").touch()
    linked_lock = parent / f"reelscope-{'a' * 16}.lock"
    linked_lock.symlink_to(precious / "file")
    assert sweep(parent) == [dead, parent / f"reelscope-{ID}.lock"]
    assert (precious / "file").is_file()
    assert linked_lock.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's files")
def test_files_of_other_users_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / f"reelscope-{ID}"
    folder.mkdir()
    lock = tmp_path / f"reelscope-{ID}.lock"
    lock.touch()
    os.chown(lock, 65534, 65534)
    assert sweep(tmp_path) == []
    os.chown(lock, os.geteuid(), -1)
    os.chown(folder, 65534, 65534)
    assert sweep(tmp_path) == []
    assert folder.is_dir() and lock.is_file()


def test_a_pipe_under_a_locks_name_does_not_hang_the_sweep(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"reelscope-{ID}.lock")
    assert sweep(tmp_path) == []


def test_places_that_are_not_there_have_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none") == []
    (tmp_path / "file").touch()
    assert sweep(tmp_path / "file") == []
    with pytest.raises(FileNotFoundError):
        OwnedFolder(tmp_path / "none")
