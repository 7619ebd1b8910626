"""Analyzers that other Python distributions bring: what is declared here, read from their metadata without importing any of it.

A distribution declares the entry point group `reelscope.analyzers` (name = "module:Class"); docs/writing-an-analyzer.md is the guide. Only
what somebody installed into this environment is found. Reading costs some milliseconds, once and only when somebody asks for it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from reelscope.document.names import ANALYZER_NAMES

__all__ = ["GROUP", "Plugin", "Plugins", "known_names", "plugins", "tell_refused"]

log = logging.getLogger(__name__)

GROUP = "reelscope.analyzers"

# A name is a key of the document and of settings, part of a variable's name (in capitals, where two underscores stand for a dot), a file's
# name in exports and a column's first part. 48 characters: the longest of the nineteen has 27.
NAME = re.compile(r"(?=.{1,48}\Z)[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z")


@dataclass(frozen=True, slots=True)
class Plugin:
    """An analyzer that a distribution declares.

    Attributes:
        name: As declared. target: "module:Class".
        distribution, version: Where it comes from.
        refused: Why it is not used; its code is never imported then.
    """

    name: str
    target: str
    distribution: str
    version: str
    refused: str | None = None

    @property
    def origin(self) -> str:
        """Distribution and version, for people."""
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Plugins:
    """All that is declared.

    Attributes:
        named: By name, in order of names: each has an entry in the document, also where it is refused.
        refused: Those whose names belong to something else, or can be no name.
    """

    named: Mapping[str, Plugin] = field(default_factory=dict)
    refused: tuple[Plugin, ...] = ()


@cache
def plugins() -> Plugins:
    """What is declared in this environment, as it was when this was first asked. A damaged environment has none, and is told in the log."""
    from importlib.metadata import entry_points

    try:
        declared = {
            Plugin(point.name, point.value.partition("[")[0].strip(), str(point.dist.name), str(point.dist.version))
            for point in entry_points(group=GROUP)
            if point.dist is not None
        }
    except Exception as error:  # half-removed distributions break the reader in many ways; the nineteen do not need it
        log.warning("no plugins: the metadata of installed packages cannot be read: %s: %s", type(error).__name__, error)
        return Plugins()
    return sorted_out(declared)


def tell_refused() -> None:
    """Log what no document tells of, since its name has no key there of its own."""
    for plugin in plugins().refused:
        log.warning("an analyzer of %s is not used: %s", plugin.origin, plugin.refused)


def sorted_out(declared: Iterable[Plugin]) -> Plugins:
    """Which of these may be used. Two of one name are both refused: neither is more right than the other."""
    by_name: dict[str, list[Plugin]] = {}
    for plugin in sorted(declared, key=lambda p: (p.name, p.distribution, p.target)):
        by_name.setdefault(plugin.name, []).append(plugin)
    named: dict[str, Plugin] = {}
    refused: list[Plugin] = []
    for name, found in by_name.items():
        why = _not_fresh(name)
        if why is not None:
            refused += [_refuse(plugin, why) for plugin in found]
        elif len(found) > 1:
            names, versions = (", ".join(dict.fromkeys(part)) for part in zip(*((p.distribution, p.version) for p in found), strict=True))
            both = " and ".join(f"{p.origin} ({p.target})" for p in found)
            named[name] = Plugin(name, "", names, versions, f"declared more than once, so none is used: {both}")
        elif TARGET.match(found[0].target) is None:
            named[name] = _refuse(found[0], f"{found[0].origin}: {found[0].target!r} is no module:Class")
        else:
            named[name] = found[0]
    return Plugins(named, tuple(refused))


def _refuse(plugin: Plugin, why: str) -> Plugin:
    return Plugin(plugin.name, plugin.target, plugin.distribution, plugin.version, why)


def _not_fresh(name: str) -> str | None:
    """Why something cannot be called that; None where it can."""
    if name in ANALYZER_NAMES:
        return f"{name} is an analyzer of reelscope itself, which stays"
    if name in _taken():
        return f"{name} is the name of another part of reelscope"
    if NAME.match(name) is None:
        return f"{name!r} can be no analyzer's name: lower-case words of letters and digits with single underscores, at most 48 characters"
    return None


@cache
def _taken() -> frozenset[str]:
    """Names of features, which workers hold beside analyzers, and of the other parts that comparisons show beside them."""
    from reelscope.document.insights import INSIGHTS  # with what they read: not for everybody who reads settings

    features = (path for path in (Path(__file__).parent / "features").iterdir() if path.suffix in ("", ".py"))
    return frozenset({"media", "shots", *INSIGHTS, *(path.stem for path in features if not path.name.startswith("_"))})


def known_names() -> tuple[str, ...]:
    """The nineteen, then what plugins add."""
    return (*ANALYZER_NAMES, *plugins().named)
