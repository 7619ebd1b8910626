"""The story of a clip: every stage where it is there and where it is not, on tables made by hand; one clip end to end."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelscope.analyzers.temporal_flow import STAGES, TemporalFlow, TemporalFlowResult, analyse
from reelscope.analyzers.temporal_flow._find import find, fold, ordinal
from reelscope.analyzers.temporal_flow._lines import clauses
from reelscope.analyzers.temporal_flow._patterns import LANGUAGES, LEADS, LINKS, TABLES
from reelscope.document.evidence import Evidence
from reelscope.document.measures.words import tokens
from reelscope.document.schema import AudioInfo, MediaInfo
from reelscope.pipeline import Session
from tests.clips import RATE_HZ, picture_facts, write_clip

Entry = dict[str, Any]


def facts(duration_s: float = 20.0, *, sound: bool = True) -> MediaInfo:
    media = picture_facts(duration_s, 360, 640)
    audio = AudioInfo(codec="aac", rate_hz=48_000, channels=1, layout="mono", start_s=0.0, duration_s=duration_s)
    return media.model_copy(update={"audio": audio if sound else None})


def cuts(*times: float, scenes: Sequence[float] = (), duration_s: float = 20.0) -> dict[str, Entry]:
    """Cuts, of which some lead into a new scene at twice the limit."""
    edges = [0.0, *scenes, duration_s]
    rows = [
        {"start_s": a, "end_s": b, "to_next": {"distance": 0.96} if b < duration_s else None}
        for a, b in zip(edges, edges[1:], strict=False)
    ]
    return {
        "cut_analysis": {"segments": [{"start_s": t, "end_s": t, "kind": "cut", "jump_cut": False} for t in times]},
        "scene_segmentation": {"segments": rows, "summary": {"threshold": 0.48}},
    }


def texts(*rows: tuple[str, float, float], role: str = "caption") -> dict[str, Entry]:
    return {"text_overlay": {"segments": [{"text": t, "start_s": a, "end_s": b, "role": role, "track_id": None} for t, a, b in rows]}}


def said(*rows: tuple[str, float], language: str | None = "en") -> dict[str, Entry]:
    """Sentences of which each word takes 0.3 s."""
    segments = []
    for text, start in rows:
        words = [{"start_s": start + 0.3 * i, "end_s": start + 0.3 * i + 0.25, "text": w} for i, w in enumerate(text.split())]
        segments.append({"start_s": start, "end_s": words[-1]["end_s"], "text": text, "words": words})
    return {"speech_transcription": {"segments": segments, "summary": {"language": language}}}


def loudness(*steps: tuple[float, float], duration_s: float = 20.0) -> dict[str, Entry]:
    """Momentary loudness that holds each level from its time on."""
    times = [round(0.1 * i, 3) for i in range(2, round(duration_s * 10))]
    values = [next(level for at, level in reversed(steps) if at <= t) for t in times]
    return {"audio_analysis": {"segments": [], "series": [{"name": "momentary_lufs", "t_s": times, "values": values}], "summary": {}}}


def tell(*entries: dict[str, Entry], duration_s: float = 20.0) -> TemporalFlowResult:
    return analyse(Evidence(facts(duration_s), {k: v for e in entries for k, v in e.items()}))


def found(result: TemporalFlowResult, stage: str) -> list[tuple[float, float]]:
    return [(round(s.start_s, 2), round(s.end_s, 2)) for s in result.segments if s.stage == stage]


def whats(result: TemporalFlowResult, stage: str) -> set[str]:
    return {c.what for s in result.segments if s.stage == stage for c in s.evidence}


QUIET = loudness((0.0, -20.0))


# nothing to tell


def test_a_static_silent_clip_without_text_has_no_stage() -> None:
    silent = {"audio_analysis": {"segments": [], "series": [{"name": "momentary_lufs", "t_s": [1.0, 2.0], "values": [None, None]}]}}
    result = tell(cuts(), texts(), silent)
    assert result.segments == [] and result.summary.key_moments == [] and result.coverage == 1.0
    assert all(result.summary.stages[s].status == "not_found" and result.summary.stages[s].reason for s in STAGES)


def test_without_any_result_it_says_so() -> None:
    result = tell()
    assert result.segments == [] and result.series == [] and result.coverage == 0.0 and result.warnings
    assert {f.reason for f in result.summary.stages.values()} == {"none of the analyzers that it reads has a result"}
    assert "cut_analysis" in result.summary.not_read


def test_what_was_not_read_is_told() -> None:
    result = tell(cuts())
    assert {"speech_transcription", "text_overlay", "audio_analysis"} <= set(result.summary.not_read)
    assert result.summary.stages["call_to_action"].reason == "what is said was not read; what is written was not read"


def test_sound_alone_is_read_without_asking_for_a_picture() -> None:
    media = facts().model_copy(update={"width_px": None, "height_px": None})
    result = analyse(Evidence(media, said(("Follow for more", 12.0))))
    assert found(result, "call_to_action") == [(12.0, 12.85)]
    assert not {"cut_analysis", "text_overlay"} & set(result.summary.not_read)


# hook


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        (texts(("my garden", 0.2, 2.4), role="title"), "opening_text"),
        (said(("Did you know this?", 0.4)), "opening_question"),
        (said(("Three mistakes with rice", 0.4)), "opening_number"),
        (said(("Stop buying these", 0.4)), "opening_negation"),
        (said(("Warum redet niemand davon", 0.4), language="de"), "opening_question"),
        ({"eye_tracking": {"segments": [{"kind": "look", "start_s": 0.0, "end_s": 2.0, "at_camera": True}]}}, "face_at_camera"),
        (cuts(1.0), "early_cut"),
        (loudness((0.0, -12.0), (1.2, -24.0)), "loud_opening"),
    ],
)
def test_hook_is_found_by(entries: dict[str, Entry], what: str) -> None:
    result = tell(entries)
    assert what in whats(result, "hook")
    ((start, end),) = found(result, "hook")
    assert start == 0.0 and 0.5 < end <= 3.0


@pytest.mark.parametrize(
    "entries",
    [
        texts(("my garden", 1.8, 4.0)),
        texts(("@gardens", 0.0, 20.0), role="watermark"),
        texts(("EXIT", 0.0, 4.0), role="scene_text"),
        texts(("flash", 0.2, 0.5)),
        said(("The light comes from the left", 0.4)),
        said(("Did you know this?", 2.5)),
        {"eye_tracking": {"segments": [{"kind": "look", "start_s": 0.0, "end_s": 2.0, "at_camera": False}]}},
        cuts(2.0),
        QUIET,
        loudness((0.0, -58.0), (1.2, -70.0)),
        {**loudness((0.0, -12.0), (1.2, -24.0)), "speech_flow": {"segments": [{"kind": "speech", "start_s": 0.0, "end_s": 1.4}]}},
    ],
)
def test_hook_is_not_found_in(entries: dict[str, Entry]) -> None:
    result = tell(entries)
    assert found(result, "hook") == []
    assert "nothing opens the first 3 s" in (result.summary.stages["hook"].reason or "")


def test_fast_motion_opens_and_slow_motion_does_not() -> None:
    def moving(value: float) -> dict[str, Entry]:
        series = [{"name": n, "t_s": [0.2, 0.4, 0.6, 0.8], "values": [value] * 4} for n in ("speed", "local_motion")]
        return {"camera_analysis": {"segments": [], "series": series}}

    assert whats(tell(moving(0.4)), "hook") == {"fast_motion"}
    assert found(tell(moving(0.1)), "hook") == []


def test_a_call_that_opens_the_clip_is_no_hook() -> None:
    result = tell(texts(("Follow for part 2", 0.2, 2.0)))
    assert found(result, "hook") == [] and found(result, "call_to_action") == [(0.2, 2.0)]


def test_a_hook_ends_with_its_words() -> None:
    assert found(tell(texts(("3 things", 0.0, 2.2)), cuts(2.6)), "hook") == [(0.0, 2.2)]
    assert found(tell(texts(("3 things", 0.0, 9.0))), "hook") == [(0.0, 3.0)]


# turn


def test_words_of_contrast_with_a_cut_are_a_turn() -> None:
    result = tell(cuts(5.0, 9.0, 13.0), said(("But then it broke", 8.9)))
    assert found(result, "turn")[0][0] == 9.0 and {"contrast", "cut"} <= whats(result, "turn")


def test_words_of_contrast_alone_are_none() -> None:
    result = tell(cuts(5.0, 13.0), said(("But then it broke", 8.9)))
    assert found(result, "turn") == []
    assert "change together" in (result.summary.stages["turn"].reason or "")


def test_a_new_scene_with_a_step_of_loudness_is_a_turn_and_without_it_is_none() -> None:
    shots = cuts(5.0, 9.0, 13.0, scenes=(9.0,))
    result = tell(shots, loudness((0.0, -26.0), (9.0, -14.0)))
    ((start, end),) = found(result, "turn")
    assert start == end == 9.0 and result.segments[0].strength == pytest.approx(4.0)  # 0.96 / 0.48 and 12 / 6
    assert found(tell(shots, QUIET), "turn") == []
    assert found(tell(cuts(5.0, 9.0, 13.0), loudness((0.0, -26.0), (9.0, -14.0))), "turn") == []  # a plain cut is no new picture


def test_a_voice_that_begins_with_a_new_scene_is_no_turn() -> None:
    """It is louder then, but what lies under the voice stays as it was."""
    shots = cuts(5.0, 9.0, scenes=(9.0,))
    heard = {
        "speech_flow": {"segments": [{"kind": "speech", "start_s": 9.0 + 3 * i, "end_s": 11.5 + 3 * i} for i in range(3)], "series": []}
    }
    loud = loudness((0.0, -30.0), (9.0, -15.0), (11.5, -30.0), (12.0, -15.0), (14.5, -30.0), (15.0, -15.0), (17.5, -30.0))
    assert found(tell(shots, loud), "turn") and not found(tell(shots, loud, heard), "turn")


def test_no_turn_in_the_first_15_nor_the_last_10_percent() -> None:
    for at in (2.5, 18.5):
        assert found(tell(cuts(at, scenes=(at,)), loudness((0.0, -26.0), (at, -14.0))), "turn") == []


def test_the_strongest_position_is_the_turn() -> None:
    shots = cuts(5.0, 9.0, 13.0, scenes=(5.0, 13.0))
    loud = loudness((0.0, -26.0), (5.0, -19.0), (13.0, -40.0))
    assert found(tell(shots, loud), "turn") == [(13.0, 13.0)]


def test_three_equal_positions_are_none() -> None:
    at = (5.0, 9.0, 13.0)
    result = tell(cuts(*at, scenes=at), loudness((0.0, -26.0), (5.0, -14.0), (9.0, -26.0), (13.0, -14.0)))
    assert found(result, "turn") == [] and "equally strong" in (result.summary.stages["turn"].reason or "")


def test_what_only_brings_the_call_is_no_turn() -> None:
    shots, loud = cuts(15.0, scenes=(15.0,)), loudness((0.0, -26.0), (15.0, -14.0))
    assert found(tell(shots, loud), "turn") == [(15.0, 15.0)]
    assert found(tell(shots, loud, texts(("Link in bio", 15.2, 19.0))), "turn") == []


def test_quicker_cutting_in_a_new_scene_is_a_turn() -> None:
    at = (3.0, 6.0, 9.0, 9.8, 10.6, 11.4)
    result = tell(cuts(*at, scenes=(9.0,)))
    assert found(result, "turn") == [(9.0, 9.0)] and "faster_cutting" in whats(result, "turn")


def test_shots_in_another_order_move_turn_and_call() -> None:
    first = tell(cuts(6.0, 10.0, scenes=(6.0,)), said(("But suddenly it rains", 6.0), ("Subscribe for more", 16.0)))
    other = tell(cuts(6.0, 12.0, scenes=(12.0,)), said(("Subscribe for more", 4.0), ("But suddenly it rains", 12.0)))
    assert (found(first, "turn")[0][0], found(other, "turn")[0][0]) == (6.0, 12.0)
    assert (found(first, "call_to_action")[0][0], found(other, "call_to_action")[0][0]) == (16.0, 4.0)


# pay-off


def test_a_promise_kept_by_a_new_picture_is_paid_off() -> None:
    result = tell(texts(("wait for it...", 8.0, 10.0)), cuts(10.2, 15.0))
    assert found(result, "pay_off") == [(10.2, 13.2)] and whats(result, "pay_off") == {"promise"}


@pytest.mark.parametrize("entries", [cuts(15.0), cuts()])
def test_a_promise_that_nothing_keeps_is_not(entries: dict[str, Entry]) -> None:
    assert found(tell(texts(("wait for it...", 8.0, 10.0)), entries), "pay_off") == []


TURNED = {**cuts(5.0, 9.0, scenes=(5.0,)), **said(("But then it broke", 5.0), ("And finally it works", 12.0))}


def test_words_of_a_result_and_applause_pay_a_turn_off() -> None:
    heard = {"audio_environment": {"segments": [{"kind": "event", "label": "Applause", "start_s": 12.4, "end_s": 14.0}]}}
    result = tell(TURNED, heard)
    assert found(result, "pay_off")[0][0] == 12.3 and whats(result, "pay_off") == {"result_words", "applause"}


def test_without_a_turn_or_a_promise_nothing_is_paid_off() -> None:
    result = tell(cuts(5.0), said(("And finally it works", 12.0)))
    assert found(result, "pay_off") == [] and "neither a turn nor a promise" in (result.summary.stages["pay_off"].reason or "")


def test_the_loudest_moment_pays_off_only_with_a_new_picture() -> None:
    loud = loudness((0.0, -24.0), (12.0, -12.0), (12.4, -24.0))
    turned = said(("But then it broke", 5.0))
    assert whats(tell(cuts(5.0, 12.0, scenes=(5.0, 12.0)), turned, loud), "pay_off") == {"loudest_moment"}
    assert found(tell(cuts(5.0, 9.0, scenes=(5.0, 9.0)), turned, loud), "pay_off") == []


def told(*rows: tuple[str, float]) -> dict[str, Entry]:
    return {"qwen2_vl_temporal": {"segments": [{"start_s": t, "end_s": t + 2, "what_happens": text} for text, t in rows]}}


def test_what_the_vision_language_model_says_is_a_channel_of_its_own() -> None:
    says = told(("The lid suddenly opens.", 8.5), ("She laughs and claps.", 14.0))
    result = tell(cuts(5.0, 9.0, 13.0), says)
    assert found(result, "turn")[0][0] == 9.0 and whats(result, "turn") == {"cut", "told_change"}
    assert whats(result, "pay_off") == {"told_reveal"}
    assert found(tell(cuts(5.0, 9.0, 13.0), told(("Nothing sudden happens.", 8.5), ("Nobody laughs.", 14.0))), "turn") == []


def test_the_turn_does_not_pay_itself_off() -> None:
    """Loud at the turn, with its cut: the same event is not told twice."""
    loud = loudness((0.0, -24.0), (5.2, -10.0), (5.9, -24.0))
    result = tell(cuts(5.0, scenes=(5.0,)), said(("But then it broke", 5.0)), loud)
    assert found(result, "turn") and found(result, "pay_off") == []


# build-up


def test_counted_steps_build_up() -> None:
    result = tell(texts(("Step 1: flour", 3.0, 5.0), ("Step 2: water", 6.0, 8.0), ("Step 3: salt", 9.0, 11.0)))
    assert found(result, "build_up") == [(3.0, 11.0)] and result.segments[0].strength == 1


@pytest.mark.parametrize(
    "rows",
    [
        (("Step 1: flour", 3.0, 5.0),),
        (("Step 2: water", 3.0, 5.0), ("Step 1: flour", 6.0, 8.0)),
        (("lift off in 3, 2, 1", 3.0, 5.0), ("1, 2, 3", 6.0, 8.0)),
        (("10 minutes", 3.0, 5.0), ("11 minutes", 6.0, 8.0)),
    ],
)
def test_other_numbers_are_no_steps(rows: tuple[tuple[str, float, float], ...]) -> None:
    assert found(tell(texts(*rows)), "build_up") == []


def test_quickening_cuts_and_rising_sound_build_up_to_a_turn_only() -> None:
    shots = cuts(3.0, 5.5, 7.5, 9.0, scenes=(9.0,))
    times = [0.1 * i for i in range(2, 200)]
    series = [{"name": "momentary_lufs", "t_s": times, "values": [-40 + 2 * t for t in times]}]
    rising = {"audio_analysis": {"segments": [], "series": series}}
    result = tell(shots, rising, said(("But then it broke", 9.0)))
    assert found(result, "build_up") == [(0.0, 9.0)] and whats(result, "build_up") == {"cutting_quickens", "loudness_rises"}
    assert found(tell(shots, rising), "build_up") == []
    assert found(tell(cuts(3.0, 6.0, 9.0, scenes=(9.0,)), QUIET, said(("But then it broke", 9.0))), "build_up") == []


# call to action


def test_a_call_is_where_its_words_are_not_at_the_end() -> None:
    result = tell(said(("It is a quiet day. Don't forget to subscribe. Then we eat.", 3.0)))
    assert found(result, "call_to_action") == [(5.4, 5.65)]  # when the word is said
    assert [c.what for c in result.segments[0].evidence] == ["subscribe"]


def test_the_spoken_call_taken_away_takes_it_away() -> None:
    words = ("The bread rests", 2.0), ("Follow for more", 15.0)
    assert found(tell(said(*words)), "call_to_action") and not found(tell(said(words[0])), "call_to_action")


def test_calls_close_together_are_one_and_far_apart_are_two() -> None:
    result = tell(texts(("Follow us", 2.5, 4.0), ("Save this for later", 15.0, 16.0), ("link in bio", 16.5, 18.0)))
    assert found(result, "call_to_action") == [(2.5, 4.0), (15.0, 18.0)]
    stage = result.summary.stages["call_to_action"]
    assert (stage.start_s, stage.end_s) == (15.0, 18.0)  # two different calls outweigh one


def test_a_call_cut_into_single_words_is_read() -> None:
    rows = [(w, 10 + 0.4 * i, 10.4 + 0.4 * i) for i, w in enumerate(("link", "in", "my", "bio"))]
    assert found(tell(texts(*rows)), "call_to_action") == [(10.0, 11.6)]


def test_a_call_on_a_shop_sign_or_in_a_watermark_is_none() -> None:
    for role in ("scene_text", "watermark"):
        assert found(tell(texts(("Subscribe", 3.0, 9.0), role=role)), "call_to_action") == []


def kinds(table: str, text: str, language: str | None = None, **how: bool) -> list[str]:
    return [h.kind for h in find(table, [fold(t) for t in tokens(text)], language, **how)]


@pytest.mark.parametrize(
    ("text", "language", "kind"),
    [
        ("we like this video", "en", None),
        ("if you liked this video follow me", "en", "follow"),
        ("Please SUBSCRIBE!", "en", "subscribe"),
        ("leave a comment", None, "comment"),
        ("comment BREAD for the recipe", None, "comment"),
        ("Send this to a friend", None, "share"),
        ("use my code BREAD20", None, "code"),
        ("Swipe up", None, "swipe_or_tap"),
        ("Order now", None, "buy_or_join"),
        ("Folge mir für mehr", "de", "follow"),
        ("Schreib's in die Kommentare", "de", "comment"),
        ("Sigueme para mas", None, "follow"),
        ("enlace en mi perfil", "es", "link"),
        ("N'oublie pas de t'abonner", "fr", "subscribe"),
        ("Lien en bio", None, "link"),
        ("Salva questo video", "it", "save"),
        ("Se inscreva no canal", "pt", "subscribe"),
        ("Подпишись на канал", None, "follow"),
        ("Ставьте лайк", "ru", "like"),
        ("Ссылка в шапке профиля", "ru", "link"),
    ],
)
def test_calls(text: str, language: str | None, kind: str | None) -> None:
    found_kinds = kinds("calls", text, language)
    assert (kind in found_kinds) if kind else not found_kinds


@pytest.mark.parametrize(
    "text",
    [
        "I follow my dog everywhere", "they subscribe to the idea", "the link in the chain broke", "like a rolling stone",
        "we share a room",
        "someone said so in the comments", "Part 4: the kitchen", "he saves money", "Comment faire ça ?", "wir folgen dem Weg",
        "el perro sigue el camino", "le chemin suit la mer", "эта ссылка на книгу", "order is half of life",
        "the code is short",
    ],
)  # fmt: skip
def test_what_only_has_the_words_of_a_call_is_none(text: str) -> None:
    assert kinds("calls", text) == []


def test_a_tight_line_without_its_blanks_is_read() -> None:
    assert kinds("calls", "Followforpart2now", glued=True) and not kinds("calls", "Followforpart2now")


def test_ambiguous_words_need_their_language() -> None:
    assert kinds("contrasts", "mas barato") == [] and kinds("contrasts", "mas choveu", "pt") == ["plain"]


@pytest.mark.parametrize(("text", "there"), [("and but then it rained", True), ("everyone but him", False), ("if you like it but", False)])
def test_a_contrast_opens_its_clause(text: str, there: bool) -> None:
    assert bool(kinds("contrasts", text, "en")) == there


def test_every_table_compiles_and_long_clauses_take_no_time() -> None:
    """A pattern that tries every way to cut a clause would not come back."""
    words = [f"{w}" for w in ["if", "you", "wenn", "du", "si", "se", "если"] * 12] + ["donaudampfschifffahrt"]
    for table in TABLES:
        for language in (None, *LANGUAGES):
            find(table, words, language, glued=True)
    assert set(LEADS) == set(LINKS) == set(LANGUAGES)


@pytest.mark.parametrize(
    ("text", "step"),
    [("1. cut", 1), ("Step 2: add milk", 2), ("#3 salt", 3), ("zweitens salzen", 2), ("in 3", None), ("cut 1", None)],
)
def test_steps(text: str, step: int | None) -> None:
    assert ordinal(tokens(text), None) == step


def test_clauses_end_at_signs_and_pauses() -> None:
    entry = said(("one two, three", 1.0))
    entry["speech_transcription"]["segments"][0]["words"].append({"start_s": 5.0, "end_s": 5.2, "text": "four?"})
    rows = clauses(Evidence(facts(), entry))
    assert [(c.text, c.asks) for c in rows] == [("one two,", False), ("three", False), ("four?", True)]


# pacing and key moments


def test_pace_counts_what_is_new_in_a_window_of_four_seconds() -> None:
    result = tell(cuts(8.2, 9.1, 10.4), texts(("a b c", 9.5, 12.0)))
    by_name = {s.name: s for s in result.series}
    at = by_name["pace"].t_s.index(9.75)
    assert by_name["transitions_per_min"].values[at] == 45.0 and by_name["pace"].values[at] == 60.0
    assert by_name["pace"].values[0] == 0.0 and result.summary.pace_counts == ["transitions", "texts"]
    assert len(by_name["pace"].t_s) == 40 and "words_per_min" not in by_name


def test_words_per_minute_of_a_given_transcript() -> None:
    series = {s.name: s for s in tell(said(("a b c d", 8.0))).series}["words_per_min"]
    assert series.values[series.t_s.index(8.25)] == 60.0  # four words in the four seconds around it


def test_a_key_moment_needs_two_channels_within_half_a_second() -> None:
    result = tell(cuts(5.0, 9.0), texts(("hello there you", 5.4, 7.0), ("bye for now", 9.6, 11.0)))
    assert [(m.t_s, sorted({c.channel for c in m.reasons})) for m in result.summary.key_moments] == [(5.0, ["picture", "text"])]
    assert result.summary.key_moments_total == 1


def test_the_document_stays_small_and_a_shuffled_hour_is_told() -> None:
    rng = random.Random(1)
    at = sorted(rng.uniform(0, 3600) for _ in range(1200))
    rows = [("word after word", t, t + 1) for t in at]
    result = tell(cuts(*at, duration_s=3600), texts(*rows), duration_s=3600)
    assert len(result.summary.key_moments) == 60 < result.summary.key_moments_total
    assert max(len(s.t_s) for s in result.series) <= 600


# end to end


def test_a_clip_from_the_file_on(tmp_path: Path) -> None:
    """A new picture and a step of loudness at 3 s, in colour fields: a turn there, nothing else; the spec takes no frame of its own."""
    rng = np.random.default_rng(3)
    first, second = (rng.integers(0, 255, (4, 3, 3)).astype(np.uint8).repeat(40, 0).repeat(30, 1) for _ in range(2))
    t = np.arange(round(6.0 * RATE_HZ)) / RATE_HZ
    wave = np.where(t < 3.0, 0.02, 0.4) * np.sin(2 * np.pi * 300 * t)
    path = write_clip(tmp_path / "turn.mp4", [first] * 90 + [second] * 90, sound=wave.astype(np.float32)[:, None])
    (backend,) = TemporalFlow.spec.backends
    assert not backend.frames and backend.audio is None and not backend.after
    with Session() as session:
        document = session.analyze(path, only=["cut_analysis", "scene_segmentation", "audio_analysis", "temporal_flow"]).document
        alone = session.analyze(path, only=["temporal_flow"]).document.analyzers["temporal_flow"]
    entry = document.analyzers["temporal_flow"]
    assert entry.status == "ok" and [(s.stage, round(s.start_s, 1)) for s in entry.segments] == [("turn", 3.0)]
    assert {"new_scene", "loudness_step"} <= {c.what for c in entry.segments[0].evidence}
    assert alone.status == "ok" and alone.segments == [] and alone.coverage == 0.0 and alone.warnings
