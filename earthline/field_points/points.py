"""Points to visit: a probability sample, spread over the map, with more points where labels would help more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyproj import Transformer

from earthline.field_points import hilbert
from earthline.field_points.needs import BLOCK, Block, NeedError, Needs

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Point:
    """A place.

    Attributes:
        longitude: Of the pixel's centre, in degrees (WGS 84).
        latitude: Likewise.
        x: Likewise, in the map's CRS.
        y: Likewise.
        chance: Probability that this pixel became one of the points: estimates weight its label by 1 / chance.
        mapped: What the map says there.
        confidence: The bands beside it, by name.
    """

    longitude: float
    latitude: float
    x: float
    y: float
    chance: float
    mapped: float
    confidence: Mapping[str, float]


def draw(needs: Needs, count: int, seed: int) -> list[Point]:
    """Draws points, those that need a label most first.

    Each pixel's chance is proportional to its weight, by systematic sampling (Madow 1949, "On the Theory of Systematic
    Sampling, II") along a Hilbert curve, which spreads the points (Lister and Scott 2009, "Use of space-filling curves
    to select sample locations in natural resource monitoring studies"). Memory does not grow with the map: it is read
    twice, part after part.

    Args:
        needs: Of the map.
        count: Number of points.
        seed: Seed of the draw; the same one draws the same points.

    Raises:
        NeedError: Nothing is mapped, or there are too few pixels for so many points.
    """
    blocks = _along_the_curve(list(needs.blocks()))
    totals = np.array([needs.weights(block).sum() for block in blocks])
    whole = float(totals.sum())
    if whole == 0:
        raise NeedError("no pixel of the map has a value, so there is no place to visit")
    step = whole / count
    if step < 1:
        raise NeedError(
            f"{count:,} points are too many for this map: at most {int(whole):,} can be drawn by their need; ask for "
            "fewer"
        )
    # A pixel weighs at most 1, so that no step falls twice on it.
    places = (np.random.default_rng(seed).random() + np.arange(count)) * step
    ends = np.cumsum(totals)
    held = np.minimum(np.searchsorted(ends, places, side="right"), len(blocks) - 1)
    to_degrees = Transformer.from_crs(needs.map.crs, "EPSG:4326", always_xy=True)
    found: list[tuple[float, Point]] = []
    for number in np.unique(held):
        before = ends[number] - totals[number]
        found += _in_block(needs, blocks[number], places[held == number] - before, step, to_degrees)
    return [point for _, point in sorted(found, key=lambda each: -each[0])]


def _in_block(
    needs: Needs, block: Block, places: Array, step: float, to_degrees: Transformer
) -> list[tuple[float, Point]]:
    """Points of a block with their weight, by places on its part of the curve."""
    weights = needs.weights(block)
    rows, columns = np.indices(block.shape)
    order = np.argsort(hilbert.index(rows, columns, BLOCK.bit_length() - 1), axis=None)
    ends = np.cumsum(weights.ravel()[order])
    # Rounding must not carry a place beyond the last pixel that has a weight.
    last = int(np.flatnonzero(weights.ravel()[order])[-1])
    chosen = order[np.minimum(np.searchsorted(ends, places, side="right"), last)]
    told, mapped = needs.confidence(block), needs.map.read(1, window=block.window)
    found = []
    for row, column in zip(*np.unravel_index(chosen, block.shape), strict=True):
        x, y = needs.map.transform @ (block.column + column + 0.5, block.row + row + 0.5)
        longitude, latitude = to_degrees.transform(x, y)
        weight = float(weights[row, column])
        point = Point(
            longitude=float(longitude),
            latitude=float(latitude),
            x=float(x),
            y=float(y),
            chance=weight / step,
            mapped=float(mapped[row, column]),
            confidence={name: float(values[row, column]) for name, values in told.items()},
        )
        found.append((weight, point))
    return found


def _along_the_curve(blocks: list[Block]) -> list[Block]:
    rows = np.array([block.row // BLOCK for block in blocks])
    columns = np.array([block.column // BLOCK for block in blocks])
    order = int(max(rows.max(), columns.max())).bit_length()
    return [blocks[place] for place in np.argsort(hilbert.index(rows, columns, order), kind="stable")]
