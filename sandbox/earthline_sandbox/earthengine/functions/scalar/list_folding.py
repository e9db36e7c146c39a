"""Lists made into others or into one value: mapped, reduced, zipped and flattened."""

import functools
from collections.abc import Callable
from typing import Any

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.errors import invalid

# A pointer and a number.
ELEMENT_BYTES = 40


@function("List.map")
def mapped(list: list[Any], base_algorithm: Callable[..., Any], drop_nulls: bool) -> list[Any]:
    """The function's result for every element."""
    results = [base_algorithm(item) for item in list]
    return [item for item in results if item is not None] if drop_nulls else results


@function("List.iterate")
def iterate(list: list[Any], function: Callable[..., Any], first: Any) -> Any:
    """Calls the function with each element and the result so far."""
    return functools.reduce(lambda state, item: function(item, state), list, first)


def as_row(value: Any) -> tuple[Any, ...]:
    """The inputs of a reducer that an element of a list holds; none where it is no list."""
    return tuple(value) if isinstance(value, list) else ()


@function("List.reduce")
def reduce(list: list[Any], reducer: Reducer) -> Any:
    """A reducer's output, or a dictionary of its outputs."""
    rows = [(item,) for item in list] if reducer.inputs == 1 else [as_row(row) for row in list]
    if any(len(row) != reducer.inputs for row in rows):
        raise invalid(f"List.reduce: the reducer has {reducer.inputs} inputs; every element must be a list of as many.")
    results = reducer.reduce_rows(rows)
    return results[0] if len(results) == 1 else dict(zip(reducer.outputs, results, strict=True))


@function("List.join")
def join(list: list[Any], separator: str) -> str:
    """All elements as one text."""
    parts = [shown(item) for item in list]
    computation.expect(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def shown(value: Any) -> str:
    """A value as text: whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, str):
        computation.expect(ELEMENT_BYTES * computation.extent(value))
    return "true" if value is True else "false" if value is False else str(value)


@function("List.flatten")
def flatten(list: list[Any]) -> list[Any]:
    """The elements of lists within lists."""
    flat: Any = []
    for item in list:
        flat.extend(flatten(item) if type(item) is type(list) else [item])
    return [*flat]


@function("List.zip")
def zipped(list: list[Any], other: list[Any]) -> list[list[Any]]:
    """Pairs."""
    return [[*pair] for pair in zip(list, other, strict=False)]


@function("List.unzip")
def unzip(list: list[Any]) -> list[list[Any]]:
    """First elements, second elements, and so on."""
    if not all(type(item) is type(list) for item in list):
        raise invalid("List.unzip: the elements must be lists.")
    return [[*column] for column in zip(*list, strict=False)]
