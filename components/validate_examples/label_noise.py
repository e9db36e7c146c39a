"""Labels that are likely wrong: a forest that never saw the ground around them is sure of something else.

The pixels of a sample are dealt to folds by the block of ground they lie in, so that no neighbour of a pixel teaches
the forest that judges it. What counts as doubt is the task's. Doubts are no proof: they are where to look first.
"""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyproj import Transformer

from components.validate_examples.findings import Findings
from components.validate_examples.statistics.pixels import PixelSample
from earthline import blocks
from earthline.formats.manifest import Manifest
from earthline.grid import Grid, GridError
from earthline.task import Task

Array = np.ndarray[Any, Any]

FOLDS = 5
TREES = 30
LEARNED = 4_000
"""Pixels that a forest learns, at most: more take longer and find the same."""
LEAST_SKILL = 0.2
"""What forests must have learned, as the task measures it: who hardly knows more than chance cannot doubt."""
LEAST_PIXELS = 200
"""Fewer say nothing."""
LEAST_BLOCKS = 3
"""Blocks that must hold a stratum: with fewer, a forest that did not see one hardly knows what it looks like."""
MOST_LISTED = 2_000
"""Pixels that are written, those with the largest doubt first."""
PATCHES_LISTED = 20
SEED = 0


@dataclass(frozen=True)
class Doubts:
    """What was found.

    Attributes:
        judged: Pixels that a forest could judge.
        reason: Why nothing was judged; empty where something was.
        split: Of each suspicious pixel, those with the largest doubt first, (pixels,).
        row: On the grid, (pixels,).
        column: On the grid, (pixels,).
        patch: First row and column of the patch, (pixels, 2).
        label: What it has, (pixels,).
        likely: What the forest says, (pixels,).
        doubt: How sure the forest is, from 0 to 1, (pixels,).
    """

    judged: int
    reason: str
    split: Array
    row: Array
    column: Array
    patch: Array
    label: Array
    likely: Array
    doubt: Array

    @classmethod
    def none(cls, reason: str) -> "Doubts":
        """Nothing was judged, and why."""
        nothing = np.zeros(0, np.int64)
        return cls(0, reason, nothing, nothing, nothing, nothing.reshape(0, 2), nothing, nothing, nothing)

    def __len__(self) -> int:
        """Suspicious pixels."""
        return len(self.row)


def find(manifest: Manifest, task: Task, samples: Mapping[str, PixelSample]) -> Doubts:
    """Looks for labels that are likely wrong.

    Args:
        manifest: The dataset's.
        task: What labels tell.
        samples: Labelled pixels by split.
    """
    names = [split for split, sample in samples.items() if len(sample)]
    if not names:
        return Doubts.none("no pixel has a label")
    joined = {
        key: np.concatenate([getattr(samples[split], key) for split in names])
        for key in ("row", "column", "patch", "label", "stratum", "features")
    }
    split = np.repeat(names, [len(samples[each]) for each in names])
    block = _blocks(manifest, joined["row"], joined["column"], joined["patch"])
    there = np.isfinite(joined["features"]).all(axis=1) & (joined["stratum"] < len(task.strata))
    there &= _widespread(joined["stratum"], block)
    if there.sum() < LEAST_PIXELS:
        return Doubts.none(
            f"only {int(there.sum()):,} labelled pixels are of a {task.stratum_word} that {LEAST_BLOCKS} or more "
            "blocks hold, too few to judge by others"
        )
    joined, split, block = {key: values[there] for key, values in joined.items()}, split[there], block[there]
    if len(np.unique(joined["label"])) < 2:
        return Doubts.none("all labels are the same")
    beliefs = _cross_validated(task, joined["features"], joined["label"], block)
    skill = task.skill(joined["label"], beliefs)
    if skill < LEAST_SKILL:
        return Doubts.none(
            f"forests learn too little from the imagery of other blocks to doubt a label (skill {skill:.2f} of 1, less "
            f"than {LEAST_SKILL})"
        )
    doubt, likely = task.doubts(joined["label"], beliefs)
    order = np.argsort(-doubt, kind="stable")
    order = order[doubt[order] > 0]
    return Doubts(
        judged=len(split),
        reason="",
        split=split[order],
        row=joined["row"][order],
        column=joined["column"][order],
        patch=joined["patch"][order],
        label=joined["label"][order],
        likely=likely[order],
        doubt=doubt[order],
    )


def check(found: Doubts, task: Task, findings: Findings) -> None:
    """Says in one line how many labels are doubted; a warning, whatever their number.

    Args:
        found: What was found.
        task: What labels tell.
        findings: Where they are noted.
    """
    if len(found):
        findings.warning(
            "label noise",
            f"{len(found):,} of {found.judged:,} labelled pixels that were looked at "
            f"({100 * len(found) / found.judged:.1f} %) have a doubtful label{_most_often(found, task)}: a forest "
            "trained on other blocks is sure of something else; look at them in suspicious_labels.csv or .geojson, and "
            "correct what is wrong",
        )


