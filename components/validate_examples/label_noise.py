"""Labels that are likely wrong: a forest that never saw the ground around them is sure of something else.

The pixels of a sample are dealt to folds by the block of ground they lie in, so that no neighbour of a pixel teaches
the forest that judges it. What counts as doubt is the task's. Doubts are no proof: they are where to look first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.validate_examples.statistics.pixels import PixelSample
from earthline import blocks
from earthline.formats.manifest import Manifest
from earthline.grid import Grid
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
