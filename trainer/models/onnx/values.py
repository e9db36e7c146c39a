"""What a name of an ONNX graph stands for while it is translated: an array that is known, or a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from trainer.models.parts.reach import Reach

Array = np.ndarray[Any, Any]

TRIED = ((2, 6), (5, 3), (7, 4))
"""Height and width, in strides, of the images for which all sizes are followed. What is the same part of the height in
all three is taken to be so in every one; the comparison with the file's own numbers asks two further ones."""

Sizes = tuple[tuple[int, int], ...]
"""Height and width in pixels for each image of `TRIED`."""
Back = Callable[[Reach], Reach]
"""From places of something to the places that they rest on, along one axis."""


@dataclass(frozen=True)
class Known:
    """An array that needs no image, such as weights, or no more of it than its size.

    Attributes:
        arrays: One for each image of `TRIED`; one and the same array where it does not depend on the size.
    """

    arrays: tuple[Array, ...]

    @classmethod
    def of(cls, array: Any) -> "Known":
        """One that does not depend on the size.

        Args:
            array: The array.
        """
        return cls((np.asarray(array),) * len(TRIED))

    @property
    def same(self) -> bool:
        """Whether it is the same for all sizes."""
        first = self.arrays[0]
        return all(each is first or np.array_equal(each, first) for each in self.arrays[1:])

    @property
    def array(self) -> Array:
        """The array, where it is the same for all sizes."""
        return self.arrays[0]


@dataclass(frozen=True, eq=False)
class Picture:
    """Something that has a height and a width.

    Attributes:
        tensor: Keras tensor (patches, height, width, channels), whatever the order of axes in the file.
        sizes: Its height and width.
        axes: The file's axes, of `N`, `C`, `H`, `W` and what is merged, such as `HW`. An axis of one channel may be
            left out.
        rests_on: Pictures that it is computed from, and how its rows and columns rest on theirs.
    """

    tensor: Any
    sizes: Sizes
    axes: tuple[str, ...] = ("N", "C", "H", "W")
    rests_on: tuple[tuple["Picture", Back, Back], ...] = field(default=())

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.tensor.shape[-1])

    def pointwise(self, tensor: Any, *others: "Picture", axes: Sequence[str] | None = None) -> "Picture":
        """What is computed from it pixel by pixel.

        Args:
            tensor: Keras tensor of the result.
            *others: Further pictures of the same size that it is computed from.
            axes: Of the result, where they differ.
        """
        return Picture(
            tensor, self.sizes, tuple(axes or self.axes), tuple((each, _alike, _alike) for each in (self, *others))
        )

    def seen_by(self, tensor: Any, sizes: Sizes, rows: Back, columns: Back) -> "Picture":
        """What is computed from neighbourhoods of it.

        Args:
            tensor: Keras tensor of the result.
            sizes: Height and width of the result.
            rows: On which rows of it a row of the result rests.
            columns: Likewise.
        """
        return Picture(tensor, sizes, self.axes, ((self, rows, columns),))

    def named(self, axes: Sequence[str]) -> "Picture":
        """The same with another order of axes in the file.

        Args:
            axes: In their order.
        """
        return replace(self, axes=tuple(axes), rests_on=((self, _alike, _alike),))

    def shapes(self, patches: int) -> tuple[tuple[int, ...], ...]:
        """Shape in the file for each image of `TRIED`.

        Args:
            patches: Number of patches.
        """
        found = []
        for height, width in self.sizes:
            sides = {"N": patches, "C": self.channels, "H": height, "W": width}
            found.append(tuple(int(np.prod([sides[atom] for atom in axis])) for axis in self.axes))
        return tuple(found)


Value = Known | Picture


def _alike(seen: Reach) -> Reach:
    return seen


def windows(side: int, step: int = 1, before: int = 0, dilation: int = 1) -> Back:
    """How places of a convolution or of a pooling rest on what they are computed from.

    Args:
        side: Of the window.
        step: Of the window from place to place.
        before: Pixels that are added before the first one; negative where they are cut off.
        dilation: Pixels between neighbours in the window.
    """

    def back(seen: Reach) -> Reach:
        return Reach(seen.first * step - before, seen.last * step - before + (side - 1) * dilation)

    return back


def spread(side: int, step: int, before: int, dilation: int = 1) -> Back:
    """How places of a transposed convolution rest on what they are computed from.

    Args:
        side: As above, and so the others.
        step: Likewise.
        before: Pixels that are cut off before the first one.
        dilation: Likewise.
    """

    def back(seen: Reach) -> Reach:
        first, last = -((-(seen.first + before - (side - 1) * dilation)) // step), (seen.last + before) // step
        return Reach(min(first, last), max(first, last))

    return back


def relation(given: Sequence[int], wanted: Sequence[int]) -> tuple[Fraction, Fraction] | None:
    """Factor and summand that make one size of another for each image of `TRIED`; None where there are none.

    Args:
        given: Heights, or widths.
        wanted: Likewise.
    """
    if given[1] == given[0]:
        return None
    factor = Fraction(wanted[1] - wanted[0], given[1] - given[0])
    summand = wanted[0] - factor * given[0]
    fits = all(one * factor + summand == other for one, other in zip(given, wanted, strict=True))
    return (factor, summand) if fits else None
