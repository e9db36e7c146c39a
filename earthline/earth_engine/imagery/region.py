"""The region to work in: as a geometry of Earth Engine, and as an outline to which images are cut."""

from collections.abc import Callable
from typing import Any

import ee
from shapely.affinity import translate
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from earthline.config import BoundingBox, Data, Outline, Region
from earthline.earth_engine.imagery import tables
from earthline.earth_engine.imagery.errors import ImageryError
from earthline.grid import Grid, GridError
from earthline.outlines import on_grid


def region(data: Data) -> Any:
    """The `ee.Geometry` to work in."""
    if data.region is not None:
        return geometry(data.region)
    source = data.imagery.grid_source
    assert source is not None  # without it the config demands a region
    return ee.Image(source.image).geometry()


def geometry(place: Region) -> Any:
    """A region as a planar `ee.Geometry` in longitude and latitude; of a table, its own."""
    if isinstance(place, BoundingBox):
        return rectangle(place)
    if isinstance(place, Outline) and place.table is not None:
        return tables.geometry(place)
    return ee.Geometry(mapping(place.shape), proj="EPSG:4326", geodesic=False)


def rectangle(box: BoundingBox) -> Any:
    """A planar `ee.Geometry` of a rectangle in degrees."""
    west, south, east, north = box.shape.bounds
    return ee.Geometry.Rectangle([west, south, east, north], "EPSG:4326", False)


def outline(data: Data, place: Region | None = None) -> BaseGeometry | None:
    """The polygons, in degrees, outside of which nothing is learned and mapped; asks Earth Engine for those of a table.

    Args:
        data: The section.
        place: `predict.region`; None for the section's own region.

    Returns:
        None for a rectangle and a footprint: they say which part of the grid is worked on, and all of it counts.

    Raises:
        ImageryError: The table is of no use.
        PixelsError: Earth Engine does not answer.
    """
    chosen = place or data.region
    if not isinstance(chosen, Outline):
        return None
    return chosen.shape or tables.outline(chosen, _key(place))


def clipped(image: Any, data: Data, grid: Grid, place: Region | None = None, offset: tuple[int, int] = (0, 0)) -> Any:
    """An image without the pixels whose centres lie outside of the outline; of a rectangle or footprint, as it is.

    The outline is sent in the grid's own CRS, its edges bent here, so that no tolerance of Earth Engine's decides.

    Args:
        image: An `ee.Image`.
        data: The section.
        grid: Of the region, or any part of it.
        place: `predict.region`; None for the section's own region.
        offset: Pixels (rows, columns) by which the image lies off the grid, as labels may.

    Raises:
        ImageryError: The grid's CRS does not cover the region, or a table is of no use.
        PixelsError: Earth Engine does not answer.
    """
    shape = outline(data, place)
    return image if shape is None else image.clip(_planar(shape, grid, place, offset))


def inside(data: Data, grid: Grid, place: Region | None = None) -> Any:
    """One uint8 band `constant`, masked nowhere: 1 where a pixel's centre lies inside the outline, 0 elsewhere.

    Args:
        data: The section.
        grid: Of the region, or any part of it.
        place: `predict.region`; None for the section's own region.
    """
    return clipped(ee.Image(1).toUint8(), data, grid, place).unmask(0, False)


def in_pixels(data: Data, grid: Grid, place: Region | None = None) -> BaseGeometry | None:
    """The outline in pixels of a grid, x = column and y = row; None for a rectangle and a footprint.

    Raises:
        ImageryError: As `clipped`.
        PixelsError: Earth Engine does not answer.
    """
    shape = outline(data, place)
    return None if shape is None else _explained(on_grid.in_pixels, shape, grid, place)


def footprint(data: Data, grid: Grid) -> Any:
    """The `ee.Geometry` of what counts of a grid: the outline, else all of it; planar in the grid's CRS."""
    shape = outline(data)
    if shape is not None:
        return _planar(shape, grid, None)
    height, width = grid.shape
    corners = [list(grid.affine @ corner) for corner in ((0, 0), (width, 0), (width, height), (0, height))]
    return ee.Geometry.Polygon([corners], proj=grid.crs, geodesic=False)


def _planar(shape: BaseGeometry, grid: Grid, place: Region | None, offset: tuple[int, int] = (0, 0)) -> Any:
    found = _explained(on_grid.in_crs, shape, grid, place)
    if any(offset):
        a, b, _, d, e, _ = grid.transform
        rows, columns = offset
        found = translate(found, a * columns + b * rows, d * columns + e * rows)
    return ee.Geometry(mapping(found), proj=grid.crs, geodesic=False)


def _explained(
    place_on: Callable[[BaseGeometry, Grid], BaseGeometry], shape: BaseGeometry, grid: Grid, place: Region | None
) -> BaseGeometry:
    try:
        return place_on(shape, grid)
    except GridError as error:
        raise ImageryError(f"{_key(place)}: {error}") from error


def _key(place: Region | None) -> str:
    return "data.region" if place is None else "predict.region"
