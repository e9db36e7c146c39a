"""Dictionaries."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.language.coerce import Mismatch, type_name
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.patterns import Pattern
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import ArrayValue, Element, Geometry
from earthline_sandbox.errors import invalid


@function("Dictionary")
def make(input: Any) -> dict[str, Any]:
    """A dictionary of another, of a list of keys and values, or of an element's properties."""
    if input is None:
        return {}
    if isinstance(input, Element):
        return dict(input.properties)
    if isinstance(input, Mapping):
        return dict(input)
    if isinstance(input, list) and not len(input) % 2 and all(isinstance(key, str) for key in input[::2]):
        return dict(zip(input[::2], input[1::2], strict=True))
    raise invalid(
        f"Dictionary, argument 'input': Invalid type.\nExpected type: Dictionary.\nActual type: {type_name(input)}."
    )


@function("Dictionary.get")
def get(dictionary: Mapping[str, Any], key: str, default_value: Any) -> Any:
    """A value, or the default."""
    if key in dictionary and dictionary[key] is not None:
        return dictionary[key]
    if key not in dictionary and default_value is None:
        raise invalid(f"Dictionary.get: Dictionary does not contain key: '{key}'.")
    return default_value


@function("Dictionary.getNumber")
def get_number(dictionary: Mapping[str, Any], key: str) -> Any:
    """A value, which must be a number."""
    return _typed("Dictionary.getNumber", dictionary, key, "Number", ("Integer", "Long", "Float"))


@function("Dictionary.getString")
def get_string(dictionary: Mapping[str, Any], key: str) -> Any:
    """A value, which must be a string."""
    return _typed("Dictionary.getString", dictionary, key, "String", ("String",))


@function("Dictionary.getArray")
def get_array(dictionary: Mapping[str, Any], key: str) -> Any:
    """A value, which must be an array or a list."""
    return _typed("Dictionary.getArray", dictionary, key, "Array", ("Array", "List"))


def _typed(function: str, dictionary: Mapping[str, Any], key: str, wanted: str, kinds: tuple[str, ...]) -> Any:
    value = get(dictionary, key, None)
    if value is not None and type_name(value) not in kinds:
        raise invalid(f"{function}: The value of '{key}' is not of type {wanted}, but {type_name(value)}.")
    return value


@function("Dictionary.getGeometry")
def get_geometry(dictionary: Mapping[str, Any], key: str) -> Geometry | None:
    """A value as a geometry."""
    value = get(dictionary, key, None)
    try:
        return None if value is None else to_geometry(value)
    except Mismatch:
        raise invalid(
            f"Dictionary.getGeometry: The value of '{key}' is not of type Geometry, but {type_name(value)}."
        ) from None


@function("Dictionary.set")
def set_value(dictionary: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """One more, or another, value."""
    return {**dictionary, key: value}


@function("Dictionary.keys")
def keys(dictionary: Mapping[str, Any]) -> list[str]:
    """Keys in order."""
    return sorted(dictionary)


@function("Dictionary.values")
def values(dictionary: Mapping[str, Any], keys: list[str] | None) -> list[Any]:
    """Values in the order of their keys, or of the keys given."""
    return [get(dictionary, key, None) for key in (sorted(dictionary) if keys is None else keys)]


@function("Dictionary.size")
def size(dictionary: Mapping[str, Any]) -> int:
    """The number of keys."""
    return len(dictionary)


@function("Dictionary.contains")
def contains(dictionary: Mapping[str, Any], key: str) -> bool:
    """Whether a key is there."""
    return key in dictionary


@function("Dictionary.combine")
def combine(first: Mapping[str, Any], second: Mapping[str, Any], overwrite: bool) -> dict[str, Any]:
    """Both; where a key is in both, the second's value, or the first's unless it may be overwritten."""
    return {**first, **second} if overwrite else {**second, **first}


@function("Dictionary.fromLists")
def from_lists(keys: list[str], values: list[Any]) -> dict[str, Any]:
    """A dictionary of keys and values."""
    if len(keys) != len(values):
        raise invalid(f"Dictionary.fromLists: {len(keys)} keys were given for {len(values)} values.")
    return dict(zip(keys, values, strict=True))


@function("Dictionary.map")
def mapped(dictionary: Mapping[str, Any], base_algorithm: Callable[..., Any]) -> dict[str, Any]:
    """The function's result for every key and value."""
    return {key: base_algorithm(key, value) for key, value in dictionary.items()}


def _chosen(dictionary: Mapping[str, Any], selectors: list[str], ignore_missing: bool, name: str) -> list[str]:
    """Keys by name or, where there is none of that name, by regular expression."""
    found: dict[str, None] = {}
    for selector in selectors:
        keys = [selector]
        if selector not in dictionary:
            pattern = Pattern(selector, "", name)
            keys = [key for key in sorted(dictionary) if pattern.fullmatch(key)]
        if not keys and not ignore_missing:
            raise invalid(f"{name}: Dictionary does not contain key: '{selector}'.")
        found.update(dict.fromkeys(keys))
    return [*found]


@function("Dictionary.select")
def select(dictionary: Mapping[str, Any], selectors: list[str], ignore_missing: bool) -> dict[str, Any]:
    """Only the keys that are named, or that match regular expressions."""
    return {key: dictionary[key] for key in _chosen(dictionary, selectors, ignore_missing, "Dictionary.select")}


@function("Dictionary.remove")
def remove(dictionary: Mapping[str, Any], selectors: list[str], ignore_missing: bool) -> dict[str, Any]:
    """Without the keys that are named, or that match regular expressions."""
    gone = set(_chosen(dictionary, selectors, ignore_missing, "Dictionary.remove"))
    return {key: value for key, value in dictionary.items() if key not in gone}


@function("Dictionary.rename")
def rename(dictionary: Mapping[str, Any], from_: list[str], to: list[str], overwrite: bool) -> dict[str, Any]:
    """Other names for some keys; where there is one of that name, it gives way if it may be overwritten."""
    if len(from_) != len(to):
        raise invalid("Dictionary.rename: 'from' and 'to' must have the same length.")
    renamed = {new: dictionary[old] for old, new in zip(from_, to, strict=True) if old in dictionary}
    kept = {key: value for key, value in dictionary.items() if key not in from_}
    taken = [name for name in to if to.count(name) > 1 or (name in kept and name in renamed and not overwrite)]
    if taken:
        raise invalid(f"Dictionary.rename: The key '{taken[0]}' is already there.")
    return {**kept, **renamed}


@function("Dictionary.toArray")
def to_array(dictionary: Mapping[str, Any], keys: list[str] | None, axis: int) -> ArrayValue:
    """Values as an array, joined along an axis."""
    chosen = values(dictionary, keys)
    parts = [item.data if isinstance(item, ArrayValue) else np.asarray(item, dtype="float64") for item in chosen]
    if not parts:
        return ArrayValue(np.zeros(0))
    rank = max(parts[0].ndim, 1)
    if not 0 <= axis < rank:
        raise invalid(f"Dictionary.toArray: Axis {axis} is out of range for values of {rank} dimensions.")
    try:
        return ArrayValue(np.stack(parts, axis) if parts[0].ndim == 0 else np.concatenate(parts, axis))
    except ValueError as error:
        raise invalid(f"Dictionary.toArray: the values do not fit together: {error}.") from error
