"""Lists."""

import functools
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import orjson

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.functions.collection.filters import Filter
from earthline_sandbox.earthengine.language.coerce import Mismatch, type_name
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.earthengine.language.results import to_json
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import Element, Feature, Geometry
from earthline_sandbox.errors import invalid

_LONGEST = 10_000_000
# A pointer and a number.
_ELEMENT_BYTES = 40


def same(one: Any, two: Any) -> bool:
    """Whether two values are equal; 1, 1.0 and true are not told apart."""
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    return bool(one == two)


def at(items: list[Any], index: int, name: str) -> int:
    """A position, from the end where negative; raises ApiError beyond the ends."""
    place = index + len(items) if index < 0 else index
    if not 0 <= place < len(items):
        raise invalid(
            f"{name}: List index must be between 0 and {len(items) - 1}, or -1 and -{len(items)}. Found '{index}'."
        )
    return place


@function("List.get")
def get(list: list[Any], index: int) -> Any:
    """An element."""
    return list[at(list, index, "List.get")]


def _register_typed(name: str, kinds: tuple[str, ...]) -> None:
    def call(list: list[Any], index: int) -> Any:
        value = list[at(list, index, f"List.get{name}")]
        if kinds and type_name(value) not in kinds:
            raise invalid(f"List.get{name}: Element {index} is not of type {name}, but {type_name(value)}.")
        return value

    function(f"List.get{name}")(call)


_register_typed("Number", ("Integer", "Long", "Float"))
_register_typed("String", ("String",))


@function("List.getGeometry")
def get_geometry(list: list[Any], index: int) -> Geometry | None:
    """An element as a geometry."""
    value = list[at(list, index, "List.getGeometry")]
    try:
        return None if value is None else to_geometry(value)
    except Mismatch:
        raise invalid(f"List.getGeometry: Element {index} is not of type Geometry, but {type_name(value)}.") from None


@function("List.add")
def add(list: list[Any], element: Any) -> list[Any]:
    """One more element at the end."""
    return [*list, element]


@function("List.cat")
def cat(list: list[Any], other: list[Any]) -> list[Any]:
    """Both, one after the other."""
    return [*list, *other]


@function("List.contains")
def contains(list: list[Any], element: Any) -> bool:
    """Whether an element is there."""
    return any(same(item, element) for item in list)


@function("List.containsAll")
def contains_all(list: list[Any], other: list[Any]) -> bool:
    """Whether all elements of another list are there."""
    return all(contains(list, item) for item in other)


@function("List.distinct")
def distinct(context: Context, list: list[Any]) -> list[Any]:
    """Every value once."""
    seen: dict[bytes, Any] = {}
    for item in list:
        seen.setdefault(orjson.dumps(to_json(item, context.limits)), item)
    return [*seen.values()]


@function("List.equals")
def equals(list: list[Any], other: list[Any]) -> bool:
    """Whether all elements are equal."""
    return same(list, other)


@function("List.filter")
def filtered(list: list[Any], filter: Filter) -> list[Any]:
    """Elements that pass; for plain values the filter's field is `item`."""
    chosen = []
    for item in list:
        seen = item if isinstance(item, Element) else Feature(properties={"item": item})
        if filter(seen):
            chosen.append(item)
    return chosen


@function("List.flatten")
def flatten(list: list[Any]) -> list[Any]:
    """The elements of lists within lists."""
    flat: Any = []
    for item in list:
        flat.extend(flatten(item) if type(item) is type(list) else [item])
    return [*flat]


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


@function("List.insert")
def insert(list: list[Any], index: int, element: Any) -> list[Any]:
    """One more element at a position."""
    place = index + len(list) if index < 0 else index
    if not 0 <= place <= len(list):
        raise invalid(f"List.insert: Index {index} is beyond a list of {len(list)} elements.")
    return [*list[:place], element, *list[place:]]


@function("List.iterate")
def iterate(list: list[Any], function: Callable[..., Any], first: Any) -> Any:
    """Calls the function with each element and the result so far."""
    return functools.reduce(lambda state, item: function(item, state), list, first)


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
        computation.expect(_ELEMENT_BYTES * computation.extent(value))
    return "true" if value is True else "false" if value is False else str(value)


@function("List.length", "List.size")
def length(list: list[Any]) -> int:
    """The number of elements."""
    return len(list)


@function("List.map")
def mapped(list: list[Any], base_algorithm: Callable[..., Any], drop_nulls: bool) -> list[Any]:
    """The function's result for every element."""
    results = [base_algorithm(item) for item in list]
    return [item for item in results if item is not None] if drop_nulls else results


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


@function("List.remove")
def remove(list: list[Any], element: Any) -> list[Any]:
    """Without the first occurrence of an element."""
    place = index_of(list, element)
    return list if place < 0 else [*list[:place], *list[place + 1 :]]


