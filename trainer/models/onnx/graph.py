"""The graph of an ONNX file, read and bounded: nothing of it is run, and nothing else is opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MOST_NODES = 20_000
LEAST_OPSET = 9
FLOAT = 1
"""`TensorProto.FLOAT`."""
_OWN = ("", "ai.onnx")
"""Domains of ONNX' own operators."""


class Refused(ValueError):
    """A network that cannot be taken; says the operator, its node and what to do."""


class Unsized(Refused):
    """Sizes do not fit together: perhaps they do for height and width that divide by a larger stride."""


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        operator: Its type, such as `Conv`.
        name: Its own, or that of what it gives.
        inputs: Names of what it takes; empty where an optional input is left out.
        outputs: Names of what it gives, likewise.
        attributes: Python values and arrays by name.
        opset: Version of ONNX' operators.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    opset: int

    def refused(self, why: str, to_do: str) -> Refused:
        """An error to raise.

        Args:
            why: What is wrong, as the rest of a sentence of which the operator is the subject.
            to_do: What helps.
        """
        return Refused(f"{self._told} {why}; {to_do}")

    def unsized(self, why: str) -> Unsized:
        """An error to raise where sizes do not fit.

        Args:
            why: As above.
        """
        return Unsized(f"{self._told} {why}")

    @property
    def _told(self) -> str:
        return f"{self.operator} (node '{self.name}')"


@dataclass(frozen=True)
class Graph:
    """A whole network.

    Attributes:
        image: Name of the one input.
        patches: Its fixed number of patches; 1 where it is free.
        bands: Number of bands.
        channels_last: Whether the input is (patches, height, width, bands) and not (patches, bands, height, width).
        output: Name of the one output.
        constants: Weights and other arrays by name.
        nodes: In an order in which they can be computed.
    """

    image: str
    patches: int
    bands: int
    channels_last: bool
    output: str
    constants: Mapping[str, Array]
    nodes: Sequence[Node]


def parsed(content: bytes, file: str) -> Any:
    """The message that a file holds, with functions of its own put in place of their calls.

    Args:
        content: Of the file.
        file: Its name, for messages.

    Raises:
        ValueError: It is none, keeps weights elsewhere, or has operators that are not ONNX' own. The
            package `onnx` is not installed.
    """
    try:
        import onnx
        import onnx.inliner
    except ImportError as error:
        raise ValueError(
            f"{file}: ONNX is read by the package onnx, which is not installed here: pip install 'earthline[onnx]'"
        ) from error
    try:
        proto = onnx.load_model_from_string(content)
    except Exception as error:  # of protobuf, whose class differs between its implementations
        raise ValueError(f"{file} is no ONNX model: {' '.join(str(error).split())[:200]}") from error
    if not proto.graph.node:
        raise ValueError(f"{file} is no ONNX model: it holds no operation")
    _require_whole(proto, file)
    try:
        # Bounded by the checker too: names are unique, attributes have their types, the graph is in order.
        onnx.checker.check_model(proto)
        if proto.functions:
            proto = onnx.inliner.inline_local_functions(proto)
    except (onnx.checker.ValidationError, RuntimeError) as error:
        raise ValueError(f"{file} is no valid ONNX model: {' '.join(str(error).split())[:300]}") from error
    foreign = sorted({f"{node.domain}.{node.op_type}" for node in proto.graph.node if node.domain not in _OWN})
    if foreign:
        raise ValueError(
            f"{file} has operators that are not ONNX' own: {', '.join(foreign[:5])}; export it from PyTorch itself, "
            "without optimizing or quantizing it"
        )
    return proto


def _require_whole(proto: Any, file: str) -> None:
    """Weights that lie in other files would be read from wherever the file says, and are in no checksum."""
    tensors = [*proto.graph.initializer]
    tensors += [each.t for node in proto.graph.node for each in node.attribute if each.HasField("t")]
    outside = next((each for each in tensors if each.data_location or each.external_data), None)
    if outside is not None:
        raise ValueError(
            f"{file} keeps its weights in another file ('{outside.name}'); export it with external_data=False, or "
            "write it anew as one file by onnx.save(onnx.load(file), other)"
        )


