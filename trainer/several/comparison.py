"""Which of several models is best on the same pixels, and which of them chance alone may have made worse."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline import blocks as ground
from earthline.formats.evaluations import Choice, Interval
from earthline.formats.manifest import Manifest
from earthline.task import Task
from earthline.task.bootstrap import MIN_BLOCKS, Bootstrap
from earthline.task.judgement import with_interval
from trainer.measured_pixels import MeasuredPixels

Array = np.ndarray[Any, Any]

_ENOUGH = 2 * MIN_BLOCKS
"""Blocks that a comparison should have."""


@dataclass(frozen=True)
class Row:
    """How one model does.

    Attributes:
        value: Of the metric.
        interval: Of the value; None with too few blocks.
        gain: How much better it is than the best; at most 0.
        gain_interval: Of the gain; None with too few blocks.
    """

    value: float
    interval: Interval | None
    gain: float
    gain_interval: Interval | None


def blocks(pixels: MeasuredPixels, manifest: Manifest) -> Array:
    """The block of each pixel, (pixels,), from 0 without gaps.

    Validation often has few of the blocks that are dealt to splits. These are cut up further, down to the shape of a
    patch, until there are enough. Pixels beside each other in two such blocks are alike, but the difference between two
    models on them much less so; and what is chosen here is judged on the test blocks as they are.

    Args:
        pixels: Of the validation split.
        manifest: Of the dataset.
    """
    row, column = pixels.ground
    height, width = manifest.grid["shape"]
    down, across = manifest.block_shape
    while True:
        found = np.unique(ground.number(row, column, (height, width), (down, across)), return_inverse=True)[1]
        smaller = (max(down // 2, manifest.patch_shape[0]), max(across // 2, manifest.patch_shape[1]))
        if int(found.max()) + 1 >= _ENOUGH or smaller[0] >= down or smaller[1] >= across:
            return found
        down, across = smaller


def rows(tallies: Sequence[Array], task: Task, metric: str, bootstrap: Bootstrap) -> list[Row]:
    """Every model beside the best one.

    Args:
        tallies: The task's tally of each, (blocks, ...), on the same pixels.
        task: What they have learned.
        metric: Name of the metric.
        bootstrap: Of as many blocks; resamples are the same for all, so that differences are paired.
    """
    sums = [task.gate_sums(tally) for tally in tallies]
    totals = [each.sum(axis=0) for each in sums]
    drawn = [bootstrap.totals(each) for each in sums]
    sign = 1 if task.measures[metric].larger_is_better else -1
    values = [float(task.gate_figure(each, metric)) for each in totals]
    best = max(range(len(values)), key=lambda place: sign * values[place])
    return [
        Row(
            value=value,
            interval=bootstrap.interval(task.gate_figure(of_draws, metric)),
            gain=float(task.gain(total, totals[best], metric)),
            gain_interval=bootstrap.interval(task.gain(of_draws, drawn[best], metric), paired=True),
        )
        for value, total, of_draws in zip(values, totals, drawn, strict=True)
    ]


def cheapest(
    found: Sequence[Row], names: Sequence[str], task: Task, metric: str, bootstrap: Bootstrap
) -> tuple[int, str]:
    """The place of the model to take, and why.

    Args:
        found: Of all models, from cheap to dear.
        names: Of the models.
        task: What they have learned.
        metric: Name of the metric.
        bootstrap: That the intervals are of.
    """
    title = task.measures[metric].title
    best = max(range(len(found)), key=lambda place: found[place].gain)
    if found[best].gain_interval is None:
        return best, (
            f"{names[best]} has the best {title} ({found[best].value:.3f}); with {bootstrap.blocks} validation "
            f"block(s) it cannot be told whether that is chance ({MIN_BLOCKS} are needed)"
        )
    for place, row in enumerate(found):
        if place == best or (row.gain_interval is not None and row.gain_interval.high >= 0):
            break
    if place == best:
        return best, f"{names[best]} has the best {title} ({found[best].value:.3f}), and no cheaper model is as good"
    return place, (
        f"{names[place]} is the cheapest whose {title} ({found[place].value:.3f}) cannot be told from that of "
        f"{names[best]}, the best ({found[best].value:.3f}): the {100 * bootstrap.confidence:g} % interval of the "
        f"difference is {_signed(found[place].gain_interval)}"
    )


def table(choice: Choice) -> str:
    """The comparison as lines of a log."""
    lines = [f"auto: {choice.measure.title} on {choice.pixels:,} validation pixels in {choice.blocks} blocks"]
    width = max(len(each.name) for each in choice.candidates)
    for place, each in enumerate(choice.candidates):
        mark = "*" if place == choice.chosen else " "
        if each.value is None:
            lines.append(f"  {mark} {each.name:{width}}  left out: {each.fault}")
            continue
        lines.append(
            f"  {mark} {each.name:{width}}  {with_interval(each.value, each.interval):24}  "
            f"gain over the best {each.gain:+.3f} {_signed(each.gain_interval):18}  {each.seconds:7.1f} s to train, "
            f"{each.map_seconds or 0:6.1f} s/Mpx to map, {each.parameters:,} numbers"
        )
    return "\n".join([*lines, f"auto: {choice.reason}"])


def _signed(interval: Interval | None) -> str:
    return "" if interval is None else f"[{interval.low:+.3f}, {interval.high:+.3f}]"
