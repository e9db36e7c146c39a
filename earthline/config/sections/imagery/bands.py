"""Bands of a source, and what they are called in the stack."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError

from earthline.config.section import Number, Section

RESERVED_PREFIX = "earthline_"
"""Bands of Earthline's own, such as validity and label, begin like this; an imagery band must not."""


class Band(Section):
    """A band that gets another name, or other units."""

    band: str = Field(min_length=1, description="Name in the source.")
    name: str | None = Field(
        default=None, alias="as", min_length=1, max_length=100, description="Name in the stack; left out, the same."
    )
    multiply: Number | None = Field(
        default=None, allow_inf_nan=False, description="In place of the source's `multiply`, for this band."
    )
    add: Number | None = Field(
        default=None, allow_inf_nan=False, description="In place of the source's `add`, for this band."
    )

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


def _read(value: Any) -> str | Band:
    if isinstance(value, str | Band):
        return value
    if isinstance(value, Mapping):
        return Band.model_validate(value)
    raise PydanticKnownError("string_type")


AnyBand = Annotated[str | Band, BeforeValidator(_read, json_schema_input_type=str | Band)]
"""A band's name, or its section."""


def require_usable(names: Sequence[str]) -> None:
    """Refuses names that stand twice or are Earthline's own.

    Args:
        names: Of bands.

    Raises:
        ValueError: Says which.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}; each band once")
    reserved = [name for name in names if name.startswith(RESERVED_PREFIX)]
    if reserved:
        raise ValueError(
            f"{', '.join(reserved)}: names that begin with `{RESERVED_PREFIX}` are Earthline's own; rename the "
            "band in the asset, or here by {band: NAME, as: OTHER}"
        )
