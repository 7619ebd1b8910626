"""Fill the settings tree: defaults < user file < project file < environment < flags, and remember where each value came from."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from reelscope.config.leaves import ENV_PREFIX, Leaf, env_name, find, is_plugins_pace, leaves, sections
from reelscope.config.toml_lines import read_toml
from reelscope.config.tree import AnalyzerTuning, Settings
from reelscope.document.names import ANALYZER_NAMES
from reelscope.errors import ConfigError, nearest
from reelscope.plugins import known_names

__all__ = ["PLAIN_VARIABLES", "FlagValue", "Layer", "LoadedSettings", "Origin", "load_settings", "project_file", "user_file"]

Layer = Literal["default", "user", "project", "environment", "flag"]

# Variables of ours that are no settings: how errors of the command line are shown is decided before settings are read, and the data
# folder's (reelscope.config.places) and the one that keeps us offline have the short names that other programs have too; which server to
# ask, and the file with its token, concern commands that read no settings (reelscope.cli.remote).
PLAIN_VARIABLES = frozenset({"REELSCOPE_DEBUG", "REELSCOPE_DATA_DIR", "REELSCOPE_OFFLINE", "REELSCOPE_SERVER", "REELSCOPE_TOKEN_FILE"})

AUTO_WORDS = frozenset({"auto", "none"})  # TOML has no null, so these words give a setting back to the program


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    Attributes:
        layer: Which layer set it.
        file: The file of a user or project value.
        line: Its line, from 1.
        name: The variable of an environment value, the flag of a flag's.
    """

    layer: Layer
    file: Path | None = None
    line: int | None = None
    name: str | None = None

    def __str__(self) -> str:
        if self.file is not None:
            return f"{self.file}:{self.line}" if self.line else str(self.file)
        return self.name or self.layer


@dataclass(frozen=True, slots=True)
class FlagValue:
    """A flag's value with the flag as the user wrote it, for messages."""

    value: Any
    flag: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings and, for each dotted key (mappings: for each of their keys that is set), where it came from."""

    settings: Settings
    origins: Mapping[str, Origin]

    def value(self, key: str) -> Any:
        """The value of a dotted key of `origins`."""
        node: Any = self.settings
        for part in key.split("."):
            node = node[part] if isinstance(node, Mapping) else getattr(node, part)
        return node


@dataclass(frozen=True, slots=True)
class _Given:
    path: tuple[str, ...]
    value: Any
    origin: Origin
    base: Path  # what a relative path is relative to
    text: bool  # a string that stands for any type (environment, flags), not a typed value


def user_file(env: Mapping[str, str], home: Path) -> Path:
    """The user's file: $XDG_CONFIG_HOME/reelscope/config.toml, by default ~/.config/reelscope/config.toml."""
    folder = Path(env.get("XDG_CONFIG_HOME", ""))
    # the XDG base directory specification: a path that is not absolute is to be ignored
    return (folder if folder.is_absolute() else home / ".config") / "reelscope" / "config.toml"


def project_file(cwd: Path) -> Path:
    """The project's file."""
    return cwd / "reelscope.toml"


def load_settings(flags: Mapping[str, Any], *, env: Mapping[str, str], cwd: Path, home: Path) -> LoadedSettings:
    """Read all layers.

    Args:
        flags: Dotted key to value, a string or already typed, or a `FlagValue`.
        env: The environment; only REELSCOPE_* and XDG_CONFIG_HOME are read.
        cwd: Where `reelscope.toml` is looked for; relative paths of flags and variables are relative to it.
        home: The home folder, for the user's file and for `~` in paths.

    Raises:
        ConfigError: A key that is not known or a value that is not allowed; the message names file and line, variable or flag.
    """
    given: dict[str, _Given] = {}
    layers = (
        _from_file(user_file(env, home), "user"),
        _from_file(project_file(cwd), "project"),
        _from_env(env, cwd),
        _from_flags(flags, cwd),
    )
    for layer in layers:
        for item in layer:
            given[".".join(item.path)] = item
    tree: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    of_plugins = {key: leaf for key, item in given.items() if key not in leaves() and (leaf := find(item.path)) and leaf.like}
    for key, leaf in {**leaves(), **of_plugins}.items():
        entries = {k: item for k, item in given.items() if k == key or (leaf.levels and k.startswith(f"{key}."))}
        for full, item in entries.items():
            _put(tree, item.path, _convert(leaf, item, home))
            origins[full] = item.origin
        if not entries:
            origins[key] = Origin("default")
    return LoadedSettings(Settings.model_validate(tree), origins)


