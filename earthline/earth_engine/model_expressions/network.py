"""A network of pixels and windows as an Earth Engine expression: an image of its bands becomes one of its outputs.

Weights stand in the expression, as the shortest digits that mean the same float32. Layers are matrix products of each
pixel's column of numbers: a band for each number would take several times the bytes and the time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np

from earthline.formats.pixel_graph import (
    AtLeast,
    Bands,
    Dense,
    Each,
    Joined,
    Node,
    Ones,
    Paired,
    Part,
    PixelGraph,
    Scaled,
    Softmax,
    Surroundings,
    Total,
)
from earthline.formats.served.contract import VALID_BAND

Array = np.ndarray[Any, Any]

FLAT = 1e-12
"""Variances up to it are no variance, as in `trainer.layers.WindowFeatures`."""


@dataclass
class _Numbers:
    """The numbers of each pixel, in the form that is at hand: each is made of the other where it is asked for.

    Attributes:
        size: How many.
        flat: `ee.Image` with a band for each; None where it is not made yet.
        stacked: `ee.Image` of one band that holds a column, an array (numbers, 1); likewise.
    """

    size: int
    flat: Any = None
    stacked: Any = None

    @property
    def bands(self) -> Any:
        if self.flat is None:
            self.flat = self.stacked.arrayProject([0]).arrayFlatten([_names(self.size)])
        return self.flat

    @property
    def column(self) -> Any:
        if self.stacked is None:
            self.stacked = self.flat.toArray().toArray(1)
        return self.stacked


def outputs(graph: PixelGraph, taken: Any, bands: Sequence[str]) -> Any:
    """What the network gives, as an `ee.Image` of one band that holds an array of its numbers for each pixel.

    It is masked where the image is, and has no projection of its own yet: windows are of the pixels in which it is
    asked for.

    Args:
        graph: The network.
        taken: What `imagery.network_input` gives.
        bands: Names of the bands, in the network's order.
    """
    whole = _Whole(taken, taken.select([VALID_BAND]), tuple(bands))
    found: list[_Numbers] = []
    for node in graph.nodes:
        found.append(_MADE[type(node.operation)](node, [found[place] for place in node.inputs], whole))
    return found[-1].bands.toArray()


@dataclass(frozen=True)
class _Whole:
    """The image that all begins with: bands and validity, masked nowhere, and the names of the bands."""

    taken: Any
    valid: Any
    bands: tuple[str, ...]


def _names(size: int) -> list[str]:
    return [f"n{place}" for place in range(size)]


def _constants(values: Array) -> Any:
    """A band for each number."""
    return ee.Image.constant([_number(each) for each in values])


def _matrix(values: Array) -> Any:
    """The same matrix for each pixel."""
    return ee.Image(ee.Array([[_number(each) for each in row] for row in values]))


def _number(value: Any) -> float:
    """With no more digits than tell it from its neighbours of the same type."""
    return float(str(value))


def _bands(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    chosen = whole.taken.select(list(whole.bands), _names(len(whole.bands)))
    return _Numbers(node.size, chosen.updateMask(whole.valid))


def _ones(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    return _Numbers(node.size, _constants(np.ones(1)), _matrix(np.ones((1, 1))))


def _scaled(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    assert isinstance(node.operation, Scaled)
    found = given[0].bands.multiply(_constants(node.operation.factor))
    return _Numbers(node.size, found.add(_constants(node.operation.shift)) if node.operation.shift.any() else found)


def _surroundings(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    assert isinstance(node.operation, Surroundings)
    image, bands = given[0].bands, given[0].size
    around = [part for side in node.operation.windows for part in _statistics(image, bands, whole.valid, side)]
    if node.operation.context == 1:
        return _Numbers(node.size, ee.Image.cat([image, *around]).rename(_names(node.size)))
    found = _neighbours(image, bands, whole.valid, node.operation.context)
    if around:
        count = 2 * len(node.operation.windows) * bands
        found = found.arrayCat(_Numbers(count, ee.Image.cat(around)).column, 0)
    return _Numbers(node.size, stacked=found)


def _neighbours(image: Any, bands: int, valid: Any, side: int) -> Any:
    """Columns (side * side * bands, 1): all bands of the first neighbour, then of the next in its row."""
    kernel, count = ee.Kernel.square(side // 2, "pixels", False), side * side
    length = ee.Image(ee.Array([count * bands, 1]))
    values = image.neighborhoodToArray(kernel, 0).toArray(2).arrayReshape(length, 2)
    # Where a neighbour is masked the pixel itself stands in.
    missing = valid.Not().neighborhoodToArray(kernel, 1).arrayReshape(ee.Image(ee.Array([count, 1])), 2)
    missing = missing.arrayRepeat(1, bands).arrayReshape(length, 2)
    return values.add(image.toArray().toArray(1).arrayRepeat(0, count).multiply(missing))


def _statistics(image: Any, bands: int, valid: Any, side: int) -> tuple[Any, Any]:
    """Mean and std of the valid pixels of windows.

    From sums along rows, then columns: a window of 21 pixels is then 42 numbers for each pixel and not 441. Of float64
    and bands of mean 0 and std 1, sums of squares keep the digits that a variance needs; float32 would not.
    """
    values = image.unmask(0, False).toDouble()
    sums = ee.Image.cat([valid.toDouble(), values, values.multiply(values)])
    for width, height in ((side, 1), (1, side)):
        kernel = ee.Kernel.fixed(width, height, [[1] * width] * height, width // 2, height // 2, False)
        sums = sums.reduceNeighborhood(ee.Reducer.sum(), kernel)
    count = sums.select([0]).max(1)
    mean = sums.select(list(range(1, bands + 1))).divide(count)
    squares = sums.select(list(range(bands + 1, 2 * bands + 1))).divide(count)
    variance = squares.subtract(mean.multiply(mean))
    return tuple(each.updateMask(valid) for each in (mean, variance.max(FLAT).sqrt().multiply(variance.gt(FLAT))))


def _dense(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    assert isinstance(node.operation, Dense)
    found = _matrix(node.operation.weights).matrixMultiply(given[0].column)
    return _Numbers(node.size, stacked=found.add(_matrix(node.operation.bias[:, np.newaxis])))


def _each(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    assert isinstance(node.operation, Each)
    match node.operation.function:
        case "relu":
            return _Numbers(node.size, stacked=given[0].column.max(ee.Image(ee.Array([[0]] * node.size))))
        case "log":
            return _Numbers(node.size, given[0].bands.log())
        case "softplus":
            # Written so that no exponential of a large number is taken.
            x = given[0].bands
            return _Numbers(node.size, x.abs().multiply(-1).exp().add(1).log().add(x.max(0)))


def _at_least(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    assert isinstance(node.operation, AtLeast)
    return _Numbers(node.size, given[0].bands.max(node.operation.limit))


def _softmax(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    x = given[0].bands
    powers = x.subtract(x.reduce(ee.Reducer.max())).exp()
    return _Numbers(node.size, powers.divide(powers.reduce(ee.Reducer.sum())))


def _total(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    return _Numbers(node.size, given[0].bands.reduce(ee.Reducer.sum()))


def _paired(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    assert isinstance(node.operation, Paired)
    function = {"minimum": "min", "maximum": "max"}.get(node.operation.function, node.operation.function)
    return _Numbers(node.size, getattr(given[0].bands, function)(given[1].bands))


def _part(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    assert isinstance(node.operation, Part)
    if node.size == given[0].size:
        return given[0]
    return _Numbers(node.size, given[0].bands.select(list(range(node.operation.first, node.operation.last))))


def _joined(node: Node, given: list[_Numbers], whole: _Whole) -> _Numbers:
    if any(each.stacked is not None and each.flat is None for each in given):
        first, *others = (each.column for each in given)
        for other in others:
            first = first.arrayCat(other, 0)
        return _Numbers(node.size, stacked=first)
    return _Numbers(node.size, ee.Image.cat([each.bands for each in given]).rename(_names(node.size)))


_MADE: dict[type, Callable[[Node, list[_Numbers], _Whole], _Numbers]] = {
    Bands: _bands,
    Ones: _ones,
    Scaled: _scaled,
    Surroundings: _surroundings,
    Dense: _dense,
    Each: _each,
    AtLeast: _at_least,
    Softmax: _softmax,
    Total: _total,
    Paired: _paired,
    Part: _part,
    Joined: _joined,
}
