"""A grid's pixels in metres on the ground."""

from typing import Any

import numpy as np
from pyproj import Geod, Transformer

from earthline.grid.grid import Grid

Array = np.ndarray[Any, Any]
_GEOD = Geod(ellps="WGS84")


def sides(grid: Grid) -> tuple[float, float]:
    """Height and width in metres on the ground of the pixel in the grid's middle, whatever its CRS counts in.

    Args:
        grid: Of a region; where a projection stretches the ground, its middle stands for all of it.

    Raises:
        GridError: PROJ does not know the CRS.
    """
    row, column = (side / 2 for side in grid.shape)
    places = [(column, row - 0.5), (column, row + 0.5), (column - 0.5, row), (column + 0.5, row)]
    x, y = zip(*(grid.affine @ place for place in places), strict=True)
    to_degrees = Transformer.from_crs(grid.pyproj_crs, "EPSG:4326", always_xy=True)
    longitude, latitude = (np.array(each) for each in to_degrees.transform(x, y))
    metres = _GEOD.inv(longitude[[0, 2]], latitude[[0, 2]], longitude[[1, 3]], latitude[[1, 3]])[2]
    return float(metres[0]), float(metres[1])
