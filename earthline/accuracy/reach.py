"""How many patches of an area could hold a pixel: its value is divided among them, so that no pixel counts twice.

Overlapping patches are clusters that share pixels. Where each pixel's value is divided among all the patches that could
have held it, drawn or not, totals over patches add up to those over pixels, and drawn patches are a plain random sample
of them: the weight share method (Lavallée 2007, Indirect Sampling), exact however drawn patches overlap.
"""

from typing import Any

import numpy as np
from affine import Affine
from rasterio.features import rasterize
from shapely.geometry.base import BaseGeometry

Array = np.ndarray[Any, Any]


def reach(area: BaseGeometry, corners: Array, labelled: Array) -> Array:
    """Number of patches that could have been drawn and hold the pixel, float64 (patches, height, width).

    A patch could have been drawn where it lies in the area and its middle pixel has a label. Around a patch it is known
    which patches lie in the area, but not where labels are: those outside are taken to be as frequent as inside of the
    patch. Where every pixel of the area has a label, the number is exact.

    Args:
        area: In pixels (x = column, y = row), rectilinear, with whole coordinates.
        corners: First pixels (row, column) of patches that lie in it, (patches, 2).
        labelled: Where they have labels, bool (patches, height, width).
    """
    height, width = labelled.shape[1:]
    found = np.empty(labelled.shape)
    for place, (row, column) in enumerate(corners.tolist()):
        top, left = row - height + 1, column - width + 1
        inside = rasterize(
            [area],
            out_shape=(3 * height - 2, 3 * width - 2),
            transform=Affine(1, 0, left, 0, 1, top),
            dtype="uint8",
        )
        # First pixels of patches inside the area, from a patch above and left of this one to this one's last pixel.
        possible = _windows(inside, height, width) == height * width
        found[place] = _windows(possible, height, width)
    return found * _nearby(labelled)


def _windows(values: Array, height: int, width: int) -> Array:
    """Sums over all windows of a shape that lie inside of the last two axes."""
    sums = np.pad(values.astype(np.int64), [(0, 0)] * (values.ndim - 2) + [(1, 0), (1, 0)]).cumsum(-1).cumsum(-2)
    return np.asarray(
        sums[..., height:, width:]
        - sums[..., :-height, width:]
        - sums[..., height:, :-width]
        + sums[..., :-height, :-width]
    )


def _nearby(labelled: Array) -> Array:
    """Share of labelled pixels among those middles of patches around each pixel that lie in its own patch."""
    height, width = labelled.shape[1:]
    # A patch holds a pixel where its middle lies at most so far before and behind it.
    around = [(0, 0), ((height - 1) // 2, height // 2), ((width - 1) // 2, width // 2)]
    counts = _windows(np.pad(labelled, around), height, width)
    every = _windows(np.pad(np.ones_like(labelled), around), height, width)
    return np.asarray(counts / every)
