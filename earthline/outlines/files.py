"""Outlines from vector files: GeoJSON, GeoPackage, shapefile, KML and what else GDAL reads."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely.geometry import shape as of_geojson
from shapely.geometry.base import BaseGeometry

from earthline.outlines.lines import carried
from earthline.outlines.shapes import MOST_CORNERS, OutlineError, repaired, tidied

Array = np.ndarray[Any, Any]

Features = tuple[str | None, Any, dict[str, list[Any]]]
"""CRS, shapes and attributes by name."""
SUFFIXES = (".geojson", ".json", ".gpkg", ".shp", ".zip", ".kml", ".kmz", ".fgb")
MOST_BYTES = 500_000_000
_TOLERANCES = (1e-6, 1e-5, 1e-4)
"""Degrees by which edges may leave their course when they are carried to longitude and latitude, 11 cm to 11 m: the
first one with which there are not too many corners."""
_LISTED = 8


def read(
    path: Path, layer: str | None, where: Mapping[str, Any], simplify: float | None
) -> tuple[BaseGeometry, list[str]]:
    """The outline in a file, in longitude and latitude.

    Args:
        path: A file of one of `SUFFIXES`.
        layer: Name of the layer; None where there is one.
        where: Values of attributes, or lists of such; only features that have them count.
        simplify: Metres by which the outline may move, to have fewer corners.

    Returns:
        The outline as `shapes.tidied` gives it, and notes.

    Raises:
        OutlineError: The file cannot be read, or what it holds is no outline.
    """
    crs, shapes, columns = features(path, layer, tuple(where), polygons_first=True)
    if not len(shapes):
        raise OutlineError(f"{path} holds no feature; give one that has polygons")
    chosen = matching(path, where, columns, len(shapes))
    found = [shape for shape in shapes[chosen] if shape is not None and not shape.is_empty]
    if not found:
        raise OutlineError(f"{path} holds features without a geometry; give one that has polygons")
    notes: list[str] = []
    try:
        return tidied(_in_degrees(path, crs, _collected(found), notes), notes, simplify), notes
    except OutlineError as error:
        told = str(error) if str(error).startswith(str(path)) else f"{path} {error}"
        raise OutlineError(told, error.simplify) from error


def features(path: Path, layer: str | None, fields: Sequence[str], *, polygons_first: bool) -> Features:
    """What a file holds.

    Args:
        path: A file of one of `SUFFIXES`.
        layer: Name of the layer; None where there is one.
        fields: Attributes to read; where one is missing, the others have names but may have no values.
        polygons_first: Whether a layer of polygons is meant where there are also other layers with geometries.

    Raises:
        OutlineError: The file cannot be read, or it has several such layers.
    """
    _require_file(path)
    plain = layer is None and path.suffix.lower() in (".geojson", ".json")
    return (_of_geojson(path) if plain else None) or _of_gdal(path, layer, fields, polygons_first)


def _of_geojson(path: Path) -> Features | None:
    """The features of a plain GeoJSON file, without GDAL, which loads slowly; None where GDAL has to look."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or "crs" in content:
            return None
        kind = content.get("type")
        features = content["features"] if kind == "FeatureCollection" else [content]
        if kind not in ("FeatureCollection", "Feature"):
            features = [{"geometry": content, "properties": {}}]
        shapes = [None if each["geometry"] is None else of_geojson(each["geometry"]) for each in features]
        attributes = [each.get("properties") or {} for each in features]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, shapely.errors.ShapelyError):
        return None
    names = dict.fromkeys(name for each in attributes for name in each)
    columns = {name: [each.get(name) for each in attributes] for name in names}
    return "EPSG:4326", np.array(shapes, object), columns


