"""Whether tiles, put together, are what one prediction of the whole image gives, under each way to count overlap.

The image is made of real patches side by side, at places that are drawn anew for each look. Four tiles meet in it as
Earth Engine cuts them, each with its margins; beside them the whole is predicted at once.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.prepare_saved_model.proof.case import Case, Refused, Undecided
from earthline.tile_plan import Plan, Reading

Array = np.ndarray[Any, Any]

LOOKS = 3
"""Places of the tiles for each way to count overlap."""
SECONDS = 40.0
"""No further look is begun after so long."""
MOST_PIXELS = 700_000
"""Of an image that is predicted as a whole: larger tiles are made smaller, by whole cells of the network."""
BEYOND = 96
"""Pixels beyond what a model is said to see, in which everything is changed."""
BLOCK = 16
"""Pixels of the side of what is looked at, at least: of one pixel alone, an output may be as good as certain."""
_LAYERS = (
    "train.model: take out layers that look at a whole tile, such as GroupNormalization, LayerNormalization over "
    "height and width, global pooling or attention over pixels (BatchNormalization is none), or declare the receptive "
    "field that it has"
)
_READINGS = {"total": "as a total", "each_edge": "at each edge"}


@dataclass(frozen=True)
class Seam:
    """What one look showed.

    Attributes:
        difference: Largest difference of an entry.
        changed: Share of pixels whose largest entry is another one; 0 where there is one entry.
    """

    difference: float
    changed: float


def far_pixels(case: Case) -> str:
    """Whether an output rests on nothing beyond what the model is said to see, such as the statistics of a tile."""
    contract = case.contract
    if contract.reach is None:
        raise Undecided("nobody knows how far the model sees")
    stride, reach = contract.stride, contract.reach
    margin = -(-(reach + BEYOND) // stride) * stride
    block = -(-BLOCK // stride) * stride
    side = 2 * margin + block
    random = np.random.default_rng(7)
    image, valid = mosaic(case, (side, side), random)
    # The block in the middle is looked at; what lies around it may count.
    near = slice(margin - reach, margin + block + reach)
    other_image, other_valid = mosaic(case, (side, side), random)
    other_image = 2 * other_image + 1
    other_image[near, near], other_valid[near, near] = image[near, near], valid[near, near]
    middle = slice(margin, margin + block)
    found, wanted = (
        case.served.arrays(each[np.newaxis], mask[np.newaxis])[0, middle, middle]
        for each, mask in ((other_image, other_valid), (image, valid))
    )
    difference = float(np.abs(found - wanted).max())
    if not difference <= case.tolerance:
        raise Refused(
            f"what lies more than {reach} px away changes {contract.output} by up to {difference:.2g}, so that the map "
            "would depend on where tiles lie",
            _LAYERS,
        )
    return f"an output rests on nothing that is more than {reach} px away"


def seams(case: Case) -> str:
    """Whether four tiles are what the whole is where they meet."""
    contract = case.contract
    if contract.reach is None:
        raise Undecided("nobody knows how far the model sees")
    plan, begun, told = contract.plan, time.monotonic(), []
    for reading in plan.readings:
        found: list[Seam] = []
        for random in _looks(begun, found):
            found.append(_seam(case, plan, reading, random))
        worst, changed = max(each.difference for each in found), max(each.changed for each in found)
        share = f", and {100 * changed:.3g} % of the pixels change their class" if contract.entries > 1 else ""
        if not worst <= case.tolerance:
            said = (
                f"with overlap counted {_READINGS[reading]}, tiles differ from one prediction of the whole by up to "
                f"{worst:.2g}{share}"
            )
            if contract.seams_allowed:
                raise Undecided(f"{said}; serving.seams allows it")
            raise Refused(
                said, "leave out serving.tile_shape and serving.overlap, or allow it by serving.seams: allowed"
            )
        told.append(f"{worst:.2g} {_READINGS[reading]} ({len(found)} looks)")
    return f"{plan.summary}; largest difference to one prediction of the whole: {', '.join(told)}"


def _looks(begun: float, found: list[Seam]) -> Iterator[np.random.Generator]:
    for look in range(LOOKS):
        if not found or time.monotonic() - begun < SECONDS:
            yield np.random.default_rng(look)


def _seam(case: Case, plan: Plan, reading: Reading, random: np.random.Generator) -> Seam:
    stride, reach = case.contract.stride, case.contract.reach or 0
    margins = plan.margin(reading)
    tile = [_shorter(side, stride, each) for side, each in zip(plan.tile, margins, strict=True)]
    # The whole begins whole cells before the first tile does, and shows more than any tile.
    around = [each + stride * (1 + max(0, -(-(reach - each) // stride))) for each in margins]
    image, valid = mosaic(case, (2 * tile[0] + 2 * around[0], 2 * tile[1] + 2 * around[1]), random)
    inner = _window(around, (2 * tile[0], 2 * tile[1]))
    whole = case.served.arrays(image[np.newaxis], valid[np.newaxis])[0][inner]
    joined = np.empty_like(whole)
    for row, column in np.ndindex(2, 2):
        corner = row * tile[0], column * tile[1]
        start = [around[axis] - margins[axis] + corner[axis] for axis in (0, 1)]
        sent = _window(start, (tile[0] + 2 * margins[0], tile[1] + 2 * margins[1]))
        answer = case.served.arrays(image[sent][np.newaxis], valid[sent][np.newaxis])[0]
        joined[_window(corner, tile)] = answer[_window(margins, tile)]
    seen = valid[inner] > 0
    if not seen.any():
        return Seam(0.0, 0.0)
    entries = len(case.contract.task.entries)
    other = np.argmax(joined[..., :entries], axis=-1) != np.argmax(whole[..., :entries], axis=-1)
    return Seam(float(np.abs(joined - whole)[seen].max()), float(other[seen].mean()) if entries > 1 else 0.0)


def _window(first: Sequence[int], shape: Sequence[int]) -> tuple[slice, slice]:
    return slice(first[0], first[0] + shape[0]), slice(first[1], first[1] + shape[1])


def _shorter(side: int, stride: int, margin: int) -> int:
    """A tile's side, less whole cells where it is long: seams depend on the rest and on margins alone."""
    most = int(MOST_PIXELS**0.5) // 2 - margin - stride
    least = max(2 * margin, 4 * stride, 32)
    return side - max(0, side - max(most, least)) // stride * stride


def mosaic(case: Case, shape: tuple[int, int], random: np.random.Generator) -> tuple[Array, Array]:
    """Real patches side by side, in random order and cut at a random place.

    Args:
        case: Has the patches.
        shape: Pixels (height, width).
        random: Draws.

    Returns:
        Image (height, width, bands) and validity (height, width), float32.
    """
    seen = case.evidence
    count, rows, columns = seen.valid.shape
    down, across = (-(-side // patch) + 1 for side, patch in zip(shape, (rows, columns), strict=True))
    drawn = random.integers(0, count, (down, across))

    def laid(patches: Array) -> Array:
        grid = patches[drawn]  # (down, across, rows, columns, …)
        joined = np.moveaxis(grid, 1, 2)
        return joined.reshape(down * rows, across * columns, *patches.shape[3:])

    top, left = int(random.integers(0, rows)), int(random.integers(0, columns))
    window = np.s_[top : top + shape[0], left : left + shape[1]]
    return laid(seen.image)[window].copy(), laid(seen.valid)[window].copy()
