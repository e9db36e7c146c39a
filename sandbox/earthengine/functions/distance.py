"""Distances to the nearest pixel of a kind."""

import numpy as np

from sandbox.earthengine.grid import Grid
from sandbox.earthengine.pixels import DOUBLE, Array, Pixels
from sandbox.earthengine.registry import function
from sandbox.earthengine.values import Image
from sandbox.errors import invalid

_WIDEST = 2_048


@function("Image.fastDistanceTransform")
def fast_distance_transform(image: Image, neighborhood: int, units: str, metric: str) -> Image:
    """Distance in pixels to the nearest pixel that is valid and not 0; where none is near, that of the farthest."""
    name = "Image.fastDistanceTransform"
    if units != "pixels":
        raise invalid(f"{name}: units must be 'pixels', not '{units}'.")
    if metric not in ("squared_euclidean", "manhattan", "chebyshev"):
        raise invalid(f"{name}: metric must be 'squared_euclidean', 'manhattan' or 'chebyshev', not '{metric}'.")
    if not 1 <= neighborhood <= _WIDEST:
        raise invalid(f"{name}: neighborhood must be between 1 and {_WIDEST} pixels, not {neighborhood}.")
    if not image.bands:
        raise invalid(f"{name}: The image has no bands.")
    band = image.bands[0]

    def source(grid: Grid) -> Pixels:
        pixels = band.fetch(grid.padded(neighborhood, neighborhood, neighborhood, neighborhood))
        marked = (np.asarray(pixels.mask) > 0) & (pixels.values != 0)
        return Pixels(_distances(marked, neighborhood, metric), np.broadcast_to(np.True_, grid.shape))

    return image.with_bands([band.derived(source, DOUBLE, "distance")])


def _distances(marked: Array, reach: int, metric: str) -> Array:
    """The distance at every pixel that has `reach` others at each side: by columns first, then across them."""
    height, width = marked.shape[0] - 2 * reach, marked.shape[1] - 2 * reach
    rows = np.arange(marked.shape[0])[:, None]
    # A mark far away stands for none at all.
    nowhere = 4 * (reach + marked.shape[0])
    above = np.maximum.accumulate(np.where(marked, rows, -nowhere), axis=0)
    below = np.minimum.accumulate(np.where(marked, rows, nowhere + marked.shape[0])[::-1], axis=0)[::-1]
    vertical = np.minimum(rows - above, below - rows)[reach : reach + height].astype("float64")
    if metric == "squared_euclidean":
        vertical *= vertical
    farthest = float(reach * reach if metric == "squared_euclidean" else reach)
    nearest = np.full((height, width), farthest)
    for offset in range(-reach, reach + 1):
        column = vertical[:, reach + offset : reach + offset + width]
        if metric == "squared_euclidean":
            found = column + offset * offset
        elif metric == "manhattan":
            found = column + abs(offset)
        else:
            found = np.maximum(column, abs(offset))
        np.minimum(nearest, found, out=nearest)
    return nearest
