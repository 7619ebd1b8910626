"""The fitted model: boosted trees over the figures of `_evidence`, evaluated with numpy.

Fitted by bench/fit_cuts.py on generated edits over real takes (its docstring tells how); `_model.npz` holds the trees.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from reelscope.features.shots._evidence import NAMES

__all__ = ["Trees", "load", "probability"]


class Trees:
    """An ensemble of binary trees whose leaves add up to log odds.

    Args:
        feature: int16 [trees, nodes], the figure that a node asks for; -1 for a leaf.
        threshold: float32 [trees, nodes]; smaller or equal goes left.
        left, right: int16 [trees, nodes], children.
        value: float32 [trees, nodes], log odds of a leaf.
        baseline: Log odds before any tree.
    """

    def __init__(
        self, feature: np.ndarray, threshold: np.ndarray, left: np.ndarray, right: np.ndarray, value: np.ndarray, baseline: float
    ) -> None:
        self.feature, self.threshold, self.left, self.right, self.value = feature, threshold, left, right, value
        self.baseline = float(baseline)
        self._trees = np.arange(len(feature))

    def log_odds(self, figures: np.ndarray) -> float:
        """Log odds for float32 [figures]."""
        node = np.zeros(len(self._trees), np.intp)
        while True:
            asked = self.feature[self._trees, node]
            inner = asked >= 0
            if not inner.any():
                return self.baseline + float(self.value[self._trees, node].sum())
            goes_left = figures[asked] <= self.threshold[self._trees, node]
            node = np.where(inner, np.where(goes_left, self.left[self._trees, node], self.right[self._trees, node]), node)


@cache
def load() -> Trees:
    """The shipped trees.

    Raises:
        ValueError: They were fitted to other figures than `_evidence` makes.
    """
    with np.load(Path(__file__).with_name("_model.npz"), allow_pickle=False) as data:
        if tuple(data["names"].tolist()) != NAMES:
            raise ValueError("_model.npz does not fit _evidence.NAMES: run bench/fit_cuts.py")
        return Trees(data["feature"], data["threshold"], data["left"], data["right"], data["value"], float(data["baseline"]))


def probability(figures: np.ndarray) -> float:
    """Probability (0-1) that the frame begins a shot."""
    return float(1 / (1 + np.exp(-np.clip(load().log_odds(figures), -30, 30))))
