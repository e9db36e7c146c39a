"""Joins: elements of two collections paired by a filter."""

from collections.abc import Iterator
from typing import Any

from earthline_sandbox.earthengine.functions.collection.filters import Filter
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import INDEX, Collection, Date, Feature, Join
from earthline_sandbox.errors import invalid


@function("Join.simple")
def simple() -> Join:
    """Primary elements that have a match."""
    return Join("simple")


@function("Join.inverted")
def inverted() -> Join:
    """Primary elements that have none."""
    return Join("inverted")


@function("Join.inner")
def inner(primary_key: str, secondary_key: str, measure_key: str | None) -> Join:
    """A feature for every pair."""
    return Join("inner", {"primary": primary_key, "secondary": secondary_key, "measure": measure_key})


@function("Join.saveAll")
def save_all(matches_key: str, ordering: str | None, ascending: bool, measure_key: str | None, outer: bool) -> Join:
    """Primary elements with the list of their matches as a property."""
    options = {"key": matches_key, "ordering": ordering, "ascending": ascending, "outer": outer}
    return Join("saveAll", {**options, "measure": measure_key})


@function("Join.saveFirst")
def save_first(match_key: str, ordering: str | None, ascending: bool, measure_key: str | None, outer: bool) -> Join:
    """Primary elements with their first match as a property."""
    options = {"key": match_key, "ordering": ordering, "ascending": ascending, "outer": outer}
    return Join("saveFirst", {**options, "measure": measure_key})


@function("Join.saveBest")
def save_best(match_key: str, measure_key: str, outer: bool) -> Join:
    """Primary elements with their nearest match, by the condition's measure, as a property."""
    return Join("saveBest", {"key": match_key, "measure": measure_key, "outer": outer})


@function("Join.apply")
def apply(join: Join, primary: Collection, secondary: Collection, condition: Any) -> Collection:
    """Pairs the elements of two collections."""
    if not isinstance(condition, Filter):
        raise invalid("Join.apply, argument 'condition': Invalid type.\nExpected type: Filter.")
    measure, measure_key = condition.measure, join.options.get("measure")
    if join.kind == "saveBest" and measure is None:
        raise invalid("Join.apply: saveBest needs a condition with a measure: withinDistance or maxDifference.")

    def matches(left: Any) -> list[tuple[Any, float | None]]:
        """What matches an element, each with the measure of the condition where that is asked for."""
        found = [
            (right, measure(left, right) if measure is not None and measure_key is not None else None)
            for right in secondary
            if condition(left, right)
        ]
        ordering = join.options.get("ordering")
        if join.kind == "saveBest":
            found.sort(key=lambda match: match[1] or 0.0)
        elif ordering is not None:
            found.sort(key=lambda match: _rank(match[0].get(ordering)), reverse=not join.options["ascending"])
        return found

    def measured(match: tuple[Any, float | None]) -> Any:
        element, apart = match
        return element if apart is None else element.with_properties({measure_key: apart})

    def results() -> Iterator[Any]:
        for left in primary:
            found = matches(left)
            if join.kind == "inner":
                for right, apart in found:
                    names = join.options
                    pair = {names["primary"]: left, names["secondary"]: right}
                    if apart is not None:
                        pair[measure_key] = apart
                    yield Feature(properties={**pair, INDEX: f"{left.get(INDEX)}_{right.get(INDEX)}"})
            elif join.kind in ("simple", "inverted"):
                if bool(found) == (join.kind == "simple"):
                    yield left
            elif found or join.options["outer"]:
                saved = [measured(match) for match in found]
                value: Any = saved if join.kind == "saveAll" else saved[0] if saved else None
                yield left.with_properties({join.options["key"]: value})

    return primary.with_elements(results())


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, Date):
        value = value.milliseconds
    return (0, value) if isinstance(value, int | float) else (1, value) if isinstance(value, str) else (2, 0)
