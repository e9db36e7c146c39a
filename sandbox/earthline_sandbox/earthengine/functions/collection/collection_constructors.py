"""Collections made of elements and of columns, and collections whose columns become arrays."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.language.coerce import Mismatch, coerce, indexed
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import ArrayValue, Collection, Feature, Image
from earthline_sandbox.errors import invalid


@function("Collection")
def make(features: list[Any]) -> Collection:
    """A collection of the given features."""
    return indexed(features)


@function("ImageCollection.fromImages")
def from_images(images: list[Image]) -> Collection:
    """A collection of the given images."""
    return indexed(images, "ImageCollection")


@function("Collection.cache")
def cache(collection: Collection) -> Collection:
    """The collection itself: its elements are kept once they are computed."""
    return collection


@function("Collection.fromColumns")
def from_columns(columns: list[list[Any]], property_names: list[str], property_types: list[Any] | None) -> Collection:
    """A feature of every row; a column `.geo` or `geometry` of geometries says where, and `system:index` which."""
    if len(columns) != len(property_names):
        raise invalid(
            f"Collection.fromColumns: {len(columns)} columns were given for {len(property_names)} property names."
        )
    if property_types is not None and len(property_types) != len(columns):
        raise invalid("Collection.fromColumns: 'propertyTypes' must be as many as 'propertyNames'.")
    if len({len(values) for values in columns}) > 1:
        raise invalid("Collection.fromColumns: all columns must have the same length.")
    kinds = property_types or [None] * len(columns)
    typed = [_typed(values, kind, name) for values, kind, name in zip(columns, kinds, property_names, strict=True)]
    features = []
    for row in zip(*typed, strict=True):
        held = {name: value for name, value in zip(property_names, row, strict=True) if value is not None}
        place = held.pop(".geo", None)
        features.append(Feature(geometry=None if place is None else to_geometry(place), properties=held))
    return indexed(features)


def _typed(values: list[Any], kind: Any, name: str) -> list[Any]:
    if kind is None:
        return values
    try:
        return [coerce(value, str(kind)) for value in values]
    except Mismatch:
        raise invalid(f"Collection.fromColumns: a value of '{name}' is not of type {kind}.") from None


@function("FeatureCollection.makeArray")
def make_array(collection: Collection, properties: list[str], name: str) -> Collection:
    """Numeric properties as one array property; features that lack one of them are left out."""

    def rows() -> Iterator[Any]:
        for item in collection:
            values = [item.get(key) for key in properties]
            if all(isinstance(value, int | float) for value in values):
                yield item.with_properties({name: ArrayValue(np.array(values, dtype="float64"))})

    return collection.with_elements(rows())
