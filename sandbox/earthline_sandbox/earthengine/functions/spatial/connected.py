"""Objects: pixels of one value that hang together.

https://developers.google.com/earth-engine/guides/image_objects. A request reads as far around itself as the largest
object may reach, so an object is the same in every tile that shows a part of it.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from earthline_sandbox.earthengine.functions.image.lattice import index, numbers, one_band
from earthline_sandbox.earthengine.functions.spatial.grouping import fold_groups
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, combined
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import Image, Kernel
from earthline_sandbox.errors import invalid

_LARGEST = 1_024
#: Offsets to half of the neighbours; connection goes both ways.
FOUR = ((0, 1), (1, 0))
EIGHT = ((0, 1), (1, -1), (1, 0), (1, 1))
# A label tells the plane's row and column of an object's first pixel apart up to this many of each.
_LABEL_SIDE = 2**26
_LABELS = PixelType("int", 0, _LABEL_SIDE**2 - 1)


def components(values: Array, valid: Array, offsets: tuple[tuple[int, int], ...]) -> tuple[Array, int]:
    """Numbers the objects of an array in the order of their first pixels.

    Args:
        values: Shape `(height, width)`; pixels of equal value hang together.
        valid: Where there is a pixel at all.
        offsets: (rows down, columns right) to the neighbours below, or to the right in the same row.

    Returns:
        (objects, count): the object of every pixel, -1 where there is none, and how many there are.
    """
    height, width = values.shape
    starts = np.ones(values.shape, dtype=bool)
    steps = [offset for offset in offsets if offset != (0, 1)]
    if (0, 1) in offsets:
        starts[:, 1:] = (values[:, 1:] != values[:, :-1]) | ~valid[:, 1:] | ~valid[:, :-1]
    # Nodes are runs along rows, which are far fewer than pixels.
    nodes = np.cumsum(starts.ravel(), dtype=np.int32).reshape(values.shape) - 1
    count = int(nodes[-1, -1]) + 1
    pairs = []
    for down, right in steps:
        if down >= height or abs(right) >= width:
            continue
        one = (slice(0, height - down), slice(max(-right, 0), width - max(right, 0)))
        two = (slice(down, height), slice(max(right, 0), width - max(-right, 0)))
        same = valid[one] & valid[two] & (values[one] == values[two])
        pairs.append(np.stack([nodes[one][same], nodes[two][same]]))
    first, second = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), np.int32)
    graph = sparse.coo_matrix((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    _, found = csgraph.connected_components(graph.tocsr(), directed=False)
    objects = np.where(valid, found[nodes], -1)
    # Without the runs of masked pixels, and in the order of the first pixels.
    _, position, inverse = np.unique(objects[valid], return_index=True, return_inverse=True)
    rank = np.empty(len(position), dtype=np.int64)
    rank[np.argsort(position)] = np.arange(len(position))
    numbered = np.full(values.shape, -1, dtype=np.int64)
    numbered[valid] = rank[inverse]
    return numbered, len(position)


def _offsets(name: str, kernel: Kernel, grid: Grid) -> tuple[tuple[int, int], ...]:
    weights, (row, column) = kernel.resolved(grid)
    found = {(int(y) - row, int(x) - column) for y, x in np.argwhere(weights != 0)}
    half = {offset if offset > (0, 0) else (-offset[0], -offset[1]) for offset in found if offset != (0, 0)}
    if not half:
        raise invalid(f"{name}: the kernel connects a pixel to none of its neighbours.")
    return tuple(sorted(half))


def _check(name: str, argument: str, value: int) -> None:
    if not 1 <= value <= _LARGEST:
        raise invalid(f"{name}: {argument} must be between 1 and {_LARGEST} pixels, not {value}.")


@function("Image.connectedPixelCount")
def connected_pixel_count(input: Image, max_size: int, eight_connected: bool) -> Image:
    """How many pixels of the same value hang together with each pixel, itself included, up to `maxSize`."""
    name = "Image.connectedPixelCount"
    _check(name, "maxSize", max_size)
    kind = PixelType("int", 0, max_size)

    def counted(band: Band) -> Band:
        def source(grid: Grid) -> Pixels:
            pixels = numbers(name, band, grid.padded(max_size, max_size, max_size, max_size))
            objects, _ = components(pixels.values, pixels.mask > 0, EIGHT if eight_connected else FOUR)
            sizes = np.bincount(objects[objects >= 0], minlength=1)
            inner = _inner(grid, max_size)
            own = objects[inner]
            return Pixels(kind.converted(np.where(own >= 0, np.minimum(sizes[own], max_size), 0)), pixels.mask[inner])

        return band.derived(source, kind)

    return input.with_bands(counted(band) for band in input.bands)


def _inner(grid: Grid, margin: int) -> tuple[slice, slice]:
    height, width = grid.shape
    return slice(margin, margin + height), slice(margin, margin + width)


@function("Image.connectedComponents")
def connected_components(image: Image, connectedness: Kernel, max_size: int) -> Image:
    """All bands, and a band `labels` that numbers the objects of the first; larger objects are masked."""
    name = "Image.connectedComponents"
    _check(name, "maxSize", max_size)
    band = one_band(name, image)

    def reach(grid: Grid) -> tuple[tuple[tuple[int, int], ...], int]:
        offsets = _offsets(name, connectedness, grid)
        margin = max_size * max(max(abs(part) for part in offset) for offset in offsets)
        if margin > 2 * _LARGEST:
            raise invalid(f"{name}: maxSize times the kernel's radius must be at most {2 * _LARGEST} pixels.")
        return offsets, margin

    def labelled(grid: Grid) -> list[tuple[Array, Array]]:
        offsets, margin = reach(grid)
        around = grid.padded(margin, margin, margin, margin)
        pixels = numbers(name, band, around)
        objects, count = components(pixels.values, pixels.mask > 0, offsets)
        known = objects >= 0
        sizes = np.bincount(objects[known], minlength=max(count, 1))
        _, first = np.unique(objects[known], return_index=True)
        places = np.flatnonzero(known.ravel())[first]
        row, column = index(around)
        half = _LABEL_SIDE // 2
        rows, columns = (places // around.shape[1] + row + half), (places % around.shape[1] + column + half)
        labels = np.zeros(max(count, 1), dtype=np.int64)
        labels[:count] = rows % _LABEL_SIDE * _LABEL_SIDE + columns % _LABEL_SIDE
        inner = _inner(grid, margin)
        own = objects[inner]
        return [(labels[own], (own >= 0) & (sizes[own] <= max_size))]

    shared = Shared(labelled)

    def masked(other: Band) -> Band:
        def source(grid: Grid) -> Pixels:
            if other is band:
                # It was read with its surroundings already.
                _, margin = reach(grid)
                around, inner = other.fetch(grid.padded(margin, margin, margin, margin)), _inner(grid, margin)
                pixels = Pixels(around.values[inner], around.mask[inner])
            else:
                pixels = other.fetch(grid)
            return Pixels(pixels.values, combined(pixels.mask, shared(grid)[0][1]))

        return other.derived(source)

    labels = band.derived(output_source(shared, 0, _LABELS), _LABELS, "labels")
    return image.with_bands([*(masked(other) for other in image.bands), labels])


@function("Image.reduceConnectedComponents")
def reduce_connected_components(image: Image, reducer: Reducer, label_band: str | None, max_size: int) -> Image:
    """A reducer over the pixels of every object, written to all of them; wider or higher objects are masked."""
    name = "Image.reduceConnectedComponents"
    _check(name, "maxSize", max_size)
    label = one_band(name, image) if label_band is None else image.band(label_band)
    inputs = [band for band in image.bands if band is not label]
    if reducer.inputs == 1:
        made: list[Band] = []
        for band in inputs:
            lone = len(reducer.outputs) == 1
            names = [band.name if lone else f"{band.name}_{output}" for output in reducer.outputs]
            made.extend(_over_objects(name, label, [band], reducer, names, max_size))
        return image.with_bands(made)
    if reducer.inputs != len(inputs):
        raise invalid(f"{name}: Need {reducer.inputs} bands beside the label for the reducer, got {len(inputs)}.")
    return image.with_bands(_over_objects(name, label, inputs, reducer, reducer.outputs, max_size))


def _over_objects(
    name: str, label: Band, bands: Sequence[Band], reducer: Reducer, names: Sequence[str], max_size: int
) -> list[Band]:
    types = reducer.types([band.pixel_type for band in bands])

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        around = grid.padded(max_size, max_size, max_size, max_size)
        labels = numbers(name, label, around)
        objects, count = components(labels.values, labels.mask > 0, EIGHT)
        inner = _inner(grid, max_size)
        own = objects[inner]
        # Only objects that the request shows, and of those all pixels.
        wanted = np.zeros(count + 1, dtype=bool)
        wanted[own] = True
        wanted[-1] = False
        rows, columns = np.nonzero(wanted[objects])
        number = np.cumsum(wanted) - 1
        groups, shown = number[objects[rows, columns]], int(wanted.sum())
        small = _extent(rows, groups, shown) <= max_size
        small &= _extent(columns, groups, shown) <= max_size
        read = [numbers(name, band, around) for band in bands]
        weights = combined(*(pixels.mask for pixels in read))[rows, columns]
        values = [pixels.values[rows, columns] for pixels in read]
        results = fold_groups(reducer, groups, shown, values, weights)
        group = np.where(own >= 0, number[own], -1)
        none = np.zeros(1, dtype=bool)
        return [(np.append(value, 0)[group], np.concatenate([mask & small, none])[group]) for value, mask in results]

    shared = Shared(whole)
    return [
        bands[0].derived(output_source(shared, place, types[place]), types[place], output)
        for place, output in enumerate(names)
    ]


def _extent(positions: Array, groups: Array, count: int) -> Array:
    """How many pixels every group spans along one axis."""
    least, most = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(least, groups, positions)
    np.maximum.at(most, groups, positions)
    return np.asarray(most - least + 1)
