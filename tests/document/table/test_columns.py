"""Every column names a field that the document's classes have; the page is the columns'."""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from reelscope.analyzers.registry import INSTALLED
from reelscope.document.insights import insight_types
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import Document, MediaInfo, RunInfo, SourceInfo
from reelscope.document.table import COLUMNS, MEASURED, Column, header, table_reference

PAGE = Path(__file__).parents[3] / "docs" / "table.md"
PARTS: dict[str, type[BaseModel]] = {"document": Document, "source": SourceInfo, "media": MediaInfo, "run": RunInfo}
KINDS = {"text": str, "int": int, "float": float, "bool": bool}


def kinds_of(annotation: Any) -> list[Any]:
    """The types of which an annotation may be, without None and without what is annotated about them."""
    origin = typing.get_origin(annotation)
    if isinstance(annotation, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        return kinds_of(annotation.__value__)
    if origin is typing.Annotated:
        return kinds_of(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(annotation) for kind in kinds_of(part) if kind is not type(None)]
    if origin is typing.Literal:
        return [type(value) for value in typing.get_args(annotation)]
    return [annotation]


def follow(kind: Any, path: str) -> list[Any]:
    """Types at a path; an AssertionError names the step that is no field."""
    here = [kind]
    for step in path.split("."):
        key, _, choice = step.partition("[")
        after: list[Any] = []
        for part in here:
            if typing.get_origin(part) is dict:
                after += kinds_of(typing.get_args(part)[1])
            elif isinstance(part, type) and issubclass(part, BaseModel) and key in part.model_fields:
                after += kinds_of(part.model_fields[key].annotation)
        if choice:
            rows = [item for part in after if typing.get_origin(part) is list for item in kinds_of(typing.get_args(part)[0])]
            field = choice.partition("=")[0]
            assert any(field in row.model_fields for row in rows), f"{path}: no row of {key} has {field}"
            after = rows
        assert after, f"{path}: {key!r} is no field of {here}"
        here = after
    return here


def holder(column: Column) -> Any:
    if column.source in PARTS:
        return PARTS[column.source]
    if column.source in ANALYZER_NAMES:
        kind = INSTALLED.analyzer(column.source)
        return None if kind is None else kind.Result
    return insight_types()[column.source]


@pytest.mark.parametrize("column", [c for c in COLUMNS if c.source != "table"], ids=lambda c: c.name)
def test_its_path_names_a_field_of_that_type(column: Column) -> None:
    if column.path.startswith("post."):  # a free object of the site's; test_read has one as it is written
        return
    kind = holder(column)
    assert kind is not None, f"{column.source} has no module"
    found = follow(kind, column.path)
    if column.keys:
        assert [typing.get_origin(part) for part in found] == [dict]
    elif column.equals is not None:
        assert column.kind == "bool"
        assert found == [str] * len(found)
    elif column.name != "created_at":  # a datetime, which JSON has as text
        assert KINDS[column.kind] in found
    for path in column.why:
        assert str in follow(kind, path)


def test_a_field_that_is_not_there_is_noticed() -> None:
    for source, path in (("hook", "first_faces_s"), ("loop", "picture.meet"), ("safe_zones", "totals.reels.nothing_s")):
        with pytest.raises(AssertionError, match="is no field"):
            follow(insight_types()[source], path)


def test_names_are_there_once_and_tell_the_unit() -> None:
    assert len(header()) == len(set(header()))
    units = {"s": "_s", "px": "_px", "Hz": "_hz", "LUFS": "_lufs", "LU": "_lu", "dBTP": "_dbtp", "bytes": "_bytes", "bit/s": "_bps"}
    assert [c.name for c in COLUMNS if c.unit in units and not c.name.endswith(units[c.unit])] == []
    assert [c.name for c in COLUMNS if not c.meaning.endswith(".")] == []


def test_the_stages_and_apps_are_the_documents() -> None:
    from reelscope.analyzers.temporal_flow import STAGES
    from reelscope.document.measures.zones import PROFILES
    from reelscope.document.table import columns

    assert columns.STAGES == STAGES
    assert set(columns.APPS) == set(PROFILES)


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == table_reference()
    assert table_reference().count("\n| `") == len(COLUMNS)
    assert 60 <= len(MEASURED) <= 100
