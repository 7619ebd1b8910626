"""Finding analyzers and features by name: a module of that name which defines ANALYZER or FEATURE, or what a plugin declares."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Mapping
from functools import cache

from reelscope.analyzers.base import Analyzer
from reelscope.analyzers.check import check_class
from reelscope.document.names import ANALYZER_NAMES
from reelscope.errors import PluginError
from reelscope.features.base import Feature
from reelscope.plugins import Plugin, plugins

__all__ = ["ANALYZER_NAMES", "INSTALLED", "Registry"]

log = logging.getLogger(__name__)


class Registry:
    """The analyzers and features that are installed. Tests hand the engine another one with stubs in it.

    It holds nothing, so it travels to worker processes, which find the same plugins in the same environment.
    """

    @property
    def plugins(self) -> Mapping[str, Plugin]:
        """What other distributions add to the nineteen, by name, also what is refused; nothing of it is imported for this."""
        return plugins().named

    def analyzer(self, name: str) -> type[Analyzer] | None:
        """The class of one of the nineteen, None where this version has no module for it, or the class of a plugin, which is imported.

        Raises:
            KeyError: Neither one of the nineteen nor declared by a plugin.
            PluginError: The plugin is refused, cannot be imported or breaks the contract; the message names its distribution.
        """
        if name not in ANALYZER_NAMES:
            return _plugins_class(self.plugins[name])
        module = f"reelscope.analyzers.{name}"
        if importlib.util.find_spec(module) is None:
            return None
        found: type[Analyzer] = importlib.import_module(module).ANALYZER
        return found

    def feature(self, name: str) -> type[Feature]:
        """The class of a feature.

        Raises:
            ModuleNotFoundError: There is no such feature.
        """
        found: type[Feature] = importlib.import_module(f"reelscope.features.{name}").FEATURE
        return found


def _plugins_class(plugin: Plugin) -> type[Analyzer]:
    found = _looked_at(plugin)
    if isinstance(found, tuple):  # raised anew each time: an exception that is kept collects tracebacks
        message, code, hint = found
        raise PluginError(message, code=code, hint=hint)
    return found


@cache
def _looked_at(plugin: Plugin) -> type[Analyzer] | tuple[str, str, str]:
    """A plugin's class, or why it is not used (message, code, hint). What did not import is not tried again by this process."""
    remove = f"mend or remove it: pip uninstall {plugin.distribution}"
    if plugin.refused is not None:
        several = ", " in plugin.distribution
        return plugin.refused, "plugin_refused", f"keep one of them: pip uninstall one of {plugin.distribution}" if several else remove
    module, _, name = plugin.target.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # code of others; whatever is wrong with it is wrong with this analyzer alone
        log.debug("plugin %s of %s cannot be imported", plugin.name, plugin.origin, exc_info=True)
        return f"{plugin.origin}: {plugin.target} cannot be imported: {type(error).__name__}: {error}", "plugin_broken", remove
    try:
        check_class(kind, plugin.name, names=(*ANALYZER_NAMES, *plugins().named))
    except Exception as error:  # a spec may hold anything
        why = error.message if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        return f"{plugin.origin}: {plugin.target} breaks the contract of analyzers: {why}", "plugin_broken", remove
    found: type[Analyzer] = kind
    return found


INSTALLED = Registry()
