"""A scene of two bands, and the classes that the model of `model_server.py` gives to its pixels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

MASKED = 255
"""Value of a masked pixel, in imagery and in classes; zeros are valid."""
CRS = "EPSG:32119"
TRANSFORM = (30, 0, 630_000, 0, -30, 228_000)
COLOURS = ("#111111", "#22aa22", "#3333ff")
Array = np.ndarray[Any, Any]


def save(path: Path, arrays: Array, nodata: int = MASKED) -> str:
    """Writes layers uint8 (bands, rows, columns) as a GeoTIFF; gives its path."""
    count, height, width = arrays.shape
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": count,
        "height": height,
        "width": width,
        "crs": CRS,
        "transform": Affine(*TRANSFORM),
        "nodata": nodata,
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(arrays)
    return str(path)


def section(asset: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """The config's `data` for a scene with the bands b1 and b2, and classes of these names."""
    return {
        "imagery": {"image": asset, "bands": ["b1", "b2"], "data_type": "uint8"},
        "labels": {
            "image": asset,
            "band": "b1",
            "classes": [
                {"name": name, "color": color, "values": [index + 1]}
                for index, (name, color) in enumerate(zip(names, COLOURS, strict=True))
            ],
        },
    }


def classes(imagery: Array) -> Array:
    """Class ids uint8 (rows, columns) by the 5 x 5 pixels around; masked ones count as 0 there, as in the network."""
    valid = (imagery < MASKED).all(axis=0)
    b1, b2 = np.where(valid, imagery.astype(float), 0)
    rows, columns = valid.shape
    padded = np.pad(b1 - 2 * b2, 2)
    total = sum(padded[row : row + rows, column : column + columns] for row in range(5) for column in range(5))
    return np.where(valid, np.digitize(total, [-800, 400]), MASKED).astype(np.uint8)
