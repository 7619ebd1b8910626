"""One frame and its halves, made once and only where somebody asks: detector and landmark model both look at a smaller picture."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Picture"]


class Picture:
    """A frame, uint8 [h, w, 3], and the same halved again and again.

    Halving by the mean of 2 x 2 pixels takes 0.2 ms at 540 x 960; one resize to the detector's 126 x 224 by area takes 1.3 ms. What is left
    then is less than a factor of two, where bilinear sampling leaves no pixel out.
    """

    def __init__(self, cv2: Any, rgb: np.ndarray) -> None:
        self.cv2 = cv2
        self._levels = [rgb]

    @property
    def width(self) -> int:
        return int(self._levels[0].shape[1])

    @property
    def height(self) -> int:
        return int(self._levels[0].shape[0])

    def shrunk(self, factor: float) -> np.ndarray:
        """The picture halved as often as leaves a factor below 2 to do; never to nothing."""
        level = 0
        while factor >= 2 and min(self._levels[level].shape[:2]) >= 2:
            factor /= 2
            level += 1
            if level == len(self._levels):
                height, width = self._levels[-1].shape[:2]
                self._levels.append(self.cv2.resize(self._levels[-1], (width // 2, height // 2), interpolation=self.cv2.INTER_AREA))
        return self._levels[level]
