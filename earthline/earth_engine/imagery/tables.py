"""Outlines out of Earth Engine tables: the polygons of chosen features, asked once per process."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import ee
from pyproj import Geod
from shapely.geometry import shape as of_geojson
from shapely.geometry.base import BaseGeometry

from earthline.config import Outline
from earthline.earth_engine.imagery.errors import ImageryError, answered
from earthline.outlines import lines, shapes
from earthline.outlines.shapes import OutlineError

_FARTHEST = 2000.0
"""Metres along a geodesic edge after which it gets another corner: 8 cm off at most, at 45 degrees."""


def geometry(place: Outline) -> Any:
    """The `ee.Geometry` of a table's chosen features."""
    return _features(place.table or "", place.where).geometry(1)


def outline(place: Outline, key: str) -> BaseGeometry:
    """The polygons of a table's chosen features in degrees, as `shapes.tidied` gives them; asks Earth Engine.

    Args:
        place: Names the table.
        key: The config's key that holds `place`, for errors.

    Raises:
        ImageryError: There is no such table or feature, or it holds no polygons of a bounded size.
        PixelsError: Earth Engine does not answer.
    """
    return _outline(place.table or "", json.dumps(place.where), place.simplify, key)


def _features(table: str, where: Mapping[str, Any]) -> Any:
    features = ee.FeatureCollection(table)
    for name, value in where.items():
        several = isinstance(value, list | tuple)
        features = features.filter(ee.Filter.inList(name, list(value)) if several else ee.Filter.eq(name, value))
    return features


@lru_cache(maxsize=8)
def _outline(table: str, where: str, simplify: float | None, key: str) -> BaseGeometry:
    conditions = json.loads(where)
    features = _features(table, conditions)
    asked = ee.Dictionary({"features": features.size(), "outline": features.geometry(1)})
    found = answered(asked.getInfo, f"{key}.table")
    if not found["features"]:
        raise ImageryError(
            f"{key}.where: {table} has no feature with {conditions}; change it"
            if conditions
            else f"{key}.table: {table} has no feature; give another one"
        )
    try:
        shape = of_geojson(found["outline"])
        if found["outline"].get("geodesic", True):
            shape = lines.geodesic(shape, _FARTHEST, Geod(ellps="WGS84"))
        return shapes.tidied(shape, [], simplify)
    except OutlineError as error:
        raise ImageryError(f"{key}.table: {table} {error}") from error
