"""Axes in another order, joined, split and cut: the Keras tensor stays (patches, height, width, channels)."""

import itertools
from typing import Any

import numpy as np

from trainer.models.onnx.operators.arithmetic import require_alike
from trainer.models.onnx.operators.step import BAKED, PLANES, Step, operator
from trainer.models.onnx.values import Known, Picture, Value, spread, windows


@operator("Transpose")
def transposed(step: Step) -> Value:
    """The same with another order of axes."""
    picture = step.picture()
    order = step.attribute("perm", list(range(len(picture.axes)))[::-1])
    return picture.named([step.axis(picture, place) for place in order])


@operator("Squeeze")
def squeezed(step: Step) -> Value:
    """Without the axis of one channel."""
    picture, axes = step.picture(), step.whole(1, "axes")
    letters = [step.axis(picture, axis) for axis in axes] if axes else ["C"]
    if letters != ["C"] or picture.channels != 1:
        raise step.node.refused(
            f"takes out the axis {', '.join(letters)} of {picture.channels} channels", "leave its output as it is"
        )
    return picture.named([letter for letter in picture.axes if letter != "C"])


@operator("Unsqueeze")
def unsqueezed(step: Step) -> Value:
    """With the axis of one channel again."""
    picture, axes = step.picture(), step.whole(1, "axes") or []
    if "C" in picture.axes or len(axes) != 1:
        raise step.node.refused("adds an axis to pictures", "use a network of two-dimensional convolutions")
    letters = list(picture.axes)
    letters.insert(axes[0] % (len(letters) + 1), "C")
    return picture.named(letters)


@operator("Reshape", "Flatten")
def reshaped(step: Step) -> Value:
    """Neighbouring axes merged into one, or taken apart again, and nothing else."""
    picture, shapes = step.picture(), step.picture().shapes(step.patches)
    if step.node.operator == "Flatten":
        axis = step.attribute("axis", 1) % (len(picture.axes) + 1)
        targets: list[tuple[int, ...]] = [(int(np.prod(each[:axis])), int(np.prod(each[axis:]))) for each in shapes]
    else:
        wanted = step.given[1]
        if not isinstance(wanted, Known):
            raise step.node.refused("makes a shape of pixels", "export the file anew")
        targets = [
            _target(shape, [int(each) for each in array], bool(step.attribute("allowzero", 0)))
            for shape, array in zip(shapes, wanted.arrays, strict=True)
        ]
    atoms = [atom for axis in picture.axes for atom in axis]
    found = [
        _grouped(atoms, dict(zip(PLANES, (step.patches, picture.channels, *size), strict=True)), target)
        for size, target in zip(picture.sizes, targets, strict=True)
    ]
    if None in found or len(set(found)) > 1:
        told = f"makes {list(targets[0])} of an array of the axes {', '.join(picture.axes)} and the shape {shapes[0]}"
        if wanted_is_fixed(step) and len(set(shapes)) > 1:
            raise step.node.refused(f"{told}: it {BAKED[0]}", BAKED[1])
        raise step.node.refused(
            told, "use an architecture whose axes stay patches, channels, height and width (no attention, no GroupNorm)"
        )
    return picture.named(found[0] or ())


def wanted_is_fixed(step: Step) -> bool:
    """Whether a shape is the same for all sizes, and leaves none open.

    Args:
        step: The node.
    """
    wanted = step.given[1] if len(step.given) > 1 else None
    return isinstance(wanted, Known) and wanted.same and int((wanted.array <= 0).sum()) == 0


def _target(shape: tuple[int, ...], wanted: list[int], zeros: bool) -> tuple[int, ...]:
    sides = [
        shape[place] if side == 0 and not zeros and place < len(shape) else side for place, side in enumerate(wanted)
    ]
    if -1 in sides:
        others = int(np.prod([side for side in sides if side != -1]))
        sides[sides.index(-1)] = int(np.prod(shape)) // max(others, 1)
    return tuple(sides)


def _grouped(atoms: list[str], sides: dict[str, int], target: tuple[int, ...]) -> tuple[str, ...] | None:
    """Axes of a shape, each of one or several of the axes there were; None where it is made otherwise."""
    left, found = list(atoms), []
    for wanted in target:
        if not left:
            return None
        axis, product = left[0], sides[left.pop(0)]
        while product < wanted and left:
            product *= sides[left[0]]
            axis += left.pop(0)
        if product != wanted:
            return None
        found.append(axis)
    return tuple(found) if not left else None


