"""Convolutions, and those that are transposed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.models.onnx.operators.margins import every, framed, laid
from trainer.models.onnx.operators.step import PLANES, Step, operator
from trainer.models.onnx.values import Value, spread, windows

Array = np.ndarray[Any, Any]


@operator("Conv")
def convolution(step: Step) -> Value:
    """Of any groups, dilations, strides and padding; its weights are the layer's."""
    picture, kernel = step.picture(axes=PLANES), step.weights(1)
    bias = step.weights(2) if len(step.given) > 2 and step.given[2] is not None else None
    groups = int(step.attribute("group", 1))
    if kernel.ndim != 4 or kernel.shape[1] * groups != picture.channels or kernel.shape[0] % groups:
        raise step.node.refused(
            f"has a kernel of shape {kernel.shape} for {picture.channels} channels in {groups} groups",
            "export the file anew",
        )
    sides = kernel.shape[2:]
    steps, dilations = _pair(step, "strides"), _pair(step, "dilations")
    margins = laid(step, picture, sides, steps, dilations)
    given, padding = framed(picture.tensor, margins, sides, steps, dilations)
    sizes = margins.sizes(picture.sizes, sides, steps, dilations, step)
    tensor = _convolved(given, kernel, bias, groups, steps, dilations, padding)
    back = [windows(sides[at], steps[at], margins.before[at], dilations[at]) for at in (0, 1)]
    return picture.seen_by(tensor, sizes, *back)


def _convolved(
    x: Any,
    kernel: Array,
    bias: Array | None,
    groups: int,
    steps: tuple[int, int],
    dilations: tuple[int, int],
    padding: str,
) -> Any:
    from keras import layers

    # TensorFlow has no steps beside dilations, and no unequal ones where each channel is alone: every place is then
    # computed, and those that are not wanted are left out.
    alone = groups == x.shape[-1] and groups > 1
    odd = (max(dilations) > 1 and max(steps) > 1) or (alone and steps[0] != steps[1])
    taken = (1, 1) if odd else steps
    options: dict[str, Any] = {"padding": padding, "dilation_rate": dilations, "dtype": "float32"}
    if alone:
        times = kernel.shape[0] // groups
        layer = layers.DepthwiseConv2D(
            kernel.shape[2:], strides=taken, depth_multiplier=times, use_bias=bias is not None, **options
        )
        tensor = layer(x)
        own = kernel[:, 0].reshape(groups, times, *kernel.shape[2:]).transpose(2, 3, 0, 1)
        layer.set_weights([own] if bias is None else [own, bias])
    elif groups > 1:
        # TensorFlow computes grouped convolutions on a processor by XLA alone, which a server need not have.
        each, wide = x.shape[-1] // groups, kernel.shape[0] // groups
        tensor = layers.Concatenate(dtype="float32")(
            [
                _convolved(
                    x[..., at * each : (at + 1) * each],
                    kernel[at * wide : (at + 1) * wide],
                    None if bias is None else bias[at * wide : (at + 1) * wide],
                    1,
                    taken,
                    dilations,
                    padding,
                )
                for at in range(groups)
            ]
        )
    else:
        layer = layers.Conv2D(kernel.shape[0], kernel.shape[2:], strides=taken, use_bias=bias is not None, **options)
        tensor = layer(x)
        own = kernel.transpose(2, 3, 1, 0)
        layer.set_weights([own] if bias is None else [own, bias])
    return every(tensor, steps) if odd else tensor


@operator("ConvTranspose")
def transposed_convolution(step: Step) -> Value:
    """Of any strides and cropping, without dilations."""
    from keras import layers, ops

    picture, kernel = step.picture(axes=PLANES), step.weights(1)
    bias = step.weights(2) if len(step.given) > 2 and step.given[2] is not None else None
    groups = int(step.attribute("group", 1))
    if kernel.ndim != 4 or kernel.shape[0] != picture.channels or picture.channels % groups:
        raise step.node.refused(
            f"has a kernel of shape {kernel.shape} for {picture.channels} channels", "export the file anew"
        )
    sides, steps = kernel.shape[2:], _pair(step, "strides")
    if max(_pair(step, "dilations")) > 1:
        raise step.node.refused("has dilations", "use one without, or Resize and Conv")
    if step.attribute("output_shape") is not None:
        raise step.node.refused("names the size of its output", "use output_padding instead of output_size")
    before, after = _cropped(step, sides, steps)
    each = picture.channels // groups
    parts = []
    for at in range(groups):
        part = slice(at * each, (at + 1) * each)
        layer = layers.Conv2DTranspose(kernel.shape[1], sides, strides=steps, use_bias=False, dtype="float32")
        parts.append(layer(picture.tensor if groups == 1 else picture.tensor[..., part]))
        layer.set_weights([kernel[part].transpose(2, 3, 1, 0)])
    tensor = parts[0] if groups == 1 else layers.Concatenate(dtype="float32")(parts)
    # Keras fills up to the step where the kernel is shorter than that.
    over = [max(one - side, 0) for one, side in zip(steps, sides, strict=True)]
    ends = [(before[at], after[at] + over[at]) for at in (0, 1)]
    if any(min(end) > 0 for end in ends) or any(max(end) > 0 for end in ends):
        tensor = layers.Cropping2D([(max(one, 0), max(other, 0)) for one, other in ends], dtype="float32")(tensor)
    if any(min(end) < 0 for end in ends):
        more = [(max(-one, 0), max(-other, 0)) for one, other in ends]
        tensor = layers.ZeroPadding2D(more, dtype="float32")(tensor)
    if bias is not None:
        tensor = ops.add(tensor, bias)
    sizes = tuple(
        tuple((size[at] - 1) * steps[at] + sides[at] - before[at] - after[at] for at in (0, 1))
        for size in picture.sizes
    )
    if min(map(min, sizes)) < 1:
        raise step.node.unsized("would give an image without pixels")
    back = [spread(sides[at], steps[at], before[at]) for at in (0, 1)]
    return picture.seen_by(tensor, sizes, *back)


def _cropped(step: Step, sides: Sequence[int], steps: Sequence[int]) -> tuple[list[int], list[int]]:
    """Pixels that are cut off at the beginning and at the end of each axis; negative where some are added."""
    more = [int(each) for each in step.attribute("output_padding", (0, 0))]
    rule = step.attribute("auto_pad", "NOTSET")
    if rule in ("SAME_UPPER", "SAME_LOWER"):
        # The output is the input's size times the step.
        total = [side - one for side, one in zip(sides, steps, strict=True)]
        halves = [each // 2 if rule == "SAME_UPPER" else each - each // 2 for each in total]
        return halves, [each - half for each, half in zip(total, halves, strict=True)]
    pads = [int(each) for each in step.attribute("pads", (0, 0, 0, 0))] if rule == "NOTSET" else [0, 0, 0, 0]
    return pads[:2], [pads[2] - more[0], pads[3] - more[1]]


def _pair(step: Step, name: str) -> tuple[int, int]:
    found = step.attribute(name, (1, 1))
    if len(found) != 2:
        raise step.node.refused(f"has {len(found)} {name}", "use a network of two-dimensional convolutions")
    return int(found[0]), int(found[1])
