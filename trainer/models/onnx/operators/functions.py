"""What is computed of each number by itself, or of the channels of a pixel: activations."""

from collections.abc import Callable
from typing import Any

import numpy as np

from trainer.models.onnx.graph import FLOAT
from trainer.models.onnx.operators.arithmetic import along
from trainer.models.onnx.operators.pooling import whole_tile
from trainer.models.onnx.operators.step import Step, operator
from trainer.models.onnx.values import Value

_DOUBLE = 11
_GELU_TANH = (2 / np.pi) ** 0.5


def _function(name: str, function: Callable[[Any, Any, Step], Any]) -> None:
    @operator(name)
    def applied(step: Step) -> Value:
        from keras import ops

        picture = step.picture()
        return picture.pointwise(function(ops, picture.tensor, step))


def _hard_sigmoid(ops: Any, x: Any, slope: float, offset: float) -> Any:
    return ops.clip(ops.add(ops.multiply(x, float(slope)), float(offset)), 0.0, 1.0)


def _leaky(ops: Any, x: Any, slope: Any) -> Any:
    return ops.add(ops.maximum(x, 0.0), ops.multiply(ops.minimum(x, 0.0), slope))


def _elu(ops: Any, x: Any, alpha: float, scale: float = 1.0, gamma: float = 1.0) -> Any:
    below = ops.multiply(ops.expm1(ops.multiply(ops.minimum(x, 0.0), float(scale))), float(alpha))
    return ops.multiply(ops.add(ops.maximum(x, 0.0), below), float(gamma))


def _gelu(ops: Any, x: Any, step: Step) -> Any:
    if step.attribute("approximate", "none") == "tanh":
        inner = ops.multiply(ops.add(x, ops.multiply(ops.power(x, 3), 0.044715)), np.float32(_GELU_TANH))
        grown = ops.tanh(inner)
    else:
        grown = ops.erf(ops.multiply(x, float(0.5**0.5)))
    return ops.multiply(ops.multiply(x, 0.5), ops.add(grown, float(1)))


for _name in ("Abs", "Ceil", "Exp", "Floor", "Log", "Relu", "Sigmoid", "Sin", "Cos", "Softplus", "Softsign", "Sqrt"):
    _function(_name, lambda ops, x, step: getattr(ops, step.node.operator.lower())(x))
_function("Tanh", lambda ops, x, _: ops.tanh(x))
_function("Erf", lambda ops, x, _: ops.erf(x))
_function("Neg", lambda ops, x, _: ops.negative(x))
_function("Reciprocal", lambda ops, x, _: ops.divide(float(1), x))
_function("LeakyRelu", lambda ops, x, step: _leaky(ops, x, float(step.attribute("alpha", 0.01))))
_function("ThresholdedRelu", lambda ops, x, step: ops.where(ops.greater(x, step.attribute("alpha", 1.0)), x, 0.0))
_function("Elu", lambda ops, x, step: _elu(ops, x, step.attribute("alpha", 1.0)))
_function(
    "Celu", lambda ops, x, step: _elu(ops, x, step.attribute("alpha", 1.0), 1 / float(step.attribute("alpha", 1.0)))
)
_function(
    "Selu",
    lambda ops, x, step: _elu(
        ops, x, step.attribute("alpha", 1.67326319217681884765625), 1.0, step.attribute("gamma", 1.05070102214813232422)
    ),
)
_function(
    "HardSigmoid",
    lambda ops, x, step: _hard_sigmoid(ops, x, step.attribute("alpha", 0.2), step.attribute("beta", 0.5)),
)
_function("HardSwish", lambda ops, x, _: ops.multiply(x, _hard_sigmoid(ops, x, 1 / 6, 0.5)))
_function(
    "Swish", lambda ops, x, step: ops.multiply(x, ops.sigmoid(ops.multiply(x, float(step.attribute("alpha", 1.0)))))
)
_function("Mish", lambda ops, x, _: ops.multiply(x, ops.tanh(ops.softplus(x))))
_function("Gelu", _gelu)


@operator("PRelu")
def learned_slope(step: Step) -> Value:
    """A slope for each channel below zero."""
    from keras import ops

    picture = step.picture()
    return picture.pointwise(_leaky(ops, picture.tensor, along(step, 1, picture)))


@operator("Clip")
def clipped(step: Step) -> Value:
    """Between two numbers, such as ReLU6."""
    from keras import ops

    picture, tensor = step.picture(), step.picture().tensor
    low, high = step.known(1, "min"), step.known(2, "max")
    if low is not None:
        tensor = ops.maximum(tensor, np.float32(low.reshape(-1)[0]))
    if high is not None:
        tensor = ops.minimum(tensor, np.float32(high.reshape(-1)[0]))
    return picture.pointwise(tensor)


@operator("Softmax", "LogSoftmax")
def over_classes(step: Step) -> Value:
    """Over channels alone."""
    from keras import ops

    picture, old = step.picture(), step.node.opset < 13
    axis = step.attribute("axis", 1 if old else -1)
    if step.axis(picture, axis) != "C":
        raise whole_tile(step, "is computed")
    if old and axis % len(picture.axes) != len(picture.axes) - 1:
        raise step.node.refused(
            f"is taken over all axes from {axis} on, as opset {step.node.opset} has it",
            "export it with opset 13 or later",
        )
    function = ops.softmax if step.node.operator == "Softmax" else ops.log_softmax
    return picture.pointwise(function(picture.tensor, axis=-1))


@operator("Identity", "Dropout")
def unchanged(step: Step) -> Value:
    """Itself: nothing is dropped outside of a training."""
    training = step.known(2)
    if training is not None and bool(np.any(training)):
        raise step.node.refused("drops at random, as in a training", "export the network after model.eval()")
    return step.picture().named(step.picture().axes)


@operator("Cast", "CastLike")
def cast(step: Step) -> Value:
    """Itself, where it stays a number of 32 bits or of more."""
    wanted = step.attribute("to", FLOAT)
    if wanted not in (FLOAT, _DOUBLE):
        raise step.node.refused("makes another type of pixels than float32", "export the network as model.float()")
    return step.picture().named(step.picture().axes)
