"""Values as `value:compute` answers them, in the JSON that the clients' `getInfo` expects."""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.language import descriptions
from earthline_sandbox.earthengine.language.coerce import type_name
from earthline_sandbox.earthengine.language.graph import GraphLimits
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import (
    FOOTPRINT,
    ID,
    INDEX,
    VERSION,
    ArrayValue,
    Band,
    Collection,
    Date,
    DateRange,
    ErrorMargin,
    Feature,
    Geometry,
    Image,
    Kernel,
    PixelType,
)
from earthline_sandbox.errors import invalid

#: About what an element of a list takes in the answer before it is text, in bytes.
ELEMENT_BYTES = 16
# And an entry of an object.
_ENTRY_BYTES = 100
#: Types whose values JSON shows as they are.
_PLAIN = frozenset({type(None), bool, int, str})


def to_json(value: Any, limits: GraphLimits) -> Any:
    """A JSON-ready form; raises ApiError where a collection is too long or the value has none."""
    if type(value) in _PLAIN:
        return value
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float | np.generic):
        return _number(value)
    if isinstance(value, Mapping):
        computation.spend(_ENTRY_BYTES * len(value))
        return {str(key): to_json(item, limits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        computation.spend(ELEMENT_BYTES * len(value))
        return [to_json(item, limits) for item in value]
    if isinstance(value, Image):
        return image_json(value, limits)
    if isinstance(value, Feature):
        return feature_json(value, limits)
    if isinstance(value, Collection):
        return _collection_json(value, limits)
    if isinstance(value, Geometry):
        return to_json(value.to_json(), limits)
    if isinstance(value, Projection):
        return {"type": "Projection", **_projection(value)}
    if isinstance(value, PixelType):
        return to_json(value.to_json(), limits)
    if isinstance(value, Date):
        return {"type": "Date", "value": _number(value.milliseconds)}
    if isinstance(value, DateRange):
        return {"type": "DateRange", "dates": [_number(value.start), _number(value.end)]}
    if isinstance(value, ErrorMargin):
        margin: dict[str, Any] = {"type": "ErrorMargin", "unit": value.unit}
        return margin if value.value is None else {**margin, "value": _number(value.value)}
    if isinstance(value, Kernel):
        return {**_made(value, limits), **_kernel(value)}
    if isinstance(value, Reducer):
        return {**_made(value, limits), "outputs": [*value.outputs]}
    if isinstance(value, ArrayValue):
        return to_json(value.data.tolist(), limits)
    if descriptions.described(value) is not None:
        return _made(value, limits)
    raise invalid(f"A value of type {type_name(value)} cannot be returned; use it within an expression.")


def _number(value: Any) -> Any:
    """JSON cannot tell 1.0 from 1, and Earth Engine's clients get 1."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float):
        if not math.isfinite(plain):
            return "NaN" if math.isnan(plain) else "Infinity" if plain > 0 else "-Infinity"
        if plain.is_integer() and abs(plain) < 2**53:
            return int(plain)
    return plain


def _made(value: Any, limits: GraphLimits) -> dict[str, Any]:
    """The call that made a value, else its type."""
    shown = descriptions.described(value) or {"type": type_name(value)}
    return {key: to_json(item, limits) for key, item in shown.items()}


def _kernel(kernel: Kernel) -> dict[str, Any]:
    """Its weights, row by row, and where the pixel itself is among them, as (column, row); none for one in metres."""
    if kernel.weights is None:
        return {}
    weights = [[_number(weight) for weight in row] for row in kernel.weights.tolist()]
    return {"center": [kernel.centre[1], kernel.centre[0]], "weights": weights}


def _projection(projection: Projection) -> dict[str, Any]:
    key = "crs" if projection.crs.count(":") == 1 and "[" not in projection.crs else "wkt"
    return {key: projection.crs, "transform": [_number(term) for term in projection.transform]}


def _band(band: Band) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": band.name, "data_type": band.pixel_type.to_json()}
    if band.size is not None:
        shown["dimensions"] = [band.size[1], band.size[0]]
        if band.origin != (0, 0):
            shown["origin"] = [band.origin[1], band.origin[0]]
    for key, item in _projection(band.projection).items():
        shown["crs_transform" if key == "transform" else "crs"] = item
    for limit in ("min", "max"):
        if limit in shown["data_type"]:
            shown["data_type"][limit] = _number(shown["data_type"][limit])
    return shown


def image_json(image: Image, limits: GraphLimits) -> dict[str, Any]:
    """An image's description, without pixels."""
    shown: dict[str, Any] = {"type": "Image", "bands": [_band(band) for band in image.bands]}
    _identify(shown, image)
    properties = to_json(_own(image), limits)
    if image.id is not None and FOOTPRINT not in properties and (outline := image.outline) is not None:
        properties[FOOTPRINT] = to_json(outline, limits)
    if properties:
        shown["properties"] = properties
    return shown


def _identify(shown: dict[str, Any], element: Image | Collection) -> None:
    """An asset's id and version, or those that were given as properties, beside what is shown of an element."""
    if (identity := element.get(ID)) is not None:
        shown["id"] = identity
        if (version := element.get(VERSION)) is not None:
            shown["version"] = version


def _own(element: Image | Collection) -> dict[str, Any]:
    return {name: value for name, value in element.properties.items() if name not in (ID, VERSION)}


def feature_json(feature: Feature, limits: GraphLimits) -> dict[str, Any]:
    """A feature as GeoJSON."""
    # Most values are plain, and features many: these are told by their type alone, without a call for each.
    properties = {
        key: item if type(item) in _PLAIN else to_json(item, limits)
        for key, item in feature.properties.items()
        if key != INDEX
    }
    geometry = None if feature.geometry is None else to_json(feature.geometry, limits)
    shown: dict[str, Any] = {"type": "Feature", "geometry": geometry, "properties": properties}
    if feature.id is not None:
        shown["id"] = feature.id
    return shown


def row(feature: Feature, selectors: Sequence[str] | None, limits: GraphLimits) -> dict[str, Any]:
    """A feature's columns as a table file of numbers holds them: arrays stay arrays, and no number becomes text.

    Args:
        feature: The feature.
        selectors: Names of the columns; None for all properties.
        limits: Of values.
    """
    found = {name: feature.properties.get(name) for name in selectors or feature.properties if name != INDEX}
    plain = (bool, int, float, np.generic, str, type(None))

    def shown(value: Any) -> Any:
        if isinstance(value, ArrayValue):
            return value.data
        return value if isinstance(value, plain) else to_json(value, limits)

    return {name: shown(value) for name, value in found.items()}


def _collection_json(collection: Collection, limits: GraphLimits) -> dict[str, Any]:
    members = list(islice(collection, limits.elements + 1))
    if len(members) > limits.elements:
        raise invalid(f"Collection query aborted after accumulating over {limits.elements} elements.")
    images = isinstance(members[0], Image) if members else collection.kind == "ImageCollection"
    shown: dict[str, Any] = {"type": "ImageCollection" if images else "FeatureCollection"}
    _identify(shown, collection)
    if images:
        shown["bands"] = []
    else:
        shown["columns"] = columns(members)
    if properties := _own(collection):
        shown["properties"] = to_json(properties, limits)
    shown["features"] = [to_json(member, limits) for member in members]
    return shown


def columns(members: list[Any]) -> dict[str, str]:
    """Property name to type, from the features themselves."""
    found: dict[str, str] = {}
    for member in members:
        for name, value in member.properties.items():
            if value is not None and name not in found:
                found[name] = type_name(value)
    return {name: found[name] for name in sorted(found)}
