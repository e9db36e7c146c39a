"""The largest and the mean of windows; what looks at all pixels at once is refused."""

from collections.abc import Sequence
from typing import Any

from trainer.models.onnx.graph import Refused
from trainer.models.onnx.operators.margins import LOWEST, Margins, framed, laid
from trainer.models.onnx.operators.step import PLANES, Step, operator
from trainer.models.onnx.values import Picture, Value, windows


def whole_tile(step: Step, what: str) -> Refused:
    """An error to raise: a map would change with the place of its tiles, and no overlap would help.

    Args:
        step: The node.
        what: It does over all pixels, such as "takes the mean".
    """
    return step.node.refused(
        f"{what} over all pixels of a tile, so that the answer for a pixel would depend on where its tile lies, and no "
        "overlap would be enough",
        "use an architecture without it: no squeeze-and-excitation, global pooling, GroupNorm or InstanceNorm "
        "(BatchNorm is fine)",
    )


@operator("MaxPool")
def largest(step: Step) -> Value:
    """The largest of each window; what lies outside of the picture counts for nothing."""
    from keras import layers, ops

    picture, sides, steps, dilations, margins = _window(step)
    sizes = margins.sizes(picture.sizes, sides, steps, dilations, step)
    if max(dilations) > 1:
        # Keras has no dilated maximum: that of the picture, moved by each place of the window.
        whole = framed(picture.tensor, margins, (1, 1), (2, 2), (1, 1), LOWEST)[0]
        reach = [(side - 1) * dilation for side, dilation in zip(sides, dilations, strict=True)]
        moved = [
            layers.Cropping2D([(top, reach[0] - top), (left, reach[1] - left)], dtype="float32")(whole)
            for top in range(0, reach[0] + 1, dilations[0])
            for left in range(0, reach[1] + 1, dilations[1])
        ]
        tensor = moved[0]
        for each in moved[1:]:
            tensor = ops.maximum(tensor, each)
        tensor = layers.MaxPooling2D(1, steps, dtype="float32")(tensor) if max(steps) > 1 else tensor
    else:
        given, padding = framed(picture.tensor, margins, sides, steps, dilations, LOWEST)
        tensor = layers.MaxPooling2D(sides, steps, padding=padding, dtype="float32")(given)
    back = [windows(sides[at], steps[at], margins.before[at], dilations[at]) for at in (0, 1)]
    return picture.seen_by(tensor, sizes, *back)


@operator("AveragePool")
def mean(step: Step) -> Value:
    """The mean of each window."""
    from keras import layers, ops

    picture, sides, steps, dilations, margins = _window(step)
    if max(dilations) > 1:
        raise step.node.refused("has dilations", "use one without")
    if step.attribute("ceil_mode", 0) and not margins.empty and margins != _plain(step):
        raise step.node.refused("has ceil_mode for sizes that do not divide", "use it without ceil_mode")
    sizes = margins.sizes(picture.sizes, sides, steps, dilations, step)
    pool = layers.AveragePooling2D(sides, steps, padding="valid", dtype="float32")
    if margins.empty or step.attribute("count_include_pad", 0):
        # Zeros that are added count as well, so that TensorFlow's own "same" would be another mean.
        tensor = pool(framed(picture.tensor, margins, (1, 1), (2, 2), (1, 1))[0])
    else:
        given, ones = (
            framed(each, margins, (1, 1), (2, 2), (1, 1))[0]
            for each in (picture.tensor, ops.ones_like(picture.tensor[..., :1]))
        )
        tensor = ops.divide(pool(given), pool(ones))
    back = [windows(sides[at], steps[at], margins.before[at]) for at in (0, 1)]
    return picture.seen_by(tensor, sizes, *back)


def _window(step: Step) -> tuple[Picture, list[int], list[int], list[int], Margins]:
    picture, sides = step.picture(axes=PLANES), [int(each) for each in step.attribute("kernel_shape", ())]
    if len(sides) != 2:
        raise step.node.refused("has no window of two sides", "export the file anew")
    if step.attribute("storage_order", 0) or len([name for name in step.node.outputs if name]) > 1:
        raise step.node.refused("gives places beside its values", "use it without return_indices, and no MaxUnpool")
    steps = [int(each) for each in step.attribute("strides", (1, 1))]
    dilations = [int(each) for each in step.attribute("dilations", (1, 1))]
    margins = laid(step, picture, sides, steps, dilations)
    if step.attribute("ceil_mode", 0):
        margins = _ceiled(step, picture, sides, steps, dilations, margins)
    return picture, sides, steps, dilations, margins


def _plain(step: Step) -> Margins:
    pads = [int(each) for each in step.attribute("pads", (0, 0, 0, 0))]
    return Margins((pads[0], pads[1]), (pads[2], pads[3]))


def _ceiled(
    step: Step,
    picture: Picture,
    sides: Sequence[int],
    steps: Sequence[int],
    dilations: Sequence[int],
    margins: Margins,
) -> Margins:
    """Margins with what a last window reaches beyond the picture, as `ceil_mode` has one there."""
    after = list(margins.after)
    for at in (0, 1):
        more = set()
        for size in picture.sizes:
            room = size[at] + margins.before[at] + margins.after[at] - (sides[at] - 1) * dilations[at] - 1
            count = -(-room // steps[at]) + 1
            # A window that would begin behind the picture and what is added before it is none.
            if (count - 1) * steps[at] >= size[at] + margins.before[at]:
                count -= 1
            more.add(max((count - 1) * steps[at] - room, 0))
        if len(more) > 1:
            raise step.node.unsized("has ceil_mode, and reaches beyond the image by a width that depends on its size")
        after[at] += more.pop()
    return Margins(margins.before, (after[0], after[1]))


@operator("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def over_all(step: Step) -> Any:
    """Refused."""
    raise whole_tile(step, "takes one number")
