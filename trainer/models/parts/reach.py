"""How far an output sees: the pixels that it rests on, followed from the output back to the image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Reach:
    """The pixels along one axis that something rests on.

    Attributes:
        first: Place of the first one.
        last: Place of the last one.
    """

    first: int
    last: int

    def through(self, side: int, dilation: int = 1) -> "Reach":
        """Before a convolution or a window.

        Args:
            side: Of its kernel in pixels; odd.
            dilation: Pixels between neighbours of the kernel.
        """
        return self.dilated(side, (dilation,))

    def dilated(self, side: int, dilations: Sequence[int]) -> "Reach":
        """Before convolutions one after another.

        Args:
            side: Of their kernels in pixels; odd.
            dilations: Pixels between neighbours of each kernel.
        """
        half = side // 2 * sum(dilations)
        return Reach(self.first - half, self.last + half)

    def coarser(self) -> "Reach":
        """Before each pixel became 2 x 2: places on the grid of pixels twice as large."""
        return Reach(self.first // 2, self.last // 2)

    def finer(self) -> "Reach":
        """Before 2 x 2 pixels became one: places on the grid of pixels half as large."""
        return Reach(2 * self.first, 2 * self.last + 1)


def side(stride: int, seen: Callable[[Reach], Reach]) -> int:
    """Side in pixels of the least square around a pixel that holds what its output rests on.

    Args:
        stride: Of the network: pixels in a cell of its coarsest grid, whose places see differently far.
        seen: From an output's place to the pixels of the image.
    """
    found = ((place, seen(Reach(place, place))) for place in range(stride))
    return 1 + 2 * max(max(place - reach.first, reach.last - place) for place, reach in found)