@function("List.removeAll")
def remove_all(list: list[Any], other: list[Any]) -> list[Any]:
    """Without all elements of another list."""
    return [item for item in list if not contains(other, item)]


@function("List.repeat")
def repeat(value: Any, count: int) -> list[Any]:
    """The same value again and again."""
    if not 0 <= count <= _LONGEST:
        raise invalid(f"List.repeat: 'count' must be between 0 and {_LONGEST}, got {count}.")
    computation.expect(8 * count)
    return [value] * count


@function("List.replace")
def replace(list: list[Any], oldval: Any, newval: Any) -> list[Any]:
    """Another value for the first occurrence of one."""
    place = index_of(list, oldval)
    return list if place < 0 else [*list[:place], newval, *list[place + 1 :]]


@function("List.replaceAll")
def replace_all(list: list[Any], oldval: Any, newval: Any) -> list[Any]:
    """Another value for every occurrence of one."""
    return [newval if same(item, oldval) else item for item in list]


@function("List.reverse")
def reverse(list: list[Any]) -> list[Any]:
    """From the end."""
    return list[::-1]


@function("List.rotate")
def rotate(list: list[Any], distance: int) -> list[Any]:
    """Turned towards the end by a number of places."""
    turn = distance % len(list) if list else 0
    return [*list[-turn:], *list[:-turn]] if turn else list


@function("List.sequence")
def sequence(start: float, end: float | None, step: float, count: int | None) -> list[float]:
    """Numbers at equal distances."""
    if count is not None:
        if count < 1 or count > _LONGEST:
            raise invalid(f"List.sequence: 'count' must be between 1 and {_LONGEST}, got {count}.")
        if end is not None:
            step = (end - start) / (count - 1) if count > 1 else 0
        computation.expect(_ELEMENT_BYTES * count)
        return [start + step * i for i in range(count)]
    if end is None:
        raise invalid("List.sequence: 'end' or 'count' must be given.")
    if step == 0:
        raise invalid("List.sequence: 'step' must not be 0.")
    number_of_steps = int(np.floor((end - start) / step + 1e-9)) + 1
    if number_of_steps > _LONGEST:
        raise invalid(f"List.sequence: the sequence has more than {_LONGEST} elements.")
    computation.expect(_ELEMENT_BYTES * max(number_of_steps, 0))
    return [start + step * i for i in range(max(number_of_steps, 0))]


@function("List.set")
def set_element(list: list[Any], index: int, element: Any) -> list[Any]:
    """Another element at a position."""
    place = at(list, index, "List.set")
    return [*list[:place], element, *list[place + 1 :]]


@function("List.shuffle")
def shuffle(context: Context, list: list[Any], seed: Any) -> list[Any]:
    """In an order that depends on the seed alone."""
    # Reproducible order is wanted here, not secrecy.
    generator = Random(orjson.dumps(to_json(seed, context.limits)))
    copy = [*list]
    generator.shuffle(copy)
    return copy


@function("List.slice")
def sliced(list: list[Any], start: int, end: int | None, step: int | None) -> list[Any]:
    """Elements from one position until before another."""
    if step == 0:
        raise invalid("List.slice: 'step' must not be 0.")
    return list[start:end:step]


@function("List.sort")
def sort(list: list[Any], keys: list[Any] | None) -> list[Any]:
    """In rising order, of the keys where they are given."""
    if keys is not None and len(keys) != len(list):
        raise invalid("List.sort: 'keys' must have as many elements as the list.")
    order = sorted(range(len(list)), key=lambda i: _rank((keys or list)[i]))
    return [list[i] for i in order]


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, str):
        return 1, value
    if isinstance(value, int | float):
        return 0, value
    milliseconds = getattr(value, "milliseconds", None)
    return (0, milliseconds) if milliseconds is not None else (2, 0)


@function("List.splice")
def splice(list: list[Any], start: int, count: int, other: list[Any] | None) -> list[Any]:
    """Other elements in place of some."""
    place = start + len(list) if start < 0 else start
    return [*list[:place], *(other or []), *list[place + count :]]


@function("List.swap")
def swap(list: list[Any], pos1: int, pos2: int) -> list[Any]:
    """Two elements in each other's place."""
    one, two = at(list, pos1, "List.swap"), at(list, pos2, "List.swap")
    copy = [*list]
    copy[one], copy[two] = copy[two], copy[one]
    return copy


@function("List.unzip")
def unzip(list: list[Any]) -> list[list[Any]]:
    """First elements, second elements, and so on."""
    if not all(type(item) is type(list) for item in list):
        raise invalid("List.unzip: the elements must be lists.")
    return [[*column] for column in zip(*list, strict=False)]


@function("List.zip")
def zipped(list: list[Any], other: list[Any]) -> list[list[Any]]:
    """Pairs."""
    return [[*pair] for pair in zip(list, other, strict=False)]
