"""What is not a clip is refused with its reason, and nothing else is opened."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reelscope.errors import InputError
from reelscope.media.probe import probe
from tests.clips import moving_frames, tone, write_clip, write_wav


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "real.mp4", moving_frames(45))


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        probe(path)
    error = caught.value
    assert "\n" not in error.message and error.hint and error.exit_code == 2
    return error


def test_missing_directory_empty_text_image(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.mp4").code == "no_such_file"
    assert refused(tmp_path).code == "is_directory"
    (tmp_path / "empty.mp4").touch()
    assert refused(tmp_path / "empty.mp4").code == "empty_file"
    (tmp_path / "text.mp4").write_text("Täglich frisch\n" * 50, encoding="utf-8")
    assert refused(tmp_path / "text.mp4").code == "is_text"
    import cv2
    import numpy as np

    for suffix in ("jpg", "png"):
        path = tmp_path / f"image.{suffix}"
        cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
        assert refused(path).code == "is_image"
        assert refused(path.rename(tmp_path / f"{suffix}-as.mp4")).code == "is_image"


def test_noise_is_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(bytes(range(128, 256)) * 100)
    assert refused(path).code == "not_a_video"


def test_mp4_without_its_index(clip: Path, tmp_path: Path) -> None:
    data = clip.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: data.index(b"moov") - 4])
    assert refused(cut).code == "no_index"


def test_less_than_a_second_of_a_truncated_clip_is_refused(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", moving_frames(120), container_options={"movflags": "faststart"})
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: round(whole.stat().st_size * 0.2)])
    assert refused(cut).code in ("truncated", "no_frames")


def test_a_codec_that_nobody_here_decodes(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", moving_frames(30))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"avc1", b"zzq9").replace(b"avcC", b"zzqC"))
    error = refused(path)
    assert error.code == "unsupported_codec" and "codec" in error.message


def test_sound_alone_in_a_codec_that_nobody_here_decodes(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path)
    data = bytearray(path.read_bytes())
    data[20:22] = b"\x77\x77"  # the format's number
    path.write_bytes(data)
    error = refused(path)
    assert error.code == "unsupported_codec" and "audio codec" in error.message and "sound" in (error.hint or "")


@pytest.mark.parametrize("rate_hz", [0.0, 1e7, 2e9])
def test_sound_that_states_a_rate_that_there_is_not(tmp_path: Path, rate_hz: float) -> None:
    """It is left out: laid out at that rate it would be no sound, or gigabytes."""
    path = write_clip(tmp_path / "a.mkv", moving_frames(30, width=32, height=32), sound=tone(1.0), audio_codec="pcm_s16le")
    data = path.read_bytes()
    mark = b"\xb5\x88" + struct.pack(">d", 48_000.0)  # Matroska's SamplingFrequency
    assert data.count(mark) == 1
    path.write_bytes(data.replace(mark, b"\xb5\x88" + struct.pack(">d", rate_hz)))
    media = probe(path).media
    assert media.audio is None and any("without sound" in text for text in media.warnings), media


def test_streams_without_frames(tmp_path: Path) -> None:
    import av

    path = tmp_path / "none.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        out.start_encoding()
    assert refused(path).code in ("no_frames", "no_streams", "not_a_video")


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{clip}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{clip}'\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><BaseURL>{clip}</BaseURL></MPD>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
    ids=["hls", "concat", "dash", "sdp"],
)
def test_playlists_in_disguise_open_nothing_else(text: str, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text(text.format(clip=clip))
    with opened(clip) as events:
        assert refused(path).code in ("is_playlist", "is_text")
        assert events() == 0
        clip.read_bytes()  # the watch itself works
        assert events() > 0


@contextmanager
def opened(path: Path) -> Iterator[Callable[[], int]]:
    """Counts bytes of inotify events for every opening of a file, by whatever code of this machine."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "inotify_init1"):
        pytest.skip("needs inotify (Linux)")
    handle = libc.inotify_init1(os.O_NONBLOCK)
    in_open = 0x20
    assert libc.inotify_add_watch(handle, bytes(path), in_open) >= 0

    def count() -> int:
        try:
            return len(os.read(handle, 65536))
        except BlockingIOError:
            return 0

    try:
        yield count
    finally:
        os.close(handle)


def test_image_sequence_patterns_and_protocol_names_are_plain_file_names(clip: Path, tmp_path: Path) -> None:
    assert refused(tmp_path / "frame%03d.png").code == "no_such_file"
    assert refused(Path(f"concat:{clip}|{clip}")).code == "no_such_file"


def test_a_picture_size_that_only_an_attacker_has(tmp_path: Path) -> None:
    import struct

    path = write_clip(tmp_path / "a.mp4", moving_frames(5))
    data = bytearray(path.read_bytes())
    at = data.index(b"avc1") + 4 + 24  # VisualSampleEntry: 6 reserved, 2 index, 16 predefined, then width and height
    data[at : at + 4] = struct.pack(">HH", 65535, 65535)
    path.write_bytes(data)
    try:
        media = probe(path).media
    except InputError as error:
        assert error.code == "picture_too_large"
    else:  # the codec's own header, which says 160x120, is believed instead
        assert (media.width_px, media.height_px) == (160, 120)
