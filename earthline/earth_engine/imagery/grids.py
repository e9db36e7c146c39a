"""The grid of pixels on which all work is done: the image's own, that of `crs` and `scale`, or of another raster."""

from collections.abc import Mapping
from typing import Any

import ee
import numpy as np
from pyproj import Transformer

from earthline.config import BoundingBox, Data, Region
from earthline.earth_engine.imagery.errors import ATTEMPTS, ImageryError, answered
from earthline.earth_engine.imagery.region import outline
from earthline.earth_engine.retry import ask
from earthline.grid import Grid, GridError
from earthline.outlines import on_grid

Bounds = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels of a grid."""


def grid(data: Data, place: Region | None = None, key: str = "data.region") -> Grid:
    """The pixel grid of the region; asks Earth Engine.

    Args:
        data: The section.
        place: Region instead of the section's own.
        key: The config's key that holds the region, for errors.

    Raises:
        ImageryError: The region lies outside the imagery, or the imagery's grid is of no use.
        PixelsError: Earth Engine does not answer.
    """
    chosen = place or data.region
    try:
        endless = _endless(data)
        if endless is not None and chosen is not None:
            return endless.covering(_bounds(data, chosen, place, endless))
        whole = _own_grid(data)
        if endless is not None:
            return endless.covering(_bounds_of(whole, endless))
        if chosen is None:
            return whole
        told = "({:g}, {:g}, {:g}, {:g})".format(*chosen.degrees) if isinstance(chosen, BoundingBox) else "the outline"
        return whole.cut(_bounds(data, chosen, place, whole), told)
    except GridError as error:
        raise ImageryError(f"{key}: {error}") from error


def map_grid(data: Data, place: Region | None) -> Grid:
    """The pixel grid of the map; asks Earth Engine.

    Args:
        data: The section.
        place: `predict.region`; None for the section's own region.

    Raises:
        ImageryError: The region lies outside the imagery, or the imagery's grid is of no use.
        PixelsError: Earth Engine does not answer.
    """
    return grid(data, place, "data.region" if place is None else "predict.region")


def default_projection(data: Data) -> Any:
    """The `ee.Projection` of the grid that patches are cut from, in the graph: nothing is asked."""
    aligned, source = data.align_to, data.imagery.grid_source
    if aligned is not None and aligned.asset is not None:
        return ee.Image(aligned.asset).select(0).projection()
    if aligned is not None:
        return ee.Projection(aligned.crs, list(aligned.transform or ()))
    if data.crs is None and source is not None:
        return ee.Image(source.image).select([source.taken[0]]).projection()
    scale = data.scale or 1.0
    return ee.Projection(data.crs, [scale, 0, 0, 0, -scale, 0])


def _endless(data: Data) -> Grid | None:
    """A pixel of `crs` and `scale`, or of `align_to`, whose grid goes on everywhere."""
    if data.crs is not None and data.scale is not None:
        return Grid(data.crs, (data.scale, 0.0, 0.0, 0.0, -data.scale, 0.0), (1, 1))
    aligned = data.align_to
    if aligned is None:
        return None
    if aligned.crs is not None and aligned.transform is not None:
        return Grid(aligned.crs, aligned.transform, (1, 1))
    band = answered(ee.Image(aligned.asset).select([0]).getInfo, "data.align_to")["bands"][0]
    return Grid(band["crs"], _transform(band), (1, 1))


def _own_grid(data: Data) -> Grid:
    """The grid of the first band of the first source, which is an image."""
    source = data.imagery.grid_source
    assert source is not None  # without it the config demands a region, and `crs` or `align_to`
    asked = ee.Image(source.image).select([source.taken[0]]).getInfo
    band = ask(asked, ATTEMPTS, f"grid of {source.image}")["bands"][0]
    column, row = (int(number) for number in band.get("origin", (0, 0)))
    if "dimensions" not in band:
        raise ImageryError(
            f"data.imagery.image: {source.image} has no edge, so it has no grid to work on; give `data.region`, "
            "`data.crs` and `data.scale`"
        )
    width, height = band["dimensions"]
    return Grid(band["crs"], _transform(band), (height, width)).window(row, column, (height, width))


def _bounds(data: Data, chosen: Region, place: Region | None, plane: Grid) -> Bounds:
    """Where a region lies."""
    shape = outline(data, place)
    if shape is not None:
        return on_grid.extent(shape, plane)
    assert isinstance(chosen, BoundingBox)  # what is no rectangle has an outline
    return _around(plane, plane.project(chosen.degrees))


def _bounds_of(whole: Grid, plane: Grid) -> Bounds:
    """Where another grid lies."""
    to_plane = Transformer.from_crs(whole.pyproj_crs, plane.pyproj_crs, always_xy=True)
    bounds = to_plane.transform_bounds(*whole.bounds, densify_pts=21)
    if not np.isfinite(bounds).all():
        raise GridError(f"the image's footprint cannot be expressed in {plane.crs_name}; give `data.region`")
    return _around(plane, bounds)


def _around(plane: Grid, bounds: tuple[float, float, float, float]) -> Bounds:
    """The pixels around (left, bottom, right, top) in CRS units."""
    left, bottom, right, top = bounds
    corners = (~plane.affine @ corner for corner in ((left, top), (right, top), (left, bottom), (right, bottom)))
    columns, rows = zip(*corners, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def _transform(band: Mapping[str, Any]) -> tuple[float, float, float, float, float, float]:
    a, b, c, d, e, f = (float(number) for number in band["crs_transform"])
    return a, b, c, d, e, f
