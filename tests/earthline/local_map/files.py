"""GeoTIFFs of a few pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

Array = np.ndarray[Any, Any]

CRS, CORNER, SCALE = "EPSG:32632", (600_000.0, 5_000_000.0), 10.0


def write(
    path: Path, bands: Array, names: Sequence[str] = (), *, row: float = 0, column: float = 0, **profile: Any
) -> str:
    """Writes (bands, rows, columns); its first pixel is the one of this row and column of a grid that all share."""
    count, height, width = bands.shape
    transform = Affine.translation(*CORNER) @ Affine.scale(SCALE, -SCALE) @ Affine.translation(column, row)
    told = {"driver": "GTiff", "crs": CRS, "transform": transform, "dtype": bands.dtype, **profile}
    with rasterio.open(path, "w", count=count, height=height, width=width, **told) as file:
        file.write(bands)
        for place, name in enumerate(names, start=1):
            file.set_band_description(place, name)
    return str(path)
