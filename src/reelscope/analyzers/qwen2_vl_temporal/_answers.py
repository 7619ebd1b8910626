"""Reading a model's answer: it is data, looked for one JSON object of a fixed shape, and nothing else in it is believed. Pure.

What is forgiven: a code fence, words around the object, a trailing comma, keys beyond the shape. What is not: a missing key, another type,
an empty or overlong text, a list written as one string, a text that goes round in circles, half an object (its last sentence was not
finished, so closing it by hand would present half a sentence as a whole one). Whoever asked may ask once more, with the error.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

__all__ = ["BadAnswer", "SegmentAnswer", "WholeAnswer", "clean", "loops", "read"]

MAX_RAW = 20_000  # characters: several times what the token budget allows a model to say
MAX_CANDIDATES = 20  # braces at which an object is looked for; more of them are no answer

T = TypeVar("T", bound=BaseModel)


class BadAnswer(ValueError):
    """An answer that does not have the shape; the message says why, short enough to be shown to the model and to the user."""


def clean(text: str) -> str:
    """One line of printable text: control characters go (also those that turn the direction of writing), white space becomes one space.

    Joiners stay: some scripts and emoji are written with them.
    """
    kept = (c if c in "\u200c\u200d" or not unicodedata.category(c).startswith("C") else " " for c in text)
    return " ".join("".join(kept).split())


def loops(text: str) -> bool:
    """Whether a text repeats itself as stuck models do: one stretch of 1-60 characters five times in a row or more (single characters:
    twelve), or one sequence of four words four times or more."""
    if re.search(r"(.)\1{11,}", text) or re.search(r"(.{2,60}?)\1{4,}", text):
        return True
    words = text.casefold().split()
    seen: dict[tuple[str, ...], int] = {}
    for i in range(len(words) - 3):
        key = tuple(words[i : i + 4])
        seen[key] = seen.get(key, 0) + 1
    return max(seen.values(), default=0) >= 4


# Words that stand for "I cannot tell": a null, where null is allowed.
NOTHING = {"", "null", "none", "n/a", "na", "unknown", "unclear", "not visible", "not specified", "-", "...", "string", "\u2026"}


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = clean(value)
    if loops(text):
        raise ValueError("repeats itself")
    return text


def _said(text: str) -> str:
    if text.casefold() in NOTHING:
        raise ValueError("says nothing")
    return text


def _or_null(value: Any) -> Any:
    return None if isinstance(value, str) and clean(value).casefold() in NOTHING else value


def _once(names: list[str]) -> list[str]:
    return list({n.casefold(): n for n in reversed(names) if n.casefold() not in NOTHING}.values())[::-1]


def _sentence(most: int) -> Any:
    return Annotated[str, BeforeValidator(_text), Field(max_length=most), AfterValidator(_said)]


def _perhaps(most: int) -> Any:
    return Annotated[Annotated[str, Field(max_length=most)] | None, BeforeValidator(_text), BeforeValidator(_or_null)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class SegmentAnswer(_Shape):
    """What is asked of one segment."""

    what_happens: _sentence(600)  # type: ignore[valid-type]
    objects: Annotated[
        list[Annotated[str, BeforeValidator(_text), Field(max_length=60)]], Field(max_length=20), AfterValidator(_once)
    ]  # fmt: skip
    setting: _perhaps(200)  # type: ignore[valid-type]
    mood: _perhaps(100)  # type: ignore[valid-type]
    continuity: _perhaps(300)  # type: ignore[valid-type]


class WholeAnswer(_Shape):
    """What is asked of the whole clip."""

    summary: _sentence(1200)  # type: ignore[valid-type]


def read(raw: str, shape: type[T]) -> T:
    """The first JSON object in an answer that has the shape.

    Raises:
        BadAnswer: There is none; the message tells of the first object found, else of what is missing.
    """
    if not raw.strip():
        raise BadAnswer("the answer is empty")
    if len(raw) > MAX_RAW:
        raise BadAnswer(f"the answer is longer than {MAX_RAW} characters")
    first: BadAnswer | None = None
    at = raw.find("{")
    if at < 0:
        raise BadAnswer("the answer repeats itself" if loops(raw[:2000]) else "the answer holds no JSON object")
    for _ in range(MAX_CANDIDATES):
        try:
            found, end = _object(raw, at)
            return shape.model_validate(found)
        except ValidationError as error:
            first = first or BadAnswer(_why(error))
            at = raw.find("{", end)
        except BadAnswer as error:
            first = first or error
            at = raw.find("{", at + 1)
        if at < 0:
            break
    assert first is not None
    raise first


def _object(raw: str, at: int) -> tuple[dict[str, Any], int]:
    """The object that begins at a brace, and where it ends."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    for text in (raw, re.sub(r",(\s*[}\]])", r"\1", raw[at:])):  # as it stands, else without trailing commas
        start = at if text is raw else 0
        try:
            found, end = decoder.raw_decode(text, start)
        except RecursionError:
            raise BadAnswer("the JSON is nested too deeply") from None
        except json.JSONDecodeError as error:
            last: Literal["cut", "broken"] = "cut" if error.pos >= len(text.rstrip()) - 1 or "Unterminated" in error.msg else "broken"
            continue
        return found, end if text is raw else at + 1
    raise BadAnswer("the JSON object is not finished" if last == "cut" else "the JSON cannot be parsed")


def _no_constant(name: str) -> Any:
    raise BadAnswer(f"{name} is no JSON")


def _why(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(p) for p in first["loc"] if not str(p).startswith(("function", "constrained", "nullable")))
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said[0].lower()}{said[1:]}"[:160]
