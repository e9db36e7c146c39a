"""Normalizations, and products of matrices along the channels."""

from typing import Any

import numpy as np

from trainer.models.onnx.operators.pooling import whole_tile
from trainer.models.onnx.operators.step import Step, operator
from trainer.models.onnx.values import Known, Picture, Value


@operator("BatchNormalization")
def of_a_batch(step: Step) -> Value:
    """By the statistics of the training."""
    from keras import layers

    picture = step.picture()
    if step.axis(picture, 1) != "C":
        raise step.node.refused(f"works on the axis {picture.axes[1]}", "use BatchNorm2d over channels")
    if step.attribute("training_mode", 0):
        raise step.node.refused("learns as it runs, as in a training", "export the network after model.eval()")
    layer = layers.BatchNormalization(epsilon=float(step.attribute("epsilon", 1e-5)), dtype="float32")
    tensor = layer(picture.tensor)
    layer.set_weights([step.weights(place) for place in (1, 2, 3, 4)])
    return picture.pointwise(tensor)


@operator("LayerNormalization")
def of_a_pixel(step: Step) -> Value:
    """Over the channels of a pixel alone."""
    from keras import ops

    picture, axis = step.picture(), step.attribute("axis", -1)
    if axis % len(picture.axes) != len(picture.axes) - 1 or picture.axes[-1] != "C":
        raise whole_tile(step, "normalizes")
    x = picture.tensor
    moved = ops.subtract(x, ops.mean(x, axis=-1, keepdims=True))
    spread = ops.mean(ops.square(moved), axis=-1, keepdims=True)
    epsilon = float(step.attribute("epsilon", 1e-5))
    tensor = ops.multiply(ops.divide(moved, ops.sqrt(ops.add(spread, epsilon))), step.weights(1).reshape(-1))
    if step.known(2) is not None:
        tensor = ops.add(tensor, step.weights(2).reshape(-1))
    return picture.pointwise(tensor)


@operator("InstanceNormalization", "GroupNormalization", "MeanVarianceNormalization")
def of_a_tile(step: Step) -> Any:
    """Refused."""
    raise whole_tile(step, "normalizes")


@operator("MatMul", "Gemm")
def product(step: Step) -> Value:
    """Of a picture's channels and a known matrix: a layer for each pixel by itself."""
    from keras import layers

    one, other = step.given[0], step.given[1]
    gemm = step.node.operator == "Gemm"
    if not (isinstance(one, Picture) or isinstance(other, Picture)):
        raise step.node.refused("has no picture among its inputs", "export the file anew")
    if isinstance(one, Picture) and isinstance(other, Picture):
        raise step.node.refused(
            "multiplies two pictures with each other, as attention over all pixels does",
            "use an architecture of convolutions",
        )
    left = isinstance(one, Picture)
    picture, matrix = step.picture(0 if left else 1), step.weights(1 if left else 0)
    if step.attribute("transB" if left else "transA", 0):
        matrix = matrix.T
    turned = gemm and step.attribute("transA" if left else "transB", 0)
    # From the left it runs along the last axis but one, from the right along the last.
    letters = picture.axes[::-1] if turned else picture.axes
    kernel = matrix if left else matrix.T
    if matrix.ndim != 2 or letters[-1 if left else -2] != "C" or kernel.shape[0] != picture.channels:
        raise step.node.refused(
            f"multiplies the axes {', '.join(picture.axes)} with a matrix of shape {matrix.shape}",
            "use it along channels alone",
        )
    bias = None
    if gemm:
        kernel = kernel * float(step.attribute("alpha", 1.0))
        if len(step.given) > 2 and isinstance(step.given[2], Known):
            if not left or step.weights(2).reshape(-1).shape[0] not in (1, kernel.shape[1]):
                raise step.node.refused("adds numbers that differ from pixel to pixel", "use it along channels alone")
            own = np.broadcast_to(step.weights(2).reshape(-1), kernel.shape[1])
            bias = own * float(step.attribute("beta", 1.0))
    layer = layers.Dense(kernel.shape[1], use_bias=bias is not None, dtype="float32")
    tensor = layer(picture.tensor)
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return picture.pointwise(tensor, axes=letters)
