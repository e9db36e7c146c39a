"""Pictures for reports: imagery and class maps as RGB arrays and PNG text."""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib.image
import numpy as np
from affine import Affine

from earthline.grid import Grid
from earthline.task.maps import MISSING_COLOR

_TRUE_COLOR = (
    # Sentinel-2 and Landsat 8 and 9 have bands that Landsat 4 to 7 lack, and count the visible ones from 2.
    ({"B9", "B11", "B12", "B8A"}, ("B4", "B3", "B2")),
    ({"B1"}, ("B3", "B2", "B1")),
    ({"B8"}, ("B4", "B3", "B2")),
    ({"SR_B6"}, ("SR_B4", "SR_B3", "SR_B2")),
    ({"SR_B1"}, ("SR_B3", "SR_B2", "SR_B1")),
)
_COLORS = ("red", "green", "blue")
_LOW, _HIGH = 2, 98
"""Percentiles that become black and full brightness."""
_REACH = 4
"""Spreads of the middle half, beyond that half, at which black and full brightness lie at most: clouds on more than
two pixels in a hundred would leave all ground black."""


def visible_bands(bands: Sequence[str]) -> tuple[int, int, int]:
    """Indices of the bands to show as red, green and blue: true colour where the names tell, else the first three."""
    plain = [band.casefold() for band in bands]
    if set(_COLORS) <= set(plain):
        return plain.index("red"), plain.index("green"), plain.index("blue")
    for marks, names in _TRUE_COLOR:
        if marks & set(bands) and set(names) <= set(bands):
            red, green, blue = (bands.index(name) for name in names)
            return red, green, blue
    return (2, 1, 0) if len(bands) >= 3 else (0, 0, 0)


def stretch(images: np.ndarray[Any, Any], seen: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], ...]:
    """Values of each band that become black and full brightness, from percentiles of the valid pixels.

    Args:
        images: (..., bands).
        seen: (...), True where valid.

    Returns:
        Low and high values, (bands,) each; 0 and 1 where nothing is valid.
    """
    values = images[seen].astype(np.float64)
    values = values[np.isfinite(values).all(axis=-1)]
    if not len(values):
        return np.zeros(images.shape[-1]), np.ones(images.shape[-1])
    low, first, third, high = np.percentile(values, (_LOW, 25, 75, _HIGH), axis=0)
    reach = np.where(third > first, _REACH * (third - first), np.inf)
    low, high = np.maximum(low, first - reach), np.minimum(high, third + reach)
    return low, np.maximum(high, low + 1e-9)


def composite(
    image: np.ndarray[Any, Any], bands: Sequence[str], limits: tuple[np.ndarray[Any, Any], ...]
) -> np.ndarray[Any, Any]:
    """An RGB picture of imagery.

    Args:
        image: (height, width, bands).
        bands: Their names.
        limits: From `stretch`.

    Returns:
        uint8 (height, width, 3).
    """
    chosen = list(visible_bands(bands))
    low, high = (limit[chosen] for limit in limits)
    return brightness(image[..., chosen], low, high)


def brightness(
    image: np.ndarray[Any, Any], low: np.ndarray[Any, Any], high: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Values as brightness from 0 to 255.

    Args:
        image: (..., bands).
        low: Values that become 0, (bands,).
        high: Values that become 255, (bands,).

    Returns:
        uint8 of the image's shape; not-a-number becomes 0.
    """
    shares = np.clip((np.nan_to_num(image.astype(np.float64)) - low) / (high - low), 0, 1)
    return np.asarray(np.rint(shares * 255), np.uint8)


def north_up(
    picture: np.ndarray[Any, Any], grid: Grid
) -> tuple[np.ndarray[Any, Any], tuple[float, float, float, float]]:
    """A picture as people read maps: the first coordinate of the CRS grows to the right, the second upwards.

    Args:
        picture: uint8 (height, width, 3), of the whole grid, in the order of its rows and columns; may be thinned out.
        grid: Rows may run north, columns west, and both aslant.

    Returns:
        The picture, light grey where a grid that lies aslant leaves its corners, and its extent in CRS units: left,
        bottom, right, top.
    """
    a, b, _, d, e, _ = grid.transform
    bounds = grid.bounds
    if b == d == 0:
        return picture[:: 1 if e < 0 else -1, :: 1 if a > 0 else -1], bounds
    height, width = picture.shape[:2]
    left, bottom, right, top = bounds
    # From the picture's own pixels, thinned out or not, to the CRS.
    placed = grid.affine @ Affine.scale(grid.shape[1] / width, grid.shape[0] / height)
    side = math.sqrt(abs(placed.determinant))
    rows, columns = (max(1, round(length / side)) for length in (top - bottom, right - left))
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = top - (np.arange(rows) + 0.5) * (top - bottom) / rows
    p, q, r, s, t, u = tuple(~placed)[:6]
    across = np.floor(p * x + q * y[:, np.newaxis] + r).astype(int)
    down = np.floor(s * x + t * y[:, np.newaxis] + u).astype(int)
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    turned = np.full((rows, columns, 3), MISSING_COLOR, np.uint8)
    turned[inside] = picture[down[inside], across[inside]]
    return turned, bounds


def data_uri(picture: np.ndarray[Any, Any]) -> str:
    """An RGB picture as text that an HTML page holds: a PNG in a `data:` URI.

    Args:
        picture: uint8 (height, width, 3).
    """
    file = io.BytesIO()
    matplotlib.image.imsave(file, np.ascontiguousarray(picture), format="png")
    return png_uri(file.getvalue())


def png_uri(png: bytes) -> str:
    """The bytes of a PNG as a `data:` URI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