def _from_file(path: Path, layer: Layer) -> Iterator[_Given]:
    try:
        mode = path.stat().st_mode
    except OSError:  # not there, or in a folder that is closed to us (the home of another user): there is nothing that we were told
        return
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{path}: not a file", hint="the settings file is a text file in TOML")
    data, lines = read_toml(path)

    def walk(table: Mapping[str, Any], prefix: tuple[str, ...]) -> Iterator[_Given]:
        for name, value in table.items():
            here = (*prefix, name)
            origin = Origin(layer, path, lines.get(here))
            leaf = find(here)
            if leaf is not None:
                _check_names(here, leaf, origin)
                yield _Given(here, value, origin, path.parent, text=False)
            elif here in sections() or _is_open(here):
                _check_names(here, next((x for x in leaves().values() if x.levels and here[: len(x.path)] == x.path), None), origin)
                if not isinstance(value, dict):
                    raise ConfigError(f"{origin}: {'.'.join(here)} is a table, not a value", hint=f"write [{'.'.join(here)}]")
                yield from walk(value, here)
            else:
                raise _unknown(here, origin)

    yield from walk(data, ())


def _from_env(env: Mapping[str, str], cwd: Path) -> Iterator[_Given]:
    known = {env_name(key): leaf for key, leaf in leaves().items()}
    for name in sorted(env):
        if not name.startswith(ENV_PREFIX) or name in PLAIN_VARIABLES:
            continue
        if env[name] == "":  # set to nothing is how a shell or a unit file takes a variable away
            continue
        origin = Origin("environment", name=name)
        path = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
        leaf = find(path)
        if leaf is None or name != name.upper():
            words = [
                *known,
                *PLAIN_VARIABLES,
                *(env_name(".".join((*leaf.path, *path[len(leaf.path) :]))) for leaf in known.values() if leaf.levels),
            ]
            raise ConfigError(
                f"environment variable {name} names no setting{nearest(name.upper(), words, stem=ENV_PREFIX)}",
                code="unknown_setting",
                hint="'reelscope config show' lists the settings; two underscores stand for the dot",
            )
        _check_names(path, leaf, origin)
        yield _Given(path, env[name], origin, cwd, text=True)


def _from_flags(flags: Mapping[str, Any], cwd: Path) -> Iterator[_Given]:
    for key, value in flags.items():
        path = tuple(key.split("."))
        name, value = (value.flag, value.value) if isinstance(value, FlagValue) else (key, value)
        origin = Origin("flag", name=name)
        leaf = find(path)
        if leaf is None:
            raise _unknown(path, origin)
        _check_names(path, leaf, origin)
        yield _Given(path, value, origin, cwd, text=isinstance(value, str))


def _is_open(path: tuple[str, ...]) -> bool:
    """Whether the path is a mapping or one of its inner levels, or the table of the pace of a plugin's analyzer."""
    inner = any(path[: len(leaf.path)] == leaf.path and len(path) < len(leaf.path) + len(leaf.levels) for leaf in leaves().values())
    return inner or is_plugins_pace(path)


def _check_names(path: tuple[str, ...], leaf: Leaf | None, origin: Origin) -> None:
    """Refuse names of analyzers that are none, in the keys of mappings (or of their inner levels)."""
    for level, name in zip(leaf.levels, path[len(leaf.path) :], strict=False) if leaf else ():
        # what is installed is looked for only where it is asked for
        if level == "analyzer" and name not in ANALYZER_NAMES and name not in known_names():
            raise ConfigError(
                f"{origin}: {name!r} is no analyzer{nearest(name, known_names())}",
                code="unknown_analyzer",
                hint="'reelscope analyzers' lists them",
            )


