"""Arrays that are known before any image is: weights, constants, and what is computed of sizes.

Exported networks compute the size of a picture in many small steps, such as Shape, Gather, Mul, Cast and Concat. They
are followed by NumPy for each image of `values.TRIED`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from trainer.models.onnx.operators.step import Step
from trainer.models.onnx.values import TRIED, Known, Picture

Array = np.ndarray[Any, Any]

OF_SHAPES = ("Shape", "Size")
MOST_ELEMENTS = 1 << 24
"""Of an array that a node makes from a shape: a small file must not fill the memory."""
_TYPES = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    5: np.int16,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
}
"""Of `TensorProto`."""


def computed(step: Step) -> Known | list[Any]:
    """What a node gives whose inputs are all known, or of which only shapes are asked.

    Args:
        step: The node with its inputs.

    Raises:
        Refused: It cannot be computed here.
    """
    node = step.node
    if node.operator in OF_SHAPES:
        return _shape(step)
    if node.operator not in _COMPUTED:
        raise node.refused(
            "works on numbers that depend on no pixel, which is not understood",
            "simplify the file: onnxslim or onnxsim fold such parts",
        )
    count = len(TRIED)
    given = [each for each in step.given if isinstance(each, Known)]
    # Weights are the same for each size: they are computed once.
    once = all(each.arrays[0] is other for each in given for other in each.arrays)
    found = []
    for place in range(1 if once else count):
        arrays = [each.arrays[place] if isinstance(each, Known) else None for each in step.given]
        try:
            found.append(_COMPUTED[node.operator](arrays, node.attributes, node.opset))
        except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise node.refused(
                f"cannot be computed ({type(error).__name__}: {str(error)[:100]})", "export the file anew"
            ) from error
    found = found * count if once else found
    if isinstance(found[0], list):
        return [Known(tuple(each[place] for each in found)) for place in range(len(found[0]))]
    return Known(tuple(found))


def _shape(step: Step) -> Known:
    value = step.given[0]
    if isinstance(value, Picture):
        shapes = value.shapes(step.patches)
    elif isinstance(value, Known):
        shapes = tuple(each.shape for each in value.arrays)
    else:
        raise step.node.refused("has no input", "export the file anew")
    if step.node.operator == "Size":
        return Known(tuple(np.asarray(np.prod(shape), np.int64) for shape in shapes))
    part = slice(step.node.attributes.get("start", 0), step.node.attributes.get("end"))
    return Known(tuple(np.asarray(shape[part], np.int64) for shape in shapes))


Arrays = Sequence[Any]
Attributes = Mapping[str, Any]


def _bounded(shape: Sequence[int]) -> tuple[int, ...]:
    sides = tuple(int(side) for side in shape)
    # In Python's integers: NumPy's product would wrap around.
    count = 1
    for side in sides:
        count *= max(side, 1)
    if count > MOST_ELEMENTS or min(sides, default=0) < 0:
        raise ValueError(f"an array of the shape {sides}")
    return sides


def _constant(_: Arrays, attributes: Attributes, __: int) -> Array:
    for name, type_ in (("value", None), ("value_float", np.float32), ("value_int", np.int64)):
        if name in attributes:
            return np.asarray(attributes[name], type_)
    for name, type_ in (("value_floats", np.float32), ("value_ints", np.int64)):
        if name in attributes:
            return np.asarray(attributes[name], type_)
    raise KeyError("value")


def _filled(arrays: Arrays, attributes: Attributes, _: int) -> Array:
    value = np.asarray(attributes.get("value", np.zeros(1, np.float32))).reshape(-1)[0]
    return np.full(_bounded(arrays[0]), value)


def _cast(arrays: Arrays, attributes: Attributes, _: int) -> Array:
    return np.asarray(arrays[0]).astype(_TYPES[attributes["to"]])


def _divided(arrays: Arrays, _: Attributes, __: int) -> Array:
    one, other = np.asarray(arrays[0]), np.asarray(arrays[1])
    if np.issubdtype(one.dtype, np.integer):
        # Towards zero, where NumPy's // goes down.
        return np.asarray(np.sign(one) * np.sign(other) * (np.abs(one) // np.abs(other))).astype(one.dtype)
    return np.asarray(one / other)


def _axes(arrays: Arrays, attributes: Attributes, place: int = 1) -> list[int] | None:
    if len(arrays) > place and arrays[place] is not None:
        return [int(each) for each in np.asarray(arrays[place]).reshape(-1)]
    return [int(each) for each in attributes["axes"]] if "axes" in attributes else None


def _sliced(arrays: Arrays, attributes: Attributes, _: int) -> Array:
    array = np.asarray(arrays[0])
    starts = _axes(arrays, {"axes": attributes.get("starts", ())}, 1) or []
    ends = _axes(arrays, {"axes": attributes.get("ends", ())}, 2) or []
    axes = _axes(arrays, attributes, 3)
    steps = _axes(arrays, {}, 4) or [1] * len(starts)
    named = axes if axes is not None else range(len(starts))
    for axis, start, end, each in zip(named, starts, ends, steps, strict=True):
        # The least end of a step backwards is before the first element, which None says.
        stop = None if each < 0 and end < -array.shape[axis] else end
        array = array[(slice(None),) * (axis % array.ndim) + (slice(start, stop, each),)]
    return array


def _squeezed(arrays: Arrays, attributes: Attributes, _: int) -> Array:
    axes = _axes(arrays, attributes)
    return np.asarray(np.squeeze(arrays[0], None if axes is None else tuple(axes)))


def _unsqueezed(arrays: Arrays, attributes: Attributes, _: int) -> Array:
    return np.expand_dims(arrays[0], tuple(_axes(arrays, attributes) or ()))


def _reshaped(arrays: Arrays, attributes: Attributes, _: int) -> Array:
    array, wanted = np.asarray(arrays[0]), [int(each) for each in arrays[1]]
    kept = [array.shape[place] if side == 0 else side for place, side in enumerate(wanted)]
    return array.reshape(wanted if attributes.get("allowzero") else kept)


def _expanded(arrays: Arrays, _: Attributes, __: int) -> Array:
    array = np.asarray(arrays[0])
    return np.broadcast_to(array, _bounded(np.broadcast_shapes(array.shape, tuple(int(each) for each in arrays[1]))))


def _reduced(function: Callable[..., Any]) -> Callable[[Arrays, Attributes, int], Array]:
    def reduced(arrays: Arrays, attributes: Attributes, _: int) -> Array:
        axes = _axes(arrays, attributes)
        return np.asarray(
            function(arrays[0], axis=tuple(axes) if axes else None, keepdims=bool(attributes.get("keepdims", 1)))
        )

    return reduced


def _ranged(arrays: Arrays, _: Attributes, __: int) -> Array:
    start, stop, each = (np.asarray(array).reshape(-1)[0] for array in arrays)
    _bounded([int(max(0, (stop - start) / each)) + 1])
    return np.arange(start, stop, each)


def _parts(arrays: Arrays, attributes: Attributes, _: int) -> list[Array]:
    array, axis = np.asarray(arrays[0]), attributes.get("axis", 0)
    sides = _axes(arrays, {"axes": attributes["split"]} if "split" in attributes else {})
    if sides is None:
        return np.array_split(array, attributes["num_outputs"], axis)
    return np.split(array, np.cumsum(sides)[:-1], axis)


def _plain(function: Callable[..., Any]) -> Callable[[Arrays, Attributes, int], Array]:
    def plain(arrays: Arrays, _: Attributes, __: int) -> Array:
        _bounded(np.broadcast_shapes(*(np.shape(array) for array in arrays)))
        return np.asarray(function(*arrays))

    return plain


def _gathered(arrays: Arrays, attributes: Attributes, _: int) -> Array:
    array, places, axis = np.asarray(arrays[0]), np.asarray(arrays[1]), attributes.get("axis", 0)
    _bounded((*array.shape[:axis], *places.shape, *array.shape[axis:][1:]))
    return np.take(array, places, axis)


_NUMPY: Mapping[str, Callable[..., Any]] = {
    "Abs": np.abs,
    "Add": np.add,
    "And": np.logical_and,
    "Ceil": np.ceil,
    "Equal": np.equal,
    "Exp": np.exp,
    "Floor": np.floor,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Identity": lambda array: array,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Max": lambda *arrays: np.max(np.broadcast_arrays(*arrays), axis=0),
    "Min": lambda *arrays: np.min(np.broadcast_arrays(*arrays), axis=0),
    "Mul": np.multiply,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Or": np.logical_or,
    "Reciprocal": np.reciprocal,
    "Round": np.round,
    "Sqrt": np.sqrt,
    "Sub": np.subtract,
    "Where": np.where,
}
"""Of operators that are functions of NumPy, with its rules of broadcasting."""

_COMPUTED: Mapping[str, Callable[[Arrays, Attributes, int], Any]] = {
    **{name: _plain(function) for name, function in _NUMPY.items()},
    "Cast": _cast,
    "CastLike": lambda arrays, _, __: np.asarray(arrays[0]).astype(np.asarray(arrays[1]).dtype),
    "Concat": lambda arrays, attributes, _: np.concatenate(arrays, attributes["axis"]),
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Div": _divided,
    "Expand": _expanded,
    "Gather": _gathered,
    "Pow": lambda arrays, _, __: np.power(arrays[0], arrays[1]).astype(np.asarray(arrays[0]).dtype),
    "Range": _ranged,
    "ReduceMax": _reduced(np.max),
    "ReduceMean": _reduced(np.mean),
    "ReduceMin": _reduced(np.min),
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "Reshape": _reshaped,
    "Slice": _sliced,
    "Split": _parts,
    "Squeeze": _squeezed,
    "Transpose": lambda arrays, attributes, _: np.transpose(arrays[0], attributes.get("perm")),
    "Unsqueeze": _unsqueezed,
}
"""By operator: from arrays, attributes and opset to an array, or to several."""
