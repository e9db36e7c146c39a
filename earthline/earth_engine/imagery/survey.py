"""Ground that is looked at before a run: all of it, or in coarser pixels."""

from typing import Any

from earthline.config import Data
from earthline.earth_engine.imagery.region import footprint
from earthline.grid import Grid


def ground(data: Data, grid: Grid, most: int) -> dict[str, Any]:
    """Arguments of `reduceRegion`: all of a grid that counts, or the same ground in about `most` larger pixels.

    Args:
        data: The section, whose region may be an outline.
        grid: The grid.
        most: Largest number of pixels that are looked at one by one.
    """
    coarse = grid.thinned(most)
    return {
        "geometry": footprint(data, grid),
        "crs": coarse.crs,
        "crsTransform": list(coarse.transform),
        "maxPixels": 4 * most,
    }