def _unknown(path: tuple[str, ...], origin: Origin) -> ConfigError:
    """The error for a key that is not there; the nearest name is looked for where the path leaves the tree, then anywhere."""
    key = ".".join(path)
    depth = next((n for n in range(len(path)) if path[: n + 1] not in sections() and not _is_open(path[: n + 1])), len(path) - 1)
    if path in sections() or _is_open(path):
        return ConfigError(f"{origin}: {key!r} is a table of settings, not a setting", code="unknown_setting", hint=_list_hint(path))
    siblings = _children(path[:depth])
    guess = nearest(path[depth], siblings) or nearest(key, leaves()) or _by_last_name(path[-1])
    return ConfigError(f"{origin}: {key!r} is no setting{guess}", code="unknown_setting", hint=_list_hint(path[:depth]))


def _children(prefix: tuple[str, ...]) -> Iterable[str]:
    if is_plugins_pace(prefix):
        return AnalyzerTuning.model_fields
    if _is_open(prefix):
        return known_names()
    return {
        leaf.path[len(prefix)]: None for leaf in leaves().values() if len(leaf.path) > len(prefix) and leaf.path[: len(prefix)] == prefix
    }


def _by_last_name(name: str) -> str:
    """A setting of this very name in another table."""
    found = next((key for key, leaf in leaves().items() if leaf.path[-1] == name), None)
    return f", did you mean {found!r}?" if found else ""


def _list_hint(prefix: tuple[str, ...]) -> str:
    names = list(_children(prefix))
    if set(names) & set(ANALYZER_NAMES):
        return "'reelscope analyzers' lists the names"
    where = f"in {'.'.join(prefix)}" if prefix else "at the top"
    return f"{where} there are: {', '.join(names)}" if names else "'reelscope config show' lists the settings"


def _convert(leaf: Leaf, item: _Given, home: Path) -> Any:
    """The typed value.

    Typed values (TOML) convert strictly: "2" is no number. Text (environment, flags) converts by what the setting is, in words that
    people use: true/yes/on/1, comma-separated lists. "auto" or "none" gives a setting back to the program.
    """
    value = item.value
    if leaf.nullable and isinstance(value, str) and value.strip().lower() in AUTO_WORDS:
        return None
    if leaf.key == "analysis.options":  # typed by the analyzer's own Options, see reelscope.config.options
        return value
    if item.text and leaf.is_list:
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        if item.text and not leaf.is_list:
            value = leaf.adapter.validate_strings(value.strip())
        else:
            # strict in JSON mode: a list may stand for a tuple and a string for a path, but a string not for a number
            value = leaf.adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        raise _bad_value(leaf, item, error) from error
    if isinstance(value, Path):
        return _absolute(value, item.base, home)
    return value


def _absolute(path: Path, base: Path, home: Path) -> Path:
    if path.parts[:1] == ("~",):
        return home.joinpath(*path.parts[1:])
    return base / path


def _bad_value(leaf: Leaf, item: _Given, error: ValidationError) -> ConfigError:
    # a union reports each of its members; the one that is not about null tells more
    found = [e for e in error.errors() if e["type"] != "none_required"] or error.errors()
    said = found[0]["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    shown = item.value if item.text else json.dumps(item.value, default=str)
    key = ".".join(item.path)
    guess = ""
    expected = found[0].get("ctx", {}).get("expected") if found[0]["type"] == "literal_error" else None
    if expected:
        guess = nearest(str(found[0]["input"]), [word.strip(" '") for word in expected.replace(" or ", ",").split(",")])
    allowed = f"must be {said}" if not said.startswith("name ") else said
    return ConfigError(f"{item.origin}: {key} = {shown}: {allowed}{guess}", hint=leaf.description)


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value
