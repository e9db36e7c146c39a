"""Makes an argument what its signature declares, by the promotions that Earth Engine's server makes."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape as shape_of

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.language.iso_dates import moment_of
from earthline_sandbox.earthengine.learning.learners import Classifier, Clusterer, ConfusionMatrix
from earthline_sandbox.earthengine.pixels.geodesics import joined
from earthline_sandbox.earthengine.pixels.grid import IDENTITY, WGS84, Projection, crs_of
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, PixelType, constant_band
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import (
    INDEX,
    TIME_START,
    ArrayValue,
    Collection,
    Date,
    DateRange,
    Element,
    ErrorMargin,
    Feature,
    Geometry,
    Image,
    Join,
    Kernel,
    Model,
)

Promotion = Callable[[Any], Any]

# Metres.
_INFINITE_MARGIN = 2.0e7
_SHORT_TYPES = {"Image<unknown bands>": "Image", "<any>": "Object"}


class Mismatch(Exception):
    """A value that cannot be what is wanted; the registry turns it into Earth Engine's message."""


def type_name(value: Any) -> str:
    """The Earth Engine type of a value, for messages and `ee.Algorithms.ObjectType`."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Integer" if -(2**31) <= value < 2**31 else "Long"
    if isinstance(value, float):
        return "Float"
    if isinstance(value, str):
        return "String"
    if isinstance(value, Mapping):
        return "Dictionary"
    if isinstance(value, list | tuple):
        return "List"
    if isinstance(value, Collection):
        return value.kind
    if isinstance(value, ArrayValue):
        return "Array"
    if isinstance(value, Geometry):
        return str(value.shape.geom_type)
    return "Algorithm" if callable(value) else type(value).__name__


def coerce(value: Any, wanted: str) -> Any:
    """The value as the declared type.

    Raises:
        Mismatch: Where Earth Engine would not promote it.
    """
    wanted = _SHORT_TYPES.get(wanted, wanted)
    if value is None or wanted == "Object":
        return value
    if wanted.startswith("List<"):
        return _list(value, wanted[5:-1])
    if wanted.startswith("Dictionary<"):
        return _dictionary(value, wanted[11:-1])
    convert = _CONVERSIONS.get(wanted)
    return value if convert is None else convert(value)


def _list(value: Any, inner: str) -> list[Any]:
    if isinstance(value, ArrayValue):
        value = value.data.tolist()
    if isinstance(value, Collection):
        value = list(value)
    if not isinstance(value, list | tuple):
        if isinstance(value, str | int | float) and inner in ("Object", "String", "Number", "Integer", "Float"):
            value = [value]
        else:
            raise Mismatch
    return [coerce(item, inner) for item in value]


def _dictionary(value: Any, inner: str) -> dict[str, Any]:
    if isinstance(value, Element):
        value = value.properties
    if not isinstance(value, Mapping):
        raise Mismatch
    return {str(key): coerce(item, inner) for key, item in value.items()}


def number(value: Any) -> int | float:
    """A number; booleans are 0 and 1, and an array of one element is that element."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, np.generic):
        return number(value.item())
    if isinstance(value, ArrayValue) and value.data.size == 1:
        return number(value.data.item())
    if isinstance(value, Date):
        return value.milliseconds
    raise Mismatch


def integer(value: Any) -> int:
    """A whole number; fractions are cut off."""
    found = number(value)
    if not math.isfinite(found):
        raise Mismatch
    return int(found)


def boolean(value: Any) -> bool:
    """A truth value: numbers are true unless 0, strings unless empty."""
    return bool(value)


def string(value: Any) -> str:
    """A string."""
    if isinstance(value, str):
        return value
    raise Mismatch


def image(value: Any) -> Image:
    """An image; numbers, lists of numbers and arrays become constant ones."""
    if isinstance(value, Image):
        return value
    if isinstance(value, bool | int | float):
        return Image(bands=(constant_band("constant", value, constant_type(value)),))
    if isinstance(value, ArrayValue):
        pixel_type = PixelType("double", None, None, value.data.ndim)
        return Image(bands=(constant_band("constant", value.data, pixel_type),))
    if isinstance(value, list | tuple):
        parts = [band for item in value for band in image(item).bands]
        plain = all(isinstance(item, bool | int | float) for item in value)
        return Image(
            bands=tuple(
                band.renamed(f"constant_{index}" if plain and len(parts) > 1 else band.name)
                for index, band in enumerate(parts)
            )
        )
    if isinstance(value, Mapping) and all(isinstance(item, bool | int | float) for item in value.values()):
        return Image(
            bands=tuple(constant_band(name, item, constant_type(item)) for name, item in sorted(value.items()))
        )
    raise Mismatch


