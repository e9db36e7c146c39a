"""Whether a data type holds the imagery's values, and which is the smallest that does."""

from collections.abc import Mapping
from typing import Any

import ee
import numpy as np

from earthline.config import Data
from earthline.earth_engine.imagery.errors import ImageryError, answered
from earthline.earth_engine.imagery.stack import measured
from earthline.earth_engine.imagery.survey import ground
from earthline.grid import Grid

MOST_PIXELS = 10**6
"""Largest grid of which every pixel is looked at; a larger one is looked at on a coarser grid of so many."""
MOST_CUT = 0.001
"""Largest share of a band's pixels that may lie outside of the data type: a few glints are no mistake."""
LEAST_STD = 5.0
"""Least std of a band with fractions that is stored in whole numbers: rounding adds a std of 0.29, 6 % of this."""
_WHOLE = ("uint8", "int16", "uint16")
"""Types of whole numbers, the smallest first."""
_WIDE = ("int16", "uint16")
_KEY = "data.imagery.data_type"


def require(data: Data, grid: Grid) -> str:
    """What is known of the data type, in a few words.

    Args:
        data: The section.
        grid: Of the region.

    Raises:
        ImageryError: It would cut values, or round them away.
        PixelsError: Earth Engine does not answer.
    """
    name = data.imagery.data_type
    if name == "float32":
        return "float32 holds every value"
    if name == "auto":
        return f"auto is {fitting(data, grid)}, the smallest that holds every value"
    low, high = _range(name)
    suspects = [band for band, ends in _declared(data).items() if not _within(ends, low, high)]
    if not suspects:
        return f"{name} holds every value of the bands' own types"
    found = _looked_at(data, grid, suspects, low, high)
    problems = [text for band in suspects for text in _problems(band, name, found)]
    if problems:
        raise ImageryError("\n".join(f"{_KEY}: {problem}" for problem in problems))
    return f"{name} holds the values of {', '.join(suspects)}"


def resolved(data: Data, grid: Grid) -> Data:
    """The section with a data type in place of `auto`; asks Earth Engine.

    Args:
        data: The section.
        grid: Of the region.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    if data.imagery.data_type != "auto":
        return data
    return data.model_copy(update={"imagery": data.imagery.model_copy(update={"data_type": fitting(data, grid)})})


def fitting(data: Data, grid: Grid) -> str:
    """The smallest data type that holds every value, by the bands' own types; where those are wide, by their values.

    Args:
        data: The section.
        grid: Of the region.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    declared = _declared(data)
    # No type of whole numbers is larger than 16 bits.
    known = {band: ends for band, ends in declared.items() if ends is not None and _holding([ends], _WHOLE)}
    rest = [band for band in declared if band not in known]
    if not rest:
        return _holding(list(known.values()), _WHOLE) or "float32"
    found = _looked_at(data, grid, rest, 0, 0)
    if any(float(found["fractions"].get(band) or 0) > 0 for band in rest):
        return "float32"
    spreads = [(found["spread"].get(f"{band}_min"), found["spread"].get(f"{band}_max")) for band in rest]
    ends = [(float(least), float(most)) for least, most in spreads if least is not None and most is not None]
    # Of a large grid not every pixel was looked at, so a type without room to spare is no safe choice.
    whole = grid.shape[0] * grid.shape[1] <= MOST_PIXELS
    return _holding([*known.values(), *ends], _WHOLE if whole else _WIDE) or "float32"


def _range(name: str) -> tuple[float, float]:
    limits = np.iinfo(name)
    return float(limits.min), float(limits.max)


def _declared(data: Data) -> dict[str, tuple[float, float] | None]:
    """Least and largest value of each band's own type; None where it has fractions, or says nothing."""
    bands = answered(measured(data).getInfo, "data.imagery")["bands"]
    return {band["id"]: _ends(band["data_type"]) for band in bands}


def _ends(kind: Mapping[str, Any]) -> tuple[float, float] | None:
    if kind["precision"] != "int" or "min" not in kind or "max" not in kind:
        return None
    return float(kind["min"]), float(kind["max"])


def _within(ends: tuple[float, float] | None, low: float, high: float) -> bool:
    return ends is not None and low <= ends[0] and ends[1] <= high


def _holding(ends: list[tuple[float, float]], names: tuple[str, ...]) -> str | None:
    """The first type that holds all; None where none does."""
    fits = (name for name in names if all(_within(each, *_range(name)) for each in ends))
    return next(fits, None)


def _looked_at(data: Data, grid: Grid, bands: list[str], low: float, high: float) -> dict[str, Any]:
    """Spread of bands, and their shares of pixels that are cut by limits or have fractions, in one request."""
    chosen, where = measured(data).select(bands), ground(data, grid, MOST_PIXELS)
    spread = ee.Reducer.minMax().combine(ee.Reducer.stdDev(), sharedInputs=True)
    asked = {
        "spread": chosen.reduceRegion(reducer=spread, **where),
        "cut": chosen.lt(low).Or(chosen.gt(high)).reduceRegion(reducer=ee.Reducer.mean(), **where),
        "fractions": chosen.neq(chosen.round()).reduceRegion(reducer=ee.Reducer.mean(), **where),
    }
    found: dict[str, Any] = answered(ee.Dictionary(asked).getInfo, _KEY)
    return found


def _problems(band: str, name: str, found: Mapping[str, Any]) -> list[str]:
    spread = {part: found["spread"].get(f"{band}_{part}") for part in ("min", "max", "stdDev")}
    if None in spread.values():
        return []  # masked everywhere: the question of label values says so
    least, most, std = (float(value) for value in spread.values())
    shown = f"{band} runs from {least:g} to {most:g}"
    cut, fractions = float(found["cut"].get(band) or 0), float(found["fractions"].get(band) or 0)
    rounded = fractions > MOST_CUT and std < LEAST_STD
    fits = "float32" if fractions > MOST_CUT else _holding([(least, most)], ("uint8", "uint16", "int16")) or "float32"
    if cut > MOST_CUT:
        limits = np.iinfo(name)
        return [
            f"{name} holds {limits.min:,} to {limits.max:,}, and {shown}: {100 * cut:.2g} % of its pixels would be "
            f"cut; use {fits}"
        ]
    if rounded:
        return [f"{name} holds whole numbers alone, and {shown} with a std of {std:.3g}; use float32"]
    return []
