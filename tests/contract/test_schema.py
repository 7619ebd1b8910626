"""The published JSON Schema is current and real documents satisfy it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from reelscope.analyzers.schema import document_schema
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import Document
from tests.contract.conftest import CLIPS, Analysed

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_published_schema_is_current() -> None:
    published = json.loads((DOCS / "schema/analysis.schema.json").read_text(encoding="utf-8"))
    assert published == document_schema(), "run `make docs`"


def test_the_schema_names_all_nineteen() -> None:
    schema = document_schema()
    assert list(schema["$defs"]["Analyzers"]["properties"]) == list(ANALYZER_NAMES)


@pytest.mark.parametrize("clip", CLIPS)
def test_documents_satisfy_the_schema(analysed: Analysed, clip: str) -> None:
    jsonschema.Draft202012Validator(document_schema()).validate(json.loads(analysed(clip).model_dump_json()))


@pytest.mark.parametrize("clip", CLIPS)
def test_documents_survive_the_round_trip(analysed: Analysed, clip: str) -> None:
    text = analysed(clip).model_dump_json()
    assert json.loads(Document.model_validate_json(text).model_dump_json()) == json.loads(text)
    assert "NaN" not in text and "Infinity" not in text


def test_a_document_without_one_of_the_nineteen_is_no_document(analysed: Analysed) -> None:
    data = json.loads(analysed("talk").model_dump_json())
    del data["analyzers"]["body_pose"]
    with pytest.raises(ValueError, match="body_pose"):
        Document.model_validate(data)