def constant_type(value: float) -> PixelType:
    """The type of a constant: its own value is its range."""
    if float(value).is_integer() and -(2**63) <= value < 2**63:
        return PixelType("int", int(value), int(value))
    return PixelType("double", value, value) if math.isfinite(value) else DOUBLE


def element(value: Any) -> Any:
    """An image, feature or collection; a geometry becomes a feature."""
    if isinstance(value, Element):
        return value
    if isinstance(value, Geometry):
        return Feature(geometry=value)
    raise Mismatch


def feature_collection(value: Any) -> Collection:
    """A collection of anything; a single element becomes a collection of one."""
    if isinstance(value, Collection):
        return value
    if isinstance(value, list | tuple):
        return indexed([element(item) for item in value])
    return indexed([element(value)])


def image_collection(value: Any) -> Collection:
    """A collection of images; an image becomes a collection of one."""
    if isinstance(value, Collection):
        return value
    items = value if isinstance(value, list | tuple) else [value]
    return indexed([image(item) for item in items], "ImageCollection")


def indexed(elements: Sequence[Any], kind: str = "FeatureCollection") -> Collection:
    """A new collection whose elements without an index get their position as one."""
    return Collection(
        elements=[
            item if item.get(INDEX) is not None else item.with_properties({INDEX: str(position)})
            for position, item in enumerate(elements)
        ],
        kind=kind,
    )


def geometry(value: Any) -> Geometry:
    """A geometry; features and images stand for theirs, collections for all of theirs, GeoJSON is read."""
    if isinstance(value, Geometry):
        return value
    if isinstance(value, Feature) and value.geometry is not None:
        return value.geometry
    if isinstance(value, Image):
        return footprint(value)
    if isinstance(value, Collection):
        shapes = [geometry(item).lonlat() for item in value]
        return Geometry(joined(shapes), geodesic=all(geometry(item).geodesic for item in value))
    if isinstance(value, Mapping):
        return geometry_of_json(value)
    raise Mismatch


def footprint(value: Image) -> Geometry:
    """What an image covers: its footprint, else the union of its bands, else the whole world."""
    if value.footprint is not None:
        return value.footprint
    shapes = []
    for band in value.bands:
        if band.size is None:
            return Geometry(shapely.box(-180, -90, 180, 90), geodesic=False)
        left, top = band.origin[1], band.origin[0]
        box = shapely.box(left, top, left + band.size[1], top + band.size[0])
        shapes.append(Geometry(box, band.projection, geodesic=False).lonlat())
    return Geometry(joined(shapes), geodesic=False)


def geometry_of_json(value: Mapping[str, Any]) -> Geometry:
    """The geometry of a GeoJSON object; raises Mismatch where it is none."""
    try:
        if value.get("type") == "Feature":
            return geometry_of_json(value["geometry"])
        crs = ((value.get("crs") or {}).get("properties") or {}).get("name", WGS84)
        geodesic = value.get("geodesic", crs == WGS84)
        return Geometry(shape_of(value), Projection(crs), bool(geodesic))
    except (KeyError, TypeError, ValueError, AttributeError, shapely.errors.ShapelyError) as error:
        raise Mismatch from error


def projection(value: Any) -> Projection:
    """A projection; a string is its CRS, and an image or geometry has one."""
    if isinstance(value, Projection):
        return value
    if isinstance(value, str):
        crs_of(value)
        return Projection(value)
    if isinstance(value, Mapping) and "crs" in value:
        crs_of(value["crs"])
        terms = tuple(float(term) for term in value.get("transform") or IDENTITY)
        if len(terms) == 6:
            return Projection(value["crs"], terms)
    raise Mismatch


def error_margin(value: Any) -> ErrorMargin:
    """An error margin; a number is in metres."""
    if isinstance(value, ErrorMargin):
        return value
    if isinstance(value, Mapping):
        given = value.get("value")
        return margin_of(None if given is None else float(number(given)), value.get("unit", "meters"))
    return margin_of(float(number(value)), "meters")


