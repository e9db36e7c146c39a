"""Which number a value of a field means."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from earthline.label_features.features import FeaturesError
from earthline.label_features.files import is_empty
from earthline.label_features.words import Words

_LISTED = 12
_ROUNDING = 1e-6
"""Share of a range by which a float32 may miss its ends."""


def outside(number: float, ends: tuple[float, float]) -> bool:
    """Whether a number lies outside of a range, float32's rounding allowed for. So does NaN.

    Args:
        number: Any number.
        ends: Lowest and highest.
    """
    low, high = ends
    slack = _ROUNDING * max(high - low, abs(low), abs(high))
    return not low - slack <= number <= high + slack


def values_of(
    values: Sequence[Any],
    multiply: float,
    add: float,
    ends: tuple[float, float],
    ignore: Iterable[int | float | str] = (),
) -> list[float | None]:
    """The number that each value of a field means; None for empty ones, NaN and those to ignore.

    Args:
        values: Texts, numbers or None.
        multiply: Their factor.
        add: What is added then.
        ends: Lowest and highest number that may come of it.
        ignore: Values that mean no label.

    Raises:
        FeaturesError: Values that are no numbers, or lie outside of the range.
    """
    nothing = Words({_key(value): None for value in ignore})
    found: list[float | None] = []
    texts, beyond = Counter[str](), Counter[float]()
    for value in values:
        if is_empty(value) or _key(value) in nothing:
            found.append(None)
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            texts[str(value)] += 1
            continue
        if math.isnan(number):
            found.append(None)
            continue
        number = number * multiply + add
        if outside(number, ends):
            beyond[float(value)] += 1
        found.append(number)
    wrong = []
    if texts:
        wrong.append(
            f"values that are no numbers: {_listed(texts)}; write them as numbers (12.5, with a point), name another "
            "`field`, or add them to data.labels.ignore"
        )
    if beyond:
        wrong.append(
            f"values outside of data.labels.value.range [{ends[0]:g}, {ends[1]:g}]: {_listed(beyond)}; widen the "
            "range, or add those that mean no label to data.labels.ignore"
        )
    if wrong:
        raise FeaturesError("; and ".join(wrong))
    return found


def _key(value: Any) -> str:
    """Equal for what is written alike: -9999, -9999.0 and "-9999"."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{number:.12g}"


def _listed(counts: Counter[Any]) -> str:
    first = counts.most_common(_LISTED)
    listed = ", ".join(f"{value!r} ({count:,} feature{'' if count == 1 else 's'})" for value, count in first)
    return f"{listed} and {len(counts) - _LISTED:,} more" if len(counts) > _LISTED else listed
