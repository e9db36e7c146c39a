"""Ground that is looked at before a run: all of it, or in coarser pixels."""

from typing import Any

import ee

from earthline.grid import Grid


def ground(grid: Grid, most: int) -> dict[str, Any]:
    """Arguments of `reduceRegion`: the whole grid, or the same ground on a coarser one of about `most` pixels.

    Args:
        grid: The grid.
        most: Largest number of pixels that are looked at one by one.
    """
    coarse = grid.thinned(most)
    return {
        "geometry": footprint(grid),
        "crs": coarse.crs,
        "crsTransform": list(coarse.transform),
        "maxPixels": 4 * most,
    }


def footprint(grid: Grid) -> Any:
    """The `ee.Geometry` of a grid's four corners."""
    height, width = grid.shape
    corners = [list(grid.affine @ corner) for corner in ((0, 0), (width, 0), (width, height), (0, height))]
    return ee.Geometry.Polygon([corners], proj=grid.crs, geodesic=False)
