"""Claims that only several analyzers together can make: each true, each false, each without its channels, each by chance."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope.analyzers.base import Clip, Inputs
from reelscope.analyzers.cross_analyzer_intelligence import CLAIMS, Claim, CrossAnalyzerIntelligence, CrossResult, analyse
from reelscope.analyzers.cross_analyzer_intelligence._made import MOST_EVIDENCE, STEP_S, Turns, cells, turned
from reelscope.analyzers.cross_analyzer_intelligence._seen import MOST_PHRASES
from reelscope.document.evidence import Evidence
from reelscope.timebase import meeting, merge, overlap_s, total_s
from tests.document.fixtures import entry, full_document, seg
from tests.document.insights.made import box_px, captions, clip, cuts, face, series, talk, voice

MIDDLE = box_px(300, 500, 300, 300)
LOW = box_px(100, 1600, 800, 200)


def claims(result: CrossResult, name: str) -> list[Claim]:
    return [c for c in result.segments if c.claim == name]


def one(evidence: Evidence, name: str) -> Claim:
    found = claims(analyse(evidence), name)
    assert len(found) == 1, (name, found)
    return found[0]


def beats(*times: float) -> Any:
    return entry(series=[{"name": "beat_strength", "unit": "1", "t_s": list(times), "values": [1.0] * len(times)}])


def spoken(text: str, start_s: float, step_s: float = 0.3) -> list[tuple[float, float, str]]:
    return [(start_s + i * step_s, start_s + i * step_s + 0.25, word) for i, word in enumerate(text.split())]


def test_without_any_result_nothing_is_claimed_and_every_claim_says_why() -> None:
    result = analyse(clip())
    assert result.segments == [] and result.coverage == 0
    assert set(result.summary.not_measured) == set(CLAIMS)
    assert result.summary.channels_measured == 0 and result.summary.complete_share is None
    assert all(c.share is None and c.reason for c in result.summary.completeness.values())


FIRST, SECOND, THIRD = "three ways to cook rice", "never open the lid early", "wash it under cold water"
SHOWN = ({"start_s": 1.0, "end_s": 3.0, "text": FIRST}, {"start_s": 5.0, "end_s": 7.0, "text": SECOND})


def test_captions_that_are_spoken() -> None:
    found = one(
        clip(text_overlay=captions(*SHOWN), speech_transcription=talk(*spoken(FIRST, 1.0), *spoken(SECOND, 5.2))), "captions_are_spoken"
    )
    assert found.holds and found.strength == 1.0 and found.reason is None
    assert found.chance == 0 and found.figures["captions_spoken"] == 2
    assert [c.text for c in found.evidence] == [FIRST, SECOND]


@pytest.mark.parametrize(
    "words",
    [
        spoken("my dog is not impressed at all today", 1.0),  # other words
        [*spoken(SECOND, 1.0), *spoken(FIRST, 5.0)],  # the right words at each other's time
        spoken(FIRST, 8.5),  # too late
    ],
)
def test_captions_that_are_not_spoken(words: list[tuple[float, float, str]]) -> None:
    result = analyse(clip(text_overlay=captions(*SHOWN), speech_transcription=talk(*words)))
    found = claims(result, "captions_are_spoken")[0]
    assert not found.holds and found.reason and found.strength == pytest.approx(0, abs=0.11)
    assert "captions_in_time" in result.summary.not_measured


def test_words_that_stand_everywhere_are_no_proof() -> None:
    shown = [{"start_s": float(i), "end_s": i + 0.9, "text": "go go go"} for i in range(0, 8, 2)]
    found = one(clip(text_overlay=captions(*shown), speech_transcription=talk(*spoken("go " * 30, 0.0))), "captions_are_spoken")
    assert found.strength == 1 and found.chance == 1 and not found.holds


def test_syllables_and_text_alone_say_nothing_of_words() -> None:
    result = analyse(clip(text_overlay=captions(*SHOWN), speech_flow=voice((1, 3), (5, 7))))
    assert claims(result, "captions_are_spoken") == []
    assert "speech_transcription" in result.summary.not_measured["captions_are_spoken"]


@pytest.mark.parametrize(("late_s", "holds"), [(0.0, True), (0.4, True), (-0.4, True), (0.8, False), (-0.8, False)])
def test_how_far_captions_lead_or_lag(late_s: float, holds: bool) -> None:
    shown = [
        {"start_s": 2.0 + late_s, "end_s": 4.0 + late_s, "text": FIRST},
        {"start_s": 6.0 + late_s, "end_s": 8.0 + late_s, "text": SECOND},
        {"start_s": 10.0 + late_s, "end_s": 12.0 + late_s, "text": THIRD},
    ]
    words = talk(*spoken(FIRST, 2.0), *spoken(SECOND, 6.0), *spoken(THIRD, 10.0))
    found = one(clip(15.0, text_overlay=captions(*shown), speech_transcription=words), "captions_in_time")
    assert found.figures["lag_s"] == pytest.approx(late_s) and found.holds is holds
    if not holds:
        assert ("after" if late_s > 0 else "before") in str(found.reason)


def test_captions_that_scatter_are_not_in_time_though_their_median_is() -> None:
    starts, late = (2.0, 6.0, 10.0, 14.0), (-0.8, -0.1, 0.1, 0.8)
    texts = (FIRST, SECOND, THIRD, "salt comes in last of all")
    shown = [{"start_s": t + d, "end_s": t + d + 2, "text": text} for t, d, text in zip(starts, late, texts, strict=True)]
    words = talk(*(w for t, text in zip(starts, texts, strict=True) for w in spoken(text, t)))
    found = one(clip(20.0, text_overlay=captions(*shown), speech_transcription=words), "captions_in_time")
    assert not found.holds and found.strength == 0.5 and found.chance is None and found.figures["lag_s"] == pytest.approx(0, abs=1e-9)
    assert found.figures["lag_q1_s"] == pytest.approx(-0.275) and found.figures["lag_q3_s"] == pytest.approx(0.275)


def test_two_lags_are_too_few() -> None:
    words = talk(*spoken(FIRST, 1.0), *spoken(SECOND, 5.0))
    result = analyse(clip(text_overlay=captions(*SHOWN), speech_transcription=words))
    assert result.summary.not_measured["captions_in_time"] == "the first word of 2 captions is spoken, 3 are needed"


def test_a_missing_first_word_is_no_lag() -> None:
    """The caption's second word is said when it appears: when its first would have been said is not known."""
    shown = {"start_s": 2.0, "end_s": 4.0, "text": f"so {FIRST}"}
    result = analyse(clip(text_overlay=captions(shown), speech_transcription=talk(*spoken(FIRST, 2.0))))
    assert claims(result, "captions_are_spoken")[0].holds and claims(result, "captions_in_time") == []