def _of_gdal(path: Path, layer: str | None, fields: Sequence[str], polygons_first: bool) -> Features:
    """The features of any file; of attributes those that are asked for, or the names of all where one is missing."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FieldError

    try:
        layers = [(str(each), kind) for each, kind in pyogrio.list_layers(path)]
        name = _layer(path, layer, layers, polygons_first)
        known = [str(each) for each in pyogrio.read_info(path, layer=name)["fields"]]
        asked = [each for each in dict.fromkeys(fields) if each in known]
        meta, _, geometries, values = pyogrio.raw.read(path, layer=name, columns=asked, force_2d=True)
        shapes = shapely.from_wkb(geometries) if geometries is not None else np.array([], object)
    except (DataLayerError, DataSourceError, FieldError, UnicodeDecodeError) as error:
        raise OutlineError(f"{path} cannot be read ({error}); is it a whole file of its kind?") from error
    except shapely.errors.ShapelyError as error:
        raise OutlineError(f"{path} holds geometries that are no plain polygons ({error}); convert them") from error
    columns: dict[str, list[Any]] = {each: [] for each in known}
    columns.update({str(each): column.tolist() for each, column in zip(meta["fields"], values, strict=True)})
    return meta.get("crs"), shapes, columns


def _require_file(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise OutlineError(f"{path} is no vector file; give one of the kinds {', '.join(SUFFIXES)}")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise OutlineError(
            f"{path} cannot be read ({error.strerror}); a name is taken relative to the config's folder"
        ) from error
    if not path.is_file():
        raise OutlineError(f"{path} is no file")
    if size > MOST_BYTES:
        raise OutlineError(f"{path} has {size:,} bytes, more than {MOST_BYTES:,}; save the region's outline alone")


def _layer(path: Path, asked: str | None, there: list[tuple[str, Any]], polygons_first: bool) -> str:
    names = [name for name, _ in there]
    if asked is not None:
        if asked not in names:
            raise OutlineError(f"{path} has no layer '{asked}'; there are: {_listed(names)}")
        return asked
    # A GeoPackage may hold tables and layers of styles beside the one that is meant.
    drawn = [name for name, kind in there if kind is not None]
    polygons = [name for name, kind in there if kind is not None and ("Polygon" in kind or kind == "Unknown")]
    for candidates in (polygons, drawn) if polygons_first else (drawn,):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise OutlineError(f"{path} has several layers; name one by `layer`: {_listed(candidates)}")
    raise OutlineError(f"{path} holds no geometry, only tables; give a file with polygons")


def matching(path: Path, where: Mapping[str, Any], columns: Mapping[str, list[Any]], count: int) -> Any:
    """Which features have the attributes that are asked for, as booleans (features,).

    Args:
        path: The file, for errors.
        where: Values of attributes, or lists of such.
        columns: Values of the features by attribute.
        count: Number of features.

    Raises:
        OutlineError: None has, or an attribute is missing.
    """
    chosen = np.ones(count, bool)
    for field, wanted in where.items():
        if field not in columns:
            raise OutlineError(f"{path} has no field '{field}'; there are: {_listed(columns) or 'none'}")
        several = wanted if isinstance(wanted, list | tuple) else (wanted,)
        mine = np.array([any(_alike(value, each) for each in several) for value in columns[field]], bool)
        if not mine.any():
            held = list(dict.fromkeys(str(value) for value in columns[field]))
            raise OutlineError(f"{path} has no feature whose {field} is {_listed(several)}; there are: {_listed(held)}")
        chosen &= mine
    if not chosen.any():
        raise OutlineError(f"{path} has no feature that fulfils all of `where`")
    return chosen


def _listed(names: Any) -> str:
    listed = [str(name) for name in names]
    more = f" and {len(listed) - _LISTED:,} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + more


def _alike(value: Any, wanted: Any) -> bool:
    # A shapefile stores numbers as it likes: 7, 7.0 or "7".
    return bool(value == wanted or str(value) == str(wanted))


def _collected(shapes: list[BaseGeometry]) -> BaseGeometry:
    return shapes[0] if len(shapes) == 1 else shapely.GeometryCollection(shapes)


def degrees_of(path: Path, named: str | None) -> Callable[[Array], Array] | None:
    """What turns coordinates of a file into longitude and latitude.

    Args:
        path: The file, for errors.
        named: The CRS that the file names.

    Returns:
        From (corners, 2) to (corners, 2); None where they are degrees of EPSG:4326 already.

    Raises:
        OutlineError: The file names no CRS, or one that PROJ does not know.
    """
    if named is None:
        raise OutlineError(
            f"{path} names no CRS, so nobody knows where it lies; a shapefile needs its .prj beside it, and "
            "`ogr2ogr -a_srs EPSG:… out.gpkg in.shp` adds one"
        )
    try:
        crs = CRS.from_user_input(named)
        to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    except CRSError as error:
        raise OutlineError(f"{path} is in {named[:60]}, which PROJ does not know") from error
    if crs.equals(CRS.from_epsg(4326), ignore_axis_order=True):
        return None

    def convert(xy: Array) -> Array:
        return np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1]))

    return convert


def _in_degrees(path: Path, named: str | None, shape: BaseGeometry, notes: list[str]) -> BaseGeometry:
    convert = degrees_of(path, named)
    parts = shapely.get_parts(shapely.get_parts(shape))
    polygons = parts[shapely.get_dimensions(parts) == 2]
    if convert is None or not len(polygons):
        return shape
    sound = shapely.GeometryCollection(repaired(polygons, notes))
    for tolerance in _TOLERANCES:
        found = carried(sound, convert, tolerance, 360.0)
        if shapely.get_num_coordinates(found) <= MOST_CORNERS:
            break
    return found
