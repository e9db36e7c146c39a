"""What a config's labels are, where they are points and polygons of a file: without any request."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import shapely

from earthline.config import Config, VectorLabels
from earthline.finding import Finding
from earthline.label_features.far import far_from_all
from earthline.label_features.features import LabelFeatures
from earthline.label_features.overlaps import contradictions, repeated
from earthline.task import Task, task_of_labels

Array = npt.NDArray[np.bool_]

LEAST_FEATURES = 30
"""Of a stratum: with the usual shares of splits, ten of them are for the test."""


def of_labels(config: Config) -> Iterator[Finding]:
    """Findings on `data.labels`: features by stratum, outside of the region, slips, contradictions and repetitions.

    Args:
        config: The workflow's config.
    """
    labels = config.data.labels
    if not isinstance(labels, VectorLabels) or labels.held is None:
        return
    held, task = labels.held, task_of_labels(labels)
    yield Finding("labels of the file", True, "; ".join([_by_stratum(held, task), *labels.notes]))
    shape = config.data.region.shape if config.data.region is not None else None
    inside = np.ones(len(held), bool) if shape is None else _inside(held, shape)
    if not inside.all():
        yield from _outside(held, inside, labels)
    if inside.any():
        yield from _absent(held, inside, task)
    yield from _far(held, task)
    pairs = contradictions(held)
    if len(pairs):
        count = len(np.unique(pairs))
        yield Finding(
            "contradictions",
            None,
            f"{count:,} features share ground with one of another label ({len(pairs):,} pairs), such as "
            f"{' and '.join(_told(held, task, index) for index in pairs[0])} at {_place(held, pairs[0, 0])}: pixels "
            "there have no label",
        )
    twice = repeated(held)
    if len(twice):
        yield Finding(
            "repeated labels",
            None,
            f"{len(twice):,} features stand there once more, such as {_told(held, task, twice[0])} at "
            f"{_place(held, twice[0])}: they make counts of features larger, and tell nothing new",
        )


def _by_stratum(held: LabelFeatures, task: Task) -> str:
    told = []
    strata = task.strata_of(held.values)
    for stratum, name in enumerate(task.strata):
        mine = strata == stratum
        points = int((mine & held.are_points).sum())
        counts = ((points, "point"), (int(mine.sum()) - points, "polygon"))
        parts = [f"{count:,} {what}{'' if count == 1 else 's'}" for count, what in counts if count]
        few = f" (few: {LEAST_FEATURES} or more give every split some)" if mine.sum() < LEAST_FEATURES else ""
        told.append(f"{name} {' and '.join(parts) or 'nothing'}{few}")
    return ", ".join(told)


def _told(held: LabelFeatures, task: Task, index: int) -> str:
    return f"'{task.label_name(float(held.values[index]))}'"


def _inside(held: LabelFeatures, region: object) -> Array:
    # A region over the antimeridian goes on beyond 180 degrees.
    turned = shapely.transform(held.shapes, lambda xy: xy + np.array([360.0, 0.0]))
    found: Array = shapely.intersects(held.shapes, region) | shapely.intersects(turned, region)
    return found


def _absent(held: LabelFeatures, inside: Array, task: Task) -> Iterator[Finding]:
    """Entries of the answer that no feature in the region has: the run would find out after its export.

    Strata that are no entries, such as ranges of a value, may be empty.
    """
    there = set(task.strata_of(held.values[inside]).tolist())
    absent = [name for stratum, name in enumerate(task.strata) if name in task.entries and stratum not in there]
    if absent:
        where = "" if inside.all() else "inside of data.region "
        yield Finding(
            "features of each label",
            False,
            f"{', '.join(absent)}: no feature {where}has this label, so it cannot be learned",
            "correct its values, dates or data.region, or remove it from data.labels",
        )


def _far(held: LabelFeatures, task: Task) -> Iterator[Finding]:
    """Numbers far from all others: each is in the range, which somebody may have widened for it."""
    if set(task.strata) & set(task.entries):
        return
    numbers, counts = np.unique(held.values, return_counts=True)
    far = far_from_all(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
    if not far:
        return
    shown = ", ".join(
        f"{number:.10g} at {_place(held, int(np.flatnonzero(held.values == number)[0]))}" for number in far[:3]
    )
    yield Finding(
        "labels far from all",
        None,
        f"{shown}{' …' if len(far) > 3 else ''}: far from all other labels (half of them from "
        f"{np.percentile(held.values, 25):.6g} to {np.percentile(held.values, 75):.6g}). If it is a slip, such as a "
        "wrong unit, correct it or add it to data.labels.ignore, and bring data.labels.value.range to the others",
    )


def _outside(held: LabelFeatures, inside: Array, labels: VectorLabels) -> Iterator[Finding]:
    count = int((~inside).sum())
    if count == len(held):
        west, south, east, north = shapely.total_bounds(held.shapes)
        yield Finding(
            "labels in the region",
            False,
            f"all {count:,} features of {labels.told} lie outside of data.region; they run from ({west:.6g}, "
            f"{south:.6g}) to ({east:.6g}, {north:.6g}) degrees",
            "move data.region, or name the right CRS of the labels",
        )
    else:
        yield Finding(
            "labels in the region",
            None,
            f"{count:,} of {len(held):,} features lie outside of data.region, such as the one at "
            f"{_place(held, int(np.argmin(inside)))}: not used",
        )


def _place(held: LabelFeatures, index: int) -> str:
    spot = shapely.point_on_surface(held.shapes[index])
    return f"({spot.x:.5f}, {spot.y:.5f})"
