"""Lists: their elements read, added, removed and replaced."""

from typing import Any

from earthline_sandbox.earthengine.functions.scalar.list_search import contains, index_of, same
from earthline_sandbox.earthengine.language.coerce import Mismatch, type_name
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import Geometry
from earthline_sandbox.errors import invalid


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


@function("List.getNumber")
def get_number(list: list[Any], index: int) -> Any:
    """An element, which must be a number."""
    return _typed("List.getNumber", list, index, "Number", ("Integer", "Long", "Float"))


@function("List.getString")
def get_string(list: list[Any], index: int) -> Any:
    """An element, which must be a string."""
    return _typed("List.getString", list, index, "String", ("String",))


def _typed(function: str, items: list[Any], index: int, wanted: str, kinds: tuple[str, ...]) -> Any:
    value = items[at(items, index, function)]
    if type_name(value) not in kinds:
        raise invalid(f"{function}: Element {index} is not of type {wanted}, but {type_name(value)}.")
    return value


@function("List.getGeometry")
def get_geometry(list: list[Any], index: int) -> Geometry | None:
    """An element as a geometry."""
    value = list[at(list, index, "List.getGeometry")]
    try:
        return None if value is None else to_geometry(value)
    except Mismatch:
        raise invalid(f"List.getGeometry: Element {index} is not of type Geometry, but {type_name(value)}.") from None


@function("List.length", "List.size")
def length(list: list[Any]) -> int:
    """The number of elements."""
    return len(list)


@function("List.add")
def add(list: list[Any], element: Any) -> list[Any]:
    """One more element at the end."""
    return [*list, element]


@function("List.cat")
def cat(list: list[Any], other: list[Any]) -> list[Any]:
    """Both, one after the other."""
    return [*list, *other]


@function("List.insert")
def insert(list: list[Any], index: int, element: Any) -> list[Any]:
    """One more element at a position."""
    place = index + len(list) if index < 0 else index
    if not 0 <= place <= len(list):
        raise invalid(f"List.insert: Index {index} is beyond a list of {len(list)} elements.")
    return [*list[:place], element, *list[place:]]


@function("List.remove")
def remove(list: list[Any], element: Any) -> list[Any]:
    """Without the first occurrence of an element."""
    place = index_of(list, element)
    return list if place < 0 else [*list[:place], *list[place + 1 :]]


@function("List.removeAll")
def remove_all(list: list[Any], other: list[Any]) -> list[Any]:
    """Without all elements of another list."""
    return [item for item in list if not contains(other, item)]


@function("List.replace")
def replace(list: list[Any], oldval: Any, newval: Any) -> list[Any]:
    """Another value for the first occurrence of one."""
    place = index_of(list, oldval)
    return list if place < 0 else [*list[:place], newval, *list[place + 1 :]]


@function("List.replaceAll")
def replace_all(list: list[Any], oldval: Any, newval: Any) -> list[Any]:
    """Another value for every occurrence of one."""
    return [newval if same(item, oldval) else item for item in list]


@function("List.set")
def set_element(list: list[Any], index: int, element: Any) -> list[Any]:
    """Another element at a position."""
    place = at(list, index, "List.set")
    return [*list[:place], element, *list[place + 1 :]]


@function("List.slice")
def sliced(list: list[Any], start: int, end: int | None, step: int | None) -> list[Any]:
    """Elements from one position until before another."""
    if step == 0:
        raise invalid("List.slice: 'step' must not be 0.")
    return list[start:end:step]


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
