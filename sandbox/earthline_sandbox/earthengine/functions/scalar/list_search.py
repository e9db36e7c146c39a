"""What lists hold: equal elements, where they are and how often."""

from typing import Any

import orjson

from earthline_sandbox.earthengine.functions.collection.filters import Filter
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.earthengine.language.results import to_json
from earthline_sandbox.earthengine.values.values import Element, Feature


def same(one: Any, two: Any) -> bool:
    """Whether two values are equal; 1, 1.0 and true are not told apart."""
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    return bool(one == two)


@function("List.equals")
def equals(list: list[Any], other: list[Any]) -> bool:
    """Whether all elements are equal."""
    return same(list, other)


@function("List.contains")
def contains(list: list[Any], element: Any) -> bool:
    """Whether an element is there."""
    return any(same(item, element) for item in list)


@function("List.containsAll")
def contains_all(list: list[Any], other: list[Any]) -> bool:
    """Whether all elements of another list are there."""
    return all(contains(list, item) for item in other)


@function("List.frequency")
def frequency(list: list[Any], element: Any) -> int:
    """How often an element is there."""
    return sum(same(item, element) for item in list)


@function("List.indexOf")
def index_of(list: list[Any], element: Any) -> int:
    """The first position of an element, or -1."""
    return next((position for position, item in enumerate(list) if same(item, element)), -1)


@function("List.indexOfSublist")
def index_of_sublist(list: list[Any], target: list[Any]) -> int:
    """The first position of a run of elements, or -1."""
    last = len(list) - len(target)
    return next((i for i in range(last + 1) if same(list[i : i + len(target)], target)), -1)


@function("List.lastIndexOfSubList")
def last_index_of_sublist(list: list[Any], target: list[Any]) -> int:
    """The last position of a run of elements, or -1."""
    last = len(list) - len(target)
    return next((i for i in range(last, -1, -1) if same(list[i : i + len(target)], target)), -1)


@function("List.distinct")
def distinct(context: Context, list: list[Any]) -> list[Any]:
    """Every value once."""
    seen: dict[bytes, Any] = {}
    for item in list:
        seen.setdefault(orjson.dumps(to_json(item, context.limits)), item)
    return [*seen.values()]


@function("List.filter")
def filtered(list: list[Any], filter: Filter) -> list[Any]:
    """Elements that pass; for plain values the filter's field is `item`."""
    chosen = []
    for item in list:
        seen = item if isinstance(item, Element) else Feature(properties={"item": item})
        if filter(seen):
            chosen.append(item)
    return chosen
