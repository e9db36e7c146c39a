"""How much ground each class covers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyproj import CRS

from earthline.grid import Grid

_SQUARE_METRES_PER_HECTARE = 10_000


@dataclass(frozen=True)
class ClassArea:
    """One class on the map.

    Attributes:
        name: Of the class.
        color: #rrggbb.
        pixels: Mapped pixels.
        share: Of all mapped pixels, 0 to 1.
        hectares: None where the CRS is in degrees, whose pixels differ in size.
    """

    name: str
    color: str
    pixels: int
    share: float
    hectares: float | None


def class_areas(
    counts: np.ndarray[Any, Any], names: Sequence[str], colors: Sequence[str], grid: Grid
) -> list[ClassArea]:
    """The areas of a map's classes, by class id.

    Args:
        counts: Pixels by class id, (classes,).
        names: By class id.
        colors: By class id.
        grid: Of the map.
    """
    crs = CRS.from_user_input(grid.crs)
    hectares = None
    if crs.is_projected:
        metres = crs.axis_info[0].unit_conversion_factor
        hectares = abs(grid.affine.determinant) * metres**2 / _SQUARE_METRES_PER_HECTARE
    total = int(counts.sum())
    return [
        ClassArea(name, color, int(count), int(count) / total, None if hectares is None else int(count) * hectares)
        for count, name, color in zip(counts, names, colors, strict=True)
    ]
