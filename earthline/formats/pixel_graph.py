"""A network that looks at pixels and the windows around them, as a plain list of operations with their weights.

The trainer reads it out of a Keras model, and Earth Engine's side writes it as an expression; neither knows the other.
It tells what a network gives for valid pixels: what it gives for masked ones is never used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Bands:
    """The image's bands, in their own units."""


@dataclass(frozen=True)
class Ones:
    """The validity of the image: 1 wherever it counts."""


@dataclass(frozen=True, eq=False)
class Scaled:
    """Each number multiplied, then added to.

    Attributes:
        factor: float64 (numbers,).
        shift: float64 (numbers,).
    """

    factor: Array
    shift: Array


@dataclass(frozen=True)
class Surroundings:
    """What `trainer.layers.WindowFeatures` gives, which says how masked neighbours count.

    Attributes:
        context: Side in pixels of the neighbourhood; odd, 1 for the pixel alone.
        windows: Sides in pixels of the windows of mean and std; odd.
    """

    context: int
    windows: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Dense:
    """Each output is a weighted sum of all inputs, and a number of its own.

    Attributes:
        weights: float32 (outputs, inputs).
        bias: float32 (outputs,).
    """

    weights: Array
    bias: Array


@dataclass(frozen=True)
class Each:
    """A function of each number."""

    function: Literal["relu", "softplus", "log"]


@dataclass(frozen=True)
class AtLeast:
    """Each number, where it is smaller than a limit the limit."""

    limit: float


@dataclass(frozen=True)
class Softmax:
    """All numbers as shares of 1."""


@dataclass(frozen=True)
class Total:
    """The sum of all numbers."""


@dataclass(frozen=True)
class Paired:
    """Two lists of numbers, place by place; one number alone stands for each place."""

    function: Literal["add", "subtract", "multiply", "divide", "minimum", "maximum"]


@dataclass(frozen=True)
class Part:
    """Numbers from a place on, up to before another one."""

    first: int
    last: int


@dataclass(frozen=True)
class Joined:
    """Several lists, one behind the other."""


Operation = (
    Bands | Ones | Scaled | Surroundings | Dense | Each | AtLeast | Softmax | Total | Paired | Part | Joined
)  # fmt: skip


@dataclass(frozen=True)
class Node:
    """An operation and what it is done to.

    Attributes:
        operation: Which.
        inputs: Places of earlier nodes.
        size: Numbers that it gives for each pixel.
    """

    operation: Operation
    inputs: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class PixelGraph:
    """A network.

    Attributes:
        nodes: In an order in which each comes after its inputs; the last one gives the network's output.
    """

    nodes: Sequence[Node]

    @property
    def size(self) -> int:
        """Numbers of the output for each pixel."""
        return self.nodes[-1].size

    @property
    def parameters(self) -> int:
        """Number of weights."""
        dense = [node.operation for node in self.nodes if isinstance(node.operation, Dense)]
        return sum(each.weights.size + each.bias.size for each in dense)

    @property
    def context(self) -> int:
        """Side in pixels of the neighbourhood whose bands it looks at."""
        return max(
            (each.operation.context for each in self.nodes if isinstance(each.operation, Surroundings)), default=1
        )
