"""Whether an expression gives what the trained network gave: asked of Earth Engine before the expression is written.

The stored patches of the run are computed anew, from the run's own imagery definition, by the text that would be
stored. What lies outside of a patch is masked for it, as the network saw nothing outside either.
"""

from dataclasses import dataclass
from typing import Any

import ee
import numpy as np

from earthline.config import Data
from earthline.earth_engine import imagery, same_pixels
from earthline.earth_engine.model_expressions.expression import INSTEAD, ExpressionError, ModelExpression
from earthline.earth_engine.pixels import fetch
from earthline.earth_engine.same_pixels import ATTEMPTS, Roads
from earthline.finding import Finding, by_cause, refusal
from earthline.formats.placed_patches import PlacedPatches
from earthline.formats.served.agreement import differs
from earthline.formats.served.references import scale
from earthline.grid import Grid

TOLERANCE = 1e-5
"""Largest difference of a number that passes, as a share of `references.scale`: float32 against float64."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Proof:
    """What was compared.

    Attributes:
        pixels: Number of valid pixels.
        patches: Number of patches that they are of.
        equal: Number of pixels with the same value in the map: the same class, or a value within the tolerance.
        furthest: Largest difference of a number that the network gives, in its own unit.
        tolerance: Largest one that passes.
        notes: Of patches that told nothing.
    """

    pixels: int
    patches: int
    equal: int
    furthest: float
    tolerance: float
    notes: tuple[str, ...]

    @property
    def told(self) -> str:
        """In a few words."""
        patches = "1 patch" if self.patches == 1 else f"{self.patches} patches"
        return (
            f"{self.equal:,} of {self.pixels:,} valid pixels of {patches} have the same value in the map; "
            f"the numbers of the network differ by {self.furthest:.2g} at most ({self.tolerance:.2g} passes)"
        )


def prove(expression: ModelExpression, text: str, data: Data, placed: PlacedPatches) -> Proof:
    """Compares expression and network on the run's patches.

    Args:
        expression: The model's.
        text: What would be stored.
        data: The config's section.
        placed: The patches, and what the network gave for them.

    Raises:
        ExpressionError: They differ, or nothing could be compared.
        PixelsError: Earth Engine refuses, or does not answer.
    """
    roads = Roads.of(data, placed, old=True)
    tolerance = TOLERANCE * scale(placed.outputs[..., : expression.entries])
    compared: list[_Compared] = []
    others: list[Finding] = []
    for patch, (row, column) in enumerate(placed.places.tolist()):
        name = f"patch at row {row}, column {column}"
        same = same_pixels.pixels(roads, placed, patch, name)
        if same.passed:
            compared.append(_compared(expression, text, roads, placed, patch, name))
        else:
            others.append(same)
    if told := refusal(others):
        raise ExpressionError(f"the expression cannot be proved with this config: {told}")
    pixels = sum(len(each.found) for each in compared)
    if not pixels:
        why = "; ".join(by_cause(others)) or "the patches hold no valid pixel that could be compared"
        raise ExpressionError(f"the expression cannot be proved: {why}")
    found, wanted, mapped = (
        np.concatenate([getattr(each, name) for each in compared]) for name in ("found", "wanted", "mapped")
    )
    output = expression.task.map_output
    assert output is not None, "the tasks of networks serve their map"
    wrong = differs(mapped[:, np.newaxis], wanted, output, tolerance)
    with np.errstate(invalid="ignore"):
        apart = np.where(found == wanted, 0.0, np.abs(found.astype(np.float64) - wanted))
        equal = np.abs(mapped.astype(np.float64) - expression.task.decoded(wanted)) <= tolerance
    proof = Proof(
        pixels=pixels,
        patches=len(compared),
        equal=int(equal.sum()),
        furthest=float(apart.max()),
        tolerance=tolerance,
        notes=tuple(by_cause(others)),
    )
    # What is no number compares false.
    if wrong.any() or not proof.furthest <= tolerance:
        raise ExpressionError(
            f"the expression does not give what the network gave, and is not written: {proof.told}. {INSTEAD}"
        )
    return proof


@dataclass(frozen=True)
class _Compared:
    """Valid pixels of a patch: (pixels, entries) of both, and (pixels,) of the map."""

    found: Array
    wanted: Array
    mapped: Array


def _compared(
    expression: ModelExpression, text: str, roads: Roads, placed: PlacedPatches, patch: int, name: str
) -> _Compared:
    row, column = placed.places[patch].tolist()
    (rows, columns), task = placed.answered_shape, expression.task
    image = imagery.measured(roads.data).updateMask(_inside(roads.grid, row, column, (rows, columns)))
    mapped = task.unmasked(ee.Image(ee.deserializer.fromJSON(text).call(image)).select([task.map_band]))
    numbers = expression.numbers(image).unmask(0, False)
    given = fetch(mapped.addBands(numbers), roads.grid.window(row, column, (rows, columns)), ATTEMPTS, name)
    # Beyond an image's edge a network sees its outermost pixels again, and Earth Engine nothing.
    edge = expression.graph.context // 2
    seen = np.zeros((rows, columns), bool)
    seen[edge : rows - edge, edge : columns - edge] = True
    seen &= placed.valid[patch, :rows, :columns] > 0
    found = np.stack([given[f"entry_{place}"] for place in range(expression.entries)], axis=-1)
    return _Compared(found[seen], placed.outputs[patch, ..., : expression.entries][seen], given[task.map_band][seen])


def _inside(grid: Grid, row: int, column: int, shape: tuple[int, int]) -> Any:
    """1 in the pixels of a window, 0 elsewhere, whether coordinates are those of a pixel's corner or of its middle."""
    place = ee.Image.pixelCoordinates(ee.Projection(grid.crs, list(grid.transform)))
    inside = [
        place.select([axis]).gt(first - 0.25).And(place.select([axis]).lt(first + length - 0.25))
        for axis, first, length in (("x", column, shape[1]), ("y", row, shape[0]))
    ]
    return inside[0].And(inside[1])
