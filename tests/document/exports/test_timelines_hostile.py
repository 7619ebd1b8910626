"""Words of somebody else's making break no format; the libraries behind it change nothing; Final Cut Pro's rules are kept."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import opentimelineio as otio
import pytest

from reelscope.document.exports.timelines import edl, fcpxml
from reelscope.document.exports.timelines import otio as otio_json
from reelscope.document.exports.timelines._text import file_name, media_url, reel_name
from reelscope.document.schema import Document
from tests.document.exports.timelines_made import EDGES, RATES, document_at, material
from tests.document.fixtures import empty_document, entry, full_document, seg

EVIL = [
    "two\nlines\r\nTITLE: other\n999  EVIL     V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00",
    "line\u2028separator\u2029 \x85 \x0b \x0c \x1c end\n* FROM CLIP: /etc/passwd",
    "\x00\x01\x08\x1b[31m\x7f \ud800 \udfff \ufffe \uffff",
    """quotes ' " ` ]]> <marker value="x"/> &lt; &amp; &#10; <!-- --> <?xml?>""",
    "\u202eright to left\u2066",
    "x" * 10_000,
    "   ",
    "",
    "\N{PARTY POPPER}" * 300,
    "出口 Выход \u0627\u0644\u0639",
]
LINE = re.compile(
    r"TITLE: [ -~]{1,70}|FCM: NON-DROP FRAME||\* .{1,1300}"
    r"|\d{3}  [A-Z0-9 ]{8} (V|A|AA) +(C|D \d{3}) +\d\d:\d\d:\d\d:\d\d \d\d:\d\d:\d\d:\d\d \d\d:\d\d:\d\d:\d\d \d\d:\d\d:\d\d:\d\d"
)


def hostile(words: str) -> Document:
    words = re.sub("[\ud800-\udfff]", "", words)  # no document can be written or read with half a character
    document = document_at(RATES["29.97"])
    texts = entry(segments=[seg(0.1, 2.0, text=words or "-", role=words)])
    speech = entry("unavailable", reason=words)
    phrases = entry(segments=[seg(0.5, 1.5, kind="speech")])
    source = document.source.model_copy(update={"path": f"/clips/{words}.mp4"})
    shots = [s.model_copy(update={"description": words, "text": [words], words or "key": [words]}) for s in document.shots]
    how: Any = shots[3].transition_in
    shots[3] = shots[3].model_copy(update={"transition_in": how.model_copy(update={"variant": words})})
    analyzers = document.analyzers | {"text_overlay": texts, "speech_transcription": speech, "speech_flow": phrases}
    return document.model_copy(update={"analysis_id": words, "source": source, "shots": shots, "analyzers": analyzers})


@pytest.mark.parametrize("clip", [True, False], ids=["clip", "no clip"])
@pytest.mark.parametrize("words", EVIL, ids=range(len(EVIL)))
def test_no_words_break_a_format(words: str, clip: bool) -> None:
    given = material(hostile(words), title=words, clip=f"/media/{words}.mp4" if clip else None)
    spans = list(zip(EDGES, EDGES[1:], strict=False))

    text = edl(given)["timeline.edl"].decode()
    lines = text.split("\n")
    assert text.splitlines() == lines[:-1], "no other kind of line end"
    for line in lines:
        assert LINE.fullmatch(line), line[:200]
    assert sum(line[:1].isdigit() for line in lines) == len(spans) + 3 + 1, "shots, dissolves, sound"
    made = otio.adapters.read_from_string(text, "cmx_3600", rate=30)
    assert len(list(made.tracks[0].find_clips())) == len(spans)

    root = ElementTree.fromstring(fcpxml(given)["timeline.fcpxml"])
    assert [e.tag for e in root] == ["resources", "project"]
    assert len(root.findall("project/sequence/spine/clip")) == len(spans)
    assert {m.get("value") for m in root.iter("marker")} >= {"Speech"}
    assert len(otio.adapters.read_from_string(fcpxml(given)["timeline.fcpxml"].decode(), "fcpx_xml").tracks) == 2

    timeline = otio.adapters.read_from_string(otio_json(given)["timeline.otio"].decode(), "otio_json")
    clips = list(timeline.tracks[0].find_clips())
    assert len(clips) == len(spans)
    assert len(timeline.name) <= 120 and "\n" not in timeline.name
    assert all(len(m.name) <= 120 and len(m.comment) <= 500 for c in clips for m in c.markers)
    assert json.loads(otio_json(given)["timeline.otio"])


@pytest.mark.parametrize(
    ("clip", "url"),
    [
        ("/a b/ü#?.mp4", "file:///a%20b/%C3%BC%23%3F.mp4"),
        ("C:\\Clips\\a b.mp4", "file:///C:/Clips/a%20b.mp4"),
        ("\\\\server\\share\\a.mp4", "file://server/share/a.mp4"),
        ("clips/a.mp4", "clips/a.mp4"),
        ("https://host:8000/v1/a.mp4?x=1&y=%20", "https://host:8000/v1/a.mp4?x=1&y=%20"),
        ('https://host/"><x>\n', "https://host/%22%3E%3Cx%3E%0A"),
        ("/bytes/\udcff.mp4", "file:///bytes/%FF.mp4"),
        ("/half/\ud800.mp4", "file:///half/%3F.mp4"),
    ],
)
def test_addresses(clip: str, url: str) -> None:
    assert media_url(clip) == url


