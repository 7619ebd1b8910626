"""Settings: one typed tree, filled from defaults < user file < project file < environment < flags."""

from reelscope.config.leaves import Leaf, env_name, leaves
from reelscope.config.load import FlagValue, LoadedSettings, Origin, load_settings, project_file, user_file
from reelscope.config.options import with_options
from reelscope.config.reference import config_reference
from reelscope.config.tree import Analysis as AnalysisSettings
from reelscope.config.tree import Format, Settings

__all__ = [
    "AnalysisSettings",
    "FlagValue",
    "Format",
    "Leaf",
    "LoadedSettings",
    "Origin",
    "Settings",
    "config_reference",
    "env_name",
    "leaves",
    "load_settings",
    "project_file",
    "user_file",
    "with_options",
]
