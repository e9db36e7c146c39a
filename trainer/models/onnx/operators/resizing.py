"""Pictures made larger or smaller."""

from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from trainer.models.onnx.operators.margins import Margins, added, every
from trainer.models.onnx.operators.step import BAKED, PLANES, Step, operator
from trainer.models.onnx.values import Back, Known, Picture, Sizes, Value, relation, spread, windows
from trainer.models.parts.reach import Reach

HALF = ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "tf_half_pixel_for_nn")
_SIMPLEST = 1000
"""Largest denominator of a factor, which files hold as float32."""


@operator("Resize", "Upsample")
def resized(step: Step) -> Value:
    """By a factor, or to the size of another picture: nearest or linear."""
    picture = step.picture(axes=PLANES)
    old = step.node.operator == "Upsample" or step.node.opset < 11
    mode = step.attribute("mode", "nearest")
    places = step.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    if step.attribute("antialias", 0):
        raise step.node.refused("smooths before it makes pictures smaller", "use it with antialias=False")
    sizes = _sizes(step, picture, 1 if old else 2)
    factors = []
    for at in (0, 1):
        found = relation([size[at] for size in picture.sizes], [size[at] for size in sizes])
        if found is None:
            raise step.node.unsized("makes sizes that are no fixed multiple of what it is given")
        if found[0] == 0:
            raise step.node.refused(*BAKED)
        factors.append(found)
    if all(factor == 1 and summand == 0 for factor, summand in factors):
        return picture.named(picture.axes)
    if mode == "linear" and places in (*HALF[:3], "asymmetric", "align_corners"):
        return _linear(step, picture, sizes, factors, places)
    if mode == "nearest" and places in (*HALF, "asymmetric"):
        rounding = step.attribute("nearest_mode", "floor" if old else "round_prefer_floor")
        return _nearest(step, picture, sizes, [factor for factor, _ in factors], places, rounding)
    raise step.node.refused(
        f"interpolates by mode '{mode}' and '{places}'",
        "use nearest or bilinear interpolation with align_corners=False",
    )


def _sizes(step: Step, picture: Picture, place: int) -> Sizes:
    """Height and width that are asked for."""
    sizes = step.given[3] if place == 2 and len(step.given) > 3 else None
    if step.attribute("axes") is not None:
        axes = [int(axis) % 4 for axis in step.attribute("axes")]
    else:
        axes = [0, 1, 2, 3]
    if isinstance(sizes, Known) and sizes.arrays[0].size:
        if step.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise step.node.refused("keeps the aspect ratio", "name a size or a factor for both sides")
        found = []
        for size, array in zip(picture.sizes, sizes.arrays, strict=True):
            by_axis = dict(zip(axes, (int(each) for each in array), strict=True))
            found.append((by_axis.get(2, size[0]), by_axis.get(3, size[1])))
        return tuple(found)
    factors = step.known(place, "scales")
    if factors is None or not factors.size:
        raise step.node.refused("names neither a size nor a factor", "export the file anew")
    simple = [Fraction(float(each)).limit_denominator(_SIMPLEST) for each in factors]
    by_axis_ = dict(zip(axes, simple, strict=True))
    if by_axis_.get(0, 1) != 1 or by_axis_.get(1, 1) != 1:
        raise step.node.refused("resizes channels or patches", "resize height and width alone")
    return tuple((floor(size[0] * by_axis_.get(2, 1)), floor(size[1] * by_axis_.get(3, 1))) for size in picture.sizes)


Factors = list[tuple[Fraction, Fraction]]


def _linear(step: Step, picture: Picture, sizes: Sizes, factors: Factors, places: str) -> Value:
    from trainer.layers import Resized

    step.placed = places == "align_corners"
    kind = "half_pixel" if places in HALF else places
    rates = [[factor.numerator, factor.denominator, *summand.as_integer_ratio()] for factor, summand in factors]
    tensor = Resized(rates, kind, dtype="float32")(picture.tensor)
    return picture.seen_by(tensor, sizes, *(_seen_linear(factor, kind) for factor, _ in factors))


def _seen_linear(factor: Fraction, places: str) -> Back:
    def at(place: int, end: int) -> Fraction:
        if places == "half_pixel":
            return (place + Fraction(1, 2)) / factor - Fraction(1, 2)
        # Where corners are aligned, a tile's length moves what a place rests on by up to a pixel.
        drift = max(Fraction(0), 1 - 1 / factor) if places == "align_corners" and end < 0 else Fraction(0)
        return place / factor - drift

    return lambda seen: Reach(floor(at(seen.first, -1)), ceil(at(seen.last, 1)))


def _nearest(step: Step, picture: Picture, sizes: Sizes, factors: list[Fraction], places: str, rounding: str) -> Value:
    from keras import layers

    larger, first = [1, 1], [0, 0]
    smaller = [1, 1]
    for at, factor in enumerate(factors):
        taken = [_taken(place, factor, places, rounding) for place in range(factor.numerator)]
        if factor.denominator == 1 and not any(taken):
            larger[at] = factor.numerator
        elif factor.numerator == 1 and 0 <= taken[0] < factor.denominator:
            smaller[at], first[at] = factor.denominator, taken[0]
        else:
            raise step.node.refused(
                f"takes the nearest pixel by {places} and {rounding} at a factor of {factor}",
                "use a whole factor, with nearest_mode floor and asymmetric places as PyTorch's nearest has",
            )
    tensor: Any = picture.tensor
    # What is left out at the beginning is missing at the end, so that the last place of each cell stays.
    margins = Margins((-first[0], -first[1]), (first[0], first[1]))
    if not margins.empty:
        tensor = added(tensor, margins)
    tensor = every(tensor, smaller)
    if max(larger) > 1:
        tensor = layers.UpSampling2D(tuple(larger), interpolation="nearest", dtype="float32")(tensor)
    back = [
        spread(larger[at], larger[at], 0) if larger[at] > 1 else windows(1, smaller[at], -first[at]) for at in (0, 1)
    ]
    return picture.seen_by(tensor, sizes, *back)


def _taken(place: int, factor: Fraction, places: str, rounding: str) -> int:
    """Pixel that a place takes, within its cell."""
    at = place / factor if places == "asymmetric" else (place + Fraction(1, 2)) / factor - Fraction(1, 2)
    if places == "tf_half_pixel_for_nn":
        at += Fraction(1, 2)
    half = Fraction(1, 2)
    by = {
        "floor": floor(at),
        "ceil": ceil(at),
        "round_prefer_floor": ceil(at - half),
        "round_prefer_ceil": floor(at + half),
    }
    return int(np.maximum(by.get(rounding, floor(at)), 0))


__all__ = ["resized"]
