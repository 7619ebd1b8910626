"""Common colour names: the nearest entry, in OKLab, of a small table of our own.

The table holds the eleven basic colour terms of English (Berlin and Kay 1969) in the shades that people tell apart in a picture:
dark, plain, light, and a handful of everyday words (navy, teal, beige ...). Several entries may share a name: a name covers a region, and
one point does not describe it.
"""

from __future__ import annotations

import numpy as np

from reelscope.analyzers.color_analysis._oklab import srgb8_of_hex, srgb_to_oklab

__all__ = ["NAMED_COLOURS", "name_of"]

NAMED_COLOURS: tuple[tuple[str, str], ...] = (
    ("black", "#000000"),
    ("black", "#161616"),
    ("dark grey", "#333333"),
    ("dark grey", "#505050"),
    ("grey", "#737373"),
    ("grey", "#949494"),
    ("light grey", "#b8b8b8"),
    ("light grey", "#d6d6d6"),
    ("white", "#f2f2f2"),
    ("white", "#ffffff"),
    ("dark red", "#5a0a0a"),
    ("dark red", "#8b0000"),
    ("red", "#c01818"),
    ("red", "#ff0000"),
    ("red", "#e03c3c"),
    ("coral", "#ff7f6a"),
    ("pink", "#ffb6c1"),
    ("pink", "#ff8fb8"),
    ("pink", "#f26aa0"),
    ("magenta", "#ff00d0"),
    ("magenta", "#c8148c"),
    ("light pink", "#f6dde2"),
    ("dark brown", "#3a2416"),
    ("brown", "#5f3a1e"),
    ("brown", "#8a5a2e"),
    ("brown", "#8a681e"),
    ("brown", "#7a5a48"),
    ("light brown", "#b08560"),
    ("tan", "#cfae88"),
    ("beige", "#e8d9bd"),
    ("cream", "#fff6dc"),
    ("orange", "#ff8000"),
    ("orange", "#e0691a"),
    ("orange", "#ffa640"),
    ("peach", "#ffcba4"),
    ("gold", "#d4a017"),
    ("gold", "#b8902a"),
    ("yellow", "#ffe000"),
    ("yellow", "#ffff00"),
    ("yellow", "#e8d44a"),
    ("light yellow", "#fff7a0"),
    ("olive", "#6b6b14"),
    ("olive", "#96964a"),
    ("olive", "#6a6c4a"),
    ("dark green", "#0c3a16"),
    ("dark green", "#2b4a2b"),
    ("green", "#1f7a2e"),
    ("green", "#22b83c"),
    ("green", "#5c9a4c"),
    ("lime green", "#7fff00"),
    ("lime green", "#00ff00"),
    ("lime green", "#b4e61e"),
    ("green", "#7f9f3c"),
    ("light green", "#b0cc74"),
    ("light green", "#90ee90"),
    ("light green", "#c8e6c0"),
    ("teal", "#007d7d"),
    ("teal", "#3f8f8a"),
    ("dark teal", "#0c4346"),
    ("turquoise", "#3fd8c8"),
    ("cyan", "#00ffff"),
    ("light cyan", "#c4f2f2"),
    ("light blue", "#add8e6"),
    ("light blue", "#a8c4e8"),
    ("sky blue", "#66b8f0"),
    ("blue", "#1e78d8"),
    ("blue", "#0000ff"),
    ("blue", "#2a4fc0"),
    ("blue", "#4a6fa5"),
    ("navy", "#00004d"),
    ("navy", "#14284b"),
    ("dark blue", "#16307a"),
    ("dark blue", "#0a0a96"),
    ("grey blue", "#708aa0"),
    ("grey blue", "#46586a"),
    ("purple", "#6a1b9a"),
    ("purple", "#9b30d9"),
    ("purple", "#8a5aa8"),
    ("dark purple", "#35104a"),
    ("lavender", "#c8b4e8"),
    ("lavender", "#e4dcf4"),
    ("violet", "#8f5cff"),
    ("plum", "#7a2a5a"),
)

_TABLE = srgb_to_oklab(np.array([srgb8_of_hex(code) for _, code in NAMED_COLOURS], np.float64))
_NEUTRAL = np.hypot(_TABLE[:, 1], _TABLE[:, 2]) < 0.005

NEUTRAL_CHROMA = 0.018  # OKLab; below it a light colour is called white, grey or black whatever its hue
NEUTRAL_CHROMA_DARK = 0.02  # added to it at L = 0, in proportion: OKLab spreads dark colours more than eyes on a screen do
LIGHTNESS_WEIGHT = 0.7  # on L: names follow hue before lightness


def name_of(lab: np.ndarray) -> str:
    """Common name of one OKLab colour [3]."""
    away = (((_TABLE - lab) * (LIGHTNESS_WEIGHT, 1.0, 1.0)) ** 2).sum(axis=1)
    neutral = np.hypot(lab[1], lab[2]) < NEUTRAL_CHROMA + NEUTRAL_CHROMA_DARK * (1.0 - lab[0])
    return NAMED_COLOURS[int(np.argmin(np.where(neutral == _NEUTRAL, away, np.inf)))][0]
