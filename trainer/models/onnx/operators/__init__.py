"""What the operators of ONNX become, in Keras: a module for each kind. Importing this package registers all of them."""

from collections.abc import Mapping

from trainer.models.onnx.graph import Node
from trainer.models.onnx.operators import (
    arithmetic,
    axes,
    convolutions,
    functions,
    margins,
    normalizations,
    pooling,
    resizing,
)
from trainer.models.onnx.operators.step import REGISTRY, Operator, Step

__all__ = [
    "Step",
    "arithmetic",
    "axes",
    "convolutions",
    "found",
    "functions",
    "margins",
    "normalizations",
    "pooling",
    "resizing",
]

_INSTEAD: Mapping[str, str] = {
    "ArgMax": "export the network without its argmax: class probabilities or logits are needed",
    "DequantizeLinear": "export it before it is quantized, in float32",
    "If": "export it by torch.onnx.export with dynamo=True, or simplify the file by onnxslim",
    "Loop": "export it by torch.onnx.export with dynamo=True, or take loops out of forward",
    "QuantizeLinear": "export it before it is quantized, in float32",
}


def found(node: Node) -> Operator:
    """What an operator becomes.

    Args:
        node: Whose operator.

    Raises:
        Refused: It becomes nothing.
    """
    if node.operator not in REGISTRY:
        raise node.refused(
            "is no operator that is understood here",
            _INSTEAD.get(
                node.operator, "take it out of the network, or build the same network in Keras and save it as .keras"
            ),
        )
    return REGISTRY[node.operator]
