"""Frames go up once for each window and worker. Runs where PyTorch is installed (docs/gpu.md)."""

from __future__ import annotations

import gc
import threading
from dataclasses import replace

import numpy as np
import pytest

from reelscope.media.frames import FrameNeed, Frames, Window

torch = pytest.importorskip("torch", reason="needs PyTorch, which is not installed: docs/gpu.md")

from reelscope.models.upload import WindowUpload, uploads  # noqa: E402

pytestmark = pytest.mark.torch

NEED = FrameNeed(fps=4, size_px=(6, 4))
OTHER = FrameNeed(fps=4, size_px=(3, 2))


def window(*, value: int = 0, index: int = 0, needs: tuple[FrameNeed, ...] = (NEED,)) -> Window:
    by_spec = {}
    for need in needs:
        spec = need.resolve(60, 40)
        pixels = np.full((5, *spec.shape), value, np.uint8)
        pixels.flags.writeable = False
        by_spec[spec] = Frames(pixels, np.arange(5) / 4, np.arange(5))
    return Window(index, 0.0, 2.0, False, by_spec, (60, 40))


def test_members_share_one_copy() -> None:
    upload = WindowUpload("cpu")
    given = window(value=7)
    seen = [upload.frames(replace(given, features={}), NEED) for _ in range(3)]  # a lane's window is a copy around the same arrays
    assert seen[0] is seen[1] is seen[2]
    assert seen[0].dtype == torch.uint8 and tuple(seen[0].shape) == (5, 4, 6, 3) and bool((seen[0] == 7).all())
    assert (upload.uploads, upload.shared, upload.sent_bytes) == (1, 2, 5 * 4 * 6 * 3)


def test_each_need_and_each_window_has_its_own() -> None:
    upload = WindowUpload("cpu")
    first, second = window(value=1, needs=(NEED, OTHER)), window(value=2, index=0)  # the same number: of two clips
    assert upload.frames(first, NEED).shape != upload.frames(first, OTHER).shape
    assert int(upload.frames(second, NEED).max()) == 2
    assert upload.uploads == 3 and upload.shared == 0


def test_a_tensor_may_be_kept_and_outlives_its_window() -> None:
    upload = WindowUpload("cpu")
    given = window(value=3)
    pixels = given.frames(NEED).pixels
    kept = upload.frames(given, NEED)
    pixels.flags.writeable = True
    pixels[...] = 9  # the slot is used again
    assert bool((kept == 3).all())
    assert len(upload) == 1
    del given, pixels
    gc.collect()
    assert len(upload) == 0 and bool((kept == 3).all())


def test_memory_that_is_used_again_is_never_taken_for_the_window_before() -> None:
    upload = WindowUpload("cpu")
    for value in range(30):  # freed and made again: the allocator gives the same address out
        assert int(upload.frames(window(value=value), NEED).max()) == value
    assert upload.uploads == 30 and upload.shared == 0


def test_windows_that_are_never_let_go_do_not_fill_the_device() -> None:
    upload = WindowUpload("cpu", max_held=2)
    windows = [window(value=v) for v in range(5)]
    for given in windows:
        upload.frames(given, NEED)
    assert len(upload) == 2
    assert int(upload.frames(windows[0], NEED).max()) == 0 and upload.uploads == 6  # sent again


def test_members_that_come_at_once_wait_for_one_copy() -> None:
    upload = WindowUpload("cpu")
    given = window(value=5)
    start = threading.Barrier(4)
    seen: list[object] = []

    def member() -> None:
        start.wait()
        seen.append(upload.frames(given, NEED))

    threads = [threading.Thread(target=member) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert upload.uploads == 1 and upload.shared == 3 and len({id(t) for t in seen}) == 1


def test_clear_lets_go() -> None:
    upload = WindowUpload("cpu")
    given = window()
    upload.frames(given, NEED)
    upload.clear()
    assert len(upload) == 0
    upload.frames(given, NEED)
    assert upload.uploads == 2


def test_one_for_each_device_of_the_process() -> None:
    assert uploads("cpu") is uploads("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_copy_is_right_and_pinned() -> None:
    upload = WindowUpload("cuda:0")
    given = window(value=11)
    tensor = upload.frames(given, NEED)
    with torch.cuda.stream(torch.cuda.Stream()):
        other = upload.frames(given, NEED)
        total = int(other.sum())
    assert tensor.is_cuda and other is tensor and total == 11 * tensor.numel()
