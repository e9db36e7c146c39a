"""What is added around a picture, or cut off, and how large it is then."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.models.onnx.operators.step import BAKED, PLANES, Step, operator
from trainer.models.onnx.values import Picture, Sizes, Value, windows

_OPEN = (1 << 31) - 1
"""From here on an end says that there is none."""
LOWEST = float(np.finfo(np.float32).min)
"""Around what a maximum is taken of."""


@dataclass(frozen=True)
class Margins:
    """Pixels at the beginning and at the end of rows and of columns; negative where they are cut off.

    Attributes:
        before: Above and left.
        after: Below and right.
    """

    before: tuple[int, int]
    after: tuple[int, int]

    @property
    def pairs(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(above, below) and (left, right)."""
        return (self.before[0], self.after[0]), (self.before[1], self.after[1])

    @property
    def empty(self) -> bool:
        """Whether nothing is added or cut off."""
        return not any((*self.before, *self.after))

    def sizes(
        self, given: Sizes, sides: Sequence[int], steps: Sequence[int], dilations: Sequence[int], step: Step
    ) -> Sizes:
        """Sizes behind windows over the picture with its margins.

        Args:
            given: Of the picture.
            sides: Of the window.
            steps: Of the window from place to place.
            dilations: Pixels between neighbours in the window.
            step: For the message.

        Raises:
            Unsized: Nothing is left.
        """
        found = []
        for size in given:
            height, width = (
                (size[at] + self.before[at] + self.after[at] - (sides[at] - 1) * dilations[at] - 1) // steps[at] + 1
                for at in (0, 1)
            )
            if min(height, width) < 1:
                raise step.node.unsized(f"leaves nothing of a picture of {size[0]} x {size[1]} px")
            found.append((height, width))
        return tuple(found)


NONE = Margins((0, 0), (0, 0))


