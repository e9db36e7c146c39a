"""A small picture of all that patches show, to draw splits over."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MOST_SIDE = 700
"""Most pixels of the picture's longer side."""


@dataclass(frozen=True)
class Mosaic:
    """Every so-manieth pixel of the ground.

    Attributes:
        values: Of three bands, float32 (height, width, 3); NaN where no patch is.
        step: Pixels of the grid a side of one of the picture's.
    """

    values: Array
    step: int

    @classmethod
    def nothing(cls, shape: tuple[int, int]) -> "Mosaic":
        """An empty one.

        Args:
            shape: Shape of the grid in pixels `(height, width)`.
        """
        step = max(1, -(-max(shape) // MOST_SIDE))
        height, width = (-(-length // step) for length in shape)
        return cls(np.full((height, width, 3), np.nan, np.float32), step)

    def draw(self, image: Array, valid: Array, row: int, column: int) -> None:
        """Draws a patch; what reaches outside the grid is left out.

        Args:
            image: Of three bands, (height, width, 3).
            valid: bool (height, width).
            row: Row of its first pixel on the grid.
            column: Column of its first pixel on the grid.
        """
        first = -row % self.step, -column % self.step
        values = np.where(valid[..., np.newaxis], image, np.nan)[first[0] :: self.step, first[1] :: self.step]
        top, left = (row + first[0]) // self.step, (column + first[1]) // self.step
        if top < 0 or left < 0 or not values.size:
            return
        here = self.values[top : top + values.shape[0], left : left + values.shape[1]]
        values = values[: here.shape[0], : here.shape[1]]
        here[:] = np.where(np.isnan(here), values, here)

    def __add__(self, other: "Mosaic") -> "Mosaic":
        """That of both."""
        return Mosaic(np.where(np.isnan(self.values), other.values, self.values), self.step)