def by_pair(found: Doubts, task: Task) -> list[dict[str, Any]]:
    """How often each label is doubted in favour of each other one, the most frequent first; by stratum.

    Args:
        found: What was found.
        task: What labels tell.
    """
    if not len(found):
        return []
    names = task.strata
    pairs = np.stack([task.strata_of(found.label), task.strata_of(found.likely)], axis=1)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    return [
        {"label": names[int(kinds[place, 0])], "likely": names[int(kinds[place, 1])], "pixels": int(counts[place])}
        for place in np.argsort(-counts, kind="stable")
    ]


def by_patch(found: Doubts) -> list[dict[str, Any]]:
    """The patches with the most suspicious pixels.

    Args:
        found: What was found.
    """
    if not len(found):
        return []
    patches, place, counts = np.unique(found.patch, axis=0, return_inverse=True, return_counts=True)
    worst = np.argsort(-counts, kind="stable")[:PATCHES_LISTED]
    return [
        {
            "split": str(found.split[np.flatnonzero(place.ravel() == each)[0]]),
            "row": int(patches[each, 0]),
            "column": int(patches[each, 1]),
            "pixels": int(counts[each]),
        }
        for each in worst
    ]


def table(found: Doubts, task: Task) -> str:
    """The most suspicious pixels as CSV.

    Args:
        found: What was found.
        task: What labels tell.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["split", "row", "column", "patch_row", "patch_column", "label", "likely", "doubt"])
    writer.writerows(_rows(found, task))
    return text.getvalue()


def places(found: Doubts, task: Task, manifest: Manifest) -> str | None:
    """The most suspicious pixels as GeoJSON points in longitude and latitude (RFC 7946); None without a place.

    Args:
        found: What was found.
        task: What labels tell.
        manifest: The dataset's.
    """
    if not manifest.placed:
        return None
    grid = Grid.from_json(manifest.grid)
    a, b, c, d, e, f = grid.transform
    column, row = found.column[:MOST_LISTED] + 0.5, found.row[:MOST_LISTED] + 0.5
    try:
        to_degrees = Transformer.from_crs(grid.pyproj_crs, "EPSG:4326", always_xy=True)
    except GridError:
        return None
    x, y = to_degrees.transform(a * column + b * row + c, d * column + e * row + f)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(float(east), 7), round(float(north), 7)]},
            "properties": {
                "split": row_[0],
                "label": row_[5],
                "likely": row_[6],
                "doubt": row_[7],
                "patch_row": row_[3],
                "patch_column": row_[4],
            },
        }
        for east, north, row_ in zip(x, y, _rows(found, task), strict=True)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}) + "\n"


def _rows(found: Doubts, task: Task) -> list[list[Any]]:
    named = [task.label_name(value) for value in found.label[:MOST_LISTED]]
    likely = [task.label_name(value) for value in found.likely[:MOST_LISTED]]
    return [
        [
            str(found.split[place]),
            int(found.row[place]),
            int(found.column[place]),
            *(int(part) for part in found.patch[place]),
            named[place],
            likely[place],
            round(float(found.doubt[place]), 3),
        ]
        for place in range(len(named))
    ]


def _most_often(found: Doubts, task: Task) -> str:
    first = by_pair(found, task)[0]
    return (
        ""
        if first["label"] == first["likely"]
        else f", most often '{first['label']}' that looks like '{first['likely']}'"
    )


def _blocks(manifest: Manifest, row: Array, column: Array, patch: Array) -> Array:
    """The block of each pixel; of patches of unknown place the patch."""
    if not manifest.placed:
        return np.unique(patch[:, 0], return_inverse=True)[1]
    height, width = Grid.from_json(manifest.grid).shape
    return blocks.number(row, column, (height, width), manifest.block_shape)


def _widespread(stratum: Array, block: Array) -> Array:
    """True for pixels of strata that enough blocks hold, (pixels,)."""
    pairs = np.unique(np.stack([stratum, block], axis=1), axis=0)
    kinds, counts = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(stratum, kinds[counts >= LEAST_BLOCKS])


def _cross_validated(task: Task, features: Array, labels: Array, block: Array) -> Array:
    """What forests that did not see a pixel's block say of it, (pixels, numbers)."""
    fold = _folds(block)
    random = np.random.default_rng(SEED)
    beliefs: Array | None = None
    for number in range(int(fold.max()) + 1):
        mine = fold == number
        others = random.permutation(np.flatnonzero(~mine))[:LEARNED]
        forest = task.estimator(TREES, SEED)
        forest.fit(features[others], labels[others])
        found = task.beliefs(forest, features[mine])
        if beliefs is None:
            beliefs = np.zeros((len(labels), found.shape[1]))
        beliefs[mine] = found
    assert beliefs is not None
    return beliefs


def _folds(block: Array) -> Array:
    """Blocks dealt to folds of about as many pixels, the largest first, (pixels,)."""
    _, place, counts = np.unique(block, return_inverse=True, return_counts=True)
    held, owner = [0] * min(FOLDS, len(counts)), np.zeros(len(counts), np.int64)
    for each in np.argsort(-counts, kind="stable"):
        owner[each] = int(np.argmin(held))
        held[int(owner[each])] += int(counts[each])
    return np.asarray(owner[place.ravel()])
