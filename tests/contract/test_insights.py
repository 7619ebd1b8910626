"""What every insight promises, on clips that are difficult in different ways."""

from __future__ import annotations

import json

import pytest

from reelscope.document.evidence import Evidence
from reelscope.document.insights import INSIGHTS, insight_types, measure_insights
from tests.contract.conftest import CLIPS, Analysed

by_clip = pytest.mark.parametrize("clip", CLIPS)


@by_clip
def test_all_are_there_and_none_failed(clip: str, analysed: Analysed) -> None:
    found = analysed(clip).insights
    assert tuple(found) == tuple(INSIGHTS)
    for name, insight in found.items():
        assert insight.status in ("ok", "unavailable"), f"{name}: {insight.reason}"
        assert (insight.reason is None) == (insight.status == "ok")
        assert all(insight.not_measured.values()), name


@by_clip
def test_they_come_out_of_the_file_as_they_came_out_of_the_run(clip: str, analysed: Analysed) -> None:
    document = analysed(clip)
    raw = json.loads(document.model_dump_json())
    again = measure_insights(Evidence.of(raw))
    assert {n: i.model_dump(mode="json") for n, i in again.items()} == raw["insights"]


def test_a_bug_in_one_is_a_status_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch, analysed: Analysed, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(evidence: Evidence) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("reelscope.document.insights.loop.measure", broken)
    found = measure_insights(Evidence.of(analysed("talk")))
    assert found["loop"].status == "failed" and found["loop"].reason == "ZeroDivisionError: on purpose"
    assert found["pacing"].status == "ok" and "insight loop failed" in caplog.text


@pytest.mark.parametrize("name", INSIGHTS)
def test_each_names_its_class(name: str) -> None:
    kind = insight_types()[name]
    assert kind.__doc__ and kind.model_fields["status"].default == "ok"
