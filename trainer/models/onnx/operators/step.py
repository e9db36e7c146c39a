"""One node that becomes layers: what it takes, and the errors that it may end with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.models.onnx.graph import Node
from trainer.models.onnx.values import Known, Picture, Value

Array = np.ndarray[Any, Any]

PLANES = ("N", "C", "H", "W")
BAKED = (
    "holds the size of one image, so that the network takes no other",
    "export it with dynamic height and width (dynamic_shapes, or dynamic_axes of the older exporter)",
)


@dataclass
class Step:
    """A node and its inputs.

    Attributes:
        node: The node.
        given: Values of its inputs; None where an optional one is left out.
        patches: Number of patches that the file was made for; 1 where it is free.
        placed: Whether its result depends on where a tile begins and ends.
    """

    node: Node
    given: Sequence[Value | None]
    patches: int = 1
    placed: bool = False

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute of the node.

        Args:
            name: Of the attribute.
            default: Where it is left out.
        """
        return self.node.attributes.get(name, default)

    def picture(self, place: int = 0, axes: Sequence[str] | None = None) -> Picture:
        """An input that is a picture.

        Args:
            place: Of the input.
            axes: That it must have in the file; left out, any.

        Raises:
            Refused: It is none, or has others.
        """
        found = self.given[place] if place < len(self.given) else None
        if not isinstance(found, Picture):
            raise self.node.refused(
                f"takes numbers that depend on no pixel as its input {place + 1}", "export the file anew"
            )
        if axes is not None and found.axes != tuple(axes):
            raise self.node.refused(
                f"works on the axes {', '.join(found.axes)}, and is understood on {', '.join(axes)} alone",
                "use an architecture of convolutions",
            )
        return found

    def known(self, place: int, name: str = "") -> Array | None:
        """An input that is the same for all sizes, or the attribute that it was in older opsets.

        Args:
            place: Of the input.
            name: Of the attribute; left out, there is none.

        Returns:
            None where both are left out.

        Raises:
            Refused: It depends on the image, or on its size.
        """
        found = self.given[place] if place < len(self.given) else None
        if found is None:
            return np.asarray(self.attribute(name)) if name and name in self.node.attributes else None
        if not isinstance(found, Known):
            raise self.node.refused(
                f"takes as its input {place + 1} what depends on the image, where weights are understood",
                "use an architecture whose weights are fixed",
            )
        if not found.same:
            raise self.node.unsized(f"takes as its input {place + 1} a number that depends on the image's size")
        return found.array

    def weights(self, place: int) -> Array:
        """An input that must be there, as float32.

        Args:
            place: Of the input.

        Raises:
            Refused: As `known`; it is left out.
        """
        found = self.known(place)
        if found is None:
            raise self.node.refused(f"has no input {place + 1}", "export the file anew")
        return found.astype(np.float32)

    def whole(self, place: int, name: str = "") -> list[int] | None:
        """As `known`, as a list of integers."""
        found = self.known(place, name)
        return None if found is None else [int(each) for each in found.reshape(-1)]

    def axis(self, picture: Picture, axis: int) -> str:
        """Letter of an axis.

        Args:
            picture: What has axes.
            axis: Its number in the file; negative from the last.

        Raises:
            Refused: There is no such axis.
        """
        if not -len(picture.axes) <= axis < len(picture.axes):
            raise self.node.refused(f"names axis {axis} of {len(picture.axes)}", "export the file anew")
        return picture.axes[axis]


Operator = Callable[[Step], "Value | list[Any]"]
REGISTRY: dict[str, Operator] = {}


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Registers a function as what operators become.

    Args:
        *names: Of the operators.
    """

    def registered(function: Operator) -> Operator:
        REGISTRY.update(dict.fromkeys(names, function))
        return function

    return registered
