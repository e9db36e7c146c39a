"""How right the map of classes is, and how much ground each class has: estimated for all ground, not for test pixels.

Test patches are drawn so that rare classes are seen, so plain shares of test pixels say little about the map. Here each
pixel counts for the ground that it stands for.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from earthline.formats.evaluations import Interval

if TYPE_CHECKING:  # statistics take a second to load, and the config's schema needs none
    from earthline.accuracy.patch_sample import PatchSample
    from earthline.accuracy.stratified import Ratios

Array = np.ndarray[Any, Any]

CONFIDENCE = 0.95
"""Of these intervals, whatever that of the gate is: the convention of accuracy assessment."""
MOST_GROUPS = 30
"""Independent groups of blocks whose confusion is kept, for the error of areas."""
MOST_CLASSES = 25
"""With more classes it is not kept."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Record):
    """A share of ground."""

    value: float = Field(description="0 to 1.")
    interval: Interval | None = Field(description="Had other test blocks been dealt; None with too few blocks.")
    ground_interval: Interval | None = Field(
        description="Had other patches been drawn from the same test blocks: of their ground alone. None where the "
        "sample shows no spread."
    )


class ClassEstimate(_Record):
    """One class; an estimate is None where the sample has no such ground."""

    name: str = Field(description="Class name.")
    user: Estimate | None = Field(description="Of the ground mapped as the class, the share that is it.")
    producer: Estimate | None = Field(description="Of the ground of the class, the share mapped as it.")
    area: Estimate | None = Field(description="Share of all ground that is the class, by the labels.")
    mapped: float | None = Field(description="Share of all ground that is mapped as it.")


class MapAccuracy(_Record):
    """Design-based estimates."""

    confidence: float = Field(description="Of all intervals, 0 to 1.")
    patches: int = Field(description="Patches: the units of the sample of the test blocks' ground.")
    blocks: int = Field(description="Blocks: the units of the sample of the region.")
    unsampled: tuple[str, ...] = Field(description="Strata that are on the test ground and in no patch.")
    overall: Estimate | None = Field(description="Share of the ground that is mapped right.")
    classes: tuple[ClassEstimate, ...] = Field(description="By class id.")
    groups: tuple[tuple[tuple[float, ...], ...], ...] = Field(
        description="Ground in pixels by independent group of blocks, mapped class and class of the label, from which "
        "a map's areas are adjusted; empty with many classes."
    )


def estimated(sample: "PatchSample", labels: Array, mapped: Array, names: tuple[str, ...]) -> MapAccuracy:
    """All estimates.

    Args:
        sample: Of the test ground.
        labels: Class ids of its pixels, (pixels,).
        mapped: Those that the model gives them, (pixels,).
        names: Class names by class id.
    """
    labels, mapped = labels.astype(np.int64), mapped.astype(np.int64)
    count = len(names)
    none, every = np.full(labels.shape, -1), np.zeros(labels.shape, np.int64)
    right = np.where(labels == mapped, labels, none)
    overall = _estimates(sample, np.where(labels == mapped, every, none), every, 1)[0]
    user, producer = (_estimates(sample, right, whole, count) for whole in (mapped, labels))
    area = _shares(sample, labels, count)
    on_map = sample.by_block(mapped, count).sum(axis=0) / sample.by_block(every, 1).sum()
    return MapAccuracy(
        confidence=CONFIDENCE,
        patches=len(sample.patches.strata),
        blocks=sample.blocks,
        unsampled=sample.unsampled,
        overall=overall,
        classes=tuple(
            ClassEstimate(
                name=name,
                user=user[place],
                producer=producer[place],
                area=area[place],
                mapped=float(on_map[place]),
            )
            for place, name in enumerate(names)
        ),
        groups=_groups(sample, labels, mapped, count),
    )


def _estimates(sample: "PatchSample", part: Array, whole: Array, groups: int) -> list[Estimate | None]:
    return _told(sample, sample.of_test_ground(part, whole, groups), sample.of_region(part, whole, groups), groups)


def _shares(sample: "PatchSample", part: Array, groups: int) -> list[Estimate | None]:
    """Shares of all ground: the whole is the same for every group."""
    found: list[Estimate | None] = []
    every = np.zeros(part.shape, np.int64)
    for group in range(groups):
        found += _estimates(sample, np.where(part == group, 0, -1), every, 1)
    return found


def _told(sample: "PatchSample", ground: "Ratios", region: "Ratios", groups: int) -> list[Estimate | None]:
    from earthline.task.bootstrap import MIN_BLOCKS

    of_ground, of_region = (_intervals(each, groups) for each in (ground, region))
    enough = sample.blocks >= MIN_BLOCKS
    return [
        Estimate(
            value=float(ground.value[place]),
            interval=of_region[place] if enough else None,
            ground_interval=of_ground[place],
        )
        if np.isfinite(ground.value[place])
        else None
        for place in range(groups)
    ]


def _intervals(ratios: "Ratios", groups: int) -> list[Interval | None]:
    low, high = ratios.bounds(CONFIDENCE)
    return [
        Interval(low=float(low[place]), high=float(high[place])) if np.isfinite(low[place]) else None
        for place in range(groups)
    ]


def _groups(
    sample: "PatchSample", labels: Array, mapped: Array, count: int
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    if count > MOST_CLASSES:
        return ()
    by_block = sample.by_block(mapped * count + labels, count**2)
    # Blocks are numbered along rows: every so many-th one, so that each group is spread over the region.
    groups = min(MOST_GROUPS, sample.blocks)
    added = np.stack([by_block[start::groups].sum(axis=0) for start in range(groups)])
    return tuple(
        tuple(tuple(float(np.round(cell, 3)) for cell in row) for row in group)
        for group in added.reshape(groups, count, count)
    )
