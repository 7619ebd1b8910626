"""Classes of what is behind the subject, and whether they speak for inside or outside. Pure; no arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["DEEPLAB_NAMES", "PERSON", "Setting", "main_name", "setting_of"]

PERSON = "person"

# The classes of DeepLab's 32, in the order of the model: 0 for the rest of ADE20K, then its 31 most frequent ones. Seen to be right on
# clips and pictures: wall, building, sky, floor, tree, ceiling, bed, windowpane, grass, sidewalk, person, earth, table, mountain, plant,
# curtain, chair, car, water, shelf. Of the others no clip here has enough to tell: cabinet, door, road, painting, sofa, house, sea,
# mirror, rug, field, armchair stand as the order of ADE20K has them.
DEEPLAB_NAMES = (
    "other", "wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "windowpane", "grass", "cabinet", "sidewalk", "person",
    "earth", "door", "table", "mountain", "plant", "curtain", "chair", "car", "water", "painting", "sofa", "shelf", "house", "sea",
    "mirror", "rug", "field", "armchair",
)  # fmt: skip

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

# Of the background. A plain bright or black wall is often called sky, so sky counts only where other things of outside fill 15 % with it.
LEAST_SHARE = 0.15
# How many times more of one than of the other: rooms have windows with trees in them, streets have curtains.
MARGIN = 4.0


@dataclass(frozen=True, slots=True)
class Setting:
    """Inside or outside. indoor_share, outdoor_share: of the background, what was counted; reason: why `value` is None."""

    value: Literal["indoor", "outdoor"] | None
    indoor_share: float
    outdoor_share: float
    reason: str | None = None


def setting_of(shares: Mapping[str, float]) -> Setting:
    """Inside or outside from the shares of classes in the background (they need not sum to 1; people are not among them)."""
    inside = sum(v for k, v in shares.items() if k in INSIDE)
    ground = sum(v for k, v in shares.items() if k in OUTSIDE)
    outside = ground + (shares.get(SKY, 0.0) if ground >= LEAST_SHARE else 0.0)
    if inside >= LEAST_SHARE and inside >= MARGIN * outside:
        return Setting("indoor", inside, outside)
    if outside >= LEAST_SHARE and outside >= MARGIN * inside:
        return Setting("outdoor", inside, outside)
    few = max(inside, outside) < LEAST_SHARE
    return Setting(None, inside, outside, "too little in the background tells" if few else "the background speaks for both")


def main_name(label: str) -> str:
    """The first of the names that ADE20K gives a class ("windowpane, window" or "windowpane; window" becomes "windowpane")."""
    return label.replace(";", ",").partition(",")[0].strip().lower()