@pytest.mark.parametrize(
    ("name", "reel"),
    [
        ("My clip (final).mp4", "MYCLIPFI"),
        ("Übung.mov", "UBUNG"),
        ("出口.mp4", "CLIP"),
        ("bl.mp4", "CLIP"),
        ("Black.mp4", "CLIP"),
        ("ax.mp4", "CLIP"),
        (".mp4", "MP4"),
        ("", "CLIP"),
    ],
)
def test_reels(name: str, reel: str) -> None:
    assert reel_name(name) == reel


def test_file_names() -> None:
    assert file_name("https://host/a/b%20c.mp4?x=/y") == "b c.mp4"
    assert file_name("C:\\a\\b.mp4") == "b.mp4"
    assert file_name("/a/b/") == "b"


def test_no_program_is_asked_about_a_clip_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter would run ffprobe on it, and name the frame after what it says."""
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"")

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"ran {args}")

    monkeypatch.setattr(subprocess, "check_output", never)
    monkeypatch.setattr(subprocess, "Popen", never)
    made = fcpxml(material(empty_document(), clip=str(clip)))["timeline.fcpxml"]
    assert clip.name.encode() in made and b"FFVideoFormat" not in made


SCRIPT = """
import hashlib, os
before = dict(os.environ)
from tests.document.exports.timelines_made import RATES, document_at, material
from reelscope.document.exports.timelines import edl, fcpxml, otio
import sys
assert "opentimelineio" not in sys.modules, "imported when it is asked for"
given = material(document_at(RATES["29.97"]))
digests = [hashlib.sha256(b).hexdigest() for f in (otio, edl, fcpxml) for b in f(given).values()]
assert dict(os.environ) == before, "the environment is as it was"
print(*digests)
"""


def test_loading_says_nothing_changes_nothing_and_gives_the_same_bytes_everywhere() -> None:
    told = []
    for seed in ("1", "2"):
        # As it is in this process's own environment, but for the seed by which sets are ordered.
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, "")
        told.append(done.stdout.split())
    assert told[0] == told[1]
    assert len(told[0]) == 3


# Elements that are written, after the document type definition of FCPXML 1.8: their children in order, and their attributes.
MARKS = "(marker)*"
ANCHORED = "(clip)*"
CHILDREN = {
    "fcpxml": "resources(project)*",
    "resources": "(asset|effect|format)*",
    "format": "",
    "asset": "",
    "effect": "",
    "project": "sequence",
    "sequence": "(note)?spine",
    "note": "",
    "spine": "(clip|gap|transition)*",
    "clip": f"(note)?(video|audio|clip|gap)*{MARKS}",
    "gap": f"(note)?(audio|clip)*{MARKS}",
    "video": f"{ANCHORED}{MARKS}",
    "audio": f"{ANCHORED}{MARKS}",
    "marker": "",
    "transition": f"(filter-video)?{MARKS}",
    "filter-video": "",
}
NEEDED = {
    "fcpxml": {"version"},
    "format": {"id"},
    "asset": {"id", "src"},
    "effect": {"id", "uid"},
    "sequence": {"format"},
    "clip": {"duration"},
    "gap": {"duration"},
    "video": {"ref", "duration"},
    "audio": {"ref", "duration"},
    "marker": {"start", "value"},
    "transition": {"duration"},
    "filter-video": {"ref"},
}
ALLOWED = {
    "format": {"name", "frameDuration", "fieldOrder", "width", "height", "colorSpace"},
    "asset": {"name", "start", "duration", "hasVideo", "format", "hasAudio", "audioSources", "audioChannels", "audioRate"},
    "effect": {"name"},
    "project": {"name"},
    "sequence": {"duration", "tcStart", "tcFormat", "audioLayout", "audioRate"},
    "clip": {"lane", "offset", "name", "start"},
    "gap": {"name", "offset", "start"},
    "video": {"offset"},
    "audio": {"offset", "lane"},
    "marker": {"duration", "completed", "note"},
    "transition": {"name", "offset"},
    "filter-video": {"name"},
}


def documents() -> dict[str, Document]:
    sound = {"width_px": None, "height_px": None, "fps": None}
    alone = document_at(RATES["25"], (0, 100), **sound).model_copy(update={"shots": []})
    return {"full": full_document(), "empty": empty_document(), "ntsc": document_at(RATES["59.94"]), "sound": alone}


@pytest.mark.parametrize("clip", ["/a/b.mp4", None], ids=["clip", "no clip"])
@pytest.mark.parametrize("name", documents())
def test_fcpxml_keeps_to_its_document_type(name: str, clip: str | None) -> None:
    document = documents()[name]
    text = fcpxml(material(document, clip=clip))["timeline.fcpxml"].decode()
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n<fcpxml version="1.8">\n')
    root = ElementTree.fromstring(text)
    ids = [e.attrib["id"] for e in root.findall("resources/*")]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        model = re.sub(r"([a-z][a-z-]*)", r"(?:\1,)", CHILDREN[element.tag])
        assert re.fullmatch(model, "".join(f"{c.tag}," for c in element)), (element.tag, [c.tag for c in element])
        needed, allowed = NEEDED.get(element.tag, set()), ALLOWED.get(element.tag, set())
        assert needed <= set(element.attrib) <= needed | allowed, (element.tag, element.attrib)
        for ref in ("ref", "format"):
            assert element.get(ref, ids[0]) in ids
        if element.tag != "note":
            assert not (element.text or "").strip()
    if clip is None:
        assert {a.get("src") for a in root.iter("asset")} <= {
            "Three%20things%20nobody%20tells%20you%20%28final%20v7%29.mp4",
            "My%20clip%20%28final%29.mp4",
        }
    hdr = root.find("resources/format")
    assert hdr is not None and hdr.get("colorSpace") == ("9-18-9 (Rec. 2020 HLG)" if name == "full" else None)
