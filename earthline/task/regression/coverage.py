"""What a map of a continuous value shows: its mean by ground, its spread and its histogram."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from earthline.task.maps import Coverage
from earthline.task.regression.ramp import painted
from earthline.task.regression.values import Values

Array = np.ndarray[Any, Any]

PARTS = 20
"""Equal parts of the range in the histogram."""


@dataclass(frozen=True)
class Part:
    """One part of the histogram.

    Attributes:
        name: Its values, such as 0 to 3.
        color: Of its middle, #rrggbb.
        share: Of the mapped ground, 0 to 1.
        hectares: On the ellipsoid; None where they are not known.
    """

    name: str
    color: str
    share: float
    hectares: float | None


class ValueCoverage(Coverage):
    """Ground by value.

    Attributes:
        pixels: With a value.
        masked: Without one.
        below: Pixels below the range.
        above: Pixels above the range.
    """

    def __init__(self, values: Values, no_data: float, measured: bool) -> None:
        """Begins with nothing.

        Args:
            values: The value of the map.
            no_data: Of the map, where it tells nothing.
            measured: False where the ground of pixels is not known.
        """
        self._values, self._no_data, self._measured = values, no_data, measured
        self.pixels = self.masked = self.below = self.above = 0
        self._least, self._most = np.inf, -np.inf
        self._ground = self._mean = self._square = 0.0
        self._parts = np.zeros(PARTS)

    def add(self, values: Array, hectares: Array) -> None:
        """As `Coverage.add`."""
        there = values != self._no_data
        self.masked += int((~there).sum())
        known, ground = values[there].astype(np.float64), hectares[there].astype(np.float64)
        if not len(known):
            return
        self.pixels += len(known)
        low, high = self._values.ends
        self.below += int((known < low).sum())
        self.above += int((known > high).sum())
        self._least, self._most = min(self._least, known.min()), max(self._most, known.max())
        place = np.clip(((known - low) / (high - low) * PARTS).astype(np.int64), 0, PARTS - 1)
        self._parts += np.bincount(place, weights=ground, minlength=PARTS)
        # Weighted means and squares of two parts together: Chan, Golub and LeVeque 1983.
        weight = float(ground.sum())
        mean = float((known * ground).sum() / weight)
        apart, total = mean - self._mean, self._ground + weight
        self._square += float(((known - mean) ** 2 * ground).sum()) + apart**2 * self._ground * weight / total
        self._mean += apart * weight / total
        self._ground = total

    @property
    def problem(self) -> str:
        """None: every finite number is a value."""
        return ""

    def shown(self) -> Mapping[str, Any]:
        """Mean and std by ground, extremes, histogram, and how much lies outside of the range."""
        return {
            "title": self._values.title,
            "unit": self._values.unit,
            "mean": self._mean,
            "std": float(np.sqrt(self._square / self._ground)),
            "least": float(self._least),
            "most": float(self._most),
            "hectares": self._ground if self._measured else None,
            "parts": self.parts(),
            "pixels": self.pixels,
            "masked": self.masked,
            "below": self.below,
            "above": self.above,
            "ends": self._values.ends,
        }

    def parts(self) -> list[Part]:
        """The histogram; what lies outside of the range counts in its outermost parts."""
        edges = np.linspace(*self._values.ends, PARTS + 1)
        middles = (edges[:-1] + edges[1:]) / 2
        colors = painted(middles, np.ones(PARTS, bool), self._values.ends, self._values.colors)
        return [
            Part(
                f"{one:g} to {other:g}",
                "#" + bytes(color.tolist()).hex(),
                float(ground / self._ground),
                float(ground) if self._measured else None,
            )
            for (one, other), color, ground in zip(pairwise(edges.tolist()), colors, self._parts, strict=True)
        ]
