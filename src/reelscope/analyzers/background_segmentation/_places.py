"""Classes of what is behind the subject, and whether they speak for inside or outside. Pure; no arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["DEEPLAB_NAMES", "OTHER", "PERSON", "SEEN_RIGHT", "Setting", "main_name", "setting_of"]

PERSON = "person"

OTHER = "other"
# The classes of DeepLab's 32, in the order of the model: 0 for the rest of ADE20K, then its 31 most frequent ones.
DEEPLAB_NAMES = (
    "other", "wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "windowpane", "grass", "cabinet", "sidewalk", "person",
    "earth", "door", "table", "mountain", "plant", "curtain", "chair", "car", "water", "painting", "sofa", "shelf", "house", "sea",
    "mirror", "rug", "field", "armchair",
)  # fmt: skip

# Those seen to be right by eye on clips and pictures. Of the others (cabinet, door, road, painting, sofa, house, sea, mirror, rug, field,
# armchair) no clip here has enough to tell; they stand as the order of ADE20K has them.
SEEN_RIGHT = frozenset({
    "wall", "building", "sky", "floor", "tree", "ceiling", "bed", "windowpane", "grass", "sidewalk", "person", "earth", "table", "mountain",
    "plant", "curtain", "chair", "car", "water", "shelf",
})  # fmt: skip

# What is nearly always inside or outside. Walls, floors, doors, tables, chairs and pictures are found on either side (DeepLab calls a paved
# driveway a floor and its concrete a wall), so they say nothing.
INSIDE = frozenset({
    "ceiling", "bed", "windowpane", "cabinet", "curtain", "sofa", "shelf", "armchair", "wardrobe", "lamp", "bathtub", "cushion",
    "chest of drawers", "refrigerator", "counter", "sink", "fireplace", "pillow", "bookcase", "blind", "coffee table", "toilet", "stove",
    "kitchen island", "computer", "swivel chair", "chandelier", "television receiver", "oven", "microwave", "dishwasher", "shower",
    "radiator", "screen", "monitor", "crt screen", "cradle", "stairway", "escalator",
})  # fmt: skip
OUTSIDE = frozenset({
    "tree", "road", "grass", "sidewalk", "earth", "mountain", "plant", "water", "house", "sea", "field", "building", "rock", "sand",
    "path", "river", "hill", "palm", "land", "dirt track", "skyscraper", "bridge", "fence", "railing", "streetlight", "lake", "waterfall",
    "pier", "car", "bus", "truck", "ship", "boat", "van", "airplane", "traffic light",
})  # fmt: skip
SKY = "sky"

# Of the picture. Beside a face in close-up what is left is hair, shadows and a blurred edge: DeepLab saw a ceiling and a windowpane in the
# flag behind the talking woman, 20 % of the picture; the least background that was named rightly is 38 %.
LEAST_BACKGROUND = 0.3
# Of the background. A plain bright or black wall is often called sky, so sky counts only where other things of outside fill 15 % with it.
LEAST_SHARE = 0.15
# Where one class has to carry it alone, that is where the others of its side fill less than 5 %, it takes twice as much: the false ceiling
# filled 21 %; that of the office, alone as well, 72 %.
ALONE_BELOW, LEAST_ALONE = 0.05, 0.3
# How many times more of one than of the other: rooms have windows with trees in them, streets have curtains.
MARGIN = 4.0


@dataclass(frozen=True, slots=True)
class Setting:
    """Inside or outside. indoor_share, outdoor_share: of the background, what was counted; reason: why `value` is None."""

    value: Literal["indoor", "outdoor"] | None
    indoor_share: float
    outdoor_share: float
    reason: str | None = None


def setting_of(shares: Mapping[str, float], background: float = 1.0) -> Setting:
    """Inside or outside.

    Args:
        shares: Of the background, per class; they need not sum to 1, and people are not among them.
        background: Share of the picture that it fills.
    """
    inner = {k: v for k, v in shares.items() if k in INSIDE}
    outer = {k: v for k, v in shares.items() if k in OUTSIDE}
    if sum(outer.values()) >= LEAST_SHARE and SKY in shares:
        outer[SKY] = shares[SKY]
    inside, outside = sum(inner.values()), sum(outer.values())
    if background < LEAST_BACKGROUND:
        return Setting(None, inside, outside, f"the background fills less than {100 * LEAST_BACKGROUND:.0f} % of the picture")
    if max(inside, outside) < LEAST_SHARE:
        return Setting(None, inside, outside, "too little in the background tells")
    if max(inside, outside) < MARGIN * min(inside, outside):
        return Setting(None, inside, outside, "the background speaks for both")
    side = inner if inside > outside else outer
    total, largest = sum(side.values()), max(side, key=lambda k: side[k])
    if total - side[largest] < ALONE_BELOW and total < LEAST_ALONE:
        return Setting(None, inside, outside, f"{largest} alone tells, and fills less than {100 * LEAST_ALONE:.0f} % of the background")
    return Setting("indoor" if side is inner else "outdoor", inside, outside)


def main_name(label: str) -> str:
    """The first of the names that ADE20K gives a class ("windowpane, window" or "windowpane; window" becomes "windowpane")."""
    return label.replace(";", ",").partition(",")[0].strip().lower()
