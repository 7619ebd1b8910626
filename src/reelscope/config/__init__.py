"""Settings: one typed tree, filled from defaults < user file < project file < environment < flags."""

from reelscope.config.tree import Format, Settings

__all__ = ["Format", "Settings"]
