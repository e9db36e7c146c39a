"""The cheapest way from sources, over pixels that cost something to cross.

https://developers.google.com/earth-engine/guides/image_cumulative_cost
"""

import math

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from earthline_sandbox.earthengine.functions.image.lattice import blockwise, numbers, one_band
from earthline_sandbox.earthengine.functions.spatial.edges import ground
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid, linear_unit
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_BLOCK = 256
_WIDEST = 640


@function("Image.cumulativeCost")
def cumulative_cost(cost: Image, source: Image, max_distance: float, geodetic_distance: bool) -> Image:
    """The least sum of cost times metres over eight-connected ways from the nearest source."""
    name = "Image.cumulativeCost"
    if len(cost.bands) > 1:
        raise invalid(f"{name}: the sandbox takes one band of costs, got {cost.shown_names()}.")
    if not max_distance > 0 or not math.isfinite(max_distance):
        raise invalid(f"{name}: maxDistance must be a positive number of metres, got {max_distance}.")
    price, start = one_band(name, cost), one_band(name, source)

    def compute(grid: Grid) -> list[tuple[Array, Array]]:
        costs, sources = numbers(name, price, grid), numbers(name, start, grid)
        a, b, _, d, e, _ = grid.transform
        unit = np.full((1, 1), linear_unit(grid.crs))
        metres_x, metres_y = ground(grid) if geodetic_distance else (unit, unit)
        across = np.broadcast_to(np.hypot(a * metres_x, d * metres_y), grid.shape)
        down = np.broadcast_to(np.hypot(b * metres_x, e * metres_y), grid.shape)
        open_ = (costs.mask > 0) & np.isfinite(costs.values) & (costs.values >= 0)
        marked = open_ & (sources.mask > 0) & (sources.values != 0)
        if not marked.any():
            return [(np.zeros(grid.shape), np.zeros(grid.shape, dtype=bool))]
        with np.errstate(over="ignore"):
            spent = _cheapest(costs.values.astype("float64"), open_, marked, across, down)
        side = (float(down.mean()), float(across.mean()))
        near = ndimage.distance_transform_edt(~marked, sampling=side) <= max_distance
        valid = open_ & np.isfinite(spent) & near
        return [(np.where(valid, spent, 0), valid)]

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        # By the nominal scale, so that every tile looks equally far.
        margin = math.ceil(max_distance / grid.projection.nominal_scale) + 1
        if margin > _WIDEST:
            raise invalid(
                f"{name}: maxDistance reaches over {margin} pixels, the sandbox looks at most {_WIDEST} far; use a "
                "larger scale."
            )
        return blockwise(name, _BLOCK, margin, compute)(grid)

    return cost.with_bands([price.derived(output_source(Shared(whole), 0, DOUBLE), DOUBLE, "cumulative_cost")])


def _cheapest(costs: Array, open_: Array, marked: Array, across: Array, down: Array) -> Array:
    """The cost of the cheapest way to every pixel, infinite where there is none."""
    height, width = costs.shape
    nodes = np.arange(costs.size).reshape(costs.shape)
    firsts, seconds, weights = [], [], []
    for rows, columns in ((0, 1), (1, 0), (1, 1), (1, -1)):
        one = (slice(0, height - rows), slice(max(-columns, 0), width - max(columns, 0)))
        two = (slice(rows, height), slice(max(columns, 0), width - max(-columns, 0)))
        both = open_[one] & open_[two]
        length = np.hypot(columns * (across[one] + across[two]) / 2, rows * (down[one] + down[two]) / 2)
        firsts.append(nodes[one][both])
        seconds.append(nodes[two][both])
        weights.append((length * (costs[one] + costs[two]) / 2)[both])
    edges = (np.concatenate(firsts), np.concatenate(seconds))
    graph = sparse.coo_matrix((np.concatenate(weights), edges), shape=(costs.size, costs.size)).tocsr()
    found: Array = csgraph.dijkstra(graph, directed=False, indices=nodes[marked], min_only=True)
    return found.reshape(costs.shape)
