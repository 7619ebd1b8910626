"""The comparison as a page: what stands in it, hostile names, and how it behaves in a browser."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from reelscope.document.compare.figures import Figures, figures_of
from reelscope.document.compare.many import Many, compare_many
from reelscope.document.compare.pairs import Pair, compare_pair
from reelscope.document.report.comparison import render_comparison
from reelscope.document.schema import Document
from tests.document.fixtures import empty_document, full_document, jpeg
from tests.document.report.conftest import DESKTOP, PHONE, Opens, violations

HOSTILE = '<img src=x onerror="alert(1)">\x00 "&amp;'


def clips(n: int, **changes: Any) -> list[Figures]:
    """Documents of one fixture whose length and loudness rise with their number."""
    out = []
    for i in range(n):
        data = json.loads(full_document().model_dump_json())
        data["source"]["sha256"] = f"{i + 1:064x}"
        data["media"]["duration_s"] += i
        data["analyzers"]["audio_analysis"]["summary"]["integrated_lufs"] -= i
        out.append(figures_of(Document.model_validate(data), changes.get("name", f"clip {i}")))
    return out


def pair(given: list[Figures]) -> Pair:
    return compare_pair(given[0], given[1])


def page_of(given: list[Figures], found: Pair | Many | None = None, **more: Any) -> str:
    return render_comparison(given, found or (pair(given) if len(given) == 2 else compare_many(given)), **more)


def cells(html: str, path: str) -> list[str]:
    """Texts of the cells of a figure's row."""
    (row,) = re.findall(rf'<tr data-same="\w+" data-words="[^"]* {re.escape(path)}">(.*?)</tr>', html, re.DOTALL)
    return [
        re.sub(r"<[^>]+>", "", cell).strip().replace("\u00a0", " ")
        for cell in re.findall(r'<td class="num[^>]*>(.*?)</td>', row, re.DOTALL)
    ]


def paths(html: str) -> list[str]:
    return re.findall(r'<tr data-same="[^>]*>\s*<th scope="row" title="([^"]*)"', html)


def test_a_pair_shows_both_values_and_their_difference() -> None:
    html = page_of(clips(2))
    assert cells(html, "media.duration_s") == ["24 s", "25 s", "+1 s"]
    assert cells(html, "audio_analysis.integrated_lufs")[2] == "−1 LU"
    assert 'data-same="yes"' in html and html.count('class="clip t') == 2


def test_what_one_lacks_says_why_and_is_no_zero() -> None:
    given = [clips(1)[0], figures_of(empty_document(), "silent")]
    html = page_of(given)
    first, second, difference = cells(html, "audio_analysis.integrated_lufs")
    assert (first, second, difference) == ("−14.3 LUFS", "—not measured", "")
    reason = given[1].lack("audio_analysis.integrated_lufs")
    assert reason and f"not measured: {reason}".replace("'", "&#39;") in html
    told = re.search(r"(\d+) of (\d+) figures differ, (\d+) are not measured in every clip", html)
    assert told is not None
    differ, total, lacking = map(int, told.groups())
    assert total == len(paths(html)) and lacking == sum("—not measured" in cells(html, path) for path in paths(html))
    assert differ == sum(a != b and "—not measured" not in (a, b) for a, b, _ in (cells(html, path) for path in paths(html)))


def test_shots_stand_beside_each_other() -> None:
    html = page_of(clips(2))
    assert html.count('<td class="num">0.00</td>') == len(full_document().shots)
    document = empty_document()
    document.shots = []
    lonely = page_of([clips(1)[0], figures_of(document, "none")])
    assert "no counterpart" in lonely or "Not laid beside each other" in lonely
    assert "no shots: not measured" in lonely


def test_many_show_dots_and_the_middle_half() -> None:
    html = page_of(clips(9))
    assert cells(html, "media.duration_s") == ["9 of 9"]  # more clips than columns: the plot tells them
    (row,) = re.findall(r'data-words="[^"]* media.duration_s">(.*?)</tr>', html, re.DOTALL)
    places = [float(p) for p in re.findall(r'class="dot [^"]*" data-clip="\d+" style="left:([\d.]+)%"', row)]
    assert places == [12.5 * i for i in range(9)]
    assert re.search(r'class="iqr" style="left:25.0%;width:50.0%"', row)


