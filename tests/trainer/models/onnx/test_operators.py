"""Every operator gives what ONNX' own reference gives, at odd sizes, with every kind of padding."""

from typing import Any

import numpy as np
import pytest

from tests.trainer.models.onnx.graphs import BANDS, drawn, made, node, require_equal, written

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.mark.parametrize(
    ("out", "sides", "groups", "options", "stride"),
    [
        (3, (3, 3), 1, {"pads": [1, 1, 1, 1]}, 1),
        (3, (5, 3), 1, {"pads": [2, 1, 2, 1], "bias": True}, 1),
        (2, (2, 4), 1, {"pads": [0, 1, 1, 2]}, 1),
        (2, (3, 3), 1, {"pads": [2, 4, 2, 4], "dilations": [2, 4]}, 1),
        (3, (2, 2), 1, {"auto_pad": "SAME_UPPER"}, 1),
        (3, (4, 2), 1, {"auto_pad": "SAME_LOWER"}, 1),
        (6, (3, 3), 2, {"pads": [1, 1, 1, 1], "bias": True}, 1),
        (4, (3, 3), 4, {"pads": [1, 1, 1, 1], "bias": True}, 1),
        (8, (3, 5), 4, {"pads": [1, 2, 1, 2]}, 1),
        (3, (3, 3), 1, {"pads": [1, 1, 1, 1], "strides": [2, 2], "back": "conv"}, 2),
        (3, (7, 7), 1, {"pads": [3, 3, 3, 3], "strides": [2, 2], "back": "conv"}, 2),
        (8, (3, 3), 4, {"pads": [1, 1, 1, 1], "strides": [2, 2], "bias": True, "back": "conv"}, 2),
        (4, (3, 3), 4, {"pads": [1, 1, 1, 1], "strides": [2, 1], "back": "conv"}, 2),
        (4, (3, 3), 1, {"pads": [2, 2, 2, 2], "dilations": [2, 2], "strides": [2, 2], "back": "conv"}, 2),
        (4, (3, 3), 2, {"auto_pad": "SAME_UPPER", "strides": [2, 2], "back": "conv"}, 2),
    ],
)
def test_convolutions(out: int, sides: tuple[int, int], groups: int, options: Any, stride: int) -> None:
    options = dict(options)
    constants = {"w": drawn(out, BANDS // groups, *sides)}
    if options.pop("bias", False):
        constants["b"] = drawn(out, seed=1)
    back = options.pop("back", None)
    strides = options.get("strides", [1, 1])
    nodes = [node("Conv", "x w b" if "b" in constants else "x w", "c" if back else "y", group=groups, **options)]
    if back:
        # Back to the size of the image, which an output must have.
        constants["f"] = np.asarray([1, 1, *strides], np.float32)
        nodes.append(node("Resize", "c - f", "y", mode="nearest", coordinate_transformation_mode="asymmetric"))
    require_equal(written(nodes, constants), stride)


@pytest.mark.parametrize(
    ("sides", "groups", "options"),  # the reference knows groups of one output each, without bias
    [
        ((2, 2), 1, {"strides": [2, 2]}),
        ((4, 4), 1, {"strides": [2, 2], "pads": [1, 1, 1, 1], "bias": True}),
        ((3, 3), 1, {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1], "bias": True}),
        ((3, 3), 4, {"strides": [2, 2], "pads": [0, 0, 0, 0], "output_padding": [1, 1], "shrink": 2}),
        ((2, 2), 4, {"strides": [2, 2]}),
        ((1, 1), 1, {"strides": [2, 2], "output_padding": [1, 1], "bias": True}),
        ((3, 2), 1, {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
        ((3, 2), 1, {"strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    ],
)
def test_transposed_convolutions(sides: tuple[int, int], groups: int, options: Any) -> None:
    options = dict(options)
    constants: dict[str, Any] = {"w": drawn(BANDS, 4 // groups, *sides)}
    if options.pop("bias", False):
        constants["b"] = drawn(4, seed=1)
    nodes = [node("MaxPool", "x", "p", kernel_shape=[2, 2], strides=[2, 2])]
    shrink = options.pop("shrink", 0)
    name = "t" if shrink else "y"
    nodes.append(node("ConvTranspose", "p w b" if "b" in constants else "p w", name, group=groups, **options))
    if shrink:
        constants |= {"from": np.asarray([1, 1]), "to": np.asarray([-1, -1]), "axes": np.asarray([2, 3])}
        nodes.append(node("Slice", "t from to axes", "y"))
    require_equal(written(nodes, constants), 2)


@pytest.mark.parametrize(
    ("operator", "options"),
    [
        ("MaxPool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
        ("MaxPool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}),
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
        ("MaxPool", {"kernel_shape": [2, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
        ("MaxPool", {"kernel_shape": [3, 3], "pads": [2, 2, 2, 2], "dilations": [2, 2]}),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
        ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ],
)
def test_pooling(operator: str, options: Any) -> None:
    # Below zero too, where zeros that are added would be the largest.
    nodes = [node("Sub", "x", "m"), node(operator, "m", "p", **options)]
    nodes[0].input.append("five")
    strides = options.get("strides", [1, 1])
    constants = {"five": np.asarray(5, np.float32), "f": np.asarray([1, 1, *strides], np.float32)}
    nodes.append(node("Resize", "p - f", "y", mode="nearest", coordinate_transformation_mode="asymmetric"))
    require_equal(written(nodes, constants), max(strides))


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize(
    "options",
    [
        {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
        {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
        {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
        {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        {"mode": "nearest", "coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_floor"},
        {"mode": "nearest", "coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"},
    ],
)
def test_resizing(factor: int, options: Any) -> None:
    """Down by a pooling and up again; and to the size of the image as PyTorch asks for it."""
    pool = node("AveragePool", "x", "p", kernel_shape=[factor, factor], strides=[factor, factor])
    by = written([pool, node("Resize", "p - f", "y", **options)], {"f": np.asarray([1, 1, factor, factor], np.float32)})
    sized = [
        pool,
        node("Shape", "x", "s"),
        node("Slice", "s two four", "hw"),
        node("Shape", "p", "ps"),
        node("Slice", "ps zero two", "nc"),
        node("Concat", "nc hw", "size", axis=0),
        node("Resize", "p - - size", "y", **options),
    ]
    numbers = {name: np.asarray([each]) for name, each in (("zero", 0), ("two", 2), ("four", 4))}
    for content in (by, written(sized, numbers)):
        found = require_equal(content, factor, (factor * 4, factor * 5))
        assert bool(found.placed) == (options["coordinate_transformation_mode"] == "align_corners")


@pytest.mark.parametrize(
    ("places", "rounding"), [("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"), ("half_pixel", "ceil")]
)
def test_resizing_down_takes_the_pixel_that_onnx_takes(places: str, rounding: str) -> None:
    down = {"mode": "nearest", "coordinate_transformation_mode": places, "nearest_mode": rounding}
    up = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    nodes = [node("Resize", "x - half", "d", **down), node("Resize", "d - two", "y", **up)]
    factors = {name: np.asarray([1, 1, each, each], np.float32) for name, each in (("half", 0.5), ("two", 2))}
    require_equal(written(nodes, factors), 2)


@pytest.mark.parametrize(
    "nodes",
    [
        *([node(name, "x", "y")] for name in ("Relu", "Sigmoid", "Tanh", "Softplus", "Erf", "Softsign", "Abs", "Neg")),
        *([node(name, "x", "y")] for name in ("LeakyRelu", "Elu", "Selu", "Celu", "HardSigmoid", "HardSwish", "Mish")),
        [node("LeakyRelu", "x", "y", alpha=0.3)],
        [node("Elu", "x", "y", alpha=0.7)],
        [node("Celu", "x", "y", alpha=2.0)],
        [node("HardSigmoid", "x", "y", alpha=0.3, beta=0.4)],
        [node("ThresholdedRelu", "x", "y", alpha=0.5)],
        [node("PRelu", "x each", "y")],
        [node("Clip", "x low high", "y")],
        [node("Clip", "x - high", "y")],
        [node("Sigmoid", "x", "s"), node("Mul", "x s", "y")],
        [node("Softmax", "x", "y", axis=1)],
        [node("LogSoftmax", "x", "y", axis=1)],
        [node("Exp", "x", "e"), node("Log", "e", "l"), node("Abs", "l", "a"), node("Sqrt", "a", "y")],
        [node("Exp", "x", "e"), node("Reciprocal", "e", "y")],
        [node("Gelu", "x", "y")],
        [node("Gelu", "x", "y", approximate="tanh")],
        [node("Dropout", "x", "y")],
        [node("Cast", "x", "y", to=1)],
    ],
    ids=lambda nodes: nodes[-1].op_type,
)
def test_functions(nodes: Any) -> None:
    constants = {
        "each": drawn(BANDS, 1, 1),
        "low": np.asarray(-0.5, np.float32),
        "high": np.asarray(0.75, np.float32),
    }
    require_equal(written(nodes, constants, opset=20))


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Add", "x each", "y")],
        [node("Sub", "one x", "y")],
        [node("Div", "x each", "y")],
        [node("Div", "each x", "q"), node("Tanh", "q", "y")],
        [node("Mul", "whole x", "y")],
        [node("Mul", "x x", "y")],
        [node("Pow", "x two", "y")],
        [node("Abs", "x", "a"), node("Pow", "a each", "y")],
        [node("Max", "x one", "m"), node("Min", "m each x", "y")],
        [node("Sum", "x x each", "s"), node("Mean", "s x", "y")],
        [node("ReduceMean", "x channels", "m"), node("Sub", "x m", "y")],
        [node("ReduceMax", "x channels", "m", keepdims=0), node("Unsqueeze", "m channels", "u"),
         node("Add", "u x", "y")],
        [node("ReduceL2", "x channels", "m"), node("Div", "x m", "y")],
        [node("ReduceSum", "x channels", "m"), node("Concat", "m x", "y", axis=1)],
        [node("BatchNormalization", "x scale shift mean spread", "y", epsilon=1e-3)],
        [node("Split", "x halves", "a b", axis=1), node("Concat", "b x a", "y", axis=1)],
        [node("Slice", "x from to channels", "s"), node("Concat", "s x", "y", axis=1)],
        [node("Gather", "x order", "y", axis=1)],
        [node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("MatMul", "t matrix", "m"),
         node("Add", "m row", "a"), node("LayerNormalization", "a row row", "l"),
         node("Transpose", "l", "y", perm=[0, 3, 1, 2])],
        [node("Shape", "x", "s"), node("Flatten", "x", "f", axis=3), node("Tanh", "f", "g"),
         node("Reshape", "g s", "y")],
        [node("Shape", "x", "s"), node("Reshape", "x flat", "f"), node("MatMul", "turned f", "m"),
         node("Reshape", "m s", "y")],
        [node("Shape", "x", "s"), node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("Reshape", "t rows", "r"),
         node("Gemm", "r turned row", "g", transB=1, alpha=0.5, beta=2.0), node("Shape", "t", "ts"),
         node("Reshape", "g ts", "b"), node("Transpose", "b", "y", perm=[0, 3, 1, 2])],
        [node("SpaceToDepth", "x", "d", blocksize=2), node("DepthToSpace", "d", "y", blocksize=2, mode="CRD")],
        [node("SpaceToDepth", "x", "d", blocksize=2), node("DepthToSpace", "d", "y", blocksize=2)],
        [node("Pad", "x around number", "p"), node("Slice", "p first last places", "y")],
        [node("Pad", "x around", "p", mode="reflect"), node("Slice", "p first last places", "y")],
        [node("Pad", "x around", "p", mode="edge"), node("Slice", "p first last places", "y")],
        [node("Slice", "x from to channels", "s"), node("ReduceMean", "s channels", "m"),
         node("Squeeze", "m channels", "y")],
    ],
    ids=lambda nodes: "-".join(each.op_type for each in nodes),
)  # fmt: skip
def test_sums_axes_and_edges(nodes: Any) -> None:
    constants = {
        "each": drawn(BANDS, 1, 1),
        "one": np.asarray(1, np.float32),
        "two": np.asarray(2, np.float32),
        "whole": drawn(1, BANDS, 1, 1),
        "channels": np.asarray([1]),
        "scale": drawn(BANDS),
        "shift": drawn(BANDS, seed=1),
        "mean": drawn(BANDS, seed=2),
        "spread": np.abs(drawn(BANDS, seed=3)),
        "halves": np.asarray([1, 3]),
        "from": np.asarray([1]),
        "to": np.asarray([3]),
        "order": np.asarray([2, 0, 3, 1]),
        "matrix": drawn(BANDS, BANDS),
        "turned": drawn(BANDS, BANDS, seed=5),
        "row": drawn(BANDS, seed=4),
        "flat": np.asarray([0, BANDS, -1]),
        "rows": np.asarray([-1, BANDS]),
        "around": np.asarray([0, 0, 2, 1, 0, 0, 1, 3]),
        "first": np.asarray([1, 3]),
        "last": np.asarray([-2, -1]),
        "places": np.asarray([2, -1]),
        "number": np.asarray(1.5, np.float32),
    }
    used = {name for each in nodes for name in each.input}
    rank = 3 if nodes[-1].op_type == "Squeeze" else 4
    require_equal(written(nodes, {name: each for name, each in constants.items() if name in used}, rank=rank), 2)


def test_what_is_padded_by_less_than_nothing_is_cut() -> None:
    nodes = [node("Pad", "x more", "p"), node("Pad", "p less", "y")]
    more = np.asarray([0, 0, 2, 1, 0, 0, 1, 3])
    found = made(written(nodes, {"more": more, "less": -more}))
    image = drawn(1, 5, 7, BANDS)
    np.testing.assert_array_equal(found.model(image), image)


def test_older_opsets_have_attributes_where_newer_ones_have_inputs() -> None:
    around = [0, 0, 1, 1, 0, 0, 1, 1]
    nodes = [
        node("Pad", "x", "p", pads=around, value=0.5),
        node("Slice", "p", "s", starts=[1, 1], ends=[-1, -1], axes=[2, 3]),
        node("Clip", "s", "c", min=-1.0, max=2.0),
        node("MaxPool", "c", "m", kernel_shape=[2, 2], strides=[2, 2]),
        node("Upsample", "m f", "y", mode="nearest"),
    ]
    require_equal(written(nodes, {"f": np.asarray([1, 1, 2, 2], np.float32)}, opset=9), 2)
