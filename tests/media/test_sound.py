"""Sound on the picture's clock, in its own layout and rate, and as 16 kHz mono."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from reelscope.media.audio import SampleFile
from reelscope.media.probe import probe
from reelscope.media.sound import decode_sound
from tests.clips import RATE_HZ, moving_frames, remux, tone, write_clip


def test_layout_rate_and_level_are_kept(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", moving_frames(60), sound=tone(2.0, channels=2))
    track = decode_sound(probe(path), tmp_path)
    assert track is not None
    assert (track.rate_hz, track.channels, track.layout) == (RATE_HZ, 2, "stereo")
    assert track.samples[:].shape == (track.frames, 2)
    assert track.duration_s == pytest.approx(2.0, abs=0.03)
    assert track.mono_frames / 16_000 == pytest.approx(track.duration_s, abs=0.002)
    middle = track.samples[RATE_HZ // 2 : RATE_HZ]
    assert np.abs(middle).max() == pytest.approx(0.25, rel=0.05)
    assert np.abs(track.mono16k[8000:16000]).max() == pytest.approx(0.25, rel=0.05)
    assert not track.silent
    assert not middle.flags.writeable


def test_no_sound_track(tmp_path: Path) -> None:
    facts = probe(write_clip(tmp_path / "a.mp4", moving_frames(5)))
    assert facts.media.audio is None
    assert decode_sound(facts, tmp_path) is None


def test_sound_before_a_late_picture_starts_the_clock(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", moving_frames(30), sound=tone(1.5))
    track = decode_sound(probe(remux(plain, tmp_path / "late.mkv", video_offset_s=0.5)), tmp_path)
    assert track is not None
    assert np.abs(track.samples[: RATE_HZ // 10]).max() > 0.1


def test_late_sound_is_preceded_by_zeros(tmp_path: Path) -> None:
    plain = write_clip(
        tmp_path / "plain.mp4", moving_frames(60), sound=np.concatenate([np.zeros((RATE_HZ // 2, 1), np.float32), tone(1.0)])
    )
    late = tmp_path / "late.mkv"
    with av.open(str(plain)) as given, av.open(str(late), "w") as out:
        pairs = {s.index: out.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.dts is None or (packet.stream.type == "audio" and packet.pts * packet.time_base < 0.4):
                continue  # the silent beginning is not in the file at all
            packet.stream = pairs[packet.stream.index]
            out.mux(packet)
    facts = probe(late)
    track = decode_sound(facts, tmp_path)
    assert track is not None and facts.media.audio is not None
    assert facts.media.audio.start_s == pytest.approx(0.4, abs=0.03)
    assert not track.samples[: round(0.35 * RATE_HZ)].any()
    onset = int(np.argmax(np.abs(track.samples[:][:, 0]) > 0.1)) / RATE_HZ
    assert onset == pytest.approx(0.5, abs=0.03)


def test_a_gap_is_filled_so_that_what_follows_keeps_its_time(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", moving_frames(90), sound=tone(3.0))
    holed = tmp_path / "holed.mkv"
    with av.open(str(plain)) as given, av.open(str(holed), "w") as out:
        pairs = {s.index: out.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.dts is None or (packet.stream.type == "audio" and 1.0 < packet.pts * packet.time_base < 2.0):
                continue
            packet.stream = pairs[packet.stream.index]
            out.mux(packet)
    track = decode_sound(probe(holed), tmp_path)
    assert track is not None
    assert track.duration_s == pytest.approx(3.0, abs=0.05)
    assert np.abs(track.samples[round(1.2 * RATE_HZ) : round(1.9 * RATE_HZ)]).max() < 1e-3
    assert np.abs(track.samples[round(2.1 * RATE_HZ) : round(2.9 * RATE_HZ)]).max() > 0.2


def test_sound_alone_is_a_clip(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", moving_frames(30), sound=tone(1.0))
    facts = probe(remux(plain, tmp_path / "only.m4a", drop=("video",)))
    assert facts.video_index is None
    assert facts.media.width_px is None
    assert facts.media.duration_s == pytest.approx(1.0, abs=0.05)
    assert decode_sound(facts, tmp_path) is not None


def test_digital_silence_is_told(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", moving_frames(30), sound=np.zeros((RATE_HZ, 1), np.float32), audio_codec="flac")
    track = decode_sound(probe(path), tmp_path)
    assert track is not None and track.silent


def test_samples_are_read_in_slices(tmp_path: Path) -> None:
    path = tmp_path / "raw.f32"
    values = np.arange(20, dtype=np.float32)
    values.tofile(path)
    stereo, mono = SampleFile(path, 10, 2), SampleFile(path, 20)
    assert np.array_equal(stereo[3:5], values.reshape(-1, 2)[3:5])
    assert np.array_equal(mono[-4:], values[-4:])
    assert mono[18:99].tolist() == [18, 19] and len(mono[20:]) == 0 and len(stereo[5:2]) == 0
    with pytest.raises(TypeError):
        mono[3]  # type: ignore[index]
    with pytest.raises(ValueError, match="without steps"):
        mono[::2]


def test_it_stops_where_nobody_waits_any_more(tmp_path: Path) -> None:
    clip = probe(write_clip(tmp_path / "a.mp4", moving_frames(30), sound=tone(1.0)))
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 2

    assert decode_sound(clip, tmp_path, stop=stop) is None
    assert len(asked) == 3
