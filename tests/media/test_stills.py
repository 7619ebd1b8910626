"""Photo posts: what is refused, how pictures and sound get into the clip, and that its slides are its shots."""

from __future__ import annotations

import errno
import io
import json
import struct
import threading
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw

from reelscope.analyzers.cut_analysis import CutAnalysis
from reelscope.config import Settings
from reelscope.document.evidence import Evidence
from reelscope.document.insights import measure_insights
from reelscope.document.schema import Document
from reelscope.errors import EngineError, InputError, OutputError
from reelscope.features.base import Clip, Inputs
from reelscope.media.pictures import PictureFacts, is_picture, picture_facts, read_picture
from reelscope.media.probe import probe
from reelscope.media.slides import TAG, SlideMark, read_mark, slide_starts
from reelscope.media.stills import canvas_px, read_slides, stills_clip
from reelscope.pipeline import analyze
from tests.clips import tone, write_clip

RED, GREEN, BLUE = (200, 40, 30), (30, 160, 60), (40, 60, 200)


def picture(path: Path, colour: tuple[int, ...] = RED, size: tuple[int, int] = (90, 160), **save: Any) -> Path:
    Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(path, **save)
    return path


def pictures(folder: Path, n: int) -> list[Path]:
    return [picture(folder / f"{i}.png", (RED, GREEN, BLUE)[i % 3]) for i in range(n)]


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def near(pixel: np.ndarray, colour: Sequence[int], tolerance: int = 6) -> bool:
    return bool(np.abs(pixel.astype(int) - np.array(colour)).max() <= tolerance)


def sound(path: Path, seconds: float, *, channels: int = 1) -> Path:
    """A tone in a file of sound alone."""
    wave, layout = tone(seconds, channels=channels), "mono" if channels == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le" if path.suffix == ".wav" else "aac", rate=48_000, layout=layout)
        for start in range(0, len(wave), 1024):
            block = np.ascontiguousarray(wave[start : start + 1024].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def png_of_claimed_size(path: Path, width: int, height: int) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b""))
    return path


# --- what is refused