def margin_of(value: float | None, unit: str) -> ErrorMargin:
    """An error margin, never negative and infinite from 20,000 km on.

    https://developers.google.com/earth-engine/apidocs/ee-errormargin
    """
    if unit == "infinite" or (unit == "meters" and value is not None and abs(value) >= _INFINITE_MARGIN):
        return ErrorMargin(None, "infinite")
    return ErrorMargin(None if value is None else abs(value), unit)


def date(value: Any) -> Date:
    """A date; a number is milliseconds since 1970, a string is ISO 8601 in UTC, an image has its start."""
    if isinstance(value, Date):
        return value
    if isinstance(value, str):
        try:
            return Date(float(round(moment_of(value, UTC).timestamp() * 1000)))
        except (ValueError, OverflowError) as error:
            raise Mismatch from error
    if isinstance(value, DateRange):
        return Date(value.start)
    if isinstance(value, Element) and value.get(TIME_START) is not None:
        return date(value.get(TIME_START))
    if isinstance(value, Mapping) and value.get("type") == "Date":
        return Date(float(number(value.get("value"))))
    milliseconds = float(number(value))
    if not math.isfinite(milliseconds):
        raise Mismatch
    return Date(milliseconds)


def date_range(value: Any) -> DateRange:
    """A range of dates; a date is the millisecond that starts there."""
    if isinstance(value, DateRange):
        return value
    start = date(value).milliseconds
    return DateRange(start, start + 1)


def pixel_type(value: Any) -> PixelType:
    """A pixel type; strings such as `uint16` name one."""
    if isinstance(value, PixelType):
        return value
    if isinstance(value, str):
        found = NAMED_TYPES.get(value)
        if found is not None:
            return found
    if isinstance(value, Mapping) and "precision" in value:
        base = NAMED_TYPES.get(value["precision"])
        if base is not None:
            low, high = value.get("min", base.minimum), value.get("max", base.maximum)
            return PixelType(base.precision, low, high, int(value.get("dimensions", 0)))
    raise Mismatch


def array(value: Any) -> ArrayValue:
    """An array; numbers have no axes, nested lists one each."""
    if isinstance(value, ArrayValue):
        return value
    computation.expect(8 * computation.extent(value))
    try:
        data = np.asarray(value if isinstance(value, list | tuple) else number(value))
    except ValueError as error:
        raise Mismatch from error
    if data.dtype.kind not in "iufb":
        raise Mismatch
    return ArrayValue(data.astype("float64") if data.dtype.kind in "fb" else data)


def _instance(wanted: type) -> Any:
    def check(value: Any) -> Any:
        if isinstance(value, wanted):
            return value
        raise Mismatch

    return check


def promotion(wanted: str) -> Callable[[Promotion], Promotion]:
    """Registers how values become a type that is made of functions, and so above this module."""

    def register(convert: Promotion) -> Promotion:
        _CONVERSIONS[wanted] = convert
        return convert

    return register


def _algorithm(value: Any) -> Any:
    if callable(value):
        return value
    raise Mismatch


NAMED_TYPES = {
    "int8": PixelType.of_dtype("int8"),
    "uint8": PixelType.of_dtype("uint8"),
    "byte": PixelType.of_dtype("uint8"),
    "int16": PixelType.of_dtype("int16"),
    "short": PixelType.of_dtype("int16"),
    "uint16": PixelType.of_dtype("uint16"),
    "int32": PixelType.of_dtype("int32"),
    "int": PixelType.of_dtype("int32"),
    "uint32": PixelType.of_dtype("uint32"),
    "int64": PixelType.of_dtype("int64"),
    "long": PixelType.of_dtype("int64"),
    "float": PixelType("float"),
    "double": PixelType("double"),
}

_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "Image": image,
    "ImageCollection": image_collection,
    "FeatureCollection": feature_collection,
    "Element": element,
    "Feature": element,
    "Geometry": geometry,
    "Rectangle": geometry,
    "Projection": projection,
    "ErrorMargin": error_margin,
    "Date": date,
    "DateRange": date_range,
    "PixelType": pixel_type,
    "Array": array,
    "Number": number,
    "Float": lambda value: float(number(value)),
    "Integer": integer,
    "Long": integer,
    "Boolean": boolean,
    "String": string,
    "Algorithm": _algorithm,
    "Reducer": _instance(Reducer),
    "Kernel": _instance(Kernel),
    "Join": _instance(Join),
    "Model": _instance(Model),
    "Classifier": _instance(Classifier),
    "Clusterer": _instance(Clusterer),
    "ConfusionMatrix": _instance(ConfusionMatrix),
}
