"""Finding analyzers and features by name: a module of that name which defines ANALYZER or FEATURE."""

from __future__ import annotations

import importlib
import importlib.util

from reelscope.analyzers.base import Analyzer
from reelscope.document.names import ANALYZER_NAMES
from reelscope.features.base import Feature

__all__ = ["ANALYZER_NAMES", "INSTALLED", "Registry"]


class Registry:
    """The analyzers and features that are installed. Tests hand the engine another one with stubs in it."""

    def analyzer(self, name: str) -> type[Analyzer] | None:
        """The class of one of the nineteen, or None where this version has no module for it.

        Raises:
            KeyError: Not one of the nineteen.
        """
        if name not in ANALYZER_NAMES:
            raise KeyError(name)
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


INSTALLED = Registry()
