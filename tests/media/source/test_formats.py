"""Which file of a post is fetched."""

from __future__ import annotations

from typing import Any

import pytest

from reelscope.errors import InputError
from reelscope.media.source.formats import LARGEST_SIDE_PX, choices

MOST = 100 << 20


def row(format_id: str, side: int | None = 1280, **more: Any) -> dict[str, Any]:
    kind = {"ext": "mp4", "protocol": "https", "vcodec": "h264", "acodec": "aac"}
    return {
        "format_id": format_id,
        "url": f"https://cdn.example/{format_id}",
        **kind,
        "width": side and side * 9 // 16,
        "height": side,
        **more,
    }


def silent(format_id: str, side: int | None = 1280, **more: Any) -> dict[str, Any]:
    return row(format_id, side, acodec="none", **more)


def sound(format_id: str, **more: Any) -> dict[str, Any]:
    return row(format_id, None, vcodec="none", **more)


def best(*rows: dict[str, Any], tiktok: bool = False) -> list[str]:
    return [str(f["format_id"]) for f in choices(rows, max_bytes=MOST, tiktok=tiktok)[0].formats]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        pytest.param([row("a", 640), row("b", 1280)], ["b"], id="the larger"),
        pytest.param([row("big", 3840), row("full", LARGEST_SIDE_PX)], ["full"], id="no larger than is looked at"),
        pytest.param([row("big", 3840), row("bigger", 7680)], ["big"], id="else the smaller of what is too large"),
        pytest.param([row("clean", 640), row("download", 1280, format_note="watermarked")], ["clean"], id="no watermark"),
        pytest.param([row("clean", 640), row("x", 1280, format_note="Download video, watermarked")], ["clean"], id="nor of the app"),
        pytest.param([row("w", format_note="watermarked")], ["w"], id="a watermark before nothing"),
        pytest.param([row("h265", vcodec="h265"), row("h264"), row("av1", vcodec="av01.0.08M.08")], ["h264"], id="what decodes fastest"),
        pytest.param([sound("sound"), silent("v"), row("both")], ["both"], id="one before two"),
        pytest.param([sound("sound"), silent("v", 1920), row("both", 640)], ["v", "sound"], id="two where larger"),
        pytest.param([sound("low"), sound("high"), silent("v")], ["v", "high"], id="best sound"),
        pytest.param(
            [sound("own", language_preference=10), sound("dub", language_preference=-1), silent("v")],
            ["v", "own"],
            id="the original language",
        ),
        pytest.param([silent("silent")], ["silent"], id="silent where nothing sounds"),
        pytest.param([sound("song"), sound("speech")], ["speech"], id="sound where nothing is seen"),
        pytest.param([row("hls", protocol="m3u8_native"), row("direct")], ["direct"], id="one file before segments"),
        pytest.param([row("hls", protocol="m3u8_native")], ["hls"], id="segments"),
        pytest.param([row("small", 640, filesize=1000), row("huge", 1920, filesize=MOST + 1)], ["small"], id="what fits"),
        pytest.param([row("x", tbr=100), row("y", tbr=900)], ["y"], id="more bits"),
        pytest.param([row("one", None), row("two", None)], ["two"], id="yt-dlp's order where nothing else tells"),
        pytest.param([row("ok", 640), row("test", 640, __needs_testing=True)], ["ok"], id="what is known to be had"),
    ],
)
def test_the_best_is_taken(rows: list[dict[str, Any]], wanted: list[str]) -> None:
    assert best(*rows) == wanted


@pytest.mark.parametrize(
    "bad",
    [
        row("x", vcodec="bytevc2"),
        row("x", vcodec="h266"),
        row("x", vcodec="vvc1.1"),
        row("x", format_note="UNPLAYABLE"),
        row("x", has_drm=True),
        row("x", is_live=True),
        row("x", protocol="rtmp"),
        row("x", protocol="ism"),
        row("x", protocol="websocket_frag"),
        row("x", ext="mhtml"),
        row("x", vcodec="none", acodec="none"),
        row("x", url=None),
    ],
    ids=lambda r: str({k: v for k, v in r.items() if row("x").get(k) != v}),
)
def test_what_cannot_be_used_is_left_out(bad: dict[str, Any]) -> None:
    assert best(row("good", 320), bad) == ["good"]
    with pytest.raises(InputError) as caught:
        choices([bad], max_bytes=MOST)
    assert caught.value.code == ("live" if bad.get("is_live") else "no_media")


def test_a_tiktoks_music_is_neither_its_sound_track_nor_a_clip() -> None:
    music = sound("audio")
    assert best(music, silent("silent", 1920), row("with", 640), tiktok=True) == ["with"]
    assert best(music, silent("silent", 1920), row("marked", 640, format_note="watermarked"), tiktok=True) == ["marked"]
    with pytest.raises(InputError) as caught:
        choices([music], max_bytes=MOST, tiktok=True)
    assert caught.value.code == "no_media"


def test_sizes_count_together() -> None:
    with pytest.raises(InputError) as caught:
        choices([silent("v", filesize=MOST - 10), sound("s", filesize=11)], max_bytes=MOST)
    assert caught.value.code == "too_large"
    with pytest.raises(InputError) as caught:
        choices([row("v", filesize=MOST + 1)], max_bytes=MOST)
    assert caught.value.code == "too_large"


def test_nothing_is_told_as_nothing() -> None:
    with pytest.raises(InputError) as caught:
        choices([], max_bytes=MOST)
    assert caught.value.code == "no_media"