def test_words_are_called_by_what_they_are_of() -> None:
    given = clips(3)
    for i, clip in enumerate(given):
        clip.values.update(
            {f"temporal_flow.stages.{stage}.status": ("found", "not_found")[i > n] for n, stage in enumerate(("hook", "turn"))}
        )
        clip.values.update({f"loop.{part}.seam.move": "pan" for part in ("first", "last")})
        clip.tables.update({"temporal_flow.stages": True, "loop.first": True, "loop.last": True})
    html = page_of(given)
    titles = re.findall(r"<h3>(.*?)</h3>", html[html.index('id="words"') :])
    assert {"First: Seam: Move", "Last: Seam: Move", "Hook: Status", "Turn: Status"} <= set(titles)
    assert len(set(titles)) == len(titles)


def test_a_long_unit_stands_once_in_its_row() -> None:
    given = clips(3)
    for i, clip in enumerate(given):
        clip.values.update({"speech_flow.speech_rate_syl_s": 3.0 + i})
    html = page_of(given)
    assert cells(html, "speech_flow.speech_rate_syl_s") == ["3", "4", "5"]
    assert "Speech rate (syllables/s)" in html
    assert cells(html, "media.duration_s") == ["24 s", "25 s", "26 s"]


def test_views_are_shown_or_refused_with_the_reason() -> None:
    given = clips(4)
    viewed = [Figures(**{**{f: getattr(g, f) for f in g.__dataclass_fields__}, "clip": _viewed(g, 10 * n)}) for n, g in enumerate(given)]
    html = page_of(viewed)
    assert 'id="views"' in html and "Refused:" in html
    assert 'id="views"' not in page_of(given)


def _viewed(figures: Figures, views: int) -> Any:
    from dataclasses import replace

    return replace(figures.clip, views=views)


def test_keyframes_are_small_and_what_is_no_picture_is_left_out() -> None:
    given = clips(2)
    names = [s["keyframe"] for s in given[0].shots if s["keyframe"]]
    frames = {name: jpeg(540, 960, (200, 40, 40), (20, 20, 60)) for name in names}
    html = page_of(given, keyframes=[frames, dict.fromkeys(names, b"\xff\xd8\xffno picture")])
    assert html.count("data:image/jpeg") == len(names)
    assert len(html) < 400_000


def test_nothing_of_a_clip_is_markup() -> None:
    html = page_of(clips(2, name=HOSTILE))
    assert "<img src=x" not in html and "\x00" not in html and "&lt;img src=x" in html


# --- in a browser ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("n", [2, 9])
def test_it_meets_wcag_aa(opens: Opens, n: int, size: tuple[int, int], scheme: str) -> None:
    page = opens(page_of(clips(n)), size=size, scheme=scheme)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


LONG_FIGURE = {"speech_flow.speech_rate_syl_s": 3.123, "shots.median_speed_fw_s": 0.000123, "media.size_bytes": 123_456_789}


@pytest.mark.system
def test_five_clips_fit_the_screen_and_a_landscape_page(opens: Opens) -> None:
    given = clips(5)
    for i, clip in enumerate(given):
        clip.values.update({path: value * (1 + i) for path, value in LONG_FIGURE.items()})
    page = opens(page_of(given))
    fits = "[...document.querySelectorAll('.scroll')].every(box => box.scrollWidth <= box.clientWidth)"
    assert page.evaluate(fits)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1039, "height": 710})  # A4 landscape less its margins, at 96 px an inch
    assert page.evaluate(fits)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1039
    for part in (".dot", ".iqr", ".lane-shots > i", ".bars b"):
        assert page.locator(part).first.evaluate("e => getComputedStyle(e).printColorAdjust") == "exact", part
    assert "@page { size: A4 landscape" in page.content()


@pytest.mark.system
def test_figures_are_found_by_words_and_by_whether_they_differ(opens: Opens) -> None:
    page = opens(page_of(clips(2)))
    rows = page.locator("tr[data-words]:visible")
    differing = rows.count()
    assert differing == page.locator('tr[data-same="no"]').count() > 0
    page.get_by_label("only what differs").uncheck()
    assert rows.count() == page.locator("tr[data-words]").count() > differing
    page.keyboard.press("/")
    page.keyboard.type("integrated")
    assert rows.count() == 1 and page.locator("#found").inner_text().startswith("1 of ")
    page.keyboard.press("Escape")
    assert rows.count() > 1


@pytest.mark.system
def test_a_clip_under_the_pointer_stands_out_everywhere(opens: Opens) -> None:
    page = opens(page_of(clips(9)))
    page.locator('.clip[data-clip="3"]').hover()
    assert page.locator(".dot.on").count() == page.locator('.dot[data-clip="3"]').count() > 0
