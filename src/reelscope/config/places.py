"""Where files of ours lie between runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from reelscope.config.tree import Settings
from reelscope.errors import ConfigError

__all__ = ["DATA_VARIABLE", "data_dir", "models_dir"]

DATA_VARIABLE = "REELSCOPE_DATA_DIR"


def data_dir(settings: Settings, *, env: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """The folder for what is kept between runs; it need not exist yet.

    `system.data_dir`, else $REELSCOPE_DATA_DIR (relative to the current folder), else `reelscope` in the user's data folder:
    $XDG_DATA_HOME or ~/.local/share, on macOS ~/Library/Application Support.

    Raises:
        ConfigError: None of them is set and the user has no home folder.
    """
    if settings.system.data_dir is not None:
        return settings.system.data_dir
    if env.get(DATA_VARIABLE):
        return Path(env[DATA_VARIABLE]).absolute()
    xdg = Path(env.get("XDG_DATA_HOME", ""))
    if xdg.is_absolute():  # the XDG base directory specification: a path that is not absolute is to be ignored
        return xdg / "reelscope"
    try:
        home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    except RuntimeError:  # a container's user without an entry in the list of users
        raise ConfigError(
            "there is no home folder to keep results in", code="no_home", hint=f"set system.data_dir or {DATA_VARIABLE}"
        ) from None
    return home / ("Library/Application Support" if platform == "darwin" else ".local/share") / "reelscope"


def models_dir(settings: Settings, *, env: Mapping[str, str] = os.environ) -> Path:
    """The folder of the model store; it need not exist yet: `models.dir`, else `models` in the data folder.

    Raises:
        ConfigError: As for `data_dir`.
    """
    return settings.models.dir if settings.models.dir is not None else data_dir(settings, env=env) / "models"