def laid(step: Step, picture: Picture, sides: Sequence[int], steps: Sequence[int], dilations: Sequence[int]) -> Margins:
    """Margins of a convolution or of a pooling, by `pads` or `auto_pad`.

    Args:
        step: The node.
        picture: What it works on.
        sides: Of the window.
        steps: Of the window from place to place.
        dilations: Pixels between neighbours in the window.

    Raises:
        Unsized: They depend on the size.
    """
    rule = step.attribute("auto_pad", "NOTSET")
    if rule == "VALID":
        return NONE
    if rule == "NOTSET":
        pads = [int(each) for each in step.attribute("pads", (0, 0, 0, 0))]
        return Margins((pads[0], pads[1]), (pads[2], pads[3]))
    before, after = [], []
    for at in (0, 1):
        totals = {
            max((-(-size[at] // steps[at]) - 1) * steps[at] + (sides[at] - 1) * dilations[at] + 1 - size[at], 0)
            for size in picture.sizes
        }
        if len(totals) > 1:
            raise step.node.unsized("pads by a width that depends on the image's size")
        total = totals.pop()
        first = total // 2 if rule == "SAME_UPPER" else total - total // 2
        before.append(first)
        after.append(total - first)
    return Margins((before[0], before[1]), (after[0], after[1]))


def framed(
    x: Any,
    margins: Margins,
    sides: Sequence[int],
    steps: Sequence[int],
    dilations: Sequence[int],
    value: float = 0.0,
) -> tuple[Any, str]:
    """What a layer has to take, and its `padding`.

    Args:
        x: Keras tensor (patches, height, width, channels).
        margins: Around it.
        sides: Of the layer's window.
        steps: Of the window from place to place.
        dilations: Pixels between neighbours in the window.
        value: Of what is added.
    """
    if margins.empty:
        return x, "valid"
    halves = tuple((side - 1) * dilation / 2 for side, dilation in zip(sides, dilations, strict=True))
    # With steps TensorFlow's "same" pads less at the beginning, by the size of the image.
    if max(steps) == 1 and margins.before == halves and margins.after == halves:
        return x, "same"
    return added(x, margins, value), "valid"


def added(x: Any, margins: Margins, value: float = 0.0) -> Any:
    """A picture with its margins.

    Args:
        x: Keras tensor (patches, height, width, channels).
        margins: Around it.
        value: Of what is added.
    """
    from keras import layers, ops

    more = [(max(one, 0), max(other, 0)) for one, other in margins.pairs]
    less = [(max(-one, 0), max(-other, 0)) for one, other in margins.pairs]
    if any(map(any, less)):
        x = layers.Cropping2D(less, dtype="float32")(x)
    if not any(map(any, more)):
        return x
    if value == 0:
        return layers.ZeroPadding2D(more, dtype="float32")(x)
    return ops.pad(x, [(0, 0), *more, (0, 0)], mode="constant", constant_values=value)


def every(x: Any, steps: Sequence[int]) -> Any:
    """Every so many rows and columns, from the first.

    Args:
        x: Keras tensor (patches, height, width, channels).
        steps: Rows and columns.
    """
    from keras import layers

    return x if max(steps) == 1 else layers.MaxPooling2D(1, tuple(steps), dtype="float32")(x)


@operator("Pad")
def pad(step: Step) -> Value:
    """Around rows and columns, by a number, by the mirrored picture or by its edge."""
    from keras import ops

    picture, pads, named = step.picture(axes=PLANES), step.whole(1, "pads"), step.whole(3)
    value = step.known(2, "value")
    if pads is None:
        raise step.node.refused("has no pads", "export the file anew")
    places = range(4) if named is None else [each % 4 for each in named]
    by_axis = {place: (pads[at], pads[at + len(pads) // 2]) for at, place in enumerate(places)}
    if any(any(by_axis.get(place, ())) for place in (0, 1)):
        raise step.node.refused("adds patches or channels", "pad height and width alone")
    rows, columns = by_axis.get(2, (0, 0)), by_axis.get(3, (0, 0))
    margins = Margins((rows[0], columns[0]), (rows[1], columns[1]))
    mode = step.attribute("mode", "constant")
    if margins.empty:
        return picture
    if mode == "constant":
        tensor = added(picture.tensor, margins, float(np.asarray(0 if value is None else value).reshape(-1)[0]))
    elif min(*rows, *columns) < 0 or mode not in ("reflect", "edge"):
        raise step.node.refused(f"pads by mode '{mode}'", "use constant, reflect or edge, and no negative widths")
    elif mode == "reflect":
        tensor = ops.pad(picture.tensor, [(0, 0), rows, columns, (0, 0)], mode="reflect")
    else:
        tensor = picture.tensor
        # A picture that is mirrored with its edge, by one pixel, has its edge twice.
        for at in range(max(*rows, *columns)):
            each = [(int(at < one), int(at < other)) for one, other in (rows, columns)]
            tensor = ops.pad(tensor, [(0, 0), *each, (0, 0)], mode="symmetric")
    sizes = margins.sizes(picture.sizes, (1, 1), (1, 1), (1, 1), step)
    if mode == "reflect" and min(map(min, picture.sizes)) <= max(*rows, *columns):
        raise step.node.unsized("mirrors more pixels than there are")
    return picture.seen_by(tensor, sizes, windows(1, before=rows[0]), windows(1, before=columns[0]))


@operator("Slice")
def sliced(step: Step) -> Value:
    """A range of channels, or of rows and columns by what is left out at both ends."""
    picture = step.picture()
    starts, axes, strides = step.whole(1, "starts"), step.whole(3, "axes"), step.whole(4)
    ends = step.given[2] if len(step.given) > 2 else None
    if starts is None:
        raise step.node.refused("has no starts", "export the file anew")
    stops = (
        [[int(each) for each in array.reshape(-1)] for array in ends.arrays]
        if ends is not None and not isinstance(ends, Picture)
        else [[int(each) for each in step.attribute("ends", ())]] * len(picture.sizes)
    )
    shapes = picture.shapes(step.patches)
    for at, axis in enumerate(axes if axes is not None else range(len(starts))):
        letter, each = step.axis(picture, axis), 1 if strides is None else strides[at]
        if each < 1:
            raise step.node.refused("runs backwards", "take it out of the network")
        own = [(shape[axis], stop[at]) for shape, stop in zip(shapes, stops, strict=True)]
        spans = [slice(starts[at], stop).indices(side)[:2] for side, stop in own]
        first = {low for low, _ in spans}
        rest = {side - high for (side, _), (_, high) in zip(own, spans, strict=True)}
        if letter == "C":
            low, high = spans[0]
            picture = picture.pointwise(picture.tensor[..., low:high:each])
            continue
        if letter not in ("H", "W"):
            if first == rest == {0} and each == 1:
                continue
            raise step.node.refused(f"cuts the axis {letter}", "cut channels, or height and width, alone")
        # An end that is no end of the picture would cut larger pictures only.
        fixed = len({stop for _, stop in own}) == 1 and 0 < own[0][1] < _OPEN
        if len(first) > 1 or len(rest) > 1 or fixed:
            raise step.node.refused(*BAKED)
        place = "HW".index(letter)
        ends_of = [(0, 0), (0, 0)]
        ends_of[place] = (-first.pop(), -rest.pop())
        margins = Margins((ends_of[0][0], ends_of[1][0]), (ends_of[0][1], ends_of[1][1]))
        steps = (each, 1) if place == 0 else (1, each)
        sizes = margins.sizes(picture.sizes, (1, 1), steps, (1, 1), step)
        tensor = every(added(picture.tensor, margins), steps)
        back = [windows(1, steps[at_], margins.before[at_]) for at_ in (0, 1)]
        picture = picture.seen_by(tensor, sizes, *back)
    return picture
