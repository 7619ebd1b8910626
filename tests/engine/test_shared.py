"""Windows through shared memory: full directories, dead readers, stale references, a slow reader; then the plain way."""

from __future__ import annotations

import errno
import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelscope.config import Settings
from reelscope.config.tree import System
from reelscope.engine import shared
from reelscope.engine.shared import Attachment, FramePool, WindowWriter, shared_parent, slot_bytes
from reelscope.engine.windows import WindowRef
from reelscope.errors import EngineError, OutputError
from reelscope.media.decode import DecodePass
from reelscope.media.frames import FrameNeed, Frames, FrameSpec, Window
from reelscope.media.probe import probe
from tests.clips import moving_frames, write_clip

COLOUR = FrameSpec(None, 33, 17, "rgb24")
GREY = FrameSpec(1, 7, 5, "gray8")
ROOM = {COLOUR: 4, GREY: 2}
READER = """
import pickle, sys
from reelscope.engine.shared import Attachment
with Attachment() as attachment:
    while size := int.from_bytes(sys.stdin.buffer.read(4), "big"):
        window = attachment.open(pickle.loads(sys.stdin.buffer.read(size)))
        print(sum(int(f.pixels.sum()) for f in window.by_spec.values()), flush=True)
"""


def fill(writer: WindowWriter, value: int, room: dict[FrameSpec, int] = ROOM, *, index: int = 0) -> Window:
    """One frame less than there is room for, every pixel `value`."""
    by_spec = {}
    for spec, pixels in writer.arrays(room).items():
        pixels[:] = value
        view = pixels[: room[spec] - 1]
        view.flags.writeable = False
        by_spec[spec] = Frames(view, np.arange(len(view), dtype=np.float64), np.arange(len(view), dtype=np.int64))
    return Window(index, 0.0, 2.0, False, by_spec, (33, 17))


def send(pool: FramePool, value: int, *readers: str, room: dict[FrameSpec, int] = ROOM) -> WindowRef:
    with pool.writer() as writer:
        return writer.publish(fill(writer, value, room), readers or ("reader",))


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[FramePool]:
    folder = tmp_path / "slots"
    folder.mkdir()
    with FramePool(folder, 2) as made:
        yield made
    assert list(folder.iterdir()) == []


class Waits:
    """A stop that is never set by itself and tells that somebody waits, since only a waiting writer asks it."""

    def __init__(self) -> None:
        self.asked, self.stopped = threading.Event(), threading.Event()

    def is_set(self) -> bool:
        self.asked.set()
        return self.stopped.is_set()


class Blocked:
    """A third window that has no slot, waiting in a thread of its own."""

    def __init__(self, pool: FramePool) -> None:
        self.stop = Waits()
        self.ref: WindowRef | None = None
        self.error: EngineError | None = None
        self._pool = pool
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self.stop.asked.wait(60)
        assert self.ref is None

    def _run(self) -> None:
        with self._pool.writer(stop=self.stop) as writer:
            try:
                self.ref = writer.publish(fill(writer, 3), ["reader"])
            except EngineError as error:
                self.error = error

    def join(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


# --- no room ------------------------------------------------------------------------------------------------------------------------


def full_in(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int = errno.ENOSPC) -> None:
    """Let nothing be stored in one folder any more."""
    real = shared._create

    def create(path: Path, size: int) -> Any:
        if path.parent == folder:
            raise OSError(number, os.strerror(number))
        return real(path, size)

    monkeypatch.setattr(shared, "_create", create)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM])
def test_a_full_directory_is_an_error_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    full_in(monkeypatch, tmp_path, number)
    with FramePool(tmp_path, 2) as pool:
        for _ in range(3):  # a slot that could not grow is not lost
            with pytest.raises(OutputError, match="no room for a window of 1 MiB") as caught:
                send(pool, 1)
            assert pool.in_use == 0
    assert caught.value.code == "shared_memory_full"
    assert caught.value.hint is not None
    assert all(word in caught.value.hint for word in ("1 MiB", "system.shared_dir", "--shm-size"))


def test_a_full_directory_with_a_spare_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    first, spare = tmp_path / "first", tmp_path / "spare"
    first.mkdir()
    spare.mkdir()
    with FramePool(first, 2, spare=spare) as pool, Attachment() as attachment:
        one = send(pool, 1)
        full_in(monkeypatch, first)
        with caplog.at_level(logging.WARNING):
            other = send(pool, 2)
        assert [Path(r.file).parent for r in (one, other)] == [first, spare]
        assert [attachment.open(r).by_spec[COLOUR].pixels.max() for r in (one, other)] == [1, 2]
        assert f"{first} is full" in caplog.text
    assert [*first.iterdir(), *spare.iterdir()] == []


