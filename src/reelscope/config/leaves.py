"""The settings tree as a flat list of leaves, from which loading, help and the documentation work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter

from reelscope.config.tree import Settings
from reelscope.document.names import ANALYZER_NAMES
from reelscope.plugins import plugins

__all__ = ["ENV_PREFIX", "Leaf", "env_name", "find", "is_plugins_pace", "leaves", "sections"]

ENV_PREFIX = "REELSCOPE_"

# Leaves that are mappings, with the names of their levels: placement of one key is decided key by key, not for the mapping as a whole.
OPEN_LEVELS = {"analysis.backends": ("analyzer",), "analysis.options": ("analyzer", "option"), "placement.pin": ("analyzer",)}


TUNING = ("performance", "analyzers")  # the table that has a part of its own for each analyzer


@dataclass(frozen=True)
class Leaf:
    """One setting.

    Attributes:
        key: Dotted key.
        annotation: Its type with all bounds.
        default: What stands without any layer.
        description: What it does.
        levels: For a mapping, what its keys are called level by level; empty for plain settings.
        like: Key of the setting that it is for one more analyzer (a plugin's); None for settings of the tree.
    """

    key: str
    annotation: Any
    default: Any
    description: str
    levels: tuple[str, ...] = ()
    like: str | None = None

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(self.key.split("."))

    @property
    def nullable(self) -> bool:
        """Whether the setting may be left to the program (written "auto")."""
        return any(NoneType in get_args(a) for a in (self.annotation, *get_args(self.annotation)))

    @property
    def is_path(self) -> bool:
        return Path in (self.annotation, *get_args(self.annotation), *(a for b in get_args(self.annotation) for a in get_args(b)))

    @property
    def is_list(self) -> bool:
        return tuple in (get_origin(a) for a in (self.annotation, *get_args(self.annotation)))

    @property
    def adapter(self) -> TypeAdapter[Any]:
        return _adapter(self.like or self.key)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of one value."""
        return self.adapter.json_schema()


def env_name(key: str) -> str:
    """Name of the environment variable for a dotted key."""
    return ENV_PREFIX + key.replace(".", "__").upper()


@cache
def leaves() -> dict[str, Leaf]:
    """Every setting by its dotted key, in the order of the tree."""
    return {leaf.key: leaf for leaf in _walk(Settings, ())}


@cache
def sections() -> frozenset[tuple[str, ...]]:
    """Every proper prefix of a leaf's path: the tables."""
    return frozenset(leaf.path[:n] for leaf in leaves().values() for n in range(len(leaf.path)))


def find(path: tuple[str, ...]) -> Leaf | None:
    """The leaf that a full path names: itself, an entry of a mapping, or the pace of a plugin's analyzer."""
    if len(path) == 4 and is_plugins_pace(path[:3]):
        model = leaves().get(".".join((*TUNING, ANALYZER_NAMES[0], path[3])))
        return replace(model, key=".".join(path), like=model.key) if model is not None else None
    for n in range(len(path), 0, -1):
        leaf = leaves().get(".".join(path[:n]))
        if leaf is not None:
            return leaf if len(path) - n == len(leaf.levels) else None
    return None


def is_plugins_pace(path: tuple[str, ...]) -> bool:
    """Whether the path is the table of the pace of an analyzer that a plugin brings; what is installed is looked for only then."""
    return len(path) == 3 and path[:2] == TUNING and path[2] not in ANALYZER_NAMES and path[2] in plugins().named


def _walk(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[Leaf]:
    for name, field in model.model_fields.items():
        here = (*path, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _walk(field.annotation, here)
            continue
        key = ".".join(here)
        annotation = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        yield Leaf(key, annotation, field.default, field.description or "", OPEN_LEVELS.get(key, ()))


@cache
def _adapter(key: str) -> TypeAdapter[Any]:
    leaf = leaves()[key]
    if not leaf.levels:
        return TypeAdapter(leaf.annotation, config=ConfigDict(allow_inf_nan=False))
    value = leaf.annotation
    for _ in leaf.levels:
        value = get_args(value)[1]
    return TypeAdapter(value)
