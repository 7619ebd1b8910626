"""A TOML file as flat keys with line numbers, which tomllib does not give."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reelscope.errors import ConfigError

__all__ = ["Lines", "read_toml"]

Lines = dict[tuple[str, ...], int]


def read_toml(path: Path) -> tuple[dict[str, Any], Lines]:
    """Read a file into its tables and the line on which each key stands.

    Raises:
        ConfigError: The file cannot be read or is not TOML; the message names file and line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a UTF-8 text file", hint="save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint="make the file readable, or move it away") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r" \(at line (\d+), column \d+\)$", message)
        if place:
            raise ConfigError(f"{path}:{place[1]}: not valid TOML: {message[: place.start()]}", hint="see https://toml.io") from error
        line = len(text.splitlines()) or 1  # "(at end of document)": the last statement is not closed
        raise ConfigError(f"{path}:{line}: not valid TOML: {message}", hint="see https://toml.io") from error
    return data, dict(_lines(text.splitlines()))


def _lines(lines: list[str]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield (path, line) for each table header and key of a text that is known to be valid.

    A statement is the least number of lines from its start that parses by itself, so quoted keys, dotted keys, inline tables and
    values over several lines need no scanner of their own.
    """
    table: tuple[str, ...] = ()
    start = 0
    while start < len(lines):
        if not lines[start].strip() or lines[start].lstrip().startswith("#"):
            start += 1
            continue
        for end in range(start + 1, len(lines) + 1):
            try:
                statement = tomllib.loads("\n".join(lines[start:end]))
            except tomllib.TOMLDecodeError:
                continue
            break
        else:  # cannot be with a valid text; without line numbers rather than with wrong ones
            return
        if lines[start].lstrip().startswith("["):
            table = _header(statement)
            yield table, start + 1
        else:
            for path in _paths(statement):
                yield (*table, *path), start + 1
        start = end


def _header(statement: Any) -> tuple[str, ...]:
    path: list[str] = []
    while statement:
        key, statement = next(iter(statement.items()))
        path.append(key)
        if isinstance(statement, list):
            statement = statement[0]
    return tuple(path)


def _paths(tree: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        yield (key,)
        if isinstance(value, dict):
            for path in _paths(value):
                yield (key, *path)
