"""Features and the properties that all elements have."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.functions.geometry.geometry_changes import transform
from earthline_sandbox.earthengine.language.coerce import footprint
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.patterns import Pattern
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.values.values import FOOTPRINT, INDEX, ArrayValue, Element, Feature, Geometry, Image
from earthline_sandbox.errors import invalid


@function("Feature", ignores=("geometryKey",))
def make(geometry: Geometry | None, metadata: Mapping[str, Any]) -> Feature:
    """A feature of a geometry and properties."""
    return Feature(geometry=geometry, properties=dict(metadata))


@function("Element.get")
def get(object: Element, property: str) -> Any:
    """A property; null where there is none."""
    return object.get(property)


@function("Element.getNumber")
def get_number(object: Element, property: str) -> Any:
    """A property as a number."""
    return _typed(object, property, int | float, "Number")


@function("Element.getString")
def get_string(object: Element, property: str) -> Any:
    """A property as a string."""
    return _typed(object, property, str, "String")


@function("Element.getArray")
def get_array(object: Element, property: str) -> Any:
    """A property as an array."""
    return _typed(object, property, ArrayValue | list, "Array")


def _typed(element: Element, name: str, wanted: Any, shown: str) -> Any:
    value = element.get(name)
    if value is not None and not isinstance(value, wanted):
        raise invalid(f"Property '{name}' is not of type {shown}.")
    return value


@function("Element.set")
def set_property(object: Element, key: str, value: Any) -> Any:
    """One more, or another, property."""
    return object.with_properties({key: value})


@function("Element.setMulti")
def set_many(object: Element, properties: Mapping[str, Any]) -> Any:
    """More, or other, properties."""
    return object.with_properties(dict(properties))


@function("Element.propertyNames")
def property_names(element: Element) -> list[str]:
    """Names of all properties; an image has those of the system as well."""
    names = sorted(name for name in element.properties if element.properties[name] is not None)
    if isinstance(element, Image):
        names += [name for name in ("system:bands", "system:band_names") if name not in names]
        if element.id is not None and "system:id" not in names:
            names += ["system:id", "system:version"]
        if element.outline is not None and FOOTPRINT not in names:
            names.append(FOOTPRINT)
    return names


@function("Element.toDictionary")
def to_dictionary(element: Element, properties: list[str] | None) -> dict[str, Any]:
    """Properties as a dictionary, without the system's unless asked for."""
    if properties is not None:
        return {name: element.get(name) for name in properties}
    return {
        name: value
        for name, value in sorted(element.properties.items())
        if not name.startswith("system:") and value is not None
    }


@function("Element.copyProperties", "Image.copyProperties")
def copy_properties(
    destination: Element | None, source: Element | None, properties: list[str] | None, exclude: list[str] | None
) -> Any:
    """Properties of another element; those of the system, `system:id` among them, only where they are named.

    https://developers.google.com/earth-engine/apidocs/ee-element-copyproperties: either properties or exclusions.
    """
    if destination is None or source is None:
        return destination
    if properties is not None and exclude:
        raise invalid("Element.copyProperties: 'exclude' must not be given where 'properties' is.")
    names = properties if properties is not None else [n for n in source.properties if not n.startswith("system:")]
    found = {name: source.get(name) for name in names if name not in (exclude or ())}
    return destination.with_properties({name: value for name, value in found.items() if value is not None})


@function("Element.replaceProperties")
def replace_properties(destination: Element, source: Element | None) -> Any:
    """Another element's properties in place of all of its own but the index."""
    held = {} if source is None else {k: v for k, v in source.properties.items() if k != INDEX}
    if INDEX in destination.properties:
        held[INDEX] = destination.properties[INDEX]
    return replace(destination, properties=held)


@function("Element.geometry", "Feature.geometry", "Image.geometry", ignores=("maxError",))
def geometry(feature: Element, proj: Projection | None, geodesics: bool | None) -> Geometry | None:
    """Where the element is; in a projection where one is given, with the edges asked for or its own."""
    if isinstance(feature, Feature):
        place = feature.geometry
    else:
        place = footprint(feature) if isinstance(feature, Image) else to_geometry(feature)
    if place is None or proj is None:
        return place
    return transform(place, proj, place.geodesic if geodesics is None else geodesics)


@function("Feature.id")
def feature_id(element: Element) -> Any:
    """The id within its collection."""
    return element.get(INDEX)


@function("Feature.setGeometry")
def set_geometry(feature: Element, geometry: Geometry | None) -> Feature:
    """The same properties elsewhere."""
    return Feature(geometry=geometry, properties=feature.properties)


@function("Feature.select")
def select(
    input: Element, property_selectors: list[str], new_properties: list[str] | None, retain_geometry: bool
) -> Any:
    """Some properties by name or, where there is none of that name, by regular expression; perhaps by other names."""
    found = [_selected(input, selector) for selector in property_selectors]
    names = [name for names in found for name in names]
    if new_properties is not None and len(new_properties) == len(found) and all(len(names) < 2 for names in found):
        # A feature may lack what others of its collection have.
        new_properties = [new for new, names in zip(new_properties, found, strict=True) if names]
    elif new_properties is not None and len(new_properties) != len(names):
        raise invalid("Feature.select: 'newProperties' must have as many names as 'propertySelectors' select.")
    chosen = {new: input.get(old) for new, old in zip(new_properties or names, names, strict=True)}
    if INDEX in input.properties:
        chosen[INDEX] = input.properties[INDEX]
    place = input.geometry if isinstance(input, Feature) and retain_geometry else None
    return Feature(geometry=place, properties=chosen)


def _selected(element: Element, selector: str) -> list[str]:
    if selector in element.properties:
        return [selector]
    pattern = Pattern(selector, "", "Feature.select")
    return [name for name in element.properties if name != INDEX and pattern.fullmatch(name)]


@function("Feature.toArray")
def to_array(feature: Element, properties: list[str]) -> ArrayValue:
    """Numeric properties as a one-dimensional array."""
    values = [feature.get(name) for name in properties]
    for name, value in zip(properties, values, strict=True):
        if not isinstance(value, int | float):
            raise invalid(f"Feature.toArray: Property '{name}' is missing or is not a number.")
    return ArrayValue(np.asarray(values, dtype="float64"))
