"""Figures of the whole clip: people read them, so no raw key, no count of entries and no setting stands there."""

from __future__ import annotations

import re

import pytest

from reelscope.analyzers.registry import INSTALLED
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.report import render_report
from reelscope.document.report.summaries import Figure
from reelscope.document.report.whole import OWN, TABLES, TITLES, _stages, by_title, whole
from reelscope.document.schema import Document
from tests.document.fixtures import entry, full_document
from tests.document.report.conftest import DESKTOP, PHONE, Opens
from tests.document.table.test_columns import kinds_of

STAGES = {
    "hook": {"status": "found", "reason": None, "start_s": 0.0, "end_s": 3.0},
    "turn": {"status": "not_found", "reason": "nothing changes together", "start_s": None, "end_s": None},
}
SUMMARIES = {
    "temporal_flow": {"stages": STAGES, "pace_counts": ["texts"], "not_read": {"speech_transcription": "speech_transcription: skipped"}},
    "cross_analyzer_intelligence": {
        "holding": {"text_hidden": 3}, "examined": {"text_hidden": 10}, "contradictions": 0, "channels": 18,
        "completeness": {
            "shots": {"share": 1.0, "reason": None}, "words": {"share": None, "reason": "speech_transcription: it was skipped"}
        },
    },
    "eye_tracking": {
        "looks": 1, "longest_look": {"start_s": 4.0, "end_s": 6.5, "face": 1}, "blinks": 12, "blink_observed_s": 14.1,
        "blinks_per_min": None, "blinks_face": None, "blink_reason": "no face was seen for 5 s", "eye_fps": 30.0, "reason": None,
    },
    "camera_analysis": {"shots": [{"shot": 0, "camera": {}}], "move_share": {"pan_right": 0.25}, "shake": 0.1},
    "body_pose": {"keypoint_names": ["nose"] * 30, "visibility_limit": 0.5, "postures": {"upright": {"count": 2, "person_s": 4.5}}},
    "object_detection": {"labels": [{"label": "face", "tracks": 5, "largest_count": 1, "seconds": 14.4, "mean_share": 0.29}]},
    "content_quality": {"checks": [{"check": "bits_per_pixel", "value": 0.03, "unit": "bit", "least": 0.04, "ok": False, "reason": None}]},
    "cut_analysis": {"shots": 4, "pace": [{"start_s": 0.0}], "edits_not_measured": {"speed_ramp": "it leaves no trace"}},
    "speech_emotion": {"arousal_highest_s": 4.29, "arousal_lowest_s": None, "not_measured": {"arousal_lowest_s": "too quiet"}},
}  # fmt: skip


def document() -> Document:
    made = full_document()
    for name, summary in SUMMARIES.items():
        made.analyzers[name] = entry(summary=summary)
    return made


def card(name: str) -> tuple[dict[str, Figure], list[tuple[str, str]]]:
    (found,) = whole(document(), [(name, name)])
    return {f.name: f for f in found.figures}, list(found.untold)


@pytest.mark.parametrize(
    ("name", "title", "value"),
    [
        ("temporal_flow", "Hook", "found, 0:00.00 to 0:03.00"),
        ("temporal_flow", "Turn", "not found"),
        ("cross_analyzer_intelligence", "Text hidden", "3 of 10 hold"),
        ("cross_analyzer_intelligence", "Time described: shots", "100\xa0%"),
        ("eye_tracking", "Longest look", "2.5\xa0s from 0:04.00"),
        ("eye_tracking", "Blinks counted", "12"),
        ("camera_analysis", "Camera pan right", "25\xa0%"),
        ("body_pose", "Posture upright", "4.5\xa0s"),
        ("object_detection", "Face", "14.4\xa0s"),
        ("content_quality", "Bits per pixel", "0.03 bit"),
        ("speech_emotion", "Most aroused at", "0:04.29"),
    ],
)
def test_tables_stand_in_words(name: str, title: str, value: str) -> None:
    assert card(name)[0][title].value == value


def test_times_lead_there() -> None:
    assert card("temporal_flow")[0]["Hook"].at == 0.0
    assert card("eye_tracking")[0]["Longest look"].at == 4.0
    assert _stages({"turn": {"status": "found", "start_s": 2.0, "end_s": 2.0}}, {})[0].value == "found, 0:02.00", "a moment is no stretch"
    assert card("speech_emotion")[0]["Most aroused at"].at == 4.29


def test_what_is_missing_is_called_by_what_people_know() -> None:
    assert card("eye_tracking")[1] == [("Rate of blinks, per minute", "no face was seen for 5 s")]
    assert card("cross_analyzer_intelligence")[1] == [("Time described: words", "Words: it was skipped")]
    assert card("temporal_flow")[1] == [("Words", "could not be read; what they show is not in the story")]
    assert card("cut_analysis")[1] == [("Speed ramp", "it leaves no trace")]
    assert card("speech_emotion")[1] == [("Least aroused at", "too quiet")]
    assert by_title("no: colon of ours") == "no: colon of ours"


def test_lists_and_settings_are_left_to_the_document() -> None:
    for name in SUMMARIES:
        told = [f"{f.name} {f.value} {f.note}" for f in card(name)[0].values()]
        assert not [t for t in told if re.search(r"entries|entry|keypoint|limit|step|fps|channels|_", t, re.IGNORECASE)], name


def test_titles_are_of_fields_that_there_are() -> None:
    """A field that is renamed would be shown by its raw name again."""
    every: set[str] = set()
    for name in ANALYZER_NAMES:
        found = INSTALLED.analyzer(name)
        assert found is not None
        (summary,) = kinds_of(found.Result.model_fields["summary"].annotation)
        every |= set(summary.model_fields)
        assert {*TITLES.get(name, {}), *OWN.get(name, {})} <= set(summary.model_fields), name
    assert set(TABLES) <= every


@pytest.mark.system
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=str)
def test_no_word_is_broken(opens: Opens, size: tuple[int, int]) -> None:
    page = opens(render_report(document(), keyframes={}), size=size)
    broken = page.evaluate(
        """() => [...document.querySelectorAll("#figures dt, #figures dd, #figures .untold")].flatMap(box => {
            const out = [], walk = document.createTreeWalker(box, NodeFilter.SHOW_TEXT), range = document.createRange();
            for (let n; (n = walk.nextNode());) for (const m of n.data.matchAll(/\\S+/g)) {
                range.setStart(n, m.index); range.setEnd(n, m.index + m[0].length);
                if (range.getClientRects().length > 1 && !m[0].includes("-")) out.push(m[0]);
            }
            return out;
        })"""
    )
    assert broken == []