BEATS = beats(*(0.5 * i for i in range(20)))


def test_cuts_on_the_beat_off_it_and_too_few() -> None:
    on = one(clip(audio_analysis=BEATS, cut_analysis=cuts(1.0, 2.52, 4.0, 6.49)), "cut_to_beat")
    assert on.holds and on.strength == 1 and on.chance == pytest.approx(0.28, abs=0.02)
    off = one(clip(audio_analysis=BEATS, cut_analysis=cuts(1.25, 2.7, 4.2, 6.0)), "cut_to_beat")
    assert not off.holds and off.strength == 0.25 and off.reason
    few = analyse(clip(audio_analysis=BEATS, cut_analysis=cuts(1.0, 2.0)))
    assert claims(few, "cut_to_beat") == [] and "3 are needed" in few.summary.not_measured["cut_to_beat"]
    silent = analyse(clip(audio_analysis=beats(), cut_analysis=cuts(1.0, 2.0, 3.0)))
    assert "no pulse" in silent.summary.not_measured["cut_to_beat"]


def test_who_may_be_on_camera_and_who_is_heard_over_the_picture() -> None:
    evidence = clip(speech_flow=voice((1.0, 3.0), (5.0, 8.0)), eye_tracking=face((0.0, 4.0, [(0.0, MIDDLE)]), looks=((0.0, 4.0, True),)))
    result = analyse(evidence)
    on, over = claims(result, "speaker_may_be_on_camera"), claims(result, "voice_over")
    assert [(c.start_s, c.holds) for c in on] == [(1.0, True), (5.0, False)] and on[0].figures["at_camera_share"] == 1
    assert [(c.start_s, c.holds) for c in over] == [(1.0, False), (5.0, True)]
    assert all(0 <= (c.chance or 0) <= 1 for c in on + over)


