"""The report without a browser: it is whole, it hides nothing, and nothing of a clip becomes markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from reelscope.document.insights import INSIGHTS
from reelscope.document.names import ANALYZER_NAMES, ANALYZER_TITLES
from reelscope.document.report import render_report
from reelscope.document.report.curves import WIDTH, curve, limits, thin_out
from reelscope.document.report.facts import STATUS_WORDS
from reelscope.document.report.labels import label_of
from reelscope.document.report.lanes import MAX_ITEMS, Tips, lane, lanes
from reelscope.document.report.render import script_json
from reelscope.document.report.summaries import figures, null_reason
from reelscope.document.report.words import NA, bytes_, clean, figure, hex_colour, key_title, number, percent, timecode, value_text
from reelscope.document.schema import Document, Insight, Segment, Series, ShotRow, Swatch, Track
from tests.document.fixtures import empty_document, entry, full_document, keyframes_of

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">&\u2028\u202e\x00"\'<!--'
VOID = {"meta", "link", "img", "br", "input", "hr", "col"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; fails where tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            a
            for t, a in self.tags
            if t == tag
            and all(
                (a.get(k.rstrip("_")) or "").split()[:1] == [v] or v in (a.get(k.rstrip("_")) or "").split() for k, v in attributes.items()
            )
        ]

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


def render(document: Document, **options: object) -> str:
    return render_report(document, keyframes=keyframes_of(document), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def html() -> str:
    return render(full_document())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def data_of(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


# ---- whole and self-contained --------------------------------------------------------------------------------------------------


def test_nothing_outside_the_file_is_named(page: Page, html: str) -> None:
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "srcset", "poster", "data", "formaction"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
        assert "url(" not in (attributes.get("style") or "")
    assert "@import" not in html
    assert not re.search(r"url\((?!\"\$\{picture)", html), "only keyframes inside the file may be drawn"
    assert "http://" not in html
    assert "https://" not in html


def test_the_policy_allows_the_own_script_and_no_other(html: str) -> None:
    import base64
    import hashlib

    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert script and policy
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src &#39;sha256-{digest}&#39;" in policy[1]
    assert "default-src &#39;none&#39;" in policy[1]
    assert html.count("<script") == 2


def test_no_element_carries_a_handler(page: Page) -> None:
    assert [(t, n) for t, a in page.tags for n in a if n.startswith("on")] == []


def test_ids_are_unique_and_references_exist(page: Page) -> None:
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        for name in ("aria-labelledby", "aria-controls"):
            assert set((attributes.get(name) or "").split()) <= set(ids), (tag, attributes)
        if tag == "a":
            assert (attributes["href"] or "")[1:] in ids


def test_every_icon_that_is_used_is_drawn(page: Page) -> None:
    drawn = {a["id"] for a in page.all("symbol")}
    assert {(a["href"] or "")[1:] for a in page.all("use")} <= drawn


def test_headings_do_not_skip_a_level(page: Page) -> None:
    levels = [int(t[1]) for t, _ in page.tags if re.fullmatch(r"h[1-6]", t)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))


def test_keyframes_stand_in_the_file_once(page: Page, html: str) -> None:
    pictures = [a["src"] for a in page.all("img") if a.get("src")]
    assert len(pictures) == 8
    assert all(html.count(str(p)) == 1 for p in pictures)
    assert all(str(p).startswith("data:image/jpeg;base64,") for p in pictures)
    assert all(a.get("alt") for a in page.all("img") if a.get("src"))


def test_a_missing_keyframe_leaves_its_shot(page: Page) -> None:
    document = full_document()
    frames = keyframes_of(document)
    del frames["keyframes/shot-003.jpg"]
    without = Page(render_report(document, keyframes=frames))
    assert len(without.all("tr", class_="shot")) == 8
    assert len([a for a in without.all("img") if a.get("src")]) == 7
    assert "no keyframe" in without.words


# ---- hostile strings -----------------------------------------------------------------------------------------------------------


def poison(value: object) -> object:
    """Every string of a document made hostile, except those whose values the schema fixes."""
    fixed = {"status", "tier", "schema_version", "created_at", "t_s", "hdr"}
    if isinstance(value, dict):
        return {k: v if k in fixed else poison(v) for k, v in value.items()}
    if isinstance(value, list):
        return [poison(v) for v in value]
    return HOSTILE if isinstance(value, str) else value


def test_hostile_strings_stay_text() -> None:
    document = Document.model_validate(poison(full_document().model_dump(mode="json")))
    html = render(document, title=HOSTILE)
    clean_tags = [t for t, _ in Page(render(full_document())).tags]
    page = Page(html)
    assert html.count("<script") == html.count("</script") == 2
    assert "<!--" not in html
    assert {t for t, _ in page.tags} <= set(clean_tags)
    assert [a for _, a in page.tags if any(n.startswith("on") for n in a)] == []
    assert all(str(a.get("src", "data:")).startswith("data:") for a in page.all("img"))
    assert "\x00" not in html
    assert data_of(html)["tips"]


def test_hostile_keys_stay_text() -> None:
    document = full_document()
    raw = document.model_dump(mode="json")
    raw["analyzers"]["cut_analysis"]["segments"][0][HOSTILE] = HOSTILE
    raw["analyzers"]["cut_analysis"]["summary"][HOSTILE] = {HOSTILE: HOSTILE}
    raw["analyzers"]["cut_analysis"]["options"] = {HOSTILE: [HOSTILE]}
    raw["insights"] = {HOSTILE: {HOSTILE: 1, "reason": HOSTILE}, "plain": {"plain": HOSTILE}}
    raw["run"]["phases"] = {HOSTILE: 1.0}
    html = render(Document.model_validate(raw))
    Page(html)
    assert html.count("<script") == 2


def test_only_plain_colours_reach_a_style() -> None:
    document = full_document()
    document.shots[0].palette = [Swatch(hex="red;background:url(//evil)", share=0.5), Swatch(hex="#12AbEf", share=0.5)]
    page = Page(render_report(document, keyframes={}))
    styles = [a["style"] or "" for _, a in page.tags if "style" in a]
    assert all("evil" not in s for s in styles)
    assert any("#12abef" in s for s in styles)


def test_a_file_name_that_is_no_unicode_still_makes_a_file() -> None:
    document = full_document()
    document.source.path = "/clips/\udce4 bad.mp4"
    document.analyzers["body_pose"].reason = "\udcff"
    assert render_report(document, keyframes={}).encode("utf-8")


def test_script_json_holds_no_character_that_ends_its_element() -> None:
    text = script_json({"a": HOSTILE})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": HOSTILE}


# ---- what it says --------------------------------------------------------------------------------------------------------------


def test_every_status_is_shown_with_reason_code_and_hint(page: Page) -> None:
    document = full_document()
    assert {e.status for e in document.analyzers.values()} == set(STATUS_WORDS), "the fixture has every status"
    for name, found in document.analyzers.items():
        assert ANALYZER_TITLES[name] in page.words
        assert STATUS_WORDS[found.status] in page.words
        for told in (found.reason, found.hint, *found.warnings):
            assert told is None or told in page.words
        if found.status != "ok":
            assert found.code is None or found.code in page.words
    assert sorted(a["data-status"] for t, a in page.tags if t == "tr" and "data-status" in a) == sorted(
        e.status for e in document.analyzers.values()
    )


def test_equal_gaps_stand_together() -> None:
    page = Page(render(empty_document()))
    gaps = page.all("li", class_="gap")
    assert len(gaps) == 2  # no sound track; not part of this release
    assert len([a for t, a in page.tags if t == "li" and a.get("title") in ANALYZER_NAMES]) == 13


def test_a_lane_for_every_analyzer_that_ran(page: Page) -> None:
    ran = [n for n, e in full_document().analyzers.items() if e.status == "ok"]
    shown = [a["data-analyzer"] for _, a in page.tags if "data-analyzer" in a]
    assert sorted(shown) == sorted(ran)
    assert "nothing found" in page.words  # eye_tracking ran and found nothing


def test_damage_and_reading_notes_are_told(page: Page) -> None:
    for words in (
        "damaged frames could not be decoded",
        "are missing; what decodes was analysed",
        "a second video stream",
        "Variable frame rate",
        "HDR (HLG)",
        "Rotated 90°",
    ):
        assert words in page.words
    assert "damaged" not in Page(render(empty_document())).words


def test_null_is_a_dash_and_zero_is_zero() -> None:
    document = full_document()
    document.shots = [ShotRow(index=0, start_s=0, end_s=24, keyframe=None, speech_share=None, loudness_lufs=None, sharpness=None)]
    html = render_report(document, keyframes={})
    row = re.search(r'<tr role="row" class="shot".*?</tr>', html, re.DOTALL)
    assert row
    text = re.sub(r"<[^>]+>", " ", row[0])
    assert text.count(NA) == 6  # camera, size, speech, palette, loudness, sharpness
    assert row[0].count('title="not measured"') == 6
    document.shots = [ShotRow(index=0, start_s=0, end_s=24, speech_share=0.0, loudness_lufs=0.0, sharpness=0.0)]
    row = re.search(r'<tr role="row" class="shot".*?</tr>', render_report(document, keyframes={}), re.DOTALL)
    assert row
    text = re.sub(r"<[^>]+>", " ", row[0])
    assert text.count(NA) == 3  # camera, size, palette


def test_why_a_figure_is_null_is_said(page: Page) -> None:
    assert "no key stands out" in page.words
    assert null_reason({"key": None, "not_measured": {"key": "too short"}}, "key") == "too short"
    assert null_reason({"key": None, "key_reason": "noise"}, "key") == "noise"
    assert null_reason({"key": None}, "key") is None
    shown = figures({"key": None, "not_measured": {"key": "too short"}})
    assert [(f.name, f.value, f.why) for f in shown] == [("Key", NA, "too short")]


def test_small_tables_of_a_summary_are_told_line_by_line() -> None:
    shown = figures(
        {
            "checks": [{"check": "short_side", "value": 1080.0, "unit": "px", "ok": True, "reason": None}],
            "reasons_s": {"blocky": 9.9},
            "far": [[1, 2]] * 3,
            "near": [{"start_s": 0.0, "of": [1]}] * 3,
            "stages": {
                "hook": {"status": "found", "reason": None, "start_s": 0.0, "end_s": 3.0},
                "turn": {"status": "not_found", "reason": "no"},
            },
            "told": {"shots": {"share": 1.0, "reason": None}},
        }
    )
    assert [(f.name, f.value) for f in shown] == [
        ("Checks: short side", "1\u202f080 px, ok yes"),
        ("Reasons: blocky", "9.9\xa0s"),
        ("Stages: hook", "found, 0:00.00 to 0:03.00"),
        ("Stages: turn", "not found, reason no"),
        ("Told: shots", "100\xa0%"),
    ]


def test_documents_without_anything_are_valid() -> None:
    page = Page(render(empty_document()))
    assert "the clip has no sound track" in page.words
    assert "No text was found on screen" in page.words
    bare = empty_document()
    bare.shots = []
    for name in ANALYZER_NAMES:
        bare.analyzers[name] = entry("skipped", reason="not asked for")
    bare.media = bare.media.model_copy(update={"duration_s": 0.0, "width_px": None, "height_px": None, "fps": None, "codec": None})
    page = Page(render(bare))
    assert "not asked for" in page.words
    assert "the clip has no picture" not in page.words or NA in page.words


def test_a_document_read_back_from_json_gives_the_same_report(html: str) -> None:
    again = Document.model_validate_json(full_document().model_dump_json())
    assert render(again) == html


def test_typed_results_give_the_same_report_as_plain_ones(html: str) -> None:
    class Typed(Segment):
        kind: str
        text: str | None = None
        role: str | None = None

    document = full_document()
    for name in ("speech_flow", "cut_analysis"):
        found = document.analyzers[name]
        found.segments = [Typed.model_validate(s.model_dump()) for s in found.segments]
    assert Page(render(document)).words == Page(html).words
    assert "62 %" in Page(html).words
    assert "4 cuts, 1 dissolve, 1 wipe" in Page(render(document)).words


def test_insights_are_shown_with_their_status_and_their_reasons() -> None:
    document = full_document()
    document.insights["loop"] = Insight(status="unavailable", reason="nobody looked", hint="make it look")
    document.insights["mute_test"] = Insight(status="failed", code="insight_failed", reason="ZeroDivisionError: 0")
    document.insights["of_a_later_version"] = Insight.model_validate({"clarity_share": 0.25})
    words = Page(render(document)).words
    for title in INSIGHTS.values():
        assert title in words
    assert "Unavailable nobody looked make it look" in words
    assert "Failed ZeroDivisionError: 0" in words
    assert "Of a later version" in words and "Clarity share" in words and "25 %" in words


def test_a_document_from_before_there_were_insights_has_a_report() -> None:
    document = full_document()
    document.insights = {}
    assert "No insight" in Page(render(document)).words


def test_the_title_can_be_set(page: Page) -> None:
    assert "Three things nobody tells you (final v7).mp4" in page.words
    named = Page(render(full_document(), title="Take it apart"))
    assert named.words.index("Take it apart") < named.words.index("Three things nobody tells you (final v7).mp4")


def test_a_dense_minute_stays_small() -> None:
    document = full_document()
    document.media.duration_s = 60.0
    t_s = [i / 10 for i in range(600)]
    for n, name in enumerate(ANALYZER_NAMES):
        series = [
            Series(name=f"figure_{k}", unit="1", t_s=t_s, values=[(i * 7919 * (k + n + 1)) % 10007 / 10007 for i in range(600)])
            for k in range(3)
        ]
        segments = [
            Segment.model_validate({"start_s": i / 2, "end_s": i / 2 + 0.5, "kind": f"kind {i % 5}", "confidence": 0.5, "value": i / 7})
            for i in range(120)
        ]
        document.analyzers[name] = entry(segments=segments, series=series)
    assert len(render_report(document, keyframes={}).encode()) < 2_000_000


# ---- lanes ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "label"),
    [
        ({"kind": "cut"}, "Cut"),
        ({"kind": "wipe", "variant": "left"}, "Wipe left"),
        ({"kind": "cut", "jump_cut": True}, "Jump cut"),
        ({"move": "pan_left", "components": ["pan_left", "roll"]}, "Pan left"),
        ({"text": "Hello_World", "role": "caption"}, "Hello_World"),
        ({"label": "person", "track_id": 3}, "Person"),
        ({"kind": "speech"}, "Speech"),
        ({"role": "scene_text"}, "Scene text"),
        ({"reasons": ["under_exposed", "noisy"]}, "Under exposed, Noisy"),
        ({"index": 0}, "Scene 1"),
        ({"shot": 3}, "Shot 4"),
        ({"kind": "shot", "shot": 1, "reasons": []}, "Shot 2"),
        ({"kind": "shot", "shot": 1, "reasons": ["blocky"]}, "Shot 2: blocky"),
        ({"kind": None, "score": 0.4}, ""),
        ({}, ""),
    ],
)
def test_labels_come_from_the_typed_fields(extra: dict[str, object], label: str) -> None:
    assert label_of(extra, "Scene")[0] == label


def spans(*items: tuple[float, float, str]) -> list[Segment]:
    return [Segment.model_validate({"start_s": a, "end_s": b, "kind": k}) for a, b, k in items]


def rows_of(segments: list[Segment], **more: object) -> list[tuple[str | None, list[str]]]:
    made = lane("cut_analysis", entry(segments=segments, **more), 10.0, Tips())
    return [(r.title, [i.label for i in r.items]) for r in (*made.rows, *made.more_rows)]


def test_bars_without_overlap_share_a_row() -> None:
    assert rows_of(spans((0, 2, "a"), (2, 4, "b"), (4, 4, "c"))) == [(None, ["A", "B", "C"])]


def test_overlapping_bars_part_by_kind() -> None:
    assert rows_of(spans((0, 4, "a"), (1, 2, "b"), (3, 5, "b"))) == [("A", ["A"]), ("B", ["B", "B"])]


def test_overlapping_bars_of_one_kind_are_packed() -> None:
    assert rows_of(spans((0, 4, "a"), (1, 2, "a"), (3, 5, "a"))) == [(None, ["A"]), (None, ["A", "A"])]


def test_tracks_that_segments_speak_of_are_not_drawn_twice() -> None:
    segment = Segment.model_validate({"start_s": 0, "end_s": 1, "text": "a", "track_id": 1})
    tracks = [Track(track_id=1, start_s=0, end_s=1), Track(track_id=2, start_s=0, end_s=1, label="dog")]
    assert rows_of([segment], tracks=tracks) == [(None, ["a"]), ("Tracks", ["Dog"])]


def test_a_row_has_an_end_and_says_so() -> None:
    made = lane("audio_analysis", entry(segments=[Segment(start_s=i / 1000, end_s=i / 1000) for i in range(MAX_ITEMS + 5)]), 10.0, Tips())
    assert (len(made.rows[0].items), made.rows[0].omitted) == (MAX_ITEMS, 5)


def test_positions_are_shares_of_the_clip() -> None:
    made = lane("cut_analysis", entry(segments=spans((2.5, 5.0, "a"), (9, 12, "b"))), 10.0, Tips())
    assert [(i.left, i.width) for i in made.rows[0].items] == [(25.0, 25.0), (90.0, 10.0)]


def test_every_bar_has_a_tip_of_its_own() -> None:
    tips = Tips()
    made = lanes(full_document(), tips)
    used = [i.tip for n in made for r in (*n.rows, *n.more_rows) for i in r.items]
    assert sorted(used) == list(range(len(tips.entries)))


# ---- curves --------------------------------------------------------------------------------------------------------------------


def test_a_null_breaks_the_line_and_is_never_drawn_as_zero() -> None:
    made = curve(Series(name="a_hz", unit="Hz", t_s=[0, 1, 2, 3, 4], values=[100, 150, None, 120, 130]), 4.0)
    assert made.path.count("M") == 2
    assert made.measured == 4
    assert made.data["v"] == [100, 150, None, 120, 130]
    xs = [int(x) for x in re.findall(r"(?:M| )(\d+) [\d.]+", made.path)]
    assert max(xs) == WIDTH and WIDTH // 2 not in xs


def test_moments_are_stems() -> None:
    made = curve(Series(name="onset_strength", unit="dB", t_s=[0, 1, 3], values=[-3, None, -2]), 4.0)
    assert [int(x) for x in re.findall(r"M(\d+) 100V", made.path)] == [0, 7500]
    assert made.area == ""


def test_signed_figures_stand_on_zero() -> None:
    assert curve(Series(name="a", unit="1", t_s=[0, 1], values=[-1, 1]), 1.0).area == "M0 50 0 96 10000 4 10000 50Z"
    assert curve(Series(name="a", unit="1", t_s=[0, 1], values=[1, 4]), 1.0).area.startswith("M0 100 ")


def test_a_gap_in_time_breaks_the_line() -> None:
    assert curve(Series(name="a", unit="1", t_s=[0, 0.1, 0.2, 5.0, 5.1], values=[1, 2, 1, 2, 1]), 6.0).path.count("M") == 2


def test_series_without_a_value_are_not_drawn() -> None:
    assert curve(Series(name="a", unit="1", t_s=[0, 1], values=[None, None]), 2.0).path == ""
    assert curve(Series(name="a", unit="1", t_s=[], values=[]), 2.0).path == ""
    assert limits([Series(name="a", unit="1", t_s=[0], values=[None])]) is None


def test_levels_are_cut_far_below_the_loudest() -> None:
    assert limits([Series(name="a", unit="LUFS", t_s=[0, 1], values=[-119.0, -10.0])]) == (-64.0, -10.0)
    assert limits([Series(name="a", unit="1", t_s=[0, 1], values=[100.0, 400.0])]) == (0.0, 400.0)
    assert limits([Series(name="a", unit="Hz", t_s=[0, 1], values=[100.0, 400.0])]) == (100.0, 400.0)


def test_small_changes_are_not_blown_up() -> None:
    low, high = limits([Series(name="a", unit="1", t_s=[0, 1], values=[0.75, 0.77])]) or (0, 0)
    assert high - low == pytest.approx(0.4 * 0.77)
    assert (low + high) / 2 == pytest.approx(0.76)
    assert limits([Series(name="a", unit="dB", t_s=[0, 1], values=[-20.0, -20.0])]) == (-26.0, -14.0)
    assert limits([Series(name="a", unit="1", t_s=[0, 1], values=[0.0, 0.0])]) == (0.0, 1.0)


def test_thinning_keeps_the_peaks() -> None:
    values: list[float | None] = [0.0] * 10_000
    values[4321], values[7000] = 9.0, -9.0
    t_s, kept = thin_out([i / 10 for i in range(10_000)], values, 500)
    assert len(kept) <= 502
    assert t_s == sorted(t_s)
    assert (t_s[kept.index(9.0)], t_s[kept.index(-9.0)]) == (432.1, 700.0)


def test_regular_times_are_written_as_a_step() -> None:
    regular = curve(Series(name="a", unit="1", t_s=[0.05, 0.15, 0.25], values=[1, 2, 3]), 1.0).data
    assert (regular["t0"], regular["dt"]) == (0.05, 0.1)
    assert curve(Series(name="a", unit="1", t_s=[0, 0.1, 0.4], values=[1, 2, 3]), 1.0).data["t"] == [0, 0.1, 0.4]


# ---- words ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0004321, "0.000432"),
        (0.309, "0.309"),
        (29.97, "30"),
        (1234567.0, "1\u202f234\u202f567"),
        (-14.26, "−14.3"),
        (120.0, "120"),
        (float("nan"), NA),
        (-0.0000001, "0"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.00"), (7.266667, "0:07.27"), (59.999, "1:00.00"), (3725.5, "1:02:05.50"), (None, NA), (-0.04, "−0:00.04")],
)
def test_timecodes(seconds: float | None, text: str) -> None:
    assert timecode(seconds) == text


@pytest.mark.parametrize(
    ("key", "value", "title", "text"),
    [
        ("integrated_lufs", -14.3, "Integrated", "−14.3\xa0LUFS"),
        ("true_peak_dbtp", -0.34553, "True peak", "−0.3\xa0dBTP"),
        ("speech_rate_syl_s", 3.029, "Speech rate", "3.03\xa0syllables/s"),
        ("speed_fw_s", 0.14, "Speed", "0.14\xa0frame widths/s"),
        ("static_share", 0.31, "Static share", "31\xa0%"),
        ("zoom_rate_s", 0.0954, "Zoom rate", "0.0954\xa0/s"),
        ("tilt_deg", -2.0, "Tilt", "−2°"),
        ("key", None, "Key", NA),
        ("loop", True, "Loop", "yes"),
        ("evidence", ["flat_colours", "large"], "Evidence", "flat colours, large"),
        ("text", "snake_case", "Text", "snake_case"),
        ("xywh_norm", [0.1, 0.2, 0.5, 0.25], "Box", "50\xa0% × 25\xa0% at 10\xa0%, 20\xa0%"),
    ],
)
def test_figures_read_their_unit_from_their_name(key: str, value: object, title: str, text: str) -> None:
    assert (key_title(key), value_text(key, value)) == (title, text)


def test_small_words() -> None:
    assert percent(0.004) == "0.4\xa0%"
    assert bytes_(25_262_144) == "25.3\xa0MB"
    assert clean("a\x00b\udce4") == "a\ufffdb\ufffd"
    assert [hex_colour(v) for v in ("#AABBCC", "#abc", "red", None, "#aabbcc;x", "#aabbcc\n")] == ["#aabbcc", None, None, None, None, None]
    assert figure("x_s", None) == NA