@operator("Concat")
def joined(step: Step) -> Value:
    """Channels of several pictures, and known numbers between them."""
    from keras import layers

    pictures = [each for each in step.given if isinstance(each, Picture)]
    letter = step.axis(pictures[0], step.attribute("axis", 1))
    if letter != "C" or len(pictures) < len(step.given):
        raise step.node.refused(f"joins along the axis {letter}, or with numbers", "join channels of pictures alone")
    require_alike(step, pictures)
    if len(pictures) == 1:
        return pictures[0].named(pictures[0].axes)
    tensor = layers.Concatenate(dtype="float32")([each.tensor for each in pictures])
    return pictures[0].pointwise(tensor, *pictures[1:])


@operator("Split")
def split(step: Step) -> list[Any]:
    """Channels, in ranges."""
    picture = step.picture()
    if step.axis(picture, step.attribute("axis", 0)) != "C":
        raise step.node.refused("takes pictures apart along another axis than channels", "split channels alone")
    sides, count = step.whole(1, "split"), len(step.node.outputs)
    if sides is None:
        each = -(-picture.channels // count)
        sides = [each] * (count - 1) + [picture.channels - each * (count - 1)]
    ends = np.cumsum([0, *sides])
    return [picture.pointwise(picture.tensor[..., int(a) : int(b)]) for a, b in itertools.pairwise(ends)]


@operator("Gather")
def gathered(step: Step) -> Value:
    """Some channels, in any order."""
    from keras import ops

    picture, places = step.picture(), step.known(1)
    if step.axis(picture, step.attribute("axis", 0)) != "C" or places is None or places.ndim > 1:
        raise step.node.refused("takes single rows, columns or patches", "take channels alone")
    chosen = [int(each) % picture.channels for each in places.reshape(-1)]
    axes = picture.axes if places.ndim else tuple(letter for letter in picture.axes if letter != "C")
    return picture.pointwise(ops.take(picture.tensor, chosen, axis=-1), axes=axes)


@operator("Expand")
def expanded(step: Step) -> Value:
    """Itself, where it has that shape already."""
    picture, wanted = step.picture(), step.given[1]
    shapes = picture.shapes(step.patches)
    if isinstance(wanted, Known) and all(
        _covers(shape, [int(each) for each in array.reshape(-1)])
        for array, shape in zip(wanted.arrays, shapes, strict=True)
    ):
        return picture.named(picture.axes)
    raise step.node.refused("repeats pictures", "use broadcasting of channels, or Resize")


def _covers(shape: tuple[int, ...], wanted: list[int]) -> bool:
    """Whether an array of a shape need not be repeated for another one."""
    pairs = zip(reversed(shape), reversed(wanted), strict=False)
    return len(wanted) <= len(shape) and all(other in (1, side) for side, other in pairs)


@operator("DepthToSpace", "SpaceToDepth")
def rearranged(step: Step) -> Value:
    """Channels that become pixels, and pixels that become channels."""
    from keras import ops

    from trainer.layers import ChannelsToPixels, PixelsToChannels

    picture, side = step.picture(axes=PLANES), int(step.attribute("blocksize", 1))
    tensor, area = picture.tensor, side * side
    if step.node.operator == "SpaceToDepth":
        if any(pixels % side for size in picture.sizes for pixels in size):
            raise step.node.unsized(f"makes blocks of {side} x {side} px")
        smaller = tuple((height // side, width // side) for height, width in picture.sizes)
        back = windows(side, side)
        return picture.seen_by(PixelsToChannels(side, dtype="float32")(tensor), smaller, back, back)
    if picture.channels % area:
        raise step.node.refused(f"makes blocks of {side} x {side} px of {picture.channels} channels", "export it anew")
    if step.attribute("mode", "DCR") == "CRD":
        # All pixels of a channel lie together, where TensorFlow has all channels of a pixel together.
        order = np.arange(picture.channels).reshape(-1, area).T.reshape(-1)
        tensor = ops.take(tensor, [int(each) for each in order], axis=-1)
    larger = tuple((height * side, width * side) for height, width in picture.sizes)
    back = spread(side, side, 0)
    return picture.seen_by(ChannelsToPixels(side, dtype="float32")(tensor), larger, back, back)
