"""Small ONNX files, written node by node."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from trainer.models.onnx import graph
from trainer.models.onnx.translation import Translated, translated

Array = np.ndarray[Any, Any]
Free = int | str | None

BANDS = 4


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """`inputs` and `outputs` are names with spaces between; `-` is one that is left out."""
    names = [["" if each == "-" else each for each in side.split()] for side in (inputs, outputs)]
    return helper.make_node(operator, *names, **attributes)


def written(
    nodes: Sequence[Any],
    constants: Mapping[str, Any] | None = None,
    *,
    shape: Sequence[Free] = ("n", BANDS, "h", "w"),
    opset: int = 18,
    rank: int = 4,
    output: str = "y",
    **model: Any,
) -> bytes:
    """The file of a graph from `x` to `output`."""
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))
    given = helper.make_tensor_value_info(output, TensorProto.FLOAT, [None] * rank)
    proto = helper.make_model(
        helper.make_graph(list(nodes), "g", [image], [given], held),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8,
        **model,
    )
    return proto.SerializeToString()


def made(content: bytes, stride: int = 1) -> Translated:
    return translated(graph.read(graph.parsed(content, "theirs.onnx"), "theirs.onnx"), stride)


def require_equal(
    content: bytes, stride: int = 1, shape: tuple[int, int] = (12, 20), tolerance: float = 2e-5
) -> Translated:
    """What is made of a file gives what ONNX' own reference gives."""
    found = made(content, stride)
    image = drawn(2, *shape, int(found.model.inputs[0].shape[-1]), seed=7)
    reference = ReferenceEvaluator(onnx.load_model_from_string(content))
    wanted = reference.run(None, {"x": image.transpose(0, 3, 1, 2)})[0]
    if wanted.ndim == 3:
        wanted = wanted[:, np.newaxis]
    given = np.asarray(found.model(image, training=False)).transpose(0, 3, 1, 2)
    assert given.shape == wanted.shape
    np.testing.assert_allclose(given, wanted, atol=tolerance * float(np.abs(wanted).max()))
    return found


def u_net(entries: int = 3, bands: int = BANDS, **options: Any) -> bytes:
    """As PyTorch's are exported: a skip, padding by a difference of sizes, and a size that is computed."""
    ones, numbers = {"pads": [1, 1, 1, 1]}, {"zero": [0], "two": [2], "four": [4], "none": [0, 0, 0, 0, 0, 0]}
    nodes = [
        node("Conv", "x w1 b1", "c1", strides=[1, 1], **ones),
        node("BatchNormalization", "c1 scale shift mean spread", "n1"),
        node("Relu", "n1", "r1"),
        node("MaxPool", "r1", "p1", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p1 w2", "c2", strides=[2, 2], **ones),
        node("Relu", "c2", "r2"),
        node("ConvTranspose", "r2 w3 b3", "u2", strides=[2, 2]),
        # Rows that are missing are added, of which there are none.
        node("Shape", "r1", "rs"), node("Shape", "u2", "us"),
        node("Gather", "rs place", "rh"), node("Gather", "us place", "uh"),
        node("Mul", "uh twice", "uh2"), node("Sub", "rh uh2", "more"),
        node("Unsqueeze", "more zero", "more1"), node("Concat", "none more1 zero", "around", axis=0),
        node("Pad", "u2 around", "up"),
        node("Shape", "x", "s"), node("Slice", "s two four", "hw"),
        node("Shape", "up", "ps"), node("Slice", "ps zero two", "nc"), node("Concat", "nc hw", "size", axis=0),
        node("Resize", "up - - size", "u1", mode="linear", coordinate_transformation_mode="pytorch_half_pixel"),
        node("Concat", "r1 u1", "j", axis=1),
        node("Conv", "j w4 b4", "y", **ones),
    ]  # fmt: skip
    constants = {
        "w1": drawn(6, bands, 3, 3), "b1": drawn(6), "w2": drawn(8, 6, 3, 3), "w3": drawn(8, 5, 2, 2), "b3": drawn(5),
        "w4": drawn(entries, 11, 3, 3) / 8, "b4": drawn(entries), "scale": drawn(6), "shift": drawn(6, seed=1),
        "mean": drawn(6, seed=2), "spread": np.abs(drawn(6, seed=3)) + 0.5,
        "place": np.asarray(2), "twice": np.asarray(2),
    }  # fmt: skip
    options.setdefault("shape", ("n", bands, "h", "w"))
    return written(nodes, constants | {name: np.asarray(each) for name, each in numbers.items()}, **options)
