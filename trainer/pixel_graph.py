"""Reads a trained network as a plain list of operations, where it looks at pixels and the windows around them alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from earthline.formats.pixel_graph import (
    AtLeast,
    Bands,
    Dense,
    Each,
    Joined,
    Node,
    Ones,
    Operation,
    Paired,
    Part,
    PixelGraph,
    Scaled,
    Softmax,
    Surroundings,
    Total,
)
from trainer.layers import Dissimilarity, WindowFeatures
from trainer.layers.dissimilarity import detached

Array = np.ndarray[Any, Any]


class NoPixelGraphError(ValueError):
    """The network does what such a list has no word for; the text names it."""


def read(network: Any) -> PixelGraph:
    """The operations of a network.

    What follows its own outputs to tell how unlike all training pixels a pixel is, is left out.

    Args:
        network: Keras model of two inputs, image and validity (see `trainer.network.build`).

    Raises:
        NoPixelGraphError: An operation looks further than a pixel's windows, or is not known here.
    """
    network = detached(network)
    reader = _Reader(network.inputs[1])
    for operation in network.operations:
        if not isinstance(operation, Dissimilarity):
            reader.take(operation)
    return reader.graph(network.outputs[0])


class _Condition:
    """Whether a pixel is valid, as a network asks it: for the pixels that count it is."""


class _Reader:
    """What was read so far: for each Keras tensor the place of its node."""

    def __init__(self, valid: Any) -> None:
        """Begins, with the network's second input."""
        self.valid = valid
        self._nodes: list[Node] = []
        self._places: dict[int, int | _Condition] = {}

    def take(self, operation: Any) -> None:
        """Reads one more operation of the network, in Keras' order, in which inputs come first."""
        if len(operation._inbound_nodes) != 1:
            raise NoPixelGraphError(f"the layer {operation.name} is used more than once")
        node = operation._inbound_nodes[0]
        arguments = [*node.arguments.args, *node.arguments.kwargs.values()]
        kind = type(operation)
        made = _KNOWN.get(kind.__name__)
        if made is None or not _is_own(kind):
            raise NoPixelGraphError(f"it has the layer {operation.name} ({kind.__name__}), which no expression has")
        found = made(self, operation, arguments, node)
        self._places[id(node.output_tensors[0])] = found

    def graph(self, output: Any) -> PixelGraph:
        """What leads to a tensor, and nothing else."""
        last = self.place(output)
        needed, waiting = {last}, [last]
        while waiting:
            for place in self._nodes[waiting.pop()].inputs:
                if place not in needed:
                    needed.add(place)
                    waiting.append(place)
        kept = sorted(needed)
        moved = {place: number for number, place in enumerate(kept)}
        nodes = [self._nodes[place] for place in kept]
        return PixelGraph(
            tuple(Node(node.operation, tuple(moved[each] for each in node.inputs), node.size) for node in nodes)
        )

    def add(self, operation: Operation, inputs: Sequence[int], size: int) -> int:
        """A further node; gives its place."""
        self._nodes.append(Node(operation, tuple(inputs), size))
        return len(self._nodes) - 1

    def place(self, tensor: Any) -> int:
        """Of the node of a tensor."""
        found = self._places[id(tensor)]
        if isinstance(found, _Condition):
            raise NoPixelGraphError("it reckons with the validity of pixels in a way that no expression has")
        return found

    def is_condition(self, tensor: Any) -> bool:
        """Whether a tensor tells nothing but whether the pixel is valid."""
        return isinstance(self._places.get(id(tensor)), _Condition)

    def size(self, place: int) -> int:
        """Numbers that a node gives."""
        return self._nodes[place].size

    def is_ones(self, tensor: Any) -> bool:
        """Whether a tensor is the validity itself."""
        found = self._places.get(id(tensor))
        return isinstance(found, int) and isinstance(self._nodes[found].operation, Ones)


Reading = Callable[[_Reader, Any, list[Any], Any], "int | _Condition"]


def _is_own(kind: type) -> bool:
    """Keras' own and this package's: a user's layer of the same name may do anything."""
    return kind.__module__.partition(".")[0] in ("keras", "trainer")


