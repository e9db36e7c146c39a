"""A value of a field of points and polygons, as a config names it."""

import math
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema


def _as_it_is(value: Any) -> int | float | str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f'{value!r} is no text and no number; write a text in quotes, such as "{str(value).lower()}"')
    if not math.isfinite(value):
        raise ValueError(f"{value} is no value: a field without one means no label by itself; leave it out here")
    return int(value) if float(value).is_integer() else value


def _unchanged(value: Any) -> Any:
    return value


FieldValue = Annotated[
    int | float | str,
    PlainValidator(_as_it_is),
    PlainSerializer(_unchanged),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]
"""A number or a text, which is taken as it is written; 7.0 is 7."""