def test_two_faces_leave_open_who_speaks() -> None:
    evidence = clip(speech_flow=voice((1.0, 3.0)), eye_tracking=face((0.0, 4.0, [(0.0, MIDDLE)]), (0.0, 4.0, [(0.0, LOW)])))
    found = one(evidence, "speaker_may_be_on_camera")
    assert not found.holds and found.strength == 0
    assert not one(evidence, "voice_over").holds


def test_what_the_apps_hide_and_what_they_do_not() -> None:
    hidden = analyse(clip(text_overlay=captions({"start_s": 1.0, "end_s": 3.0, "text": "low", "xywh_norm": LOW}), eye_tracking=face()))
    found = claims(hidden, "text_hidden")
    assert len(found) == 3 and all(c.holds and c.figures["hidden_s"] == 2.0 and c.evidence[0].text == "low" for c in found)
    assert {c.subject for c in found} == {"tiktok", "reels", "shorts"}
    assert "face_hidden" in hidden.summary.not_measured, "no face is seen"
    shown = captions({"start_s": 1.0, "end_s": 3.0, "text": "free", "xywh_norm": MIDDLE})
    free = analyse(clip(text_overlay=shown, eye_tracking=face((0.0, 2.0, [(0.0, LOW)]))))
    assert not any(c.holds for c in claims(free, "text_hidden")) and all(c.holds for c in claims(free, "face_hidden"))


def person(*spans: tuple[float, float]) -> Any:
    tracks = [{"track_id": i, "start_s": a, "end_s": b, "label": "person", "points": []} for i, (a, b) in enumerate(spans)]
    return entry(tracks=tracks, summary={"vocabulary": ["person"]})


def silent(*spans: tuple[float, float]) -> Any:
    return entry(segments=[seg(a, b, kind="silence") for a, b in spans])


def quality(kind: str, *spans: tuple[float, float]) -> Any:
    return entry(segments=[seg(a, b, kind=kind) for a, b in spans])


def moving(speed: float) -> Any:
    return entry(series=[series("speed", *((i / 5, speed) for i in range(25)))])


def scored(*spans: tuple[float, float]) -> Any:
    middles = [(0.24 + 0.48 * i, float(any(a <= 0.24 + 0.48 * i < b for a, b in spans))) for i in range(20)]
    return entry(series=[series("speech_score", *middles)])


def told(what: str) -> Any:
    return entry(segments=[seg(1, 4, what_happens=what)])


def moves(*spans: tuple[float, float]) -> Any:
    return entry(segments=[seg(a, b, move="pan_left") for a, b in spans])


def written(*spans: tuple[float, float], role: str = "scene_text") -> Any:
    return captions(*({"start_s": a, "end_s": b, "text": "EXIT", "role": role} for a, b in spans))


VOICE = {"speech_flow": voice((1, 4))}
FACE = {"eye_tracking": face((1, 4, [(1.0, MIDDLE)]))}
TEXT = {"text_overlay": captions({"start_s": 1.0, "end_s": 4.0, "text": "x"}), "eye_tracking": face()}
FROZEN = {"content_quality": quality("frozen", (1, 4))}
# The rule, results that clash with the last column, and results that agree with it.
AGAINST = [
    ("words_outside_voice", {"speech_transcription": talk((6, 7, "ghost"))}, {"speech_transcription": talk((2, 3, "said"))}, VOICE),
    ("voice_without_words", {"speech_transcription": talk((8, 9, "ghost"))}, {"speech_transcription": talk((1, 4, "said"))}, VOICE),
    ("silence_while_speaking", {"audio_analysis": silent((1, 4))}, {"audio_analysis": silent((6, 9))}, VOICE),
    ("face_without_person", {"object_detection": person((6, 9))}, {"object_detection": person((0, 5))}, FACE),
    ("black_with_text_or_face", {"content_quality": quality("black", (1, 4))}, {"content_quality": quality("black", (6, 8))}, TEXT),
    ("frozen_while_moving", {"camera_analysis": moving(0.2)}, {"camera_analysis": moving(0.0)}, FROZEN),
    ("speech_without_voice", {"audio_environment": scored((6, 9))}, {"audio_environment": scored((1, 4))}, VOICE),
    ("told_no_text", {"qwen2_vl_temporal": told("A man. No visible text.")}, {"qwen2_vl_temporal": told("A man; the text says x.")}, TEXT),
]
# The same for rules about cuts, whose figures count things, not seconds.
AGAINST_CUTS = [
    ("cut_inside_move", {"camera_analysis": moves((1, 4))}, {"camera_analysis": moves((1, 2.5), (2.5, 4))}),
    ("scene_text_over_cut", {"text_overlay": written((1, 4))}, {"text_overlay": written((1, 2.6), (2.4, 4))}),
]