def _input(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    if node.output_tensors[0] is reader.valid:
        return reader.add(Ones(), (), 1)
    return reader.add(Bands(), (), int(node.output_tensors[0].shape[-1]))


def _greater(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> _Condition:
    if not reader.is_ones(arguments[0]) or not isinstance(arguments[1], float) or not 0 <= arguments[1] < 1:
        raise NoPixelGraphError(f"it has the comparison {operation.name}, which no expression has")
    return _Condition()


def _where(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    if not reader.is_condition(arguments[0]):
        raise NoPixelGraphError(f"it has the choice {operation.name}, which no expression has")
    return reader.place(arguments[1])


def _normalization(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    mean, variance = (np.asarray(each, np.float64).reshape(-1) for each in (operation.mean, operation.variance))
    if operation.invert:
        raise NoPixelGraphError(
            f"it has the layer {operation.name}, an inverted Normalization, which no expression has"
        )
    factor = 1 / np.maximum(np.sqrt(variance), keras.config.epsilon())
    return _scaled(reader, arguments[0], factor, -mean * factor)


def _rescaling(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    return _scaled(reader, arguments[0], operation.scale, operation.offset)


def _scaled(reader: _Reader, tensor: Any, factor: Any, shift: Any) -> int:
    place = reader.place(tensor)
    size = reader.size(place)
    wide = [np.broadcast_to(np.asarray(each, np.float64).reshape(-1), (size,)).copy() for each in (factor, shift)]
    return reader.add(Scaled(*wide), (place,), size)


def _windows(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    image, valid = arguments[0]
    if not isinstance(operation, WindowFeatures) or not reader.is_ones(valid):
        raise NoPixelGraphError(f"the windows of {operation.name} have another mask than the image's")
    place = reader.place(image)
    size = reader.size(place) * (operation.context**2 + 2 * len(operation.windows))
    return reader.add(Surroundings(operation.context, operation.windows), (place,), size)


def _convolution(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    if (
        tuple(operation.kernel_size) != (1, 1)
        or tuple(operation.strides) != (1, 1)
        or operation.groups != 1
        or operation.data_format != "channels_last"
    ):
        rows, columns = operation.kernel_size
        raise NoPixelGraphError(f"it has convolutions of {rows} x {columns} pixels ({operation.name})")
    name: Any = getattr(operation.activation, "__name__", type(operation.activation).__name__)
    if name not in ("linear", "relu", "softplus", "softmax"):
        raise NoPixelGraphError(f"the layer {operation.name} has the activation {name}, which no expression has")
    kernel = np.asarray(operation.kernel, np.float32)[0, 0].T
    bias = np.asarray(operation.bias, np.float32) if operation.use_bias else np.zeros(len(kernel), np.float32)
    found = reader.add(Dense(kernel, bias), (reader.place(arguments[0]),), len(kernel))
    if name == "softmax":
        return reader.add(Softmax(), (found,), len(kernel))
    if name == "linear":
        return found
    return reader.add(Each(name), (found,), len(kernel))


def _same(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    return reader.place(arguments[0])


def _log(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    place = reader.place(arguments[0])
    return reader.add(Each("log"), (place,), reader.size(place))


def _softmax(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    _require_last_axis(operation, operation.axis)
    place = reader.place(arguments[0])
    return reader.add(Softmax(), (place,), reader.size(place))


def _sum(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    _require_last_axis(operation, *(operation.axis or (None,)))
    return reader.add(Total(), (reader.place(arguments[0]),), 1)


def _require_last_axis(operation: Any, *axes: Any) -> None:
    if axes not in ((-1,), (3,)):
        raise NoPixelGraphError(f"{operation.name} goes over more than the numbers of a pixel")


def _item(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    place = reader.place(arguments[0])
    chosen = arguments[1] if isinstance(arguments[1], (list, tuple)) else [arguments[1]]
    if len(chosen) != 2 or chosen[0] is not Ellipsis or not isinstance(chosen[1], slice):
        raise NoPixelGraphError(f"{operation.name} cuts more than the numbers of a pixel")
    first, last, step = chosen[1].indices(reader.size(place))
    if step != 1 or last <= first:
        raise NoPixelGraphError(f"{operation.name} takes numbers of a pixel in another order")
    return reader.add(Part(first, last), (place,), last - first)


def _joined(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
    _require_last_axis(operation, operation.axis)
    places = [reader.place(each) for each in arguments[0]]
    return reader.add(Joined(), places, sum(map(reader.size, places)))


def _paired(function: Any) -> Reading:
    def reading(reader: _Reader, operation: Any, arguments: list[Any], node: Any) -> int:
        given = arguments[0] if isinstance(arguments[0], (list, tuple)) else arguments
        first, second = (None if not keras.utils.is_keras_tensor(each) else reader.place(each) for each in given[:2])
        if len(given) != 2 or first is None:
            raise NoPixelGraphError(f"{operation.name} has no two numbers of a pixel to reckon with")
        if second is not None:
            return reader.add(Paired(function), (first, second), max(reader.size(first), reader.size(second)))
        constant = np.asarray(given[1], np.float64).reshape(-1)
        if function == "maximum" and constant.size == 1:
            return reader.add(AtLeast(float(constant[0])), (first,), reader.size(first))
        none = np.zeros_like(constant)
        match function:
            case "multiply":
                return _scaled(reader, given[0], constant, none)
            case "divide":
                return _scaled(reader, given[0], 1 / constant, none)
        raise NoPixelGraphError(f"{operation.name} reckons with a number of its own, which no expression has")

    return reading


_KNOWN: Mapping[str, Reading] = {
    "InputLayer": _input,
    "Greater": _greater,
    "Where": _where,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "WindowFeatures": _windows,
    "Conv2D": _convolution,
    "Dropout": _same,
    "Log": _log,
    "Softmax": _softmax,
    "Sum": _sum,
    "GetItem": _item,
    "Concatenate": _joined,
    "Add": _paired("add"),
    "Subtract": _paired("subtract"),
    "Multiply": _paired("multiply"),
    "TrueDivide": _paired("divide"),
    "Divide": _paired("divide"),
    "Minimum": _paired("minimum"),
    "Maximum": _paired("maximum"),
}
"""How each kind of operation is read, by the name of its class."""
