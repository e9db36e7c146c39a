"""What Earth Engine says of the data that a config names, asked before anything is exported or trained.

`earthline check` shows the questions one by one; `export_examples` asks them all before it plans.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np

from earthline.config import BoundingBox, Data
from earthline.earth_engine import imagery
from earthline.earth_engine.imagery import ImageryError, answered
from earthline.grid import Grid, GridError
from earthline.task.classification import most_frequent

EXACT_PIXELS = 10**7
"""Largest grid of which every pixel is looked at; of a larger one about so many as `SAMPLES` says."""
SAMPLES = 20_000
_THINNED_PIXELS = 10**6
MOST_CUT = 0.001
"""Largest share of a band's pixels that may lie outside of the data type: a few glints are no mistake."""
LEAST_STD = 5.0
"""Least std of a band with fractions that is stored in whole numbers: rounding adds a std of 0.29, 6 % of this."""
_LISTED = 12
"""Label values that an error lists in full."""


@dataclass(frozen=True)
class Question:
    """One thing to ask Earth Engine.

    Attributes:
        name: What it is about.
        ask: Gives what was found, in a few words; raises ImageryError or PixelsError.
    """

    name: str
    ask: Callable[[], str]


def questions(
    data: Data, predict_region: BoundingBox | None = None, grid: Callable[[], Grid] | None = None
) -> tuple[Question, ...]:
    """Every question, in the order in which an answer makes the next one worth asking.

    Args:
        data: The section.
        predict_region: `predict.region` of the config.
        grid: Gives the grid of the region, where the caller needs it as well; asked only when a question needs it.
    """
    grid = grid or functools.cache(lambda: imagery.grid(data))
    return (
        Question("imagery", lambda: _imagery(data)),
        Question("labels", lambda: _labels(data)),
        Question("grid", lambda: _grid(data, grid(), predict_region)),
        Question("data type", lambda: _data_type(data, grid())),
        Question("label values", lambda: _label_values(data, grid())),
    )


def verify(data: Data, predict_region: BoundingBox | None = None) -> Grid:
    """Asks everything.

    Args:
        data: The section.
        predict_region: As in `questions`.

    Returns:
        The grid of the region.

    Raises:
        ImageryError: A missing asset, band or property, an empty collection, a region outside the imagery, values that
            the data type would cut or round away, all-masked imagery, or label values of no class.
        PixelsError: Earth Engine does not answer.
    """
    grid = functools.cache(lambda: imagery.grid(data))
    for question in questions(data, predict_region, grid):
        question.ask()
    return grid()


def _imagery(data: Data) -> str:
    return "; ".join(imagery.require(data, key, source) for key, source in data.imagery.keys.items())


def _labels(data: Data) -> str:
    described = data.labels
    if described.image:
        key, source = "data.labels.image", ee.Image(described.image)
    else:
        key, source = "data.labels.collection", ee.ImageCollection(described.collection).first()
    there = answered(source.bandNames().getInfo, key)
    if described.band not in there:
        raise ImageryError(f"data.labels.band: {described.band} not in {described.asset}, which has {', '.join(there)}")
    return f"{described.asset} has {described.band}"


def _grid(data: Data, grid: Grid, predict_region: BoundingBox | None) -> str:
    try:
        crs = grid.pyproj_crs
    except GridError as error:
        raise ImageryError(f"data.imagery: {error}") from error
    left, _, right, _ = grid.bounds
    if crs.is_geographic and (right > 180 + 1e-6 or left < -180 - 1e-6):
        raise ImageryError(
            f"data.imagery: longitudes of {data.imagery.asset} run from {left:g} to {right:g}, and Earth Engine's run "
            "from -180 to 180; subtract 360 from the raster's origin and upload it again"
        )
    if predict_region is not None:
        imagery.grid(data, predict_region, "predict.region")
    return f"{grid.shape[0]:,} x {grid.shape[1]:,} pixels of {grid.crs_name}"


def _data_type(data: Data, grid: Grid) -> str:
    name = data.imagery.data_type
    if name == "float32":
        return "float32 holds every value"
    measured = imagery.measured(data)
    low, high = np.iinfo(name).min, np.iinfo(name).max
    bands = answered(measured.getInfo, "data.imagery")["bands"]
    suspects = [band["id"] for band in bands if not _is_safe(band["data_type"], low, high)]
    if not suspects:
        return f"{name} holds every value of the bands' own types"
    chosen = measured.select(suspects)
    where = _where(grid, _THINNED_PIXELS)
    spread = ee.Reducer.minMax().combine(ee.Reducer.stdDev(), sharedInputs=True)
    found = answered(
        ee.Dictionary(
            {
                "spread": chosen.reduceRegion(reducer=spread, **where),
                "cut": chosen.lt(low).Or(chosen.gt(high)).reduceRegion(reducer=ee.Reducer.mean(), **where),
                "fractions": chosen.neq(chosen.round()).reduceRegion(reducer=ee.Reducer.mean(), **where),
            }
        ).getInfo,
        "data.imagery.data_type",
    )
    problems = [text for band in suspects for text in _problems(band, name, found)]
    if problems:
        raise ImageryError("\n".join(f"data.imagery.data_type: {problem}" for problem in problems))
    return f"{name} holds the values of {', '.join(suspects)}"


