"""A value of a field of points and polygons, as a config names it."""

from typing import Annotated, Any

from pydantic import SerializerFunctionWrapHandler, WithJsonSchema, WrapSerializer, WrapValidator

from earthline.config.section import WholeNumber


def _text_too(value: Any, whole_number: Any) -> Any:
    return value if isinstance(value, str) else whole_number(value)


def _as_it_is(value: Any, _: SerializerFunctionWrapHandler) -> Any:
    return value


FieldValue = Annotated[
    WholeNumber | str,
    WrapValidator(_text_too),
    WrapSerializer(_as_it_is),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}]}),
]
"""A whole number or a text, which is taken as it is written."""