def read(proto: Any, file: str) -> Graph:
    """The graph of a message.

    Args:
        proto: As `parsed` gives it.
        file: Name of the file, for messages.

    Raises:
        ValueError: It takes or gives something else than one image, or is too large.
    """
    from onnx import numpy_helper

    opsets = [each.version for each in proto.opset_import if each.domain in _OWN]
    if not opsets or opsets[0] < LEAST_OPSET:
        raise ValueError(
            f"{file} is of opset {opsets[0] if opsets else 'none'}, and {LEAST_OPSET} is the oldest that is read; "
            "export it with opset_version=18"
        )
    if len(proto.graph.node) > MOST_NODES:
        raise ValueError(f"{file} has {len(proto.graph.node):,} operations; at most {MOST_NODES:,} are read")
    constants = {each.name: numpy_helper.to_array(each) for each in proto.graph.initializer}
    inputs = [each for each in proto.graph.input if each.name not in constants]
    if len(inputs) != 1 or len(proto.graph.output) != 1:
        told = ", ".join(f"'{each.name}'" for each in (*inputs, *proto.graph.output))
        raise ValueError(
            f"{file} has {len(inputs)} inputs and {len(proto.graph.output)} outputs ({told}); it must take one image "
            "and give one: export a module whose forward(image) returns the logits alone, not a dict or auxiliary ones"
        )
    patches, bands, last = _image(inputs[0], file)
    return Graph(
        image=inputs[0].name,
        patches=patches,
        bands=bands,
        channels_last=last,
        output=proto.graph.output[0].name,
        constants=constants,
        nodes=[_node(each, opsets[0]) for each in proto.graph.node],
    )


def _image(given: Any, file: str) -> tuple[int, int, bool]:
    tensor = given.type.tensor_type
    if tensor.elem_type != FLOAT:
        raise ValueError(f"{file}: input '{given.name}' is not of float32; export the network as model.float()")
    sides = [each.dim_value or None for each in tensor.shape.dim]
    if len(sides) != 4 or (sides[1] is None and sides[3] is None):
        raise ValueError(
            f"{file}: input '{given.name}' has the shape {sides}; it must be (patches, bands, height, width) with a "
            "fixed number of bands"
        )
    last = _channels_last(sides)
    return sides[0] or 1, int((sides[3] if last else sides[1]) or 0), last


def _channels_last(sides: Sequence[int | None]) -> bool:
    """As TensorFlow's networks are exported: the side of unlike length, or the one that is known, is the last."""
    return sides[1] is None or (sides[3] is not None and sides[1] == sides[2] != sides[3])


def _node(proto: Any, opset: int) -> Node:
    import onnx
    from onnx import numpy_helper

    attributes: dict[str, Any] = {}
    for each in proto.attribute:
        value = onnx.helper.get_attribute_value(each)
        if isinstance(value, onnx.TensorProto):
            value = numpy_helper.to_array(value)
        elif isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        attributes[each.name] = value
    name = proto.name or next((each for each in proto.output if each), "")
    return Node(proto.op_type, name, tuple(proto.input), tuple(proto.output), attributes, opset)


def free(proto: Any) -> Any:
    """The same message for images of any height and width.

    Args:
        proto: As `parsed` gives it.
    """
    import onnx

    found = onnx.ModelProto()
    found.CopyFrom(proto)
    initializers = {each.name for each in found.graph.initializer}
    for given in found.graph.input:
        if given.name not in initializers:
            sides = given.type.tensor_type.shape.dim
            bands = 3 if _channels_last([each.dim_value or None for each in sides]) else 1
            for place, side in enumerate(sides):
                # What is free stays free; patches and bands keep their number.
                if side.dim_value and place not in (0, bands):
                    side.dim_param = f"side_{place}"
    for side in found.graph.output[0].type.tensor_type.shape.dim:
        side.dim_param = ""
        side.ClearField("value")
    del found.graph.value_info[:]
    return found
