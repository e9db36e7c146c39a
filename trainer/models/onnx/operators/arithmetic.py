"""Sums and products of pictures, and of pictures and numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trainer.models.onnx.operators.pooling import whole_tile
from trainer.models.onnx.operators.step import BAKED, Step, operator
from trainer.models.onnx.values import Known, Picture, Value

Array = np.ndarray[Any, Any]


def along(step: Step, place: int, picture: Picture) -> Array | float:
    """A known input as it is broadcast to a picture's Keras tensor.

    Args:
        step: The node.
        place: Of the input.
        picture: What it is broadcast to.

    Returns:
        A number, or one for each channel, float32.

    Raises:
        Refused: It differs from pixel to pixel.
    """
    array = step.weights(place)
    if array.ndim > len(picture.axes) and all(side == 1 for side in array.shape[: array.ndim - len(picture.axes)]):
        array = array.reshape(array.shape[array.ndim - len(picture.axes) :])
    if array.ndim > len(picture.axes):
        raise step.node.refused(f"has a constant of the shape {array.shape}", "export the file anew")
    for letter, side in zip(reversed(picture.axes), reversed(array.shape), strict=False):
        if letter != "C" and side != 1:
            raise step.node.refused(*BAKED)
    return array.reshape(-1) if array.size > 1 else float(array.reshape(-1)[0])


def _both(step: Step) -> tuple[Picture, Any, Any, list[Picture]]:
    """A picture, both operands, and the further pictures among them."""
    one, other = (step.given[place] if place < len(step.given) else None for place in (0, 1))
    if isinstance(one, Picture) and isinstance(other, Picture):
        require_alike(step, (one, other))
        wide = one if one.channels >= other.channels else other
        return wide, one.tensor, other.tensor, [other if wide is one else one]
    if isinstance(one, Picture):
        return one, one.tensor, along(step, 1, one), []
    picture = step.picture(1)
    return picture, along(step, 0, picture), picture.tensor, []


def require_alike(step: Step, pictures: Sequence[Picture]) -> None:
    """Whether pictures lie pixel on pixel.

    Args:
        step: The node.
        pictures: That it joins.

    Raises:
        Unsized: They have other heights or widths.
        Refused: They have other axes.
    """
    first = pictures[0]
    for other in pictures[1:]:
        if other.axes != first.axes:
            raise step.node.refused(
                f"joins the axes {', '.join(first.axes)} with {', '.join(other.axes)}", "export the file anew"
            )
        if other.sizes != first.sizes:
            (height, width), (rows, columns) = first.sizes[0], other.sizes[0]
            raise step.node.unsized(f"joins a picture of {height} x {width} px with one of {rows} x {columns}")


def _pairwise(name: str, function: str) -> None:
    @operator(name)
    def pairwise(step: Step) -> Value:
        from keras import ops

        picture, one, other, more = _both(step)
        return picture.pointwise(getattr(ops, function)(one, other), *more)


for _name, _function in (("Add", "add"), ("Sub", "subtract"), ("Mul", "multiply"), ("Div", "divide")):
    _pairwise(_name, _function)


@operator("Pow")
def power(step: Step) -> Value:
    """To a known power; a square is a product, which is exact and of any sign."""
    from keras import ops

    picture, exponent = step.picture(), along(step, 1, step.picture())
    if np.all(exponent == 2):
        return picture.pointwise(ops.square(picture.tensor))
    return picture.pointwise(ops.power(picture.tensor, exponent))


@operator("Max", "Min", "Sum", "Mean")
def of_several(step: Step) -> Value:
    """The largest, the least, the sum or the mean of what is given."""
    from keras import ops

    names = {"Max": "maximum", "Min": "minimum", "Sum": "add", "Mean": "add"}
    pictures = [each for each in step.given if isinstance(each, Picture)]
    require_alike(step, pictures)
    tensor: Any = None
    for place, each in enumerate(step.given):
        own = along(step, place, pictures[0]) if isinstance(each, Known) else step.picture(place).tensor
        tensor = own if tensor is None else getattr(ops, names[step.node.operator])(tensor, own)
    if step.node.operator == "Mean":
        tensor = ops.divide(tensor, float(len(step.given)))
    return pictures[0].pointwise(tensor, *pictures[1:])


def _over_channels(name: str, function: Callable[[Any, Any], Any], what: str) -> None:
    @operator(name)
    def over_channels(step: Step) -> Value:
        from keras import ops

        picture, axes = step.picture(), step.whole(1, "axes")
        letters = [step.axis(picture, axis) for axis in axes] if axes else list(picture.axes)
        if letters != ["C"]:
            raise whole_tile(step, what)
        kept = picture.axes if step.attribute("keepdims", 1) else tuple(each for each in picture.axes if each != "C")
        return picture.pointwise(function(ops, picture.tensor), axes=kept)


_LAST: dict[str, Any] = {"axis": -1, "keepdims": True}
for _name, _reduced, _what in (
    ("ReduceMean", lambda ops, x: ops.mean(x, **_LAST), "takes the mean"),
    ("ReduceSum", lambda ops, x: ops.sum(x, **_LAST), "takes the sum"),
    ("ReduceMax", lambda ops, x: ops.max(x, **_LAST), "takes the largest"),
    ("ReduceMin", lambda ops, x: ops.min(x, **_LAST), "takes the least"),
    ("ReduceSumSquare", lambda ops, x: ops.sum(ops.square(x), **_LAST), "takes a sum"),
    ("ReduceL2", lambda ops, x: ops.sqrt(ops.sum(ops.square(x), **_LAST)), "takes a norm"),
):
    _over_channels(_name, _reduced, _what)
