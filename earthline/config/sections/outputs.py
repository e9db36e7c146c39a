"""The key `serving.outputs`: what the endpoint answers for each pixel."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from earthline.config.section import Section

OutputType = Literal["uint8", "float32"]
TYPES = ("uint8", "float32")


class Output(Section):
    """Something that the endpoint answers for each pixel."""

    name: str = Field(
        description="`class_id` or `value`, which is the map; one of `predict.bands`; or `probabilities`, an array of "
        "the probability of each class."
    )
    type: OutputType | None = Field(
        default=None,
        description="Type that it travels in; left out, uint8 of whole numbers and float32 of all else. Shares from 0 "
        "to 1 take uint8 too, in 255 steps: `probabilities` in a quarter of the bytes.",
    )


def _asked(value: Any) -> Any:
    """`auto` as it is, and each item of a list as an `Output`; says what is wrong, which a union would say twice."""
    if value == "auto" or isinstance(value, tuple):
        return value
    if not isinstance(value, list) or not value:
        raise ValueError(f"{value!r} is neither `auto` nor a list; write it in brackets, such as [class_id]")
    return tuple(_output(item) for item in value)


def _output(item: Any) -> Output:
    if isinstance(item, Output):
        return item
    if isinstance(item, str):
        return Output(name=item)
    if isinstance(item, Mapping) and isinstance(item.get("name"), str) and set(item) <= {"name", "type"}:
        if item.get("type") not in (None, *TYPES):
            raise ValueError(f"type {item['type']!r} of '{item['name']}' is none; use {' or '.join(TYPES)}")
        return Output(name=item["name"], type=item.get("type"))
    raise ValueError(f"{item!r} is no output; write a name, or {{name: probabilities, type: uint8}}")


Outputs = Annotated[
    Literal["auto"] | tuple[Output, ...],
    BeforeValidator(_asked, json_schema_input_type=Literal["auto"] | list[str | Output]),
]
"""`auto`, or what is asked for one by one."""
