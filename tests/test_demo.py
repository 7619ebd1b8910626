"""The demo reel: its truth is consistent, its files are complete and the same every time, its sound and picture are what the truth says."""

from __future__ import annotations

import hashlib
import json
import socket
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from reelscope.demo import live, render, render_demo, timeline
from reelscope.demo.picture import Painter, caption_boxes, caption_image
from reelscope.errors import InputError, OutputError


@pytest.fixture(scope="module")
def told(demo_reel: Path) -> dict:
    return json.loads(demo_reel.with_suffix(".json").read_text())


@pytest.mark.parametrize("name", ["demo.webm", "demo", "demo.json"])
def test_other_containers_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="MP4"):
        render_demo(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo.mp4").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        render_demo(tmp_path / "demo.mp4")


def test_a_parent_that_is_a_file_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        render_demo(tmp_path / "file" / "demo.mp4")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_some(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(render, "_write_clip", write_some)
    with pytest.raises(OutputError, match="No space left"):
        render_demo(tmp_path / "demo.mp4")
    assert not list(tmp_path.iterdir())


def test_the_same_bytes_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first 1.2 seconds of picture with the whole sound, rendered twice without any connection."""
    monkeypatch.setattr(timeline, "FRAMES", 36)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the demo reel needs no network"))
    digests = set()
    for name in ("a", "b"):
        path = tmp_path / name / "demo.mp4"
        render_demo(path)
        digests.add((hashlib.sha256(path.read_bytes()).digest(), path.with_suffix(".json").read_bytes()))
    assert len(digests) == 1


def test_shots_tile_the_clip_and_transitions_lie_on_their_borders() -> None:
    assert timeline.SHOTS[0].start_s == 0
    assert timeline.SHOTS[-1].end_s == timeline.DURATION_S
    assert len(timeline.TRANSITIONS) == len(timeline.SHOTS) - 1
    for (before, after), transition in zip(pairwise(timeline.SHOTS), timeline.TRANSITIONS, strict=True):
        assert before.end_s == after.start_s
        assert (transition.start_s + transition.end_s) / 2 == pytest.approx(after.start_s)


def test_every_time_falls_on_a_frame() -> None:
    times = [t for s in timeline.SHOTS for t in (s.start_s, s.end_s)] + [t for c in timeline.TRANSITIONS for t in (c.start_s, c.end_s)]
    times += [t for c in timeline.CAPTIONS for t in (c.start_s, c.end_s)]
    assert [t for t in times if abs(t * timeline.FPS - round(t * timeline.FPS)) > 1e-6] == []


def test_the_reel_has_what_it_promises() -> None:
    assert {t.kind for t in timeline.TRANSITIONS} == {"cut", "dissolve", "fade", "wipe"}
    assert {s.path.move for s in timeline.SHOTS} == {"zoom_in", "static", "handheld", "pan_right", "zoom_out"}
    assert sum(t.jump_cut for t in timeline.TRANSITIONS) == 1
    assert any(len(c.lines) == 2 for c in timeline.CAPTIONS)
    assert any(c.fade_s for c in timeline.CAPTIONS)
    assert all(b.start_s - a.end_s >= 0.3 for a, b in pairwise(timeline.PHRASES))


def test_views_stay_inside_the_photographs() -> None:
    sizes = {
        "coffee.png": (600, 400),
        "astronaut.png": (512, 512),
        "chelsea.png": (451, 300),
        "motorcycle_left.png": (741, 500),
        "rocket.jpg": (640, 427),
    }
    for shot in timeline.SHOTS:
        if shot.source == "drawn":
            continue
        width, height = sizes[shot.source]
        for t in np.linspace(shot.start_s - 0.4, shot.end_s + 0.4, 100):
            view = timeline.view_at(shot, float(t))
            half_w = view.height * timeline.WIDTH_PX / timeline.HEIGHT_PX / 2
            assert view.x - half_w >= -12, (shot.source, t)  # a roll may show a few mirrored pixels of the border
            assert view.x + half_w <= width + 12, (shot.source, t)
            assert view.y - view.height / 2 >= -12, (shot.source, t)
            assert view.y + view.height / 2 <= height + 12, (shot.source, t)


@pytest.mark.parametrize(
    ("t_s", "old", "new", "progress"),
    [
        (0.0, 0, None, 0.0),
        (2.4, 1, None, 0.0),
        (4.2, 1, 2, 0.0),
        (4.5, 1, 2, 0.5),
        (4.8, 2, None, 0.0),
        (14.7, 5, 6, 0.5),
        (20.3667, 7, None, 0.0),
    ],
)
def test_layers(t_s: float, old: int, new: int | None, progress: float) -> None:
    got_old, got_new, _, got_progress = timeline.layers_at(t_s)
    assert (got_old, got_new) == (old, new)
    assert got_progress == pytest.approx(progress)


def test_the_pan_moves_at_its_speed_and_the_zoom_at_its_rate() -> None:
    pan = next(s for s in timeline.SHOTS if s.path.move == "pan_right")
    a, b = timeline.view_at(pan, pan.start_s), timeline.view_at(pan, pan.start_s + 1)
    assert (b.x - a.x) / (a.height * 1080 / 1920) == pytest.approx(pan.path.speed_fw_s)
    zoom = timeline.SHOTS[0]
    a, b = timeline.view_at(zoom, 0.0), timeline.view_at(zoom, 1.0)
    assert np.log(a.height / b.height) == pytest.approx(zoom.path.zoom_rate_s)


def test_a_fading_caption_is_half_there_at_its_times() -> None:
    fading = next(c for c in timeline.CAPTIONS if c.fade_s)
    assert timeline.caption_opacity(fading, fading.start_s) == pytest.approx(0.5)
    assert timeline.caption_opacity(fading, fading.end_s) == pytest.approx(0.5)
    assert timeline.caption_opacity(fading, fading.start_s - fading.fade_s) == 0
    plain = timeline.CAPTIONS[0]
    assert [timeline.caption_opacity(plain, t) for t in (plain.start_s, plain.end_s)] == [1.0, 0.0]


@pytest.mark.parametrize("caption", [*timeline.CAPTIONS, timeline.WATERMARK], ids=lambda c: c.lines[0])
def test_caption_boxes_fit_what_is_drawn(caption: timeline.Caption) -> None:
    (left, top, width, height), ink = caption_boxes(caption)
    assert left >= 0
    assert top >= 0
    assert left + width <= timeline.WIDTH_PX
    assert top + height <= timeline.HEIGHT_PX
    pixels = caption_image(caption)[1]
    assert pixels.shape[:2] == (height, width)
    assert all(pixels[edge, :, 3].any() and pixels[:, edge, 3].any() for edge in (0, -1))
    assert left <= ink[0] < ink[0] + ink[2] <= left + width
    assert top <= ink[1] < ink[1] + ink[3] <= top + height


def test_light_spots_move() -> None:
    for kind in ("steam", "motes", "plume", "sparks"):
        a, b = live.puffs_at(kind, 1.0), live.puffs_at(kind, 1.2)
        assert len(a) == len(b) > 5
        assert max(abs(p.y - q.y) + abs(p.x - q.x) for p, q in zip(a, b, strict=True)) > 1
    assert live.puffs_at("none", 1.0) == []


def test_the_middle_of_the_fade_is_black_but_for_the_watermark() -> None:
    fade = next(t for t in timeline.TRANSITIONS if t.kind == "fade")
    middle = Painter().frame(round((fade.start_s + fade.end_s) / 2 * timeline.FPS))
    assert middle[300:].max() == 0


def test_the_clip_is_as_the_truth_says(demo_reel: Path, told: dict) -> None:
    with av.open(str(demo_reel)) as clip:
        video, audio = clip.streams.video[0], clip.streams.audio[0]
        assert (video.width, video.height, video.average_rate, video.frames) == (told["width"], told["height"], told["fps"], told["frames"])
        assert float(video.duration * video.time_base) == pytest.approx(told["duration_s"])
        assert float(audio.duration * audio.time_base) == pytest.approx(told["duration_s"], abs=0.03)
        assert (audio.rate, audio.channels) == (48_000, 2)


def test_the_truth_groups_shots_into_scenes(told: dict) -> None:
    assert [s["shots"] for s in told["scenes"]] == [[0, 1], [2, 3], [4], [5], [6], [7]]
    assert [c["on_beat"] for c in told["transitions"] if c["kind"] == "cut"] == [True, True, False, True]
    assert [c["text"] for c in told["captions"]][0] == "5 tiny habits for slow mornings"


def test_the_voice_is_heard_as_voice_over_the_music(demo_reel: Path, told: dict) -> None:
    """Silero VAD as bundled with faster-whisper, at the setting the design names, finds exactly the phrases."""
    pytest.importorskip("faster_whisper")
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    with av.open(str(demo_reel)) as clip:
        resampler = av.AudioResampler("fltp", "mono", 16_000)
        blocks = [out.to_ndarray()[0] for frame in clip.decode(audio=0) for out in resampler.resample(frame)]
    options = VadOptions(threshold=0.6, speech_pad_ms=0, min_silence_duration_ms=300, min_speech_duration_ms=100)
    found = [(s["start"] / 16_000, s["end"] / 16_000) for s in get_speech_timestamps(np.concatenate(blocks), options)]
    assert len(found) == len(told["speech_phrases"])
    for (start, end), phrase in zip(found, told["speech_phrases"], strict=True):
        assert start == pytest.approx(phrase["start_s"], abs=0.25)
        assert end == pytest.approx(phrase["end_s"], abs=0.25)
