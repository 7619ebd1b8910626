"""docs/settings.md, generated from the tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reelscope.config.leaves import Leaf, env_name, leaves
from reelscope.config.tree import Settings
from reelscope.document.names import ANALYZER_NAMES

__all__ = ["bounds_of", "config_reference", "default_of", "type_of"]

HEAD = """# Settings

Generated from the settings tree by `make docs`; do not edit.

Each setting has a default. A later layer wins over an earlier one, setting by setting:

1. the default,
2. the user's file: `~/.config/reelscope/config.toml` (`$XDG_CONFIG_HOME/reelscope/config.toml` where that is set),
3. the project's file: `reelscope.toml` in the current folder,
4. the environment: `REELSCOPE_` and the key in capitals, **two** underscores for each dot, so `performance.analyzers.text_overlay.fps`
   is `REELSCOPE_PERFORMANCE__ANALYZERS__TEXT_OVERLAY__FPS`; a variable set to nothing counts as not set,
5. flags: `--set KEY=VALUE`, and those that name a setting (`--tier`, `--backend`, `--option`, `--format`).

`reelscope config show --origin` prints each value with the file and line, the variable or the flag that it came from.
A key that is not known, or a value that is not allowed, is refused with that place and the nearest known name.
In files values are strict TOML (`"2"` is not a number). In variables and flags, lists are separated by commas, and yes or no is `true` or
`false`. `auto` leaves a setting to the program where the default says so. `~` is the home folder; a relative path is relative to the
folder of the file that holds it, or to the current folder.

```toml
# reelscope.toml
[performance]
window_s = 1.0

[performance.analyzers.text_overlay]
fps = 2

[analysis.backends]
text_overlay = "ppocrv6"

[output]
formats = ["json"]
```
"""

NAME = "NAME"  # stands for each of the nineteen where all have the same setting


def config_reference() -> str:
    """The page: every setting with type, default, bounds, meaning and variable."""
    parts = [HEAD]
    for section, field in Settings.model_fields.items():
        parts.append(f"\n## {section}\n\n{(field.description or '').capitalize()}.\n")
        parts.append("\n| setting | type | default | allowed | what it does |\n|---|---|---|---|---|\n")
        for key, leaf in _rows(section).items():
            cells = (f"`{key}`<br>`{env_name(key)}`", type_of(leaf), default_of(leaf), bounds_of(leaf), leaf.description)
            parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n")
    parts.append("\n`NAME` is one of " + ", ".join(f"`{name}`" for name in ANALYZER_NAMES) + ".\n")
    return "".join(parts)


def _rows(section: str) -> dict[str, Leaf]:
    """Leaves of a section; nineteen equal ones stand as one, mappings with their levels."""
    rows: dict[str, Leaf] = {}
    for leaf in leaves().values():
        if leaf.path[0] != section:
            continue
        path = [NAME if part in ANALYZER_NAMES else part for part in leaf.path]
        rows.setdefault(".".join((*path, *({"analyzer": NAME, "option": "KEY"}[level] for level in leaf.levels))), leaf)
    return rows


def type_of(leaf: Leaf) -> str:
    """The type in words."""
    if leaf.key == "analysis.options":
        return "as the option says"
    schema = _member(leaf.schema)
    if "enum" in schema:
        return "word"
    if schema.get("format") == "path":
        return "path"
    return {"integer": "whole number", "number": "number", "string": "text", "array": "list of words", "boolean": "true or false"}[
        schema["type"]
    ]


def default_of(leaf: Leaf) -> str:
    """The default as it would be written in TOML; `auto` where the program chooses."""
    if leaf.levels:
        return "not set"
    if leaf.default is None:
        return "`auto`"
    if isinstance(leaf.default, tuple):
        return "`[" + ", ".join(f'"{word}"' for word in leaf.default) + "]`"
    if isinstance(leaf.default, bool):
        return f"`{str(leaf.default).lower()}`"
    if isinstance(leaf.default, (str, Path)):
        return f'`"{leaf.default}"`'
    return f"`{leaf.default}`"


def bounds_of(leaf: Leaf) -> str:
    """What is allowed, in words."""
    if leaf.levels:
        return {
            "analysis.backends": "a backend that `reelscope analyzers` lists",
            "placement.pin": "`cpu`, `cpu:N` (CPU worker N) or `cuda:N`",
        }.get(leaf.key, "see docs/analyzers/")
    schema = _member(leaf.schema)
    words = schema.get("enum") or schema.get("items", {}).get("enum")
    if words:
        return ", ".join(f"`{word}`" for word in words)
    parts = [
        f"{word} {schema[bound]:g}" if abs(schema[bound]) < 1e6 else f"{word} {schema[bound]}"
        for bound, word in (("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most"))
        if bound in schema
    ]
    return ", ".join(parts)


def _member(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value that is there, of a type that may be null."""
    return next((s for s in schema.get("anyOf", []) if s.get("type") != "null"), schema)