@pytest.mark.parametrize(("name", "against", "agreeing", "other"), AGAINST, ids=lambda v: v if isinstance(v, str) else "")
def test_analyzers_that_contradict_each_other(name: str, against: dict[str, Any], agreeing: dict[str, Any], other: dict[str, Any]) -> None:
    result = analyse(clip(**against, **other))
    found = claims(result, name)[0]
    assert found.holds and found.evidence and found.strength and found.figures["seconds"]
    assert result.summary.contradictions == sum(result.summary.holding[n] for n, *_ in AGAINST if n in result.summary.holding) >= 1
    peace = analyse(clip(**agreeing, **other))
    for quiet in claims(peace, name):
        assert not quiet.holds and quiet.reason
    assert claims(peace, name) or name in peace.summary.not_measured


@pytest.mark.parametrize(("name", "against", "agreeing"), AGAINST_CUTS, ids=lambda v: v if isinstance(v, str) else "")
def test_cuts_that_others_deny(name: str, against: dict[str, Any], agreeing: dict[str, Any]) -> None:
    found = one(clip(cut_analysis=cuts(2.5), **against), name)
    assert found.holds and found.strength == 1 and found.figures["cuts_denied"] == 1 and (found.start_s, found.end_s) == (1, 4)
    assert found.chance is not None and 0 < found.chance < 1
    quiet = one(clip(cut_analysis=cuts(2.5), **agreeing), name)
    assert not quiet.holds and quiet.reason and not quiet.evidence


def test_only_hard_cuts_deny_and_only_writing_in_the_scene_is_denied() -> None:
    dissolve = analyse(clip(cut_analysis=cuts((2.4, 2.6, "dissolve")), text_overlay=written((1, 4)), camera_analysis=moves((1, 4))))
    assert {n: dissolve.summary.not_measured[n] for n in ("cut_inside_move", "scene_text_over_cut")} == dict.fromkeys(
        ("cut_inside_move", "scene_text_over_cut"), "there is no hard cut"
    )
    caption = analyse(clip(cut_analysis=cuts(2.5), text_overlay=written((1, 4), role="caption")))
    assert "nothing that a cut could contradict" in caption.summary.not_measured["scene_text_over_cut"]


def test_writing_may_stay_over_a_jump_cut() -> None:
    jump = entry(segments=[seg(2.5, 2.5, kind="cut", jump_cut=True)])
    assert "no hard cut" in analyse(clip(cut_analysis=jump, text_overlay=written((1, 4)))).summary.not_measured["scene_text_over_cut"]


def test_one_window_of_a_sound_model_is_no_speech_nor_is_what_reaches_over_the_voice() -> None:
    bark = analyse(clip(audio_environment=scored((6.6, 6.8)), speech_flow=voice((1, 4))))
    assert "speech_without_voice" in bark.summary.not_measured
    assert not one(clip(audio_environment=scored((0.5, 4.5)), speech_flow=voice((1, 4))), "speech_without_voice").holds


FACE_BOX = box_px(300, 600, 400, 400)


