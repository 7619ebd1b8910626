"""The demo reel: an edited vertical clip whose truth is known, rendered from what lies inside the installed packages."""

from __future__ import annotations

from reelscope.demo.render import render_demo

__all__ = ["render_demo"]
