"""Which patches come by one request: neighbours are merged into a window where that costs less. Pure arithmetic.

Boxes of patches lie in the cells of a grid that is halved again and again. From the smallest cells upwards, each cell's
boxes become one window where a single request for all costs less than the requests for its two halves. Two more such
grids, shifted by thirds of their side, find the neighbours that an edge of the first one parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

Array = np.ndarray[Any, Any]
Box = tuple[int, int, int, int]
"""First row and column, and the row and column behind the last."""

MOST_BYTES = 50_331_648
"""Of an uncompressed answer: Earth Engine refuses more."""
MOST_SIDE = 32_768
"""Pixels of an answer's side: Earth Engine refuses more."""
MOST_SECONDS = 30.0
"""Of one request, as far as its cost is known: a tenth of the five minutes after which Earth Engine ends one."""
MOST_HELD = 512 << 20
"""Bytes of all answers in memory at once, so that it does not grow with the number of patches."""
PARTS = 4
"""A request that is cheaper than this part of its share of the work leaves no other one idle for long at the end."""
SPARE = 0.5
"""Pixels in no patch that a window may hold, in parts of its patches' pixels: Earth Engine counts what it computes."""
SMALL = 128 * 128
"""Pixels of a window of which none counts as spare: Earth Engine computes by larger tiles anyway."""
_SHIFTS = (0.0, 1 / 3, 2 / 3)


@dataclass(frozen=True)
class Costs:
    """What requests cost.

    Attributes:
        request: Seconds of a request, whatever it asks for; positive.
        megapixel: Seconds of a million pixels; positive.
    """

    request: float
    megapixel: float

    def of(self, pixels: Array) -> Array:
        """Seconds of requests for so many pixels each, of the same shape."""
        return np.asarray(self.request + self.megapixel * 1e-6 * pixels)


DEFAULT = Costs(request=0.5, megapixel=0.5e6 / 256**2)
"""What is assumed until it is measured: half a second a request, and as much for the 256 x 256 pixels of a tile."""