@pytest.mark.parametrize(
    ("box", "end_s", "holds"),
    [
        (box_px(300, 700, 400, 100), 3.0, True),  # a quarter of the face, exactly
        (box_px(300, 700, 400, 96), 3.0, False),
        (box_px(300, 700, 400, 100), 1.2, False),  # for one sample
        (box_px(300, 1100, 400, 100), 3.0, False),  # below the chin
    ],
)
def test_texts_over_faces(box: list[float], end_s: float, holds: bool) -> None:
    shown = captions({"start_s": 1.0, "end_s": end_s, "text": "over", "xywh_norm": box})
    found = one(clip(text_overlay=shown, eye_tracking=face((0.0, 4.0, [(0.0, FACE_BOX)]))), "text_over_face")
    assert found.holds is holds and bool(found.evidence) is holds
    assert found.strength == (1.0 if holds else 0.0) and found.figures["together_s"] == pytest.approx(end_s - 1.0)


def test_a_text_before_the_face_covers_nothing() -> None:
    shown = captions({"start_s": 1.0, "end_s": 2.0, "text": "early", "xywh_norm": FACE_BOX})
    result = analyse(clip(text_overlay=shown, eye_tracking=face((3.0, 4.0, [(3.0, FACE_BOX)]))))
    assert "same time" in result.summary.not_measured["text_over_face"]


def test_very_many_phrases_are_thinned_and_it_is_said() -> None:
    spoken_for = [(i * 2.0, i * 2.0 + (1.5 if i % 2 else 1.0)) for i in range(300)]
    result = analyse(clip(600.0, speech_flow=voice(*spoken_for), eye_tracking=face((0.0, 600.0, [(0.0, MIDDLE)]))))
    found = claims(result, "voice_over")
    assert len(found) == MOST_PHRASES and sum(c.end_s - c.start_s > 1.2 for c in found) == 150
    assert "300 phrases" in result.warnings[0]


def test_captions_without_a_far_place_have_no_chance_and_need_half() -> None:
    near = clip(text_overlay=captions({"start_s": 1.0, "end_s": 3.0, "text": FIRST}), speech_transcription=talk(*spoken(FIRST, 1.0)))
    found = one(near, "captions_are_spoken")
    assert found.holds and found.chance is None
    beside = captions({"start_s": 1.0, "end_s": 2.0, "text": "one two three"}, {"start_s": 2.0, "end_s": 3.0, "text": "four five six"})
    words = talk(*spoken("one two three four five six", 1.0))
    assert one(clip(text_overlay=beside, speech_transcription=words), "captions_are_spoken").holds, "neighbours are no chance"


def test_statuses_of_the_others_are_the_reasons() -> None:
    inputs = Inputs(clip=Clip("x", clip().media, ""), absent={"speech_flow": "not_applicable"})
    summary = CrossAnalyzerIntelligence().finish(inputs).summary
    assert summary.not_measured["voice_over"] == "speech_flow: not applicable"


def test_sounds_without_names_are_not_measured() -> None:
    heard = [seg(1, 4, kind="class", label="music"), seg(2, 4, kind="class", label="noise")]
    found = analyse(clip(audio_environment=entry(segments=heard, summary={"top_events": None}))).summary.completeness
    assert found["sound_classes"].share == found["music"].share == pytest.approx(0.3)
    assert found["sound_events"].share is None and "names no sounds" in str(found["sound_events"].reason)
    named = analyse(clip(audio_environment=entry(segments=heard, summary={"top_events": []}))).summary.completeness
    assert named["sound_events"].share == 0


def test_borders_are_no_contradiction() -> None:
    assert not one(clip(audio_analysis=silent((3.7, 6.0)), speech_flow=voice((1, 4.2))), "silence_while_speaking").holds


def test_a_detector_that_knows_no_people_contradicts_nobody() -> None:
    blind = entry(tracks=[], summary={"vocabulary": ["cup"]})
    result = analyse(clip(object_detection=blind, eye_tracking=face((1, 4, [(1.0, MIDDLE)]))))
    assert "does not tell people" in result.summary.not_measured["face_without_person"]


def test_completeness_is_the_share_of_time() -> None:
    result = analyse(clip(speech_flow=voice((1, 3), (2, 4)), text_overlay=captions(), cut_analysis=cuts(5.0)))
    found = result.summary.completeness
    assert found["voice"].share == pytest.approx(0.3) and found["texts"].share == 0 and found["shots"].share == 1
    assert found["words"].share is None and "speech_transcription" in str(found["words"].reason)
    assert result.summary.channels_measured == 3 and result.summary.complete_share == pytest.approx(1.3 / 3)


