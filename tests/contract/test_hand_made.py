"""Documents that somebody edited: what a field of the wrong kind does to the report and the exports."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reelscope.analyzers.schema import wrong_field
from reelscope.cli.app import run
from reelscope.document.schema import Document
from tests.contract.conftest import CLIPS, Analysed

WRONG = ([], {}, "x", True, -1, 0.5, None, [1], {"a": 1}, [None])
CASES = 30


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every value in it, its own containers included."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


def edited(data: dict[str, Any], seed: int) -> tuple[dict[str, Any], str]:
    """A copy with one value replaced, and which."""
    chance = random.Random(seed)
    data = json.loads(json.dumps(data))
    way = chance.choice([p for part in ("analyzers", "insights", "shots") for p in places(data[part], (part,)) if len(p) > 2])
    inner: Any = data
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = new = chance.choice(WRONG)
    return data, f"{'.'.join(map(str, way))} = {new!r}"


@pytest.mark.parametrize("clip", CLIPS)
def test_what_analyzers_write_is_not_wrong(analysed: Analysed, clip: str) -> None:
    assert wrong_field(Document.model_validate_json(analysed(clip).model_dump_json())) is None


def test_a_missing_field_is_not_wrong(analysed: Analysed) -> None:
    data = json.loads(analysed("talk").model_dump_json())
    del data["analyzers"]["cut_analysis"]["summary"]["cuts"], data["insights"]["pacing"]["shots"]
    assert wrong_field(Document.model_validate(data)) is None


@pytest.mark.parametrize("seed", range(CASES))
def test_a_value_of_the_wrong_kind_is_named_or_does_no_harm(
    analysed: Analysed, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    data, what = edited(json.loads(analysed("talk").model_dump_json()), seed)
    path = tmp_path / "analysis.json"
    path.write_text(json.dumps(data))
    for command in (["report", str(path)], ["export", str(path), "--to", "all", "--out", str(tmp_path / "out")]):
        code = run(command)
        err = capsys.readouterr().err
        assert code in (0, 2) and "internal" not in err, (what, err)
        assert (code == 0) == (
            next(tmp_path.glob("report.html"), None) is not None if command[0] == "report" else (tmp_path / "out").exists()
        )
