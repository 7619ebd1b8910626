"""Safe zones: what an app's own buttons and captions leave free of a full-screen video, how much of a box they cover, and where it
would be seen.

A profile is the safe area at 1080x1920 as a polygon with level and upright sides. Everything is computed in that frame, exactly but for
the rounding of floats: the polygon is cut into bands at the height of its corners, and a band is a row of rectangles.

A picture of another size or shape is fitted into the frame whole and in the middle, as the apps show one that is not 9:16: with bars
above and below where it is wider, at the sides where it is narrower. A box keeps its place in the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

__all__ = ["PROFILES", "Profile", "fit", "hidden_share", "largest_scale", "nearest_safe"]

FRAME_PX = (1080.0, 1920.0)  # width and height that the profiles are drawn for

# Least side of a box in pixels of the frame: one without width or height covers no area of which a share could be hidden, so it is
# measured as the thinnest of boxes and gives the share of its length.
LEAST_SIDE_PX = 1e-3

# Shares nearer to 0 or 1 than this are the rounding of floats: a millionth of a pixel of a box of 1000.
ROUNDING = 1e-9

Point = tuple[float, float]
Rect = tuple[float, float, float, float]
Xywh = tuple[float, float, float, float]


@dataclass(frozen=True)
class Profile:
    """The safe area of one app at 1080x1920.

    Attributes:
        name: Key of the profile in the document.
        label: As it is shown.
        dated: Month for which the figures were written down; the apps move their buttons without notice.
        source: Where the figures come from, in words.
        polygon: Corners in pixels in order, origin at the top left; sides are level or upright by turns, the last joins the first.
    """

    name: str
    label: str
    dated: str
    source: str
    polygon: tuple[Point, ...]

    def __post_init__(self) -> None:
        sides = list(zip(self.polygon, (*self.polygon[1:], *self.polygon[:1]), strict=True))
        if len(sides) < 4 or any((x0 == x1) == (y0 == y1) for (x0, y0), (x1, y1) in sides):
            raise ValueError(f"profile {self.name}: every side of the polygon must be level or upright and longer than nothing")

    @cached_property
    def safe(self) -> tuple[Rect, ...]:
        """The safe area as rectangles (left, top, right, bottom) that do not overlap."""
        return tuple((left, top, right, bottom) for top, bottom, row in self._bands() for left, right in row)

    @cached_property
    def rooms(self) -> tuple[Rect, ...]:
        """The largest rectangles inside the safe area; every rectangle inside it lies in one of them."""
        bands = list(self._bands())
        out: list[Rect] = []
        for i, (top, _, row) in enumerate(bands):
            for _, bottom, below in bands[i:]:
                row = [(max(a, c), min(b, d)) for a, b in row for c, d in below if min(b, d) > max(a, c)]
                out += [(left, top, right, bottom) for left, right in row]
        return tuple(out)

    @cached_property
    def covered(self) -> tuple[Rect, ...]:
        """What is not safe, as rectangles; the outer ones go on without end."""
        far = float("inf")
        bands = list(self._bands())
        out: list[Rect] = [(-far, -far, far, bands[0][0]), (-far, bands[-1][1], far, far)]
        for top, bottom, row in bands:
            edges = [-far, *(x for pair in row for x in pair), far]
            out += [(left, top, right, bottom) for left, right in zip(edges[::2], edges[1::2], strict=True)]
        return tuple(out)

    def _bands(self) -> Iterator[tuple[float, float, list[tuple[float, float]]]]:
        """Bands from top to bottom between the heights of corners, each with the stretches that lie inside."""
        heights = sorted({y for _, y in self.polygon})
        sides = list(zip(self.polygon, (*self.polygon[1:], *self.polygon[:1]), strict=True))
        for top, bottom in zip(heights, heights[1:], strict=False):
            crossed = sorted(x0 for (x0, y0), (x1, y1) in sides if x0 == x1 and min(y0, y1) <= top and max(y0, y1) >= bottom)
            yield top, bottom, list(zip(crossed[::2], crossed[1::2], strict=True))


def _inset(top: float, bottom: float, left: float, right: float) -> tuple[Point, ...]:
    """The rectangle that margins leave of the frame."""
    width, height = FRAME_PX
    return ((left, top), (width - right, top), (width - right, height - bottom), (left, height - bottom))


AS_GIVEN = "figures for 1080x1920 as this project's requirements give them in November 2026; not read from the app"

_ALL = (
    Profile(
        name="tiktok",
        label="TikTok in-feed",
        dated="2026-11",
        source=f"polygon with a step for the buttons at the right; {AS_GIVEN}",
        polygon=((120, 240), (960, 240), (960, 840), (780, 840), (780, 1260), (120, 1260)),
    ),
    Profile(
        name="reels",
        label="Instagram Reels",
        dated="2026-11",
        source=f"margins: top 269, bottom 672, sides 65; {AS_GIVEN}",
        polygon=_inset(269, 672, 65, 65),
    ),
    Profile(
        name="shorts",
        label="YouTube Shorts",
        dated="2026-11",
        source=f"margins: top 288, bottom 672, left 48, right 192; {AS_GIVEN}",
        polygon=_inset(288, 672, 48, 192),
    ),
)
PROFILES: dict[str, Profile] = {p.name: p for p in _ALL}


def fit(width_px: float, height_px: float) -> tuple[float, float, float]:
    """How a picture stands in the frame.

    Returns:
        Pixels of the frame to one of the picture, and the picture's left and top edge in the frame.

    Raises:
        ValueError: A picture without width or height.
    """
    if width_px <= 0 or height_px <= 0:
        raise ValueError(f"a picture of {width_px} x {height_px} pixels has no area")
    scale = min(FRAME_PX[0] / width_px, FRAME_PX[1] / height_px)
    return scale, (FRAME_PX[0] - width_px * scale) / 2, (FRAME_PX[1] - height_px * scale) / 2


def hidden_share(profile: Profile, xywh_norm: Xywh, width_px: float, height_px: float) -> float:
    """Share (0-1) of a box's area that lies outside the safe area.

    Args:
        profile: Of PROFILES.
        xywh_norm: Box in shares of the picture.
        width_px: Width of the finished picture.
        height_px: Its height.
    """
    left, top, width, height = _framed(xywh_norm, width_px, height_px)
    seen = sum(
        max(0.0, min(right, left + width) - max(x, left)) * max(0.0, min(bottom, top + height) - max(y, top))
        for x, y, right, bottom in profile.safe
    )
    share = 1 - seen / (width * height)
    return 0.0 if share < ROUNDING else 1.0 if share > 1 - ROUNDING else share


def nearest_safe(profile: Profile, xywh_norm: Xywh, width_px: float, height_px: float) -> Point | None:
    """Where a box of the same size is wholly seen, as near as can be to where it is.

    The positions at which a box meets one of the covered rectangles form an open rectangle of their own; the nearest free position
    therefore has each of its coordinates either where the box is or on a side of one of those, and all of these are tried.

    Returns:
        x and y of its top left corner in shares of the picture, inside the picture; None where it fits nowhere. Of several equally near
        the higher one, then the one further left.
    """
    scale, x0, y0 = fit(width_px, height_px)
    left, top, width, height = _framed(xywh_norm, width_px, height_px)
    far = float("inf")
    outside = (  # where the frame holds no picture
        (-far, -far, x0, far), (x0 + width_px * scale, -far, far, far),
        (-far, -far, far, y0), (-far, y0 + height_px * scale, far, far),
    )  # fmt: skip
    barred = [(x - width, y - height, right, bottom) for x, y, right, bottom in (*profile.covered, *outside)]
    columns = {left, *(x for x, _, right, _ in barred for x in (x, right) if abs(x) < far)}
    rows = {top, *(y for _, y, _, bottom in barred for y in (y, bottom) if abs(y) < far)}
    free = (
        ((x - left) ** 2 + (y - top) ** 2, y, x) for x in columns for y in rows if not any(a < x < c and b < y < d for a, b, c, d in barred)
    )
    best = min(free, default=None)
    if best is None:
        return None
    _, y, x = best
    return (
        xywh_norm[0] if x == left else (x - x0) / scale / width_px,
        xywh_norm[1] if y == top else (y - y0) / scale / height_px,
    )


def largest_scale(profile: Profile, xywh_norm: Xywh, width_px: float, height_px: float) -> float:
    """By how much a box may grow, or must shrink (below 1), to be as large as the safe area of the picture lets it be; shape kept."""
    scale, x0, y0 = fit(width_px, height_px)
    _, _, width, height = _framed(xywh_norm, width_px, height_px)
    rooms = (
        (min(right, x0 + width_px * scale) - max(left, x0), min(bottom, y0 + height_px * scale) - max(top, y0))
        for left, top, right, bottom in profile.rooms
    )
    return max(0.0, *(min(w / width, h / height) for w, h in rooms))


def _framed(xywh_norm: Xywh, width_px: float, height_px: float) -> Xywh:
    """A box in pixels of the frame."""
    scale, x0, y0 = fit(width_px, height_px)
    x, y, width, height = xywh_norm
    return (
        x0 + x * width_px * scale,
        y0 + y * height_px * scale,
        max(width * width_px * scale, LEAST_SIDE_PX),
        max(height * height_px * scale, LEAST_SIDE_PX),
    )
