"""What every section of the config shares: frozen, strict about keys and numbers, its units in its descriptions."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Strict


class Section(BaseModel):
    """A frozen part of the config that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=False)


# What pydantic makes of text and truth values by itself ("0-25" is -25, true is 1) nobody meant; `mistakes` says what
# to write instead.
WholeNumber = Annotated[int, Strict()]
"""An integer that is written as one: no text, no truth value, no 16.0."""
Number = Annotated[float, Strict()]
"""A number: no text, no truth value."""
