"""Shapes of geometries: in a projection, on the globe, and in a plane around them."""

import math
from collections.abc import Callable

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.pixels.geodesics import rounded
from earthline_sandbox.earthengine.pixels.grid import IDENTITY, WGS84, Projection, same_crs, transformer
from earthline_sandbox.earthengine.values.values import Element, Feature, Geometry

GLOBE = pyproj.Geod(ellps="WGS84")
HALF_WAY_ROUND = 20_000_000


def on_feature(element: Element, change: Callable[[Geometry], Geometry]) -> Feature:
    """A feature with its geometry changed."""
    return Feature(geometry=change(to_geometry(element)), properties=element.properties)


def shape_in(geometry: Geometry, proj: Projection | None) -> BaseGeometry:
    """The shape in the coordinates of a projection, in degrees without one."""
    return geometry.in_crs((proj or Projection()).crs)


def geometry_in(shape: BaseGeometry, proj: Projection | None, geodesic: bool) -> Geometry:
    """The geometry of a shape in a projection, in degrees without one; only edges in degrees may be geodesic."""
    crs = (proj or Projection()).crs
    return Geometry(shape, Projection(crs), geodesic and crs == WGS84)


def plane_around(shape: BaseGeometry) -> str:
    """A projection around a shape in degrees that keeps distances from its middle."""
    x, y = 0.0, 0.0
    if not shape.is_empty:
        west, _, east, _ = shape.bounds
        if (west, east) == (-180, 180):
            # The two sides of the antimeridian have their middle between them, on the globe.
            vectors = shapely.get_coordinates(shape)
            turn, tilt = np.radians(vectors[:, 0]), np.radians(vectors[:, 1])
            mean = np.array([np.cos(tilt) * np.cos(turn), np.cos(tilt) * np.sin(turn), np.sin(tilt)]).mean(axis=1)
            x = math.degrees(math.atan2(mean[1], mean[0]))
            y = math.degrees(math.atan2(mean[2], math.hypot(mean[0], mean[1])))
        else:
            x, y = shape.centroid.x, shape.centroid.y
    return plane_at(x, y)


def plane_at(x: float, y: float) -> str:
    """A projection that keeps distances from a place in degrees."""
    return f"+proj=aeqd +lat_0={y!r} +lon_0={x!r} +datum=WGS84 +units=m +no_defs"


def shape_on_globe(geometry: Geometry) -> BaseGeometry:
    """The shape in degrees with vertices so near that the shortest lines between them are its edges."""
    own = geometry.projection
    if own.transform != IDENTITY:
        geometry = Geometry(
            shapely.transform(geometry.shape, lambda xy: np.column_stack(own.located(xy[:, 0], xy[:, 1]))),
            Projection(own.crs),
            geometry.geodesic,
        )
    if same_crs(own.crs, WGS84):
        return geometry.shape if geometry.geodesic else rounded(geometry.shape)
    if geometry.geodesic:
        there = transformer(own.crs, WGS84)
        return shapely.transform(geometry.shape, lambda xy: np.column_stack(there.transform(xy[:, 0], xy[:, 1])))
    return rounded(geometry.lonlat())
