"""Parts of a line that do something: a moment to go to, a command to copy, the mark of a value that somebody corrected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reelscope.document.report.words import NA, clean, sentence, timecode

__all__ = ["At", "Command", "Mended", "Part", "at", "day_of", "hint_parts", "mended", "mended_rows", "mended_value", "span"]


@dataclass(frozen=True, slots=True)
class At:
    """Words that lead to a second of the clip."""

    words: str
    t_s: float


@dataclass(frozen=True, slots=True)
class Command:
    """Words of a hint that can be copied and run."""

    command: str


Part = str | At


def at(t_s: float | None, words: str | None = None) -> Part:
    """A moment to go to, by its timecode or other words; a dash where it was not measured."""
    if t_s is None:
        return words or NA
    return At(words or timecode(t_s), round(float(t_s), 6))


def span(found: Mapping[str, Any]) -> Part:
    """A stretch of time, which leads to its beginning."""
    return at(found["start_s"], f"{timecode(found['start_s'])}\N{EN DASH}{timecode(found['end_s'])}")


# Hints are prose with commands in them. One ends where prose goes on: at a bracket, after a token with punctuation, before a verb of ours.
STOPS = frozenset({"lists", "shows", "says", "runs", "removes", "allows", "goes", "chooses", "and", "or", "then", "after", "it"})
TARGET = re.compile(r"[a-z]+(-[a-z]+)+|setup|demo")
OPTION = re.compile(r"--[a-z][a-z-]*(=\S+)?")
VALUE = re.compile(r"(?=.*[=_,./\dA-Z-])[^-(\s].*")  # what no word of prose looks like
BEGINS = ("reelscope ", "make ", "--")


def hint_parts(hint: str | None) -> Sequence[str | Command]:
    """A hint as text and commands, where it begins with a command; else the text as it is."""
    if not hint:
        return ()
    if not hint.startswith(BEGINS):
        return (hint,)
    tokens = hint.split(" ")
    out: list[str | Command] = []
    i = 0
    while i < len(tokens):
        taken = _command(tokens, i)
        if taken:
            words = " ".join(tokens[i : i + taken])
            command = words.rstrip(";,.:")
            out += [Command(command), *([words[len(command) :]] if words != command else [])]
            i += taken
        elif out and isinstance(out[-1], str):
            out[-1] += f" {tokens[i]}"
            i += 1
        else:
            out.append(tokens[i])
            i += 1
    return tuple(out)


def _command(tokens: Sequence[str], i: int) -> int:
    """How many tokens the command that begins here has; 0 where none does."""
    first, rest = tokens[i], tokens[i + 1 :]
    if first == "make":
        return 2 if rest and TARGET.fullmatch(rest[0].rstrip(";,.:")) else 0
    if OPTION.fullmatch(first.rstrip(";,.:")):
        return 2 if "=" not in first and rest and VALUE.fullmatch(rest[0]) else 1
    if first != "reelscope":
        return 0
    count = 1
    for token in rest:
        if token.startswith("(") or token in STOPS:
            break
        count += 1
        if token[-1:] in ";,:" or token.endswith("."):
            break
    return count if count > 1 else 0


@dataclass(frozen=True, slots=True)
class Mended:
    """A value that somebody corrected. was: what was measured."""

    was: str
    author: str
    when: str

    @property
    def told(self) -> str:
        return f"corrected by {self.author} on {self.when}, measured: {self.was}"


def mended(thing: object) -> dict[str, Mended]:
    """Corrections of a shot or segment, by field; the last one of a field holds. Measured values have none."""
    return mended_rows(getattr(thing, "corrected", None))


def mended_rows(found: object) -> dict[str, Mended]:
    """The same of what stands under `corrected`."""
    out: dict[str, Mended] = {}
    for row in found if isinstance(found, list) else ():
        if isinstance(row, Mapping) and isinstance(row.get("field"), str):
            out[row["field"]] = Mended(
                mended_value(row["field"], row.get("was")), clean(row.get("author") or "nobody named"), day_of(row.get("at"))
            )
    return out


# Fields whose values are people's own words; the others are names of the analyzers, written as the report writes them.
FREE = frozenset({"text", "speech", "description", "what_happens", "speaker_name", "name"})


def mended_value(field: str, value: object) -> str:
    """A value that was corrected, or what it became, in words."""
    if value is None or value == "":
        return "nothing"
    return clean(value) if field in FREE else sentence(clean(value)).lower()


def day_of(when: object) -> str:
    """The day of a time stamp, from JSON or not."""
    if when is None:
        return "an unknown day"
    return clean(when.isoformat() if hasattr(when, "isoformat") else when)[:10]
