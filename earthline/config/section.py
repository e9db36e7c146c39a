"""What every section of the config shares: frozen, strict about keys and numbers, its units in its descriptions."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict


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
