"""Points and polygons in a dataset: how many of each stratum a split has, and whether any is in two splits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from components.validate_examples.anomalies import Findings
from earthline.formats.examples import Patch
from earthline.formats.label_features import FeatureRecords
from earthline.label_features.on_grid import pixels
from earthline.task import Task

Array = np.ndarray[Any, Any]

LEAST_TRAINING_FEATURES = 10
"""Fewer places say little of what else a stratum looks like: of ten, one that is odd is a tenth."""
LEAST_TEST_FEATURES = 10
"""With fewer, one place more or less that is right changes a class's accuracy by more than ten percent."""


@dataclass
class FeatureStatistics:
    """Which features have labelled pixels in which split, gathered one patch at a time.

    Attributes:
        records: The dataset's features.
        task: What labels tell.
        splits: Splits in which each has pixels of its label, by its position.
    """

    records: FeatureRecords
    task: Task
    splits: dict[int, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Makes the features easy to find by place."""
        self.strata = self.task.strata_of(np.array([each.value for each in self.records.features])).tolist()
        self._tree = shapely.STRtree([each.shape for each in self.records.features])

    def add(self, split: str, patch: Patch) -> None:
        """Notes the features that label pixels of a patch."""
        height, width = patch.label.shape
        bounds = (patch.row, patch.column, patch.row + height, patch.column + width)
        window = shapely.box(bounds[1], bounds[0], bounds[3], bounds[2])
        for index in self._tree.query(window, predicate="intersects").tolist():
            if split in self.splits.get(index, ()):
                continue
            record = self.records.features[index]
            rows, columns = pixels(record.shape, bounds, self.records.all_touched).T
            if (patch.label[rows - patch.row, columns - patch.column] == patch.label.dtype.type(record.value)).any():
                self.splits.setdefault(index, set()).add(split)

    def counts(self, split: str, stratum: int) -> tuple[int, int]:
        """(points, polygons) of a stratum that have labelled pixels in a split."""
        mine = [
            self.records.features[index].point
            for index, splits in self.splits.items()
            if split in splits and self.strata[index] == stratum
        ]
        return sum(mine), len(mine) - sum(mine)

    def to_json(self, split: str) -> dict[str, dict[str, int]]:
        """Points and polygons of a split by the stratum's name."""
        found = {name: self.counts(split, stratum) for stratum, name in enumerate(self.task.strata)}
        return {name: {"points": points, "polygons": polygons} for name, (points, polygons) in found.items()}


def check(seen: FeatureStatistics, ground: Mapping[str, tuple[int, ...]], findings: Findings) -> None:
    """Checks that no feature and no group is in two splits, and that strata have enough features.

    Args:
        seen: Features of all splits.
        ground: Labelled pixels of each split by stratum.
        findings: Where anomalies and warnings are noted.
    """
    word, strata = seen.task.stratum_word, seen.task.strata
    groups: dict[int, set[str]] = {}
    for index, splits in sorted(seen.splits.items()):
        record = seen.records.features[index]
        groups.setdefault(record.group, set()).update(splits)
        if len(splits) > 1:
            kind = "point" if record.point else "polygon"
            findings.add(
                "leakage",
                f"the {kind} number {index} of '{strata[seen.strata[index]]}' has labelled pixels in "
                f"{' and '.join(sorted(splits))}",
            )
    for group, splits in sorted(groups.items()):
        if len(splits) > 1:
            findings.add("leakage", f"features of group {group} lie in {' and '.join(sorted(splits))}")
    lost = len(seen.records.features) - len(seen.splits)
    if lost:
        findings.warnings.append(
            f"{lost:,} of {len(seen.records.features):,} features have no labelled pixel in any patch: they lie in the "
            "gap that is kept between splits, where the imagery is masked, or contradict each other; smaller "
            "export.patch_shape and larger export.block_shape make the gap take less, more export.examples hold more"
        )
    for stratum, name in enumerate(strata):
        for split, least, meaning in (
            ("train", LEAST_TRAINING_FEATURES, "it is learned from few places, and may be wrong elsewhere"),
            ("test", LEAST_TEST_FEATURES, "each place counts for more than a tenth of its accuracy"),
        ):
            points, polygons = seen.counts(split, stratum)
            if split in ground and 0 < points + polygons < least:
                findings.warnings.append(
                    f"{word} '{name}' has {told(points, polygons)} ({ground[split][stratum]:,} pixels) in "
                    f"{split}, fewer than {least}: {meaning}; collect more, or merge it with a similar {word}"
                )


def told(points: int, polygons: int) -> str:
    """Numbers of points and polygons in words."""
    parts = [
        f"{count:,} {what}{'' if count == 1 else 's'}"
        for count, what in ((points, "point"), (polygons, "polygon"))
        if count
    ]
    return " and ".join(parts) or "no feature"
