"""Where a model is better and where it is worse: the same metrics over parts of the test ground."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from earthline.formats.evaluations import Slice
from earthline.formats.manifest import Manifest
from earthline.task import Task
from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]

_DOWN, _ACROSS = ("north", "", "south"), ("west", "", "east")
PARTS = 3
"""Parts of the region along each side."""


def slices(
    task: Task,
    parts: Mapping[str, Mapping[str, Array]],
    label: Array,
    block: Array,
    columns: Mapping[str, Array],
    confidence: float,
    seed: int,
) -> tuple[Slice, ...]:
    """Metrics of each part that holds a pixel.

    Args:
        task: What was learned.
        parts: Where the parts are, bool (pixels,), by what divides the ground and the name of the part.
        label: Of the test pixels, (pixels,).
        block: Number of each pixel's block, (pixels,).
        columns: Map values (pixels,) by who gave them.
        confidence: Of the intervals, 0 to 1.
        seed: Of the resamples.
    """
    found = []
    for kind, named in parts.items():
        for name, chosen in named.items():
            if not chosen.any():
                continue
            blocks = np.unique(block[chosen], return_inverse=True)[1]
            bootstrap = Bootstrap(int(blocks.max()) + 1, confidence, seed)
            metrics = {
                column: task.scores(task.tally(label[chosen], values[chosen], blocks), bootstrap).metrics
                for column, values in columns.items()
            }
            found.append(
                Slice(kind=kind, name=name, pixels=int(chosen.sum()), blocks=bootstrap.blocks, metrics=metrics)
            )
    return tuple(found)


def regions(manifest: Manifest, row: Array, column: Array) -> dict[str, Array]:
    """Which pixels lie in which part of the region, bool (pixels,) by the part's name.

    Args:
        manifest: Of the dataset.
        row: Rows of the pixels on its grid, (pixels,).
        column: Their columns.

    Returns:
        None in fewer than two parts, or where nobody knows where patches lie.
    """
    if not manifest.placed:
        return {}
    height, width = manifest.grid["shape"]
    down, across = row * PARTS // height, column * PARTS // width
    found = {name: (down == one) & (across == other) for one, other, name in _names(tuple(manifest.grid["transform"]))}
    there = {name: chosen for name, chosen in found.items() if chosen.any()}
    return there if len(there) > 1 else {}


def by_band(band: Array, breaks: Sequence[float]) -> dict[str, Array]:
    """Which pixels lie in which range of a band's values, bool (pixels,) by the range's name; NaN lies in none.

    Args:
        band: Its values, (pixels,).
        breaks: Where one range ends and the next one begins, upwards.
    """
    names = [
        f"below {breaks[0]:g}",
        *(f"{low:g} to below {high:g}" for low, high in pairwise(breaks)),
        f"{breaks[-1]:g} and above",
    ]
    place = np.searchsorted(np.asarray(breaks, np.float64), band, side="right")
    return {name: (place == number) & ~np.isnan(band) for number, name in enumerate(names)}


def _names(transform: tuple[float, ...]) -> Iterator[tuple[int, int, str]]:
    """Numbers of parts down and across, and a name for each."""
    straight = transform[1] == transform[3] == 0
    down = _DOWN if transform[4] < 0 else _DOWN[::-1]
    across = _ACROSS if transform[0] > 0 else _ACROSS[::-1]
    for one in range(PARTS):
        for other in range(PARTS):
            compass = "-".join(word for word in (down[one], across[other]) if word) or "middle"
            yield one, other, compass if straight else f"part {one + 1}, {other + 1} of rows, columns"
