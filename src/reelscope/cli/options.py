"""Options of analyzers on the command line: checked against what each analyzer declares before a clip is opened."""

from __future__ import annotations

from pydantic import BaseModel

from reelscope.config import LoadedSettings, with_options

__all__ = ["checked_options", "options_of"]


def options_of(name: str) -> type[BaseModel] | None:
    """The options class of an analyzer; None where this version has no such analyzer."""
    from reelscope.analyzers.registry import INSTALLED

    kind = INSTALLED.analyzer(name)
    return None if kind is None else kind.Options


def checked_options(loaded: LoadedSettings) -> LoadedSettings:
    """The same settings with options in their types.

    Raises:
        ConfigError: An option that an analyzer does not have or take.
    """
    return with_options(loaded, options_of)