def _is_safe(kind: Mapping[str, Any], low: int, high: int) -> bool:
    return bool(kind["precision"] == "int" and kind.get("min", low - 1) >= low and kind.get("max", high + 1) <= high)


def _problems(band: str, name: str, found: Mapping[str, Any]) -> list[str]:
    spread = {part: found["spread"].get(f"{band}_{part}") for part in ("min", "max", "stdDev")}
    if None in spread.values():
        return []  # masked everywhere: the question of label values says so
    least, most, std = (float(value) for value in spread.values())
    shown = f"{band} runs from {least:g} to {most:g}"
    cut, fractions = float(found["cut"].get(band) or 0), float(found["fractions"].get(band) or 0)
    rounded = fractions > MOST_CUT and std < LEAST_STD
    fitting = "float32" if fractions > MOST_CUT else _fitting(least, most)
    if cut > MOST_CUT:
        limits = np.iinfo(name)
        return [
            f"{name} holds {limits.min:,} to {limits.max:,}, and {shown}: {100 * cut:.2g} % of its pixels would be "
            f"cut; use {fitting}"
        ]
    if rounded:
        return [f"{name} holds whole numbers alone, and {shown} with a std of {std:.3g}; use float32"]
    return []


def _fitting(least: float, most: float) -> str:
    for name in ("uint8", "uint16", "int16"):
        if np.iinfo(name).min <= least and most <= np.iinfo(name).max:
            return name
    return "float32"


def _label_values(data: Data, grid: Grid) -> str:
    where = _where(grid, _THINNED_PIXELS)
    seen = imagery.valid(data).reduceRegion(reducer=ee.Reducer.max(), **where)
    if not any(answered(seen.getInfo, "data.imagery").values()):
        raise ImageryError(
            f"data.imagery: every pixel of {data.imagery.asset} is masked in the region, in at least one of the bands "
            f"{', '.join(data.imagery.band_names)}; move data.region, or choose other bands, dates or cloud_mask"
        )
    counts = {float(value): count for value, count in _histogram(data, grid).items() if float(value) == float(value)}
    described = data.labels
    if not counts:
        raise ImageryError(
            f"data.labels: {described.asset} has no value in the region; move data.region, or choose other labels"
        )
    known = {value for each in described.classes for value in each.values} | set(described.ignore)
    unknown = {value: count for value, count in counts.items() if value not in known}
    holds = f"the band {described.band} of {described.asset} holds"
    fractions = {value: count for value, count in unknown.items() if not value.is_integer()}
    if fractions:
        raise ImageryError(
            f"data.labels.classes: {holds} values that are no whole numbers: {_listed(fractions)}. Classes are whole "
            "numbers: make an asset that holds some, such as image.multiply(10).round().toInt(), and name that"
        )
    if unknown:
        raise ImageryError(
            f"data.labels.classes: {holds} values of no class: {_listed(unknown)}; add them to the `values` of a "
            "class, or to data.labels.ignore"
        )
    return f"all {len(counts)} values have a class or are ignored"


def _histogram(data: Data, grid: Grid) -> dict[str, float]:
    """Counts of label values by their text; NaN among them where the raster holds it."""
    band = data.labels.band
    values = most_frequent(imagery.label_values(data))
    if grid.shape[0] * grid.shape[1] <= EXACT_PIXELS:
        where = _where(grid, EXACT_PIXELS)
        counted = values.reduceRegion(reducer=ee.Reducer.frequencyHistogram(), **where)
        return dict(answered(counted.getInfo, "data.labels").get(band) or {})
    # A coarser grid would mix classes, so single pixels are drawn instead.
    points = values.sample(
        region=_footprint(grid),
        projection=ee.Projection(grid.crs, list(grid.transform)),
        numPixels=SAMPLES,
        seed=0,
        dropNulls=True,
    )
    return dict(answered(points.aggregate_histogram(band).getInfo, "data.labels"))


def _listed(counts: Mapping[float, float]) -> str:
    ordered = sorted(counts.items())
    listed = ", ".join(f"{value:g} ({count:,.0f} pixels)" for value, count in ordered[:_LISTED])
    return f"{listed} and {len(ordered) - _LISTED:,} more" if len(ordered) > _LISTED else listed


def _where(grid: Grid, most: int) -> dict[str, Any]:
    """Arguments of `reduceRegion`: the whole grid, or the same ground on a coarser one of about `most` pixels."""
    coarse = grid.thinned(most)
    return {
        "geometry": _footprint(grid),
        "crs": coarse.crs,
        "crsTransform": list(coarse.transform),
        "maxPixels": 4 * most,
    }


def _footprint(grid: Grid) -> Any:
    height, width = grid.shape
    corners = [list(grid.affine @ corner) for corner in ((0, 0), (width, 0), (width, height), (0, height))]
    return ee.Geometry.Polygon([corners], proj=grid.crs, geodesic=False)
