"""What a server answers, derived from all that a model gives: an answer holds what is asked for, in small types.

A model gives some floats for each pixel, its entries. An output says which of them it is made of, and how; the graph of
a SavedModel, the prediction server and `earthline predict` all make it by this description.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

Array = np.ndarray[Any, Any]

OutputType = Literal["uint8", "float32"]
Making = Literal["entries", "most_probable", "largest", "margin", "count", "at_most"]
NO_CLASS = 255
"""Of `most_probable`: where an entry is no finite number, or all together are no shares of a whole."""
MOST_IN_ALL = 2.0
"""What a pixel's shares of a whole come to at most, far above 1: beyond it, and at 0 or below, they are none."""
FULL = 255
"""What stands for 1 where shares from 0 to 1 travel as uint8."""
_SHARES = ("entries", "largest", "margin")
_LIMITED = ("count", "at_most")


class ServedOutput(BaseModel):
    """One named tensor of an answer, (height, width, values of a pixel)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="Name of the tensor, and of the band in Earth Engine.")
    type: OutputType = Field(
        default="float32",
        description="Type of its values. As uint8, `entries`, `largest` and `margin` are shares from 0 to 1 times 255; "
        "the others are whole numbers in either type.",
    )
    entries: int = Field(
        default=0, ge=0, description="Values of each pixel, for an array in Earth Engine; 0 for a plain band of one."
    )
    made: Making = Field(
        default="entries",
        description="How: `entries` as they are; `most_probable` is the place of the largest, 255 where an entry is no "
        "finite number; `largest`; `margin` between the largest and the next one; `count` of those that are at least "
        "the limit, 1 at least; `at_most` is 1 where the one entry is at most the limit, else 0.",
    )
    first: int = Field(default=0, ge=0, description="Place of the first entry that it is made of.")
    used: int = Field(default=1, ge=1, description="Number of entries that it is made of.")
    limit: float | None = Field(default=None, description="Of `count` and `at_most`.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.limit is None) == (self.made in _LIMITED):
            raise ValueError(f"output {self.name}: `{self.made}` {'needs a' if self.limit is None else 'has no'} limit")
        if self.made == "entries":
            if self.entries != self.used and (self.entries, self.used) != (0, 1):
                raise ValueError(f"output {self.name}: {self.entries} values of a pixel made of {self.used} entries")
        elif self.entries:
            raise ValueError(f"output {self.name}: `{self.made}` is one value, a plain band")
        if self.made == "margin" and self.used < 2:
            raise ValueError(f"output {self.name}: a margin needs two entries")
        return self

    @property
    def values(self) -> int:
        """Values of each pixel on the wire: the length of the tensor's last axis."""
        return max(1, self.entries)

    @property
    def item_bytes(self) -> int:
        """Bytes of one value."""
        return np.dtype(self.type).itemsize

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a pixel, before base64."""
        return self.values * self.item_bytes

    @property
    def is_share(self) -> bool:
        """True where values travel as whole numbers from 0 to 255 that stand for 0 to 1."""
        return self.type == "uint8" and self.made in _SHARES

    @property
    def last(self) -> int:
        """Place behind the last entry that it is made of."""
        return self.first + self.used


class Serving(Protocol):
    """A contract, as far as it is needed here."""

    @property
    def outputs(self) -> tuple[ServedOutput, ...]:
        """What is served."""


def derived(values: Array, contract: Serving) -> dict[str, Array]:
    """The outputs of tiles, as they are on the wire.

    Args:
        values: float32 (tiles, height, width, entries), all that the model gives; any axes before the last will do.
        contract: Says what is served.

    Returns:
        By name, in the contract's order: (tiles, height, width, values) of the output's type. A plain band has a last
        axis of one value.
    """
    return {output.name: derived_one(values, output) for output in contract.outputs}


def derived_one(values: Array, output: ServedOutput) -> Array:
    """One output.

    Args:
        values: float32 (..., entries).
        output: Which one.

    Returns:
        (..., values) of the output's type.
    """
    # A view, and so is the answer where floats are asked for as they are.
    own: Array = values[..., output.first : output.last]
    found: Array = _MADE[output.made](own, output)
    if output.is_share:
        found = _of_full(found)
    typed: Array = found.astype(output.type, copy=False)
    return typed


def _of_full(shares: Array) -> Array:
    """Shares from 0 to 1 in whole numbers of `FULL`, half to even as TensorFlow rounds; what is no number is 0."""
    # A sum that is finite is faster to have than an answer for each number; where it is not, each is asked.
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(shares.sum(dtype=np.float32))
    scaled: Array = (shares if finite else np.where(np.isfinite(shares), shares, np.float32(0))) * np.float32(FULL)
    np.rint(scaled, out=scaled)
    np.minimum(scaled, np.float32(FULL), out=scaled)
    return np.maximum(scaled, np.float32(0), out=scaled)


def _planes(own: Array) -> Array:
    """(entries, pixels): NumPy takes a tenth of the time over a long axis than over the few entries of each pixel."""
    return np.ascontiguousarray(own.reshape(-1, own.shape[-1]).T)


def _most_probable(own: Array, output: ServedOutput) -> Array:
    planes = _planes(own)
    with np.errstate(invalid="ignore", over="ignore"):
        # Of what is no finite number, or not all, the sum is none either.
        total = planes.sum(axis=0, dtype=np.float32)
        largest = planes.max(axis=0)
    # The place of the first that is as large is the number of those before it that are not.
    found: Array = np.zeros(len(total), np.uint8 if len(planes) <= NO_CLASS else np.uint16)
    before = np.ones(len(total), np.uint8)
    for plane in planes[:-1]:
        before &= (plane != largest).view(np.uint8)
        found += before
    known = (total > 0) & (total <= MOST_IN_ALL)
    if not known.all():
        found[~known] = NO_CLASS
    return found.reshape(*own.shape[:-1], 1)


def _largest(own: Array, output: ServedOutput) -> Array:
    largest: Array = _planes(own).max(axis=0)
    return largest.reshape(*own.shape[:-1], 1)


def _margin(own: Array, output: ServedOutput) -> Array:
    planes = _planes(own)
    largest, next_one = np.maximum(planes[0], planes[1]), np.minimum(planes[0], planes[1])
    for plane in planes[2:]:
        np.maximum(next_one, np.minimum(largest, plane), out=next_one)
        np.maximum(largest, plane, out=largest)
    apart: Array = largest - next_one
    return apart.reshape(*own.shape[:-1], 1)


def _count(own: Array, output: ServedOutput) -> Array:
    held: Array = (own >= np.float32(output.limit or 0)).sum(axis=-1, keepdims=True)
    return np.maximum(held, 1)


_MADE: dict[str, Callable[[Array, ServedOutput], Array]] = {
    "entries": lambda own, output: own,
    "most_probable": _most_probable,
    "largest": _largest,
    "margin": _margin,
    "count": _count,
    "at_most": lambda own, output: own <= np.float32(output.limit or 0),
}


def pixel_bytes(outputs: Sequence[ServedOutput]) -> int:
    """Bytes of a pixel of all outputs together, before base64."""
    return sum(output.pixel_bytes for output in outputs)