def test_evidence_is_cut_and_counted() -> None:
    shown = [{"start_s": i * 0.5, "end_s": i * 0.5 + 0.4, "text": f"word{i}"} for i in range(18)]
    words = talk(*((i * 0.5, i * 0.5 + 0.3, f"word{i}") for i in range(18)))
    found = one(clip(text_overlay=captions(*shown), speech_transcription=words), "captions_are_spoken")
    assert len(found.evidence) == MOST_EVIDENCE and found.evidence_total == 18


def test_a_document_and_its_json_give_the_same_claims() -> None:
    document = full_document()
    assert analyse(Evidence.of(document)) == analyse(Evidence.of(document.model_dump(mode="json")))


Spans = list[tuple[float, float]]
spans = st.lists(st.tuples(st.floats(0, 9), st.floats(0.05, 3)).map(lambda p: (p[0], min(10.0, p[0] + p[1]))), max_size=6)


@given(spans, st.floats(0, 10))
def test_a_turn_keeps_what_there_is(intervals: Spans, by_s: float) -> None:
    moved = turned(intervals, 10.0, by_s)
    assert total_s(moved) == pytest.approx(total_s(intervals), abs=1e-6)
    assert all(-1e-9 <= a < b <= 10 + 1e-9 for a, b in moved)


@given(spans, spans, spans)
def test_claims_are_in_order_and_within_the_clip(
    a: list[tuple[float, float]], b: list[tuple[float, float]], c: list[tuple[float, float]]
) -> None:
    tracks = [(x, y, [(x, MIDDLE)]) for x, y in c]
    result = analyse(
        clip(speech_flow=voice(*sorted(a)), audio_analysis=silent(*sorted(b)), eye_tracking=face(*tracks), object_detection=person(*b))
    )
    starts = [s.start_s for s in result.segments]
    assert starts == sorted(starts) and all(0 <= s.start_s <= s.end_s <= 10 for s in result.segments)
    assert all(s.strength is None or 0 <= s.strength <= 1 for s in result.segments)
    assert all((s.reason is None) == s.holds for s in result.segments)


def test_chance_is_what_random_input_gives() -> None:
    """Faces that have nothing to do with the voice: the claim comes as often as it says that it would by chance."""
    rng, held, expected, trials = random.Random(5), 0, 0.0, 300
    for _ in range(trials):
        start = rng.uniform(0, 6)
        talking = voice((start, start + rng.uniform(0.6, 3)))
        at = rng.uniform(0, 20)
        track = [(at % 20, min(20.0, at % 20 + 8), [(at % 20, MIDDLE)])] + ([(0.0, at % 20 - 12, [(0.0, MIDDLE)])] if at % 20 > 12 else [])
        found = one(clip(20.0, speech_flow=talking, eye_tracking=face(*track)), "speaker_may_be_on_camera")
        held += found.holds
        expected += found.chance or 0.0
    assert held / trials == pytest.approx(expected / trials, abs=0.08)


@given(spans)
def test_turned_cells_keep_what_there_is(intervals: Spans) -> None:
    bits = cells(merge(intervals), 10.0)
    assert bits.bit_count() * STEP_S == pytest.approx(total_s(intervals), abs=STEP_S * max(1, len(intervals)))
    assert all(mask.bit_count() == bits.bit_count() for mask in Turns(merge(intervals), 10.0).masks)


@given(spans, st.tuples(st.floats(0, 9), st.floats(0, 10)))
def test_what_meets_a_stretch_is_looked_up(intervals: Spans, within: tuple[float, float]) -> None:
    union, stretch = merge(intervals), (min(within), max(within))
    assert [s for s in meeting(union, stretch) if overlap_s(s, stretch) > 0] == [s for s in union if overlap_s(s, stretch) > 0]


def test_an_empty_clip_has_no_turns() -> None:
    assert Turns([], 0.0).masks == [] and Turns([], 0.0).rate([]) is None
