"""Insights are functions of the document: the same from the document in hand and from its JSON read back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from reelscope.document.evidence import Evidence
from reelscope.document.insights import INSIGHTS, measure_insights
from reelscope.document.schema import Document
from tests.document.fixtures import empty_document, full_document


@pytest.mark.parametrize("make", [full_document, empty_document])
@pytest.mark.parametrize("name", INSIGHTS)
def test_the_document_and_its_json_give_the_same(name: str, make: Callable[[], Document]) -> None:
    document = make()
    from_document = measure_insights(Evidence.of(document))[name]
    from_json = measure_insights(Evidence.of(json.loads(document.model_dump_json())))[name]
    assert from_document.model_dump_json() == from_json.model_dump_json()
    assert from_document.status != "failed", from_document.reason


@pytest.mark.parametrize("name", INSIGHTS)
def test_what_is_written_is_read_back(name: str) -> None:
    found = measure_insights(Evidence.of(full_document()))[name]
    raw = found.model_dump_json()
    assert type(found).model_validate_json(raw).model_dump_json() == raw


@pytest.mark.parametrize("name", INSIGHTS)
def test_one_that_cannot_be_had_says_why(name: str) -> None:
    found = measure_insights(Evidence.of(empty_document()))[name]
    if found.status == "unavailable":
        assert found.code and found.reason