@dataclass(frozen=True)
class Limits:
    """How large a window may be. A patch that is larger by itself is a window all the same.

    Attributes:
        pixels: Most pixels.
        side: Most pixels of a side.
    """

    pixels: int
    side: int = MOST_SIDE

    @classmethod
    def of(cls, bytes_per_pixel: int, answers: int, costs: Costs) -> Self:
        """What one request may ask for.

        Args:
            bytes_per_pixel: Of all bands together.
            answers: Most answers in the memory of one process at once.
            costs: Of requests.
        """
        held = min(MOST_BYTES, MOST_HELD // answers) // bytes_per_pixel
        quick = max(0.0, MOST_SECONDS - costs.request) / costs.megapixel * 1e6
        return cls(pixels=int(min(held, quick)))


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows, and the patches in each; every patch is in exactly one. The largest ones come first.

    Attributes:
        boxes: As `Box`, int32 (windows, 4).
        patches: Places of patches, window by window, int32 (patches,).
        starts: Where each window's begin in `patches`, and where the last one's end, int32 (windows + 1,).
    """

    boxes: Array
    patches: Array
    starts: Array

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.boxes)

    def __iter__(self) -> Iterator[tuple[Box, Array]]:
        """Each window's box, and the places of its patches."""
        for window in range(len(self)):
            yield self.box(window), self.patches[self.starts[window] : self.starts[window + 1]]

    def box(self, window: int) -> Box:
        """The box of a window."""
        top, left, bottom, right = self.boxes[window].tolist()
        return top, left, bottom, right

    @property
    def pixels(self) -> int:
        """Pixels of all windows together."""
        return int(_pixels(self.boxes).sum())


def merge(corners: Array, shape: tuple[int, int], limits: Limits, costs: Costs, concurrency: int) -> Windows:
    """Merges patches into windows, the same for the same arguments.

    No window costs more than its patches one by one.

    Args:
        corners: First pixels (row, column) of the patches, (patches, 2).
        shape: Of what is asked for with each patch, in pixels `(height, width)`.
        limits: Of a window.
        costs: Of requests.
        concurrency: Requests under way at once, of all workers: a few large windows would leave most of them idle.
    """
    corners = np.asarray(corners, np.int32).reshape(-1, 2)
    boxes = np.concatenate([corners, corners + np.array(shape, np.int32)], axis=1)
    owners = _owners(boxes, limits, costs, np.inf)
    seconds = costs.of(_pixels(_bounds(boxes, owners)))
    most = max(2 * float(costs.of(np.array(shape[0] * shape[1]))), float(seconds.sum()) / (PARTS * concurrency))
    if seconds.max(initial=0) > most:
        owners = _owners(boxes, limits, costs, most)
    merged = _bounds(boxes, owners)
    order = np.lexsort((merged[:, 1], merged[:, 0], -_pixels(merged)))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    windows = rank[owners]
    patches = np.argsort(windows, kind="stable")
    starts = np.searchsorted(windows[patches], np.arange(len(merged) + 1))
    return Windows(merged[order].astype(np.int32), patches.astype(np.int32), starts.astype(np.int32))


def _owners(patches: Array, limits: Limits, costs: Costs, most: float) -> Array:
    """Number of the window of each patch, from 0 without gaps, (patches,).

    Args:
        patches: Boxes of patches, (patches, 4).
        limits: Of a window.
        costs: Of requests.
        most: Seconds of a window of several patches.
    """
    owners, boxes = np.arange(len(patches)), patches
    held = _pixels(patches)
    for shift in _SHIFTS:
        if len(boxes) > 1:
            further = _merged(boxes, held, shift, limits, costs, most)
            boxes, held = _bounds(boxes, further), np.bincount(further, weights=held)
            owners = further[owners]
    return owners


def _merged(boxes: Array, held: Array, shift: float, limits: Limits, costs: Costs, most: float) -> Array:
    """The same for boxes of one or more patches that hold so many `held` pixels, by the cells of one grid.

    The grid is shifted by `shift` of its side.
    """
    codes, bits = _codes(boxes, shift)
    order = np.argsort(codes, kind="stable")
    codes, cells, held, count = codes[order], boxes[order], held[order], len(boxes)
    first, best = np.arange(count), costs.of(_pixels(cells))
    labels = np.arange(count)
    for _ in range(bits):
        codes = codes >> 1
        starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
        if len(starts) == len(codes):
            continue
        codes, first, held = codes[starts], first[starts], np.add.reduceat(held, starts)
        cells = _joined(cells, starts)
        pixels = _pixels(cells)
        apart, together = np.add.reduceat(best, starts), costs.of(pixels)
        fitting = (
            (pixels <= limits.pixels) & ((cells[:, 2:] - cells[:, :2]).max(axis=1) <= limits.side) & (together <= most)
        )
        chosen = fitting & (together <= apart) & ((pixels <= SMALL) | (pixels <= (1 + SPARE) * held))
        best = np.where(chosen, together, apart)
        if chosen.any():
            sizes = np.diff(first, append=count)
            labels = np.where(np.repeat(chosen, sizes), np.repeat(first, sizes), labels)
        if not fitting.any():
            # What does not fit now is part of a still larger box in every larger cell.
            break
    owners = np.empty(count, np.int64)
    owners[order] = np.unique(labels, return_inverse=True)[1]
    return owners


def _codes(boxes: Array, shift: float) -> tuple[Array, int]:
    """Numbers whose leading bits tell the cell of a box's middle, a bit for each halving; and how many bits."""
    middles = boxes[:, :2].astype(np.int64) + boxes[:, 2:]
    middles = middles - middles.min(axis=0)
    side = int(middles.max()).bit_length()
    middles = middles + int(shift * (1 << side))
    codes = np.zeros(len(boxes), np.int64)
    for bit in range(side + 1):
        for axis in (0, 1):
            codes |= ((middles[:, axis] >> bit) & 1) << (2 * bit + axis)
    return codes, 2 * (side + 1)


def _bounds(boxes: Array, owners: Array) -> Array:
    """The box around the boxes of each owner, (owners, 4)."""
    if not len(boxes):
        return boxes
    order = np.argsort(owners, kind="stable")
    return _joined(boxes[order], np.searchsorted(owners[order], np.arange(owners.max() + 1)))


def _joined(boxes: Array, starts: Array) -> Array:
    """The boxes around runs of boxes, each from one of `starts` to before the next."""
    first, last = np.minimum.reduceat(boxes[:, :2], starts), np.maximum.reduceat(boxes[:, 2:], starts)
    return np.concatenate([first, last], axis=1)


def _pixels(boxes: Array) -> Array:
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(np.int64)
    return np.asarray(sides[:, 0] * sides[:, 1])
