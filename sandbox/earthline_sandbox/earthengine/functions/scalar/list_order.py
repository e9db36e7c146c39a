"""Lists of numbers in sequence, of one value again and again, and in another order."""

from random import Random
from typing import Any

import numpy as np
import orjson

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.functions.scalar.list_folding import ELEMENT_BYTES
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.earthengine.language.results import to_json
from earthline_sandbox.errors import invalid

_LONGEST = 10_000_000


@function("List.repeat")
def repeat(value: Any, count: int) -> list[Any]:
    """The same value again and again."""
    if not 0 <= count <= _LONGEST:
        raise invalid(f"List.repeat: 'count' must be between 0 and {_LONGEST}, got {count}.")
    computation.expect(8 * count)
    return [value] * count


@function("List.sequence")
def sequence(start: float, end: float | None, step: float, count: int | None) -> list[float]:
    """Numbers at equal distances."""
    if count is not None:
        if count < 1 or count > _LONGEST:
            raise invalid(f"List.sequence: 'count' must be between 1 and {_LONGEST}, got {count}.")
        if end is not None:
            step = (end - start) / (count - 1) if count > 1 else 0
        computation.expect(ELEMENT_BYTES * count)
        return [start + step * i for i in range(count)]
    if end is None:
        raise invalid("List.sequence: 'end' or 'count' must be given.")
    if step == 0:
        raise invalid("List.sequence: 'step' must not be 0.")
    number_of_steps = int(np.floor((end - start) / step + 1e-9)) + 1
    if number_of_steps > _LONGEST:
        raise invalid(f"List.sequence: the sequence has more than {_LONGEST} elements.")
    computation.expect(ELEMENT_BYTES * max(number_of_steps, 0))
    return [start + step * i for i in range(max(number_of_steps, 0))]


@function("List.reverse")
def reverse(list: list[Any]) -> list[Any]:
    """From the end."""
    return list[::-1]


@function("List.rotate")
def rotate(list: list[Any], distance: int) -> list[Any]:
    """Turned towards the end by a number of places."""
    turn = distance % len(list) if list else 0
    return [*list[-turn:], *list[:-turn]] if turn else list


@function("List.shuffle")
def shuffle(context: Context, list: list[Any], seed: Any) -> list[Any]:
    """In an order that depends on the seed alone."""
    # Reproducible order is wanted here, not secrecy.
    generator = Random(orjson.dumps(to_json(seed, context.limits)))
    copy = [*list]
    generator.shuffle(copy)
    return copy


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
