"""The two models: how each wants to be shown a face, and what its answers over several views come to."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reelscope.analyzers.age_estimation._age import OLDEST, Estimate

__all__ = ["FairFace", "UtkFace", "groups_of", "interval", "quantile"]


class UtkFace:
    """A small regression network: float32 [1, 200, 200, 3], 0-1, to one number, which times 116 is the age.

    Args:
        session: Gives the model's session.
    """

    YEARS = 116.0
    """As its repository describes it."""
    ERROR_Y = 10.0
    """Standard deviation of the model's error. Its repository states a mean error of 2.6 years on its own split of UTKFace; the best
    published ones on held-out pictures of that set are about 4.6. Four large faces of known age came out 14 and 5 years too young, 3 and 7
    too old (RMS 8.4)."""
    Z80 = 1.28
    """Half-width of an interval that holds 80 % of a normal distribution, in standard deviations."""

    side_px = 200
    views = ((1.0, False), (1.15, True), (1.3, False), (1.45, True))
    """Margins and mirroring. From crop to crop of one picture the answers differ by up to 30 years, and how tightly the training pictures
    were cut is not told: so the mean over four."""

    def __init__(self, session: Callable[[], Any]) -> None:
        self._session = session

    def ask(self, cuts: Sequence[np.ndarray]) -> np.ndarray:
        """Mean age over the cuts (uint8 [200, 200, 3]): float64 [1]."""
        session = self._session()
        answers = [float(np.asarray(session.run([c[None].astype(np.float32) / 255])[0]).reshape(-1)[0]) for c in cuts]
        return np.array([float(np.mean(answers)) * self.YEARS])

    def sum_up(self, answers: Sequence[np.ndarray]) -> Estimate:
        """Median over the views; half-width 1.28 sqrt(error of the model ^ 2 + variance of the views)."""
        years = np.concatenate(answers)
        age, spread = float(np.median(years)), float(years.std(ddof=1))
        half = self.Z80 * math.hypot(self.ERROR_Y, spread)
        age = min(max(age, 0.0), float(OLDEST))
        return Estimate(age, max(0.0, age - half), min(float(OLDEST), age + half), len(answers), spread)


class FairFace:
    """A vision transformer that gives each of nine age groups a probability.

    The probabilities are averaged over the views and spread evenly within each group; the ends of the interval are the 10 and the 90 %
    point of that distribution, the age is its middle.
    """

    LEAST, MOST = 0.1, 0.9

    side_px = 224
    views = ((1.3, False), (1.3, True))
    """Near to how FairFace was cut: aligned faces with a quarter of margin (Karkkainen & Joo 2021)."""

    def __init__(self, session: Callable[[], Any]) -> None:
        self._session = session

    def ask(self, cuts: Sequence[np.ndarray]) -> np.ndarray:
        """Mean probabilities of the groups over the cuts, the youngest group first: float64 [groups]."""
        import torch

        model = self._session().model
        weights = next(model.parameters())
        pixels = torch.from_numpy(np.stack(cuts)).to(weights.device).permute(0, 3, 1, 2).float() / 127.5 - 1  # mean and deviation 0.5
        with torch.inference_mode():
            chances = model(pixel_values=pixels.to(weights.dtype)).logits.float().softmax(dim=1).mean(dim=0).cpu().numpy()
        self.groups, order = groups_of(model.config.id2label)
        return chances.astype(np.float64)[order]

    def sum_up(self, answers: Sequence[np.ndarray]) -> Estimate:
        """The distribution over all views; `spread` is the deviation of the views' own middles."""
        chances = np.mean(answers, axis=0)
        middles = [quantile(a, self.groups, 0.5) for a in answers]
        low, age, high = interval(chances, self.groups, self.LEAST, self.MOST)
        return Estimate(age, low, high, len(answers), float(np.std(middles, ddof=1)))


def groups_of(id2label: Mapping[Any, str]) -> tuple[list[tuple[float, float]], list[int]]:
    """Age groups by a model's labels ("20-29", "more than 70"), the youngest first, as [from, to); and the label's numbers in that order.

    Raises:
        ValueError: A label names no ages.
    """
    found = []
    for number, label in id2label.items():
        ages = [int(n) for n in re.findall(r"\d+", str(label))]
        if not 1 <= len(ages) <= 2:
            raise ValueError(f"{label!r} is no age group; expected something like '20-29' or 'more than 70'")
        found.append((float(ages[0]), float(ages[1] + 1) if len(ages) == 2 else float(OLDEST), int(number)))
    found.sort()
    return [(a, b) for a, b, _ in found], [n for *_, n in found]


def quantile(chances: np.ndarray, groups: Sequence[tuple[float, float]], part: float) -> float:
    """Age below which `part` of the probability lies, each group spread evenly."""
    total = np.concatenate([[0.0], np.cumsum(chances)])
    total /= total[-1]
    edges = [groups[0][0], *(b for _, b in groups)]
    return float(np.interp(part, total, edges))


def interval(chances: np.ndarray, groups: Sequence[tuple[float, float]], least: float, most: float) -> tuple[float, float, float]:
    """The ages at `least`, a half and `most` of the probability."""
    low, middle, high = (quantile(chances, groups, p) for p in (least, 0.5, most))
    return low, middle, high
