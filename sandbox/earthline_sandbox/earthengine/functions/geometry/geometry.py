"""What geometries are made of: type, coordinates, projection and parts, and the grid that covers them."""

import math
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.values.values import Collection, Feature, Geometry
from earthline_sandbox.errors import invalid


@function("Geometry.type")
def geometry_type(geometry: Geometry) -> str:
    """Such as `Polygon`."""
    return str(geometry.shape.geom_type)


@function("Geometry.coordinates")
def coordinates(geometry: Geometry) -> Any:
    """The coordinates as nested lists."""
    shown = mapping(geometry.shape)
    return _nested(shown.get("coordinates", []))


def _nested(value: Any) -> Any:
    return [_nested(item) for item in value] if isinstance(value, list | tuple) else value


@function("Geometry.projection")
def geometry_projection(geometry: Geometry) -> Projection:
    """What the coordinates mean."""
    return geometry.projection


@function("Geometry.geodesic", "Geometry.edgesAreGeodesics")
def geodesic(geometry: Geometry) -> bool:
    """Whether edges are the shortest lines on the globe."""
    return geometry.geodesic


@function("Geometry.isUnbounded")
def is_unbounded(geometry: Geometry) -> bool:
    """Whether it covers the whole globe."""
    return not geometry.shape.is_empty and geometry.lonlat().bounds == (-180, -90, 180, 90)


@function("Geometry.geometries")
def geometries(geometry: Geometry) -> list[Geometry]:
    """The parts."""
    return [Geometry(part, geometry.projection, geometry.geodesic) for part in shapely.get_parts(geometry.shape)]


@function("Geometry.coveringGrid")
def covering_grid(geometry: Geometry, proj: Projection, scale: float | None) -> Collection:
    """The cells of a grid that a geometry touches, as features named `column,row`."""
    cell = proj if scale is None else Projection(proj.crs, _square(proj, scale))
    shape = geometry.in_crs(cell.crs)
    west, south, east, north = shape.bounds
    if not np.isfinite([west, south, east, north]).all():
        return Collection()
    xs, ys = cell.position(np.array([west, west, east, east]), np.array([south, north, south, north]))
    columns = range(math.floor(min(xs)), math.ceil(max(xs)))
    rows = range(math.floor(min(ys)), math.ceil(max(ys)))
    if len(columns) * len(rows) > 1_000_000:
        raise invalid("Geometry.coveringGrid: The grid has too many cells.")
    features = []
    for row in rows:
        for column in columns:
            box = Geometry(shapely.box(column, row, column + 1, row + 1), cell, geodesic=False)
            outline = box.in_crs(cell.crs)
            if shapely.intersects(outline, shape):
                features.append(
                    Feature(
                        geometry=Geometry(outline, Projection(cell.crs), geodesic=False),
                        properties={"system:index": f"{column},{row}"},
                    )
                )
    return Collection(elements=features)


def _square(proj: Projection, scale: float) -> tuple[float, float, float, float, float, float]:
    side = scale / Projection(proj.crs).nominal_scale
    return (side, 0.0, 0.0, 0.0, side, 0.0)
