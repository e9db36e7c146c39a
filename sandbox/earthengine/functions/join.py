"""Joins: elements of two collections paired by a filter."""

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.earthengine.functions.filters import Filter
from sandbox.earthengine.registry import function
from sandbox.earthengine.values import INDEX, Collection, Date, Feature, Join
from sandbox.errors import invalid


@function("Join.simple")
def simple() -> Join:
    """Primary elements that have a match."""
    return Join("simple")


@function("Join.inverted")
def inverted() -> Join:
    """Primary elements that have none."""
    return Join("inverted")


@function("Join.inner", ignores=("measureKey",))
def inner(primary_key: str, secondary_key: str) -> Join:
    """A feature for every pair."""
    return Join("inner", {"primary": primary_key, "secondary": secondary_key})


@function("Join.saveAll", ignores=("measureKey",))
def save_all(matches_key: str, ordering: str | None, ascending: bool, outer: bool) -> Join:
    """Primary elements with the list of their matches as a property."""
    return Join("saveAll", {"key": matches_key, "ordering": ordering, "ascending": ascending, "outer": outer})


@function("Join.saveFirst", ignores=("measureKey",))
def save_first(match_key: str, ordering: str | None, ascending: bool, outer: bool) -> Join:
    """Primary elements with their first match as a property."""
    return Join("saveFirst", {"key": match_key, "ordering": ordering, "ascending": ascending, "outer": outer})


@function("Join.apply")
def apply(join: Join, primary: Collection, secondary: Collection, condition: Any) -> Collection:
    """Pairs the elements of two collections."""
    if not isinstance(condition, Filter):
        raise invalid("Join.apply, argument 'condition': Invalid type.\nExpected type: Filter.")
    test: Callable[[Any, Any], bool] = condition

    def matches(left: Any) -> list[Any]:
        found = [right for right in secondary if test(left, right)]
        ordering = join.options.get("ordering")
        if ordering is not None:
            found.sort(key=lambda item: _rank(item.get(ordering)), reverse=not join.options["ascending"])
        return found

    def results() -> Iterator[Any]:
        for left in primary:
            found = matches(left)
            if join.kind == "inner":
                for right in found:
                    index = f"{left.get(INDEX)}_{right.get(INDEX)}"
                    names = join.options
                    yield Feature(properties={names["primary"]: left, names["secondary"]: right, INDEX: index})
            elif join.kind in ("simple", "inverted"):
                if bool(found) == (join.kind == "simple"):
                    yield left
            elif found or join.options["outer"]:
                value: Any = found if join.kind == "saveAll" else found[0] if found else None
                yield left.with_properties({join.options["key"]: value})

    return primary.with_elements(results())


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, Date):
        value = value.milliseconds
    return (0, value) if isinstance(value, int | float) else (1, value) if isinstance(value, str) else (2, 0)
