"""What Earth Engine says of the data that a config names, asked before anything is exported or trained.

`earthline check` shows the questions one by one; `export_examples` asks them all before it plans.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ee

from earthline.config import Data, RasterLabels, Region, VectorLabels
from earthline.earth_engine import imagery
from earthline.earth_engine.imagery import ImageryError, answered, data_types, features
from earthline.earth_engine.imagery.survey import ground
from earthline.grid import Grid, GridError
from earthline.task.classification import most_frequent

EXACT_PIXELS = 10**7
"""Largest grid of which every pixel is looked at; of a larger one about so many as `SAMPLES` says."""
SAMPLES = 20_000
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
    data: Data, predict_region: Region | None = None, grid: Callable[[], Grid] | None = None
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
        Question("data type", lambda: data_types.require(data, grid())),
        Question("label values", lambda: _label_values(data, grid())),
    )


def verify(data: Data, predict_region: Region | None = None) -> Grid:
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
    if isinstance(described, VectorLabels):
        return features.require_field(described)
    assert isinstance(described, RasterLabels)
    if described.image:
        key, source = "data.labels.image", ee.Image(described.image)
    else:
        key, source = "data.labels.collection", ee.ImageCollection(described.collection).first()
    there = answered(source.bandNames().getInfo, key)
    if described.band not in there:
        raise ImageryError(f"data.labels.band: {described.band} not in {described.asset}, which has {', '.join(there)}")
    return f"{described.asset} has {described.band}"


def _grid(data: Data, grid: Grid, predict_region: Region | None) -> str:
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
    imagery.outline(data)
    return f"{grid.shape[0]:,} x {grid.shape[1]:,} pixels of {grid.crs_name}"


def _label_values(data: Data, grid: Grid) -> str:
    where = ground(data, grid, data_types.MOST_PIXELS)
    seen = imagery.valid(data).reduceRegion(reducer=ee.Reducer.max(), **where)
    if not any(answered(seen.getInfo, "data.imagery").values()):
        raise ImageryError(
            f"data.imagery: every pixel of {data.imagery.asset} is masked in the region, in at least one of the bands "
            f"{', '.join(data.imagery.band_names)}; move data.region, or choose other bands, dates or cloud_mask"
        )
    described = data.labels
    if isinstance(described, VectorLabels):
        return features.require_known(data, described)
    assert isinstance(described, RasterLabels)
    histogram = label_histogram(data, described, grid)
    counts = {float(value): count for value, count in histogram.items() if float(value) == float(value)}
    if not counts:
        raise ImageryError(
            f"data.labels: {described.asset} has no value in the region; move data.region, or choose other labels"
        )
    known = {value for each in described.classes for value in each.values} | set(described.ignore)
    unknown = {value: count for value, count in counts.items() if value not in known}
    holds = f"{described.told} holds"
    if described.by_ranges:
        return _in_ranges(described, unknown)
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


def _in_ranges(described: RasterLabels, counts: Mapping[float, float]) -> str:
    outside = {
        value: count
        for value, count in counts.items()
        if not any(low <= value < high or (closed and value == high) for low, high, _, closed in described.ranges)
    }
    if outside:
        raise ImageryError(
            f"data.labels.classes: {described.told} holds values outside of all ranges: {_listed(outside)}; add them "
            "to the `ranges` of a class, or to data.labels.ignore"
        )
    return "all values lie in a class's ranges or are ignored"


def label_histogram(data: Data, described: RasterLabels, grid: Grid) -> dict[str, float]:
    """How many pixels of the region each value of a label raster has; of a large region, of about `SAMPLES` pixels.

    Args:
        data: The section; its classes do not matter.
        described: Its labels.
        grid: Of the region.

    Returns:
        Counts of label values by their text; NaN among them where the raster holds it.

    Raises:
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    band = described.band
    values = most_frequent(imagery.label_values(data))
    if grid.shape[0] * grid.shape[1] <= EXACT_PIXELS:
        where = ground(data, grid, EXACT_PIXELS)
        counted = values.reduceRegion(reducer=ee.Reducer.frequencyHistogram(), **where)
        return dict(answered(counted.getInfo, "data.labels").get(band) or {})
    # A coarser grid would mix classes, so single pixels are drawn instead.
    points = values.sample(
        region=imagery.footprint(data, grid),
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
