"""Figures by path, the reasons for those that are not there, and two documents side by side."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import reelscope.document.compare
from reelscope.document.compare.figures import GROUPS, figures_of, in_order
from reelscope.document.compare.pairs import compare_pair, difference, made_differently
from reelscope.document.schema import Document
from tests.document.fixtures import empty_document, entry, full_document, summary


def changed(**fields: Any) -> Document:
    """The full document, read back from JSON, with entries of analyzers or other fields replaced."""
    document = full_document().model_copy(deep=True)
    for name, value in fields.items():
        if name in document.analyzers:
            document.analyzers[name] = value
        else:
            setattr(document, name, value)
    return Document.model_validate_json(document.model_dump_json())


def test_nothing_here_imports_a_heavy_library() -> None:
    for path in Path(next(iter(reelscope.document.compare.__path__))).glob("*.py"):
        names = {
            (a.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for a in node.names
        }
        assert not names & {"numpy", "scipy", "pandas", "pyarrow", "cv2"}, path.name


def test_a_document_without_results_gives_reasons_and_no_figures() -> None:
    figures = figures_of(Document.model_validate_json(empty_document().model_dump_json()), "empty")
    assert not [path for path in figures.values if path.startswith("object_detection.")]
    assert figures.lack("object_detection.step_s") == "unavailable: not part of this release"
    assert figures.lack("audio_analysis.tempo_bpm") == "not applicable: the clip has no sound track"
    assert figures.lack("hook.first_face_s") == "this document has no such insight: an earlier version wrote it"


def test_a_null_has_the_reason_that_stands_beside_it() -> None:
    told = entry(summary=summary(words=None, pauses=None, pause_reason="too short", not_measured={"words": "no transcript"}))
    figures = figures_of(changed(speech_flow=told), "a")
    assert figures.lack("speech_flow.words") == "no transcript"
    assert figures.lack("speech_flow.pauses") == "too short"


def test_what_is_in_a_list_is_no_figure_and_ids_are_none() -> None:
    told = entry(summary=summary(labels=[{"seconds": 3.0}], face=3, faces=4, nested={"deep": {"share": 0.5}}, reason="why"))
    values = figures_of(changed(object_detection=told), "a").values
    assert {p: v for p, v in values.items() if p.startswith("object_detection.")} == {
        "object_detection.faces": 4,
        "object_detection.nested.deep.share": 0.5,
    }


@pytest.mark.parametrize(
    ("name", "told", "path", "count"),
    [
        ("text_overlay", {"by_role": {"caption": 2}}, "text_overlay.by_role.title", 0),
        ("text_overlay", {"by_role": {}}, "text_overlay.by_role.title", 0),
        ("text_overlay", {}, "text_overlay.by_role.title", None),
        ("camera_analysis", {"move_share": {"static": 1.0}}, "camera_analysis.move_share.roll", 0),
        ("camera_analysis", {"move_share": {}}, "camera_analysis.move_share.roll", None),
        ("content_quality", {"reasons_s": {}, "reason": "too few frames"}, "content_quality.reasons_s.blocky", None),
    ],
)
def test_what_was_counted_and_does_not_occur_is_zero(name: str, told: dict[str, Any], path: str, count: int | None) -> None:
    assert figures_of(changed(**{name: entry(summary=summary(**told))}), "a").fact(path) == count


@pytest.mark.parametrize(
    ("post", "views"),
    [
        (None, None),
        ({"view_count": 12}, 12),
        ({"counts": {"views": 7}}, 7),
        ({"view_count": None, "counts": {"views": 7}}, 7),
        ({"view_count": True}, None),
        ({"view_count": -1}, None),
        ({"view_count": "12"}, None),
        ({"counts": 3}, None),
    ],
)
def test_views_of_a_post(post: dict[str, Any] | None, views: int | None) -> None:
    source = full_document().source.model_copy(update={"post": post})
    assert figures_of(changed(source=source), "a").clip.views == views


def test_groups_keep_their_order() -> None:
    assert in_order(["pacing.b", "media.x", "hook.a", "pacing.a", "hook.a"]) == ["media.x", "hook.a", "pacing.b", "pacing.a"]
    assert len(set(GROUPS)) == len(GROUPS)


def test_differences_are_numbers_without_the_noise_of_binary_fractions() -> None:
    assert difference(0.1, 0.3) == 0.2
    assert difference(3, 5) == 2
    assert difference("warm", "cool") is None
    assert difference(True, False) is None


def test_a_document_beside_itself() -> None:
    figures = figures_of(changed(), "a")
    pair = compare_pair(figures, figures)
    assert all(f.same for f in pair.figures)
    assert pair.only_one == ()
    assert [(s.a, s.b, s.cost) for s in pair.shots] == [(i, i, 0) for i in range(len(figures.shots))]


def test_two_documents_turned_round_give_the_same_with_the_other_sign() -> None:
    a = figures_of(changed(), "a")
    told = entry(summary=summary(shots=3, only_here=1.5))
    b = figures_of(changed(cut_analysis=told, audio_analysis=entry("failed", reason="it broke")), "b")
    there, back = compare_pair(a, b), compare_pair(b, a)
    assert {f.path: f.difference for f in back.figures} == {
        f.path: -f.difference if f.difference is not None else None for f in there.figures
    }
    assert {(f.path, f.measured_in) for f in there.only_one} == {(f.path, "ab".replace(f.measured_in, "")) for f in back.only_one}
    reasons = {f.path: f.reason for f in there.only_one}
    assert {r for p, r in reasons.items() if p.startswith("audio_analysis.")} == {"failed: it broke"}


def test_other_versions_backends_and_options_are_warned_of() -> None:
    a = figures_of(changed(), "a")
    b = figures_of(changed(cut_analysis=entry(version=7), color_analysis=entry(options={"x": 1})), "b")
    warnings = list(made_differently([a, b]))
    assert len(warnings) == 2
    assert any(w.startswith("cut_analysis") and "version" in w and "7" in w for w in warnings)
    assert any(w.startswith("color_analysis") and "options" in w for w in warnings)
    assert list(made_differently([a, a])) == []
