"""Points and polygons in a dataset: how many of each stratum a split has, and whether any is in two splits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from components.validate_examples.findings import Findings
from earthline.formats.examples import Patch
from earthline.formats.label_features import FeatureRecords
from earthline.label_features import floors
from earthline.label_features.on_grid import pixels
from earthline.task import Task

Array = np.ndarray[Any, Any]


class FeatureIndex:
    """The features of a dataset, found by place."""

    def __init__(self, records: FeatureRecords) -> None:
        """Sorts them by place.

        Args:
            records: The dataset's features.
        """
        self.records = records
        self._tree = shapely.STRtree([each.shape for each in records.features])

    def found(self, patches: Iterable[Patch]) -> frozenset[int]:
        """Positions of the features that label pixels of patches."""
        found: set[int] = set()
        for patch in patches:
            height, width = patch.label.shape
            bounds = (patch.row, patch.column, patch.row + height, patch.column + width)
            window = shapely.box(bounds[1], bounds[0], bounds[3], bounds[2])
            for index in self._tree.query(window, predicate="intersects").tolist():
                if index in found:
                    continue
                record = self.records.features[index]
                rows, columns = pixels(record.shape, bounds, self.records.all_touched).T
                held = patch.label[rows - patch.row, columns - patch.column]
                if (held == patch.label.dtype.type(record.value)).any():
                    found.add(index)
        return frozenset(found)


@dataclass(frozen=True)
class FeatureStatistics:
    """Which features have labelled pixels in which split.

    Attributes:
        records: The dataset's features.
        task: What labels tell.
        splits: Positions of the features with labelled pixels, by split.
    """

    records: FeatureRecords
    task: Task
    splits: Mapping[str, frozenset[int]]

    @property
    def strata(self) -> Sequence[int]:
        """The stratum of each feature."""
        found: list[int] = self.task.strata_of(np.array([each.value for each in self.records.features])).tolist()
        return found

    @property
    def totals(self) -> list[tuple[int, int]]:
        """(points, polygons) of each stratum, wherever they lie."""
        found = [[0, 0] for _ in self.task.strata]
        for stratum, record in zip(self.strata, self.records.features, strict=True):
            found[stratum][not record.point] += 1
        return [(points, polygons) for points, polygons in found]

    def counts(self, split: str, stratum: int) -> tuple[int, int]:
        """(points, polygons) of a stratum that have labelled pixels in a split."""
        strata = self.strata
        mine = [self.records.features[index].point for index in self.splits[split] if strata[index] == stratum]
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
        findings: Where they are noted.
    """
    owners: dict[int, list[str]] = {}
    for split, held in seen.splits.items():
        for index in held:
            owners.setdefault(index, []).append(split)
    _check_owners(seen, owners, findings)
    lost = len(seen.records.features) - len(owners)
    if lost:
        findings.warning(
            "lost features",
            f"{lost:,} of {len(seen.records.features):,} features have no labelled pixel in any patch: they lie in the "
            "gap that is kept between splits, where the imagery is masked, or contradict each other; smaller "
            "export.patch_shape and larger export.block_shape make the gap take less, more export.examples hold more",
        )
    _check_numbers(seen, ground, findings)


def _check_owners(seen: FeatureStatistics, owners: Mapping[int, list[str]], findings: Findings) -> None:
    groups: dict[int, set[str]] = {}
    names = seen.task.strata
    strata = seen.strata
    for index, splits in sorted(owners.items()):
        record = seen.records.features[index]
        groups.setdefault(record.group, set()).update(splits)
        if len(splits) > 1:
            kind = "point" if record.point else "polygon"
            findings.error(
                "leakage",
                f"the {kind} number {index} of '{names[strata[index]]}' has labelled pixels in "
                f"{' and '.join(sorted(splits))}",
            )
    for group, of_group in sorted(groups.items()):
        if len(of_group) > 1:
            findings.error("leakage", f"features of group {group} lie in {' and '.join(sorted(of_group))}")


def _check_numbers(seen: FeatureStatistics, ground: Mapping[str, tuple[int, ...]], findings: Findings) -> None:
    names = seen.task.strata
    counts = {split: [seen.counts(split, place) for place in range(len(names))] for split in ground}
    for title, text in floors.few(seen.task.stratum_word, names, seen.totals, counts, ground):
        findings.warning(title, text)