def bad_pictures(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files by what is wrong with them, with the error's code."""
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)).save(whole, "JPEG")
    (folder / "cut.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (folder / "text.jpg").write_text("no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "head.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (folder / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (folder / "scan.tif").write_bytes(b"II*\0" + bytes(100))
    (folder / "page.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    (folder / "folder.jpg").mkdir()
    write_clip(folder / "video.jpg.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3).rename(folder / "video.jpg")
    return {
        "missing": (folder / "nothing.jpg", "no_such_file"),
        "cut off": (folder / "cut.jpg", "damaged_picture"),
        "text": (folder / "text.jpg", "not_a_picture"),
        "empty": (folder / "empty.png", "not_a_picture"),
        "only a head": (folder / "head.png", "damaged_picture"),
        "heic": (folder / "photo.heic", "unsupported_picture"),
        "tiff": (folder / "scan.tif", "unsupported_picture"),
        "postscript": (folder / "page.jpg", "not_a_picture"),
        "directory": (folder / "folder.jpg", "not_a_file"),
        "video": (folder / "video.jpg", "not_a_picture"),
        "64 megapixels and more": (png_of_claimed_size(folder / "large.png", 9000, 8000), "picture_too_large"),
        "bomb": (png_of_claimed_size(folder / "bomb.png", 30_000, 30_000), "picture_too_large"),
        "stripe": (png_of_claimed_size(folder / "stripe.png", 60_000, 2), "picture_too_large"),
        "claims more than it has": (png_of_claimed_size(folder / "liar.png", 2000, 2000), "damaged_picture"),
    }


def test_a_picture_that_cannot_be_used_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    good = picture(tmp_path / "good.png")
    for what, (path, code) in bad_pictures(tmp_path / "in").items():
        with pytest.raises(InputError) as caught:
            stills_clip([good, path], tmp_path / "out/clip.mp4")
        assert caught.value.code == code, (what, caught.value.code, caught.value.message)
        assert str(path) in caught.value.message, what
        assert caught.value.hint, what
        assert list((tmp_path / "out").iterdir()) == [], what


@pytest.mark.parametrize(("count", "code"), [(0, "no_pictures"), (101, "too_many_pictures")])
def test_there_are_limits_on_the_number_of_pictures(tmp_path: Path, count: int, code: str) -> None:
    with pytest.raises(InputError) as caught:
        stills_clip([tmp_path / "never looked at.png"] * count, tmp_path / "clip.mp4")
    assert caught.value.code == code


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.1, float("nan"), float("inf")])
def test_each_picture_needs_some_time(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(InputError) as caught:
        stills_clip(pictures(tmp_path, 1), tmp_path / "clip.mp4", seconds_each=seconds)
    assert caught.value.code == "bad_seconds_each"


def test_a_clip_longer_than_is_taken_is_not_made(tmp_path: Path) -> None:
    settings = Settings.model_validate({"system": {"max_duration_s": 5.9}})
    with pytest.raises(InputError, match="6 s") as caught:
        stills_clip(pictures(tmp_path, 2), tmp_path / "clip.mp4", settings=settings)
    assert caught.value.code == "too_long"


def test_a_sound_that_is_none_is_named(tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    silent = write_clip(tmp_path / "silent.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3)
    for path, code in ((silent, "no_sound"), (image, "is_image"), (tmp_path / "nothing.mp3", "no_such_file")):
        with pytest.raises(InputError) as caught:
            stills_clip([image], tmp_path / "clip.mp4", audio=path)
        assert caught.value.code == code
        assert str(path) in caught.value.message
        assert "sound" in (caught.value.hint or "")
        assert not (tmp_path / "clip.mp4").exists()


def test_a_sound_of_which_nothing_decodes_is_named(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.m4a", 2.0)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4 if data.index(b"moov") > start else len(data)
    data[start:end] = b"\xff" * (end - start)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError) as caught:
        stills_clip(pictures(tmp_path, 1), tmp_path / "clip.mp4", audio=path)
    assert caught.value.code == "sound_undecodable"
    assert str(path) in caught.value.message
    assert not list(tmp_path.glob(".*"))


def test_a_disk_that_fails_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    images = pictures(tmp_path, 1)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError) as caught:
        stills_clip(images, tmp_path / "clip.mp4")
    assert caught.value.code == "disk_full"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.png"]


def test_a_folder_that_is_not_there_is_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        stills_clip(pictures(tmp_path, 1), tmp_path / "nowhere/clip.mp4")
    assert caught.value.code == "unwritable_output"


def test_it_can_be_stopped(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(EngineError) as caught:
        stills_clip(pictures(tmp_path, 3), tmp_path / "clip.mp4", stop=stop)
    assert caught.value.code == "stopped"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.png", "1.png", "2.png"]


def test_mutated_pictures_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    image, exif = Image.fromarray(rng.integers(0, 255, (40, 24, 3), np.uint8)), Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "hello"
    path, ends = tmp_path / "a", {"read": 0, "refused": 0}
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP"):
        stored = io.BytesIO()
        image.save(stored, kind, **({"exif": exif} if kind not in ("GIF", "BMP") else {}))
        for _ in range(60):
            data = bytearray(stored.getvalue())
            for at in rng.integers(2, min(len(data), int(rng.choice([100, 700, 10_000]))), int(rng.choice([1, 3, 10]))):
                data[at] = rng.integers(0, 256)
            path.write_bytes(data[: int(rng.choice([len(data), len(data) * 2 // 3], p=[0.8, 0.2]))])
            try:
                picture_facts(path)
                assert read_picture(path, at_least_px=(12, 20)).mode == "RGB"
                ends["read"] += 1
            except InputError as error:
                assert str(path) in error.message
                ends["refused"] += 1
    assert min(ends.values()) > 30, ends


# --- pictures


def test_every_exif_orientation_is_turned_upright(tmp_path: Path) -> None:
    upright = Image.new("RGB", (120, 200), BLUE)
    ImageDraw.Draw(upright).rectangle((0, 0, 59, 99), fill=RED)  # top left
    turned_by = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # how the camera holds what EXIF's number brings back
    for number, turn in turned_by.items():
        exif = Image.Exif()
        exif[0x0112] = number
        stored = upright if turn is None else upright.transpose(Image.Transpose(turn))
        path = tmp_path / f"{number}.jpg"
        stored.save(path, exif=exif, quality=95)
        facts = picture_facts(path)
        assert (facts.width_px, facts.height_px) == (120, 200), number
        pixels = np.asarray(read_picture(path))
        assert pixels.shape == (200, 120, 3), number
        assert near(pixels[50, 30], RED, 12), number
        assert near(pixels[50, 90], BLUE, 12), number
        assert near(pixels[150, 30], BLUE, 12), number


def test_a_large_jpeg_is_read_no_smaller_than_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.jpg"
    Image.new("RGB", (3200, 1600), RED).save(path, exif=exif)
    small = read_picture(path, at_least_px=(300, 600))
    assert small.size == (400, 800)  # an eighth would be 200 wide
    assert read_picture(path).size == (1600, 3200)


def test_transparent_parts_are_black(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image = Image.new("RGBA", (90, 160), (*RED, 255))
    image.paste((255, 255, 255, 0), (0, 0, 90, 80))
    image.paste((*RED, 128), (0, 120, 90, 160))
    image.save(path)
    pixels = np.asarray(read_picture(path))
    assert near(pixels[40, 45], (0, 0, 0), 0)
    assert near(pixels[100, 45], RED, 0)
    assert near(pixels[140, 45], [c // 2 for c in RED], 1)
    image.convert("P").save(tmp_path / "p.gif", transparency=image.convert("P").getpixel((0, 0)))
    assert near(np.asarray(read_picture(tmp_path / "p.gif"))[40, 45], (0, 0, 0), 0)


def test_the_first_frame_of_an_animation_is_shown_and_said(tmp_path: Path) -> None:
    shown = [Image.new("RGB", (90, 160), c) for c in (GREEN, RED, BLUE)]
    for suffix in ("gif", "webp", "png"):
        path = tmp_path / f"a.{suffix}"
        shown[0].save(path, save_all=True, append_images=shown[1:])
        assert picture_facts(path).moving, suffix
        assert near(np.asarray(read_picture(path))[80, 45], GREEN, 12), suffix
    assert not picture_facts(picture(tmp_path / "b.png")).moving
    made = stills_clip([tmp_path / "a.gif", tmp_path / "b.png", tmp_path / "a.webp"], tmp_path / "clip.mp4", seconds_each=0.5)
    assert "of 2 animated pictures only the first frame is shown" in probe(made.path).media.warnings


def test_grey_of_16_bits_keeps_its_levels(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0, 65_535, 90).astype(np.uint16)[None], 160, 0)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    pixels = np.asarray(read_picture(tmp_path / "a.png"))
    assert np.abs(pixels[80, :, 0].astype(int) - (ramp[80] >> 8)).max() <= 1


def test_colours_are_brought_from_the_pictures_own_profile(tmp_path: Path) -> None:
    lab = Image.new("RGB", (64, 64), (100, 150, 200))
    inverse = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    picture(tmp_path / "same.png", (100, 150, 200), icc_profile=inverse.tobytes())
    assert near(np.asarray(read_picture(tmp_path / "same.png"))[0, 0], (100, 150, 200), 1)
    lab.save(tmp_path / "broken.png", icc_profile=b"no profile")
    assert near(np.asarray(read_picture(tmp_path / "broken.png"))[0, 0], (100, 150, 200), 0)
    lab.save(tmp_path / "swapped.png", icc_profile=_red_and_blue_swapped(inverse.tobytes()))
    assert near(np.asarray(read_picture(tmp_path / "swapped.png"))[0, 0], (200, 150, 100), 2)


def _red_and_blue_swapped(profile: bytes) -> bytes:
    """An RGB profile whose first channel is its third: the names of the two tags in its table change places."""
    data = bytearray(profile)
    red, blue = data.index(b"rXYZ", 128), data.index(b"bXYZ", 128)
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(data)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "avif", "bmp"])
def test_each_format_is_known_and_read(tmp_path: Path, suffix: str) -> None:
    path = picture(tmp_path / f"a.{suffix}", GREEN)
    assert is_picture(path)
    assert near(np.asarray(read_picture(path))[80, 45], GREEN, 12)


def test_content_tells_a_picture_unless_the_name_says_video(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    assert is_picture(path.rename(tmp_path / "noname"))
    assert not is_picture((tmp_path / "noname").rename(tmp_path / "a.mp4"))
    assert is_picture("nowhere.JPG")
    assert not is_picture("nowhere.mp4")
    assert not is_picture(write_clip(tmp_path / "b.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3).rename(tmp_path / "b.jpg"))


# --- canvas


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(1080, 1920)], (1080, 1920)),
        ([(3024, 4032)], (1080, 1440)),
        ([(4032, 3024)], (1440, 1080)),
        ([(3000, 3000)], (1080, 1080)),
        ([(400, 300)], (400, 300)),  # not enlarged
        ([(401, 301)], (400, 300)),  # even
        ([(300, 400), (1600, 900), (600, 800)], (600, 800)),  # the aspect of most, the largest of these
        ([(1600, 900), (300, 400)], (1600, 900)),  # as many of each: the first
        ([(1000, 1500), (1001, 1499), (500, 500)], (1000, 1500)),  # rounded sides are one aspect
        ([(30_000, 100)], (1920, 64)),
        ([(1, 1)], (64, 64)),
    ],
)
def test_the_canvas(sizes: list[tuple[int, int]], expected: tuple[int, int]) -> None:
    assert canvas_px([PictureFacts(Path("a"), *size) for size in sizes]) == expected


def test_other_aspects_stand_whole_on_black(tmp_path: Path) -> None:
    images = [
        picture(tmp_path / "a.png", RED, (180, 320)),
        picture(tmp_path / "b.png", GREEN, (320, 160)),
        picture(tmp_path / "c.png", BLUE, (90, 160)),
    ]
    made = stills_clip(images, tmp_path / "clip.mp4", seconds_each=0.5)
    first, wide, small = (frames(made.path)[i] for i in (2, 7, 12))
    assert first.shape == (320, 180, 3)
    assert near(first[4, 4], RED) and near(first[-5, -5], RED)
    assert near(wide[160, 4], GREEN) and near(wide[160, -5], GREEN)
    assert near(wide[110, 90], (0, 0, 0)) and near(wide[210, 90], (0, 0, 0))  # 90 px high in the middle of 320
    assert near(small[4, 4], BLUE) and near(small[-5, -5], BLUE)  # enlarged to fit


# --- the clip


def test_the_file_is_plain_h264_with_bt709_and_a_key_frame_at_each_slide(tmp_path: Path) -> None:
    made = stills_clip(pictures(tmp_path, 3), tmp_path / "clip.mp4", seconds_each=0.7)
    assert made.boundaries_s == (0.0, 0.7, 1.4)
    with av.open(str(made.path)) as container:
        video = container.streams.video[0]
        context: Any = video.codec_context
        assert (context.name, context.pix_fmt, video.average_rate) == ("h264", "yuv420p", 10)
        assert (int(context.color_primaries), int(context.color_trc), int(context.colorspace), int(context.color_range)) == (1, 1, 1, 1)
        packets = [p for p in container.demux(video) if p.size]
    assert [i for i, p in enumerate(packets) if p.is_keyframe] == [0, 7, 14]
    assert len(packets) == 21
    shown = frames(made.path)
    for i, colour in ((0, RED), (6, RED), (7, GREEN), (13, GREEN), (14, BLUE), (20, BLUE)):
        assert near(shown[i][80, 45], colour), i


def test_a_picture_comes_out_as_it_went_in(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    soft = Image.fromarray(rng.integers(0, 255, (40, 24, 3), np.uint8)).resize((240, 400), Image.Resampling.BICUBIC)
    soft.save(tmp_path / "a.png")
    made = stills_clip([tmp_path / "a.png"], tmp_path / "clip.mp4", seconds_each=1)
    for frame in frames(made.path)[::3]:
        luma = [rgb.astype(float) @ (0.2126, 0.7152, 0.0722) for rgb in (frame, np.asarray(soft))]  # 4:2:0 keeps a quarter of the rest
        assert 10 * np.log10(255**2 / ((luma[0] - luma[1]) ** 2).mean()) > 42


def test_the_same_pictures_make_the_same_bytes(tmp_path: Path) -> None:
    images, wave = pictures(tmp_path, 2), sound(tmp_path / "a.wav", 1.5)
    one = stills_clip(images, tmp_path / "1.mp4", audio=wave, seconds_each=0.5).path.read_bytes()
    assert one == stills_clip(images, tmp_path / "2.mp4", audio=wave, seconds_each=0.5).path.read_bytes()
    assert one != stills_clip(images[::-1], tmp_path / "3.mp4", audio=wave, seconds_each=0.5).path.read_bytes()


def test_one_picture_is_a_clip_of_one_slide(tmp_path: Path) -> None:
    made = stills_clip(pictures(tmp_path, 1), tmp_path / "clip.mp4")
    facts = probe(made.path).media
    assert made.boundaries_s == (0.0,) == read_slides(made.path)
    assert facts.duration_s == 3.0
    assert facts.audio is None
    assert facts.warnings[0].startswith("the clip was made of a still picture:")


def test_a_hundred_pictures_are_taken(tmp_path: Path) -> None:
    made = stills_clip([picture(tmp_path / "a.png", size=(64, 64))] * 100, tmp_path / "clip.mp4", seconds_each=0.2)
    assert read_slides(made.path) == tuple(round(0.2 * i, 6) for i in range(100))


@pytest.mark.parametrize(("name", "channels"), [("a.wav", 1), ("a.m4a", 2)])
def test_a_longer_sound_is_cut_and_that_is_said(tmp_path: Path, name: str, channels: int) -> None:
    made = stills_clip(pictures(tmp_path, 2), tmp_path / "clip.mp4", audio=sound(tmp_path / name, 2.5, channels=channels), seconds_each=0.5)
    facts = probe(made.path).media
    assert facts.duration_s == 1.0
    assert facts.audio is not None
    assert (facts.audio.rate_hz, facts.audio.channels) == (48_000, channels)
    assert abs(facts.audio.duration_s - 1.0) < 0.001  # to the sample: an AAC frame more would be 0.003
    assert abs(facts.audio.start_s) < 0.001
    assert [w for w in facts.warnings if "of its sound of 2.5" in w and "the first 1.00 s" in w]


def test_a_shorter_sound_ends_and_is_not_repeated(tmp_path: Path) -> None:
    made = stills_clip(pictures(tmp_path, 2), tmp_path / "clip.mp4", audio=sound(tmp_path / "a.wav", 0.6), seconds_each=0.5)
    facts = probe(made.path).media
    assert facts.duration_s == 1.0
    assert facts.audio is not None
    assert abs(facts.audio.duration_s - 0.6) < 0.03
    assert len(facts.warnings) == 1
    with av.open(str(made.path)) as container:
        heard = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert abs(float(np.sqrt((heard[4800:24_000] ** 2).mean())) - 0.25 / np.sqrt(2)) < 0.01


def test_the_sound_of_a_video_and_odd_rates_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "v.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=37_800, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.full((1, 37_800), 8000, np.int16), format="s16", layout="mono")
        frame.rate, frame.pts, frame.time_base = 37_800, 0, Fraction(1, 37_800)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    facts = probe(stills_clip(pictures(tmp_path, 1), tmp_path / "clip.mp4", audio=path, seconds_each=0.5).path).media
    assert facts.audio is not None
    assert facts.audio.rate_hz == 48_000
    video = write_clip(tmp_path / "v.mp4", [np.zeros((64, 64, 3), np.uint8)] * 30, sound=tone(1.0))
    facts = probe(stills_clip(pictures(tmp_path, 1), tmp_path / "clip2.mp4", audio=video, seconds_each=0.5).path).media
    assert facts.audio is not None


# --- the mark


class Named:
    """An opened file, as far as its tags go."""

    def __init__(self, text: str | None) -> None:
        self.metadata = {} if text is None else {TAG: text}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no json",
        "[" * 100_000,
        "[" * 4000,
        "null",
        "[30]",
        '{"frames":[30]}',
        '{"format":2,"frames":[30]}',
        '{"format":1}',
        '{"format":1,"frames":[]}',
        '{"format":1,"frames":[30,0]}',
        '{"format":1,"frames":[30,-1]}',
        '{"format":1,"frames":[30,true]}',
        '{"format":1,"frames":[30,1.5]}',
        '{"format":1,"frames":["30"]}',
        '{"format":1,"frames":[99999999999]}',
        json.dumps({"format": 1, "frames": [1] * 101}),
        '{"format":1,"frames":[30],"sound_s":"long"}',
        '{"format":1,"frames":[30],"sound_s":NaN}',
        '{"format":1,"frames":[30],"sound_s":-1}',
        '{"format":1,"frames":[30],"moving":2}',
    ],
)
def test_a_mark_that_we_would_not_write_is_none(text: str | None) -> None:
    assert read_mark(Named(text)) is None


def test_a_mark_reads_as_it_was_written() -> None:
    mark = SlideMark((30, 7, 1), 61.25, 2)
    assert read_mark(Named(mark.text())) == mark
    assert len(SlideMark((9_999_999,) * 100).text()) < 4096


def test_slides_begin_at_the_streams_own_times() -> None:
    base, origin = Fraction(1, 10_240), Fraction(1)
    pts = [10_240 + 1024 * i for i in range(6)]
    assert slide_starts(SlideMark((2, 3, 1)), pts, base, origin) == (0.0, 0.2, 0.5)
    assert slide_starts(SlideMark((2, 3)), pts, base, origin) is None
    assert slide_starts(SlideMark((2, 3, 2)), pts, base, origin) is None
    assert slide_starts(SlideMark((2, 3, 1)), [*pts[:-1], pts[-1] + 500], base, origin) is None
    assert slide_starts(SlideMark((1,)), pts[:1], base, origin) == (0.0,)


def remuxed(source: Path, target: Path, *, drop: int = 0, mark: str | None = None, chapters: bool = False) -> Path:
    """The packets of a clip in another file: without its first `drop` slides' packets, with another mark, or with chapters in its place."""
    options = {"movflags": "use_metadata_tags"} if target.suffix == ".mp4" else {}
    with av.open(str(source)) as given, av.open(str(target), "w", options=options) as out:
        if not chapters:
            out.metadata[TAG] = mark if mark is not None else given.metadata[TAG]
        else:
            out.set_chapters([{"id": 0, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": "slide"}}])
        stream = out.add_stream_from_template(given.streams.video[0])
        packets = [p for p in given.demux(given.streams.video[0]) if p.size][drop:]
        for packet in packets:
            packet.stream = stream
            out.mux(packet)
    return target


def test_the_mark_survives_a_copy_and_is_not_believed_of_other_frames(tmp_path: Path) -> None:
    made = stills_clip(pictures(tmp_path, 3), tmp_path / "clip.mp4", seconds_each=0.5).path
    assert read_slides(remuxed(made, tmp_path / "copy.mp4")) == (0.0, 0.5, 1.0)
    for other in (
        remuxed(made, tmp_path / "cut.mp4", drop=5),
        remuxed(made, tmp_path / "false.mp4", mark=SlideMark((5, 5)).text()),
        remuxed(made, tmp_path / "chapters.mp4", chapters=True),
    ):
        facts = probe(other).media
        assert facts.slides is None
        assert not [w for w in facts.warnings if "still picture" in w]


def test_an_ordinary_clip_has_no_slides(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [np.zeros((64, 64, 3), np.uint8)] * 6)
    assert read_slides(path) is None


# --- end to end


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four slides of which the first three differ by a dot, with a pulse of 120 a minute: 3 s are six beats."""
    folder = tmp_path_factory.mktemp("alike")
    rng = np.random.default_rng(5)
    base = Image.fromarray(rng.integers(0, 255, (20, 12, 3), np.uint8)).resize((180, 320), Image.Resampling.BICUBIC)
    images = []
    for i in range(4):
        image = base.copy() if i < 3 else base.rotate(180)
        ImageDraw.Draw(image).point((10 + i, 10), fill=(255, 255, 255))
        image.save(folder / f"{i}.png")
        images.append(folder / f"{i}.png")
    t = np.arange(12 * 48_000) / 48_000
    clicks = (0.5 * np.sin(2 * np.pi * 880 * t) * np.exp(-30 * (t % 0.5))).astype(np.float32)
    write_clip(folder / "beat.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3, sound=clicks[:, None])
    return stills_clip(images, folder / "clip.mp4", audio=folder / "beat.mp4").path


@pytest.fixture(scope="module")
def document(alike: Path) -> Document:
    return analyze(alike, only=["cut_analysis", "content_quality", "audio_analysis", "cross_analyzer_intelligence"])


def test_slides_are_the_shots_to_the_frame_where_no_detector_would_see_them(document: Document) -> None:
    assert document.media.slides == [0.0, 3.0, 6.0, 9.0]
    assert [(s.start_s, s.end_s) for s in document.shots] == [(0.0, 3.0), (3.0, 6.0), (6.0, 9.0), (9.0, 12.0)]
    assert [s.transition_in and (s.transition_in.kind, s.transition_in.variant) for s in document.shots] == [None, *[("cut", "slide")] * 3]
    assert all(s.keyframe for s in document.shots)
    entry = document.analyzers["cut_analysis"].model_dump()
    assert [(s["start_s"], s["end_s"], s["kind"], s["variant"], s["confidence"]) for s in entry["segments"]] == [
        (t, t, "cut", "slide", None) for t in (3.0, 6.0, 9.0)
    ]
    assert not any(s["jump_cut"] or s["evidence"] for s in entry["segments"])
    assert {e["kind"] for e in entry["edits"]} == {"still_picture"}
    assert len(entry["edits"]) == 4


def test_without_the_mark_the_same_pictures_are_not_told_apart(alike: Path, tmp_path: Path) -> None:
    bare = analyze(remuxed(alike, tmp_path / "bare.mp4", mark="gone"), only=["cut_analysis"])
    assert [s.start_s for s in bare.shots] == [0.0, 9.0]


def test_what_is_of_the_making_is_not_told_of_the_post(document: Document) -> None:
    assert document.media.warnings[0].startswith("the clip was made of 4 still pictures: frame rate, stillness")
    entries = {name: entry.model_dump() for name, entry in document.analyzers.items()}
    cuts = entries["cut_analysis"]["summary"]
    assert (cuts["shots"], cuts["rhythm"], cuts["trend"]) == (4, None, None)
    checks = {c["check"]: c for c in entries["content_quality"]["summary"]["checks"]}
    assert checks["short_side"]["ok"] is False
    for name in ("frame_rate", "bits_per_pixel"):
        assert checks[name]["ok"] is None
        assert "still pictures" in checks[name]["reason"]
    assert entries["audio_analysis"]["summary"]["tempo_bpm"] == pytest.approx(120, abs=1)
    across = entries["cross_analyzer_intelligence"]
    assert not [c for c in across["segments"] if c["claim"] == "cut_to_beat"]
    assert "still pictures" in across["summary"]["not_measured"]["cut_to_beat"]
    for name in ("pacing", "attention", "reading_load"):
        found = document.insights[name]
        assert (found.status, found.code) == ("unavailable", "made_of_stills")
    # the same figures of a clip that somebody cut do tell: this is what the above leaves out
    cut = Evidence(document.media.model_copy(update={"slides": None}), {n: e for n, e in entries.items() if e["status"] == "ok"})
    assert measure_insights(cut)["pacing"].model_dump()["beats"]["cut_to_beat"] is True


def test_the_neural_backend_gives_the_same_cuts_without_asking_its_network(alike: Path) -> None:
    media = probe(alike).media
    analyzer = CutAnalysis()
    analyzer._neural = True  # no network is loaded: asking it would fail
    clip = Clip("clip", media, "")
    analyzer.begin(clip)
    analyzer.feed(None)  # type: ignore[arg-type]
    result = analyzer.finish(Inputs(clip))
    assert [(s.start_s, s.kind, s.variant, s.confidence, s.jump_cut) for s in result.segments] == [
        (t, "cut", "slide", None, False) for t in (3.0, 6.0, 9.0)
    ]
