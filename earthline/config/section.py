"""What every section of the config shares: frozen, strict about keys and numbers, its units in its descriptions."""

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict


class Section(BaseModel):
    """A frozen part of the config that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=False)


# What pydantic makes of text and truth values by itself ("0-25" is -25, true is 1) nobody meant; `mistakes` says what
# to write instead.
WholeNumber = Annotated[int, Strict()]
"""An integer that is written as one: no text, no truth value, no 16.0."""
Number = Annotated[float, Strict()]
"""A number: no text, no truth value."""
AssetId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-/.]+$", max_length=1024)]
"""Id of an Earth Engine asset."""
Shape = tuple[Annotated[WholeNumber, Field(gt=0)], Annotated[WholeNumber, Field(gt=0)]]
"""(height, width) in pixels."""
MOST_SEED = 100_000_000
"""Earth Engine's seeds have 31 bits, and each split gets one of its own: three times this and a little more."""


def _as_text(value: Any) -> Any:
    # YAML reads an unquoted 2021-04-01 as a date; a time of day would not match the pattern and is refused.
    return value.isoformat() if isinstance(value, date) else value


def _is_in_calendar(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is no day of the calendar ({error}); write YYYY-MM-DD") from error
    return text


Date = Annotated[str, BeforeValidator(_as_text), AfterValidator(_is_in_calendar), Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
"""A day as YYYY-MM-DD."""
