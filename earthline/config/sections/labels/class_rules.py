"""Which class a value of a field means."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earthline.label_features.features import FeaturesError
from earthline.label_features.files import is_empty
from earthline.label_features.words import Words, is_number, near

NO_CLASS = None
"""Stands where a feature has no label."""
_LISTED = 12


@dataclass(frozen=True)
class Rule:
    """What means a class.

    Attributes:
        values: Values of the field.
        ranges: Pairs of numbers: from the first one on, up to the second one, which is not part of it, except for the
            highest range of all.
        name: Of the class: it means the class too, unless it is a number or stands for something else.
    """

    values: tuple[int | float | str, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()
    name: str = ""


def class_ids(
    values: Sequence[Any], rules: Sequence[Rule], ignore: Iterable[int | float | str] = ()
) -> list[int | None]:
    """The class id of each value; `NO_CLASS` for empty ones, NaN and those to ignore.

    Capital letters and blanks do not count: 'Forest ' means 'forest', unless both are named.

    Args:
        values: Texts, numbers or None.
        rules: By class id.
        ignore: Values that mean no label.

    Raises:
        FeaturesError: Values of no class; the text counts them and names what is written nearly alike.
    """
    known = Words[int | None]({**named(rules), **{value: NO_CLASS for value in ignore}})
    ranges = [(low, high, class_id) for class_id, rule in enumerate(rules) for low, high in rule.ranges]
    top = max((high for _, high, _ in ranges), default=math.nan)
    found: list[int | None] = []
    unknown = Counter[int | float | str]()
    for value in values:
        if is_empty(value) or value in known:
            found.append(NO_CLASS if is_empty(value) else known[value])
            continue
        meant = _in_range(value, ranges, top)
        if meant is None:
            unknown[value] += 1
        found.append(meant)
    if unknown:
        raise FeaturesError(unknown_told(unknown, [value for rule in rules for value in rule.values], bool(ranges)))
    return found


def named(rules: Sequence[Rule]) -> dict[int | float | str, int]:
    """Class ids by what means a class, ranges aside: its values, and its name where that is no number.

    Args:
        rules: By class id.
    """
    found: dict[int | float | str, int] = {}
    for class_id, rule in enumerate(rules):
        # Whoever labels points in the field writes what the map calls them.
        if rule.name and not is_number(rule.name):
            found[rule.name] = class_id
    return found | {value: class_id for class_id, rule in enumerate(rules) for value in rule.values}


def unknown_told(counts: Mapping[Any, float], known: Sequence[int | float | str], ranges: bool) -> str:
    """What an error says of values of no class.

    Args:
        counts: Features by value.
        known: Values that have a class.
        ranges: Whether classes are ranges.
    """
    texts = [value for value in known if isinstance(value, str)]
    listed = []
    for value, count in sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:_LISTED]:
        meant = near(value, texts)
        nearly = f", nearly {meant!r}" if meant is not None else ""
        listed.append(f"{_shown(value)} ({count:,.0f} feature{'' if count == 1 else 's'}{nearly})")
    more = f" and {len(counts) - _LISTED:,} more" if len(counts) > _LISTED else ""
    where = "the `ranges` of a class" if ranges else "the `values` of a class"
    return f"values of no class: {', '.join(listed)}{more}; add them to {where}, or to data.labels.ignore"


def _shown(value: Any) -> str:
    """A value as it may be written in a config."""
    return repr(int(value) if isinstance(value, float) and value.is_integer() else value)


def _in_range(value: Any, ranges: Sequence[tuple[float, float, int]], top: float) -> int | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    for low, high, class_id in ranges:
        if low <= number < high or number == high == top:
            return class_id
    return None