def test_another_failure_is_not_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full_in(monkeypatch, tmp_path, errno.EACCES)
    with FramePool(tmp_path, 2, spare=tmp_path / "spare") as pool, pytest.raises(OutputError) as caught:
        send(pool, 1)
    assert caught.value.code == "shared_memory_failed"


def test_room_that_free_slots_hold_is_used_before_it_is_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shared._create

    def create(path: Path, size: int) -> Any:
        if sum(p.stat().st_size for p in tmp_path.iterdir()) + size > 3 * slot_bytes(ROOM):
            raise OSError(errno.ENOSPC, "full")
        return real(path, size)

    monkeypatch.setattr(shared, "_create", create)
    with FramePool(tmp_path, 2) as pool:
        refs = [send(pool, 1), send(pool, 1)]
        for ref in refs:
            pool.release(ref.key, "reader")
        larger = {COLOUR: 20}
        assert 2 * slot_bytes(ROOM) < slot_bytes(larger) <= 3 * slot_bytes(ROOM)
        assert send(pool, 2, room=larger).size == slot_bytes(larger)


def test_a_file_size_limit_does_not_kill_and_leaves_nothing(tmp_path: Path) -> None:
    code = f"""
import resource, sys
from pathlib import Path
from reelscope.engine.shared import FramePool
from reelscope.errors import OutputError
from reelscope.media.frames import FrameSpec
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
with FramePool(Path({str(tmp_path)!r}), 2) as pool, pool.writer() as writer:
    try:
        writer.arrays({{FrameSpec(None, 1000, 1000, "gray8"): 3}})
    except OutputError as error:
        print(error.code, list(Path({str(tmp_path)!r}).iterdir()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "shared_memory_full []"


def test_a_really_full_tmpfs_does_not_kill(tmp_path: Path) -> None:
    small, spare = tmp_path / "small", tmp_path / "spare"
    small.mkdir()
    spare.mkdir()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        room = {FrameSpec(None, 1000, 1000, "gray8"): 3}
        with FramePool(small, 2, spare=spare) as pool, Attachment() as attachment:
            refs = [send(pool, value, room=room) for value in (1, 2)]
            assert [Path(r.file).parent for r in refs] == [small, spare]
            assert [int(attachment.open(r).by_spec[next(iter(room))].pixels.min()) for r in refs] == [1, 2]
        with FramePool(small, 2) as pool:
            send(pool, 1, room=room)
            with pytest.raises(OutputError, match="no room"):
                send(pool, 2, room=room)
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("how", ["missing", "unsupported"])
def test_room_is_reserved_where_the_system_cannot_allocate(pool: FramePool, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def unsupported(fd: int, offset: int, size: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    if how == "missing":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    else:
        monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    room = {FrameSpec(None, 1000, 1001, "gray8"): 2}
    facts = Path(send(pool, 1, room=room).file).stat()
    assert facts.st_size == slot_bytes(room)
    assert facts.st_blocks * 512 >= facts.st_size


# --- readers that die or lag --------------------------------------------------------------------------------------------------------


def test_a_reader_killed_with_a_window_open_leaks_nothing(pool: FramePool) -> None:
    reader = subprocess.Popen([sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert reader.stdin is not None and reader.stdout is not None
    refs = [send(pool, 1, "victim", "other"), send(pool, 2, "victim")]
    for ref, value in zip(refs, (1, 2), strict=True):
        data = pickle.dumps(ref)
        reader.stdin.write(len(data).to_bytes(4, "big") + data)
        reader.stdin.flush()
        assert int(reader.stdout.readline()) == value * (3 * 33 * 17 * 3 + 7 * 5)
    reader.kill()
    reader.communicate()
    assert pool.in_use == 2
    assert pool.forget("victim") == 2
    assert pool.readers(refs[0].key) == {"other"}
    assert pool.readers(refs[1].key) == frozenset()
    assert pool.in_use == 1
    assert not pool.release(refs[1].key, "victim")  # its acknowledgement, late
    assert pool.release(refs[0].key, "other")
    assert pool.in_use == 0
    assert pool.forget("victim") == 0


def test_the_third_window_waits_until_one_is_released(pool: FramePool) -> None:
    refs = [send(pool, 1), send(pool, 2)]
    third = Blocked(pool)
    pool.release(refs[0].key, "reader")
    third.join()
    assert third.ref is not None
    assert (third.ref.slot, third.ref.generation) == (refs[0].slot, refs[0].generation + 1)


def test_a_window_is_free_only_when_its_last_reader_is_done(pool: FramePool) -> None:
    first, _ = send(pool, 1, "a", "b"), send(pool, 2)
    pool.retain(first.key, "a")
    third = Blocked(pool)
    for reader in ("a", "b"):
        assert pool.release(first.key, reader)
        assert third.ref is None
    assert pool.release(first.key, "a")
    third.join()
    assert third.ref is not None
    assert not pool.release(first.key, "a")
    with pytest.raises(EngineError, match="gone"):
        pool.retain(first.key, "a")


def test_a_dead_reader_frees_the_waiting_writer(pool: FramePool) -> None:
    send(pool, 1), send(pool, 2)
    third = Blocked(pool)
    pool.forget("reader")
    third.join()
    assert third.ref is not None


@pytest.mark.parametrize("how", ["close", "stop"])
def test_a_wait_ends_when_the_run_does(pool: FramePool, how: str) -> None:
    send(pool, 1), send(pool, 2)
    third = Blocked(pool)
    pool.close() if how == "close" else third.stop.stopped.set()
    third.join()
    assert third.error is not None and third.error.code == "stopped"


def test_a_wait_may_have_a_limit(pool: FramePool) -> None:
    send(pool, 1), send(pool, 2)
    with pool.writer(timeout_s=0.01) as writer, pytest.raises(EngineError) as caught:
        writer.arrays(ROOM)
    assert (caught.value.code, caught.value.retryable) == ("window_timeout", True)


def test_a_closed_pool_gives_nothing_out(pool: FramePool) -> None:
    pool.close()
    with pytest.raises(EngineError, match="stopped"):
        send(pool, 1)


@pytest.mark.parametrize("when", ["making", "writing"])
def test_a_pool_closed_under_a_writer_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    pool = FramePool(tmp_path, 2)
    real = shared._create

    def create(path: Path, size: int) -> Any:
        made = real(path, size)
        if when == "making":
            pool.close()
        return made

    monkeypatch.setattr(shared, "_create", create)
    with pool.writer() as writer, pytest.raises(EngineError) as caught:
        window = fill(writer, 1)
        pool.close()
        writer.publish(window, ["reader"])
    assert caught.value.code == "stopped"
    assert (pool.in_use, pool.bytes, list(tmp_path.iterdir())) == (0, 0, [])


def test_a_window_that_was_begun_and_not_published_is_given_back(pool: FramePool) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), pool.writer() as writer:
            writer.arrays(ROOM)
            raise ZeroDivisionError
    assert pool.in_use == 0


def test_a_window_that_nobody_reads_is_free_at_once(pool: FramePool) -> None:
    with pool.writer() as writer:
        writer.publish(fill(writer, 1), [])
        assert pool.in_use == 0


def test_one_slot_could_never_be_read_and_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        FramePool(tmp_path, 1)


def test_misuse_of_a_writer_is_told(pool: FramePool) -> None:
    with pool.writer() as writer, pool.writer() as other:
        window = fill(writer, 1)
        with pytest.raises(RuntimeError, match="not published"):
            writer.arrays(ROOM)
        other.arrays(ROOM)
        with pytest.raises(ValueError, match="does not lie in"):
            other.publish(window, [])
        writer.publish(window, [])
        with pytest.raises(RuntimeError, match="no window"):
            writer.publish(window, [])


# --- what readers see ---------------------------------------------------------------------------------------------------------------


def test_a_stale_reference_raises_and_never_shows_another_window(pool: FramePool) -> None:
    with Attachment() as attachment:
        old = send(pool, 1)
        attachment.open(old)
        pool.release(old.key, "reader")
        new = send(pool, 2)
        assert (new.file, new.slot) == (old.file, old.slot)
        with pytest.raises(EngineError, match="no longer in slot") as caught:
            attachment.open(old)
        assert caught.value.code == "stale_window"
        assert not pool.release(old.key, "reader")
        assert attachment.open(new).by_spec[COLOUR].pixels.max() == 2


def test_a_reference_whose_file_is_gone_raises(pool: FramePool) -> None:
    old = send(pool, 1)
    pool.release(old.key, "reader")
    pool.trim()
    assert pool.bytes == 0
    with Attachment() as attachment, pytest.raises(EngineError, match="is not there") as caught:
        attachment.open(old)
    assert caught.value.code == "stale_window"


def test_a_slot_grows_for_a_larger_clip_and_is_kept_for_a_smaller_one(pool: FramePool) -> None:
    larger = {COLOUR: 100, GREY: 2}
    with Attachment() as attachment:
        sizes = []
        for value, room in enumerate((ROOM, larger, ROOM), 1):
            ref = send(pool, value, room=room)
            window = attachment.open(ref)
            assert [np.unique(f.pixels).tolist() for f in window.by_spec.values()] == [[value], [value]]
            assert len(window.by_spec[COLOUR]) == room[COLOUR] - 1
            sizes.append(ref.size)
            pool.release(ref.key, "reader")
        assert sizes == [slot_bytes(ROOM), slot_bytes(larger), slot_bytes(larger)]
        assert pool.bytes == slot_bytes(larger)


def test_what_a_reader_sees_stays_after_the_parent_has_unlinked_it(pool: FramePool) -> None:
    with Attachment() as attachment:
        ref = send(pool, 7)
        pixels = attachment.open(ref).by_spec[COLOUR].pixels
        pool.close()
        assert not Path(ref.file).exists()
        assert attachment.open(ref).by_spec[COLOUR].pixels.min() == 7
    assert pixels.min() == 7


def test_a_file_is_mapped_once(pool: FramePool, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    real: Callable[..., int] = os.open
    with Attachment() as attachment:
        for value in range(5):
            ref = send(pool, value)
            monkeypatch.setattr(os, "open", lambda *a, **k: opened.append(a) or real(*a, **k))
            attachment.open(ref)
            monkeypatch.undo()
            pool.release(ref.key, "reader")
    assert len(opened) == 1


def test_views_are_aligned_contiguous_and_cannot_be_written(pool: FramePool) -> None:
    room = {COLOUR: 3, GREY: 1, FrameSpec(2, 1, 1, "rgb24"): 5}
    with Attachment() as attachment:
        window = attachment.open(pickle.loads(pickle.dumps(send(pool, 9, room=room))))
        assert [f.pixels.shape for f in window.by_spec.values()] == [(2, 17, 33, 3), (0, 5, 7), (4, 1, 1, 3)]
        for frames in window.by_spec.values():
            assert frames.pixels.flags.c_contiguous
            assert frames.pixels.ctypes.data % 64 == 0
            with pytest.raises(ValueError, match="read-only"):
                frames.pixels[:] = 0
            with pytest.raises(ValueError, match="WRITEABLE"):
                frames.pixels.flags.writeable = True


def test_a_decoded_clip_comes_through_as_it_is(tmp_path: Path, pool: FramePool) -> None:
    facts = probe(write_clip(tmp_path / "odd.mp4", moving_frames(70, width=97, height=61), pixel_format="yuv444p"))
    needs = [FrameNeed(None), FrameNeed(4, 30), FrameNeed(0.3, format="gray8")]  # the last has no frame in some windows
    specs = [n.resolve(97, 61) for n in needs]
    plain = list(DecodePass(facts, specs, window_s=0.5, threads=1).windows())
    with pool.writer() as writer, Attachment() as attachment:
        decode = DecodePass(facts, specs, window_s=0.5, threads=1, arrays=writer.arrays)
        count = 0
        for window, expected in zip(decode.windows(), plain, strict=True):
            ref = writer.publish(window, ["reader"])
            assert len(pickle.dumps(ref)) < 4096
            seen = attachment.open(ref)
            assert (seen.index, seen.start_s, seen.end_s, seen.last) == (
                expected.index,
                expected.start_s,
                expected.end_s,
                expected.last,
            )
            for need in needs:
                got, want = seen.frames(need), expected.frames(need)
                for name in ("pixels", "pts_s", "index"):
                    assert np.array_equal(getattr(got, name), getattr(want, name))
                    assert getattr(got, name).dtype == getattr(want, name).dtype
            pool.release(ref.key, "reader")
            count += 1
        assert count == 5
        assert any(len(w.frames(needs[2])) == 0 for w in plain)
        assert pool.in_use == 0


# --- where ------------------------------------------------------------------------------------------------------------------------


def settings(**system: Path) -> Settings:
    return Settings(system=System(**system))


def test_the_named_folder_is_taken_and_made(tmp_path: Path) -> None:
    assert shared_parent(settings(shared_dir=tmp_path / "new" / "one"), 1 << 60) == tmp_path / "new" / "one"
    assert (tmp_path / "new" / "one").is_dir()


def test_a_named_folder_that_cannot_be_used_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for named, refused in ((tmp_path / "file", False), (tmp_path, True)):
        monkeypatch.setattr(os, "access", lambda path, mode, refused=refused: not refused)
        with pytest.raises(OutputError, match="system.shared_dir"):
            shared_parent(settings(shared_dir=named), 1)


def test_shared_memory_is_taken_where_it_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "SHM", tmp_path)
    assert shared_parent(settings(temp_dir=tmp_path / "other"), 1) == tmp_path


@pytest.mark.parametrize("how", ["missing", "small", "refused"])
def test_else_the_temporary_folder_and_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    monkeypatch.setattr(shared, "SHM", tmp_path / "none" if how == "missing" else tmp_path)
    if how == "refused":
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    need = (1 << 50) if how == "small" else 1
    with caplog.at_level(logging.INFO if how == "missing" else logging.WARNING):
        assert shared_parent(settings(temp_dir=tmp_path / "temp"), need) == tmp_path / "temp"
    assert str(tmp_path / "temp") in caplog.text
    assert ("--shm-size" in caplog.text) is (how == "small")
