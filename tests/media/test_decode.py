"""The decode pass on clips made for one difficulty each."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reelscope.errors import MediaError, OutputError
from reelscope.media.decode import DecodePass, plain_arrays
from reelscope.media.frames import FrameNeed, FrameSpec, Window
from reelscope.media.probe import probe, settle
from tests.clips import colour_frames, moving_frames, remux, tone, write_clip

ALL = FrameNeed(None)
TWO = FrameNeed(2)


def decode(path: Path, *needs: FrameNeed, window_s: float = 2.0) -> tuple[list[Window], DecodePass]:
    facts = probe(path)
    assert facts.media.width_px and facts.media.height_px
    run = DecodePass(
        facts,
        [n.resolve(facts.media.width_px, facts.media.height_px) for n in needs or (ALL,)],
        window_s=window_s,
        threads=1,
        work_dir=path.parent,
    )
    return list(run.windows()), run


def times(windows: list[Window], need: FrameNeed = ALL) -> list[float]:
    return [t for w in windows for t in w.frames(need).pts_s.tolist()]


def first_picture(windows: list[Window], need: FrameNeed = ALL) -> np.ndarray:
    return windows[0].frames(need).pixels[0]


def test_windows_hold_every_frame_once_in_order(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", moving_frames(75))
    windows, run = decode(path, ALL, TWO)
    assert times(windows) == pytest.approx([i / 30 for i in range(75)], abs=1e-5)
    assert [int(i) for w in windows for i in w.frames(ALL).index] == list(range(75))
    assert [w.last for w in windows] == [False, True]
    assert [(w.start_s, w.end_s) for w in windows] == [(0.0, 2.0), (2.0, 2.5)]
    assert times(windows, TWO) == pytest.approx([0, 0.5, 1, 1.5, 2], abs=1e-5)
    assert run.stats.frames == 75 == probe(path).frames
    assert run.stats.end_s == pytest.approx(2.5)
    assert not windows[0].frames(ALL).pixels.flags.writeable


def test_a_need_that_the_plan_did_not_know_is_an_error(tmp_path: Path) -> None:
    windows, _ = decode(write_clip(tmp_path / "a.mp4", moving_frames(3)))
    with pytest.raises(KeyError, match="not part of the plan"):
        windows[0].frames(FrameNeed(7))


def test_variable_frame_rate_keeps_the_true_times(tmp_path: Path) -> None:
    truth = [0.0, 0.04, 0.08, 0.5, 0.52, 1.7, 1.75, 3.9]
    path = write_clip(tmp_path / "vfr.mp4", moving_frames(len(truth)), times=truth)
    windows, _ = decode(path, ALL, TWO)
    assert probe(path).media.vfr
    assert times(windows) == pytest.approx(truth, abs=1e-3)
    assert times(windows, TWO) == pytest.approx([0.0, 0.5, 1.7, 3.9], abs=1e-3)  # the first frame at or after each tick, none made up


def test_constant_rate_is_not_called_variable(tmp_path: Path) -> None:
    facts = probe(write_clip(tmp_path / "ntsc.mp4", moving_frames(40), fps=Fraction(30000, 1001)))
    assert not facts.media.vfr
    assert facts.media.fps == pytest.approx(30000 / 1001, rel=1e-4)


@pytest.mark.parametrize(("rotation", "corner"), [(90, "bottom left"), (180, "bottom right"), (270, "top right")])
def test_rotated_clips_come_upright(tmp_path: Path, rotation: int, corner: str) -> None:
    frame = np.zeros((48, 96, 3), np.uint8)
    frame[:24, :24] = (255, 0, 0)  # red in the top left of the coded picture
    plain = write_clip(tmp_path / "plain.mp4", [frame] * 5)
    path = remux(plain, tmp_path / "turned.mp4", rotation_deg=rotation)  # PyAV turns counter-clockwise
    facts = probe(path)
    windows, _ = decode(path)
    picture = first_picture(windows)
    assert picture.shape[:2] == ((96, 48) if rotation in (90, 270) else (48, 96)) == (facts.media.height_px, facts.media.width_px)
    red = picture[..., 0].astype(int) - picture[..., 2]
    y, x = (int(v) for v in np.unravel_index(np.argmax(_blur(red)), red.shape))
    assert corner == f"{'top' if y < picture.shape[0] / 2 else 'bottom'} {'left' if x < picture.shape[1] / 2 else 'right'}"


def _blur(values: np.ndarray) -> np.ndarray:
    kernel = np.ones(11) / 11
    rows = np.apply_along_axis(lambda v: np.convolve(v, kernel, "same"), 1, values)
    return np.apply_along_axis(lambda v: np.convolve(v, kernel, "same"), 0, rows)


def test_anamorphic_clips_get_square_pixels(tmp_path: Path) -> None:
    path = tmp_path / "anamorphic.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for picture in moving_frames(5, width=96, height=64):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    facts = probe(path)
    windows, _ = decode(path)
    assert (facts.media.width_px, facts.media.height_px) == (128, 64)
    assert facts.media.pixel_aspect == pytest.approx(4 / 3, abs=1e-3)
    assert first_picture(windows).shape == (64, 128, 3)


def test_a_picture_that_starts_late_keeps_its_place_on_the_clock(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", moving_frames(30), sound=tone(1.5))
    facts = probe(remux(plain, tmp_path / "late.mkv", video_offset_s=0.5))
    windows, _ = decode(facts.path)
    assert facts.media.start_s == pytest.approx(0.5, abs=0.03)
    assert times(windows)[0] == pytest.approx(0.5, abs=0.03)
    assert facts.media.duration_s == pytest.approx(1.5, abs=0.05)


def test_ten_bit_pictures_become_eight_bit(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "ten.mp4", colour_frames([(200, 100, 50)], each=5), pixel_format="yuv420p10le")
    assert probe(path).media.bit_depth == 10
    assert first_picture(decode(path)[0]).mean((0, 1)) == pytest.approx([200, 100, 50], abs=4)


@pytest.mark.parametrize("size", [(97, 61), (33, 17), (16, 16)])
def test_odd_and_tiny_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_clip(tmp_path / "odd.mp4", moving_frames(4, width=size[0], height=size[1]), pixel_format="yuv444p")
    windows, _ = decode(path, ALL, FrameNeed(None, 8, format="gray8"), FrameNeed(None, size_px=(31, 7)))
    assert first_picture(windows).shape == (size[1], size[0], 3)
    assert min(first_picture(windows, FrameNeed(None, 8, format="gray8")).shape) == 8
    assert first_picture(windows, FrameNeed(None, size_px=(31, 7))).shape == (7, 31, 3)


def test_colours_survive_the_way_through_the_codec(tmp_path: Path) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 64, 200)]
    path = write_clip(tmp_path / "colours.mp4", colour_frames(colours, each=1), crf=1, pixel_format="yuv444p")
    windows, _ = decode(path)
    assert windows[0].frames(ALL).pixels.mean((1, 2)) == pytest.approx(np.array(colours, float), abs=5)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_is_tone_mapped_and_said(tmp_path: Path, transfer: str) -> None:
    grey = np.full(
        (48, 64, 3), 148 if transfer == "smpte2084" else 191, np.uint8
    )  # reference white: 58 % of PQ, 75 % of HLG (ITU-R BT.2408)
    params = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    path = write_clip(tmp_path / "hdr.mp4", [grey] * 4, pixel_format="yuv420p10le", options={"x264-params": params})
    facts = probe(path)
    windows, run = decode(path)
    assert facts.media.hdr == {"smpte2084": "pq", "arib-std-b67": "hlg"}[transfer]
    # Extended Reinhard puts reference white at (1 + 1/4.93^2) / 2 of linear light, which is 191 in sRGB.
    assert first_picture(windows).mean() == pytest.approx(191, abs=8)
    assert any("HDR" in w for w in settle(facts.media, run.stats).warnings)


def test_the_default_stream_of_several_is_taken_and_said(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as out:
        streams = []
        for width in (64, 128):
            stream = out.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, 64, "yuv420p"
            streams.append(stream)
        for stream in streams:
            for picture in moving_frames(5, width=stream.width, height=64):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(stream.encode(None))
    facts = probe(path)
    assert facts.media.video_streams == 2
    assert facts.media.width_px in (64, 128)
    assert any("2 video streams" in w for w in facts.media.warnings)
    assert first_picture(decode(path)[0]).shape[1] == facts.media.width_px


def test_damaged_packets_are_counted_and_the_rest_is_decoded(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", moving_frames(90), options={"g": "10", "keyint_min": "10"})
    data = bytearray(plain.read_bytes())
    start = data.index(b"mdat") + 2000
    data[start : start + 3000] = bytes(3000)
    broken = tmp_path / "damaged.mp4"
    broken.write_bytes(data)
    windows, run = decode(broken)
    media = settle(probe(broken).media, run.stats)
    assert media.decode_errors == run.stats.errors > 0
    assert 0 < media.frames_decoded < 90
    assert any("damaged" in w for w in media.warnings)
    assert times(windows) == sorted(times(windows))


def test_data_that_stops_early_is_decoded_as_far_as_it_goes(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", moving_frames(120), container_options={"movflags": "faststart"})
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(plain.read_bytes()[: round(plain.stat().st_size * 0.6)])
    _, run = decode(cut)
    media = settle(probe(cut).media, run.stats)
    assert media.duration_header_s == pytest.approx(4.0, abs=0.05)
    assert 1.0 < media.duration_s < 3.5
    assert media.missing_s == pytest.approx(4.0 - media.duration_decoded_s, abs=0.1)
    assert any("missing" in w for w in media.warnings)


def test_nothing_decodable_is_an_error(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", moving_frames(30))
    data = bytearray(plain.read_bytes())
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[begin:end] = bytes(end - begin)
    broken = tmp_path / "zeros.mp4"
    broken.write_bytes(data)
    with pytest.raises(MediaError, match="not one frame"):
        decode(broken)


def test_one_frame(tmp_path: Path) -> None:
    windows, run = decode(write_clip(tmp_path / "one.mp4", moving_frames(1)))
    assert len(windows) == 1 and windows[0].last
    assert run.stats.frames == 1


def test_a_changed_size_on_the_way_is_scaled_to_the_same(tmp_path: Path) -> None:
    parts = [
        write_clip(
            tmp_path / f"{i}.ts", moving_frames(30, width=side, height=side), times=[i + k / 30 for k in range(30)], options={"bf": "0"}
        )
        for i, side in enumerate((64, 96))
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(p.read_bytes() for p in parts))
    facts = probe(joined)
    assert facts.media.width_px
    windows, run = decode(joined)
    assert {w.frames(ALL).pixels.shape[1:] for w in windows} == {(facts.media.height_px, facts.media.width_px, 3)}
    assert (run.stats.resized, run.stats.unordered, run.stats.frames) == (1, 0, 60)


def test_each_window_lies_in_the_arrays_that_were_given_for_it(tmp_path: Path) -> None:
    facts = probe(write_clip(tmp_path / "a.mp4", moving_frames(75)))
    given: list[dict[FrameSpec, np.ndarray]] = []

    def arrays(capacities: Mapping[FrameSpec, int]) -> dict[FrameSpec, np.ndarray]:
        given.append(plain_arrays(capacities))
        return given[-1]

    specs = [n.resolve(96, 64) for n in (ALL, TWO)]
    run = DecodePass(facts, specs, window_s=1.0, threads=1, arrays=arrays)
    count = 0
    for count, window in enumerate(run.windows(), 1):
        assert len(given) == count  # none is asked for before its window begins, so a full pool cannot block a finished window
        assert window.last is (count == 3)
        for spec, frames in window.by_spec.items():
            assert given[-1][spec].shape[0] == run.capacities[spec] > len(frames) > 0
            assert frames.pixels.ctypes.data == given[-1][spec].ctypes.data
            assert given[-1][spec].flags.writeable
            assert not frames.pixels.flags.writeable
    assert (count, len(given)) == (3, 3)


def test_a_failure_to_get_arrays_ends_the_pass(tmp_path: Path) -> None:
    def full(capacities: Mapping[FrameSpec, int]) -> dict[FrameSpec, np.ndarray]:
        raise OutputError("full", code="shared_memory_full")

    facts = probe(write_clip(tmp_path / "a.mp4", moving_frames(3)))
    with pytest.raises(OutputError, match="full"):
        list(DecodePass(facts, [ALL.resolve(96, 64)], threads=1, arrays=full).windows())
