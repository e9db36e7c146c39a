"""The test patches as a sample of the ground, where it is known how they were drawn."""

from typing import Any

import numpy as np
from shapely.geometry import shape

from earthline import blocks
from earthline.accuracy.patch_sample import PatchSample
from earthline.accuracy.reach import reach
from earthline.accuracy.stratified import Sample
from earthline.formats.examples import labelled
from earthline.formats.manifest import Manifest
from earthline.patches import Patches
from earthline.task import Task

Array = np.ndarray[Any, Any]


def sample_of(manifest: Manifest, patches: Patches, task: Task, split: str = "test") -> PatchSample | None:
    """The sample that a split's patches are.

    Args:
        manifest: Of the dataset.
        patches: Of the split.
        task: What labels tell.
        split: Its name.

    Returns:
        None where nobody knows with what chance patches were drawn.
    """
    drawn = manifest.sampling.get(split)
    if not drawn or not manifest.placed:
        return None
    there = labelled(patches.every)
    height, width = there.shape[1:]
    # A patch without a label in its middle does not tell its stratum; its pixels count with those of other patches.
    known = there[:, height // 2, width // 2]
    there &= known[:, np.newaxis, np.newaxis]
    if not there.any():
        return None
    strata = task.strata_of(patches.every[known, height // 2, width // 2])
    if manifest.design != "stratified":
        # All had the same chance. Of a grid the variance is that of a simple random sample: on the safe side where
        # neighbours are alike (Cochran 1977, section 8.11; Stehman 1992).
        strata = np.zeros(len(strata), np.int64)
    held = reach(shape(manifest.split_areas[split]), patches.corner[known], labelled(patches.every[known]))
    patch, row, column = np.nonzero(there)
    of_known = np.cumsum(known) - 1
    whole: tuple[int, int] = (manifest.grid["shape"][0], manifest.grid["shape"][1])
    ground = patches.corner[patch, 0] + row, patches.corner[patch, 1] + column
    block = np.unique(blocks.number(*ground, whole, manifest.block_shape), return_inverse=True)[1]
    # What was drawn and is no example, or has no label in its middle, is not of the ground that is asked about.
    sizes, taken = (np.array([getattr(each, key) for each in drawn], np.float64) for key in ("frame", "drawn"))
    outside = taken + [each.lost for each in drawn] - np.bincount(strata, minlength=len(drawn))
    sample = Sample(strata, sizes, outside=np.maximum(outside, 0))
    return PatchSample(
        there,
        sample,
        of_known[patch],
        block,
        1 / held[of_known[patch], row, column],
        tuple(each.name for each, count in zip(drawn, sample.found, strict=True) if each.frame and not count),
    )


def ground_of(sample: PatchSample, patches: Patches) -> Array:
    """Pixels of the ground that each pixel that counts stands for, in the order of `label[labelled]`, (pixels,).

    Where a pixel lies in several patches of the sample their parts of it are added up.

    Args:
        sample: Of the patches.
        patches: Of the split.
    """
    patch, row, column = np.nonzero(sample.held)
    mine = np.stack(patches.ground, axis=1)
    every = np.stack([patches.corner[patch, 0] + row, patches.corner[patch, 1] + column], axis=1)
    _, number = np.unique(np.concatenate([mine, every]), axis=0, return_inverse=True)
    number = number.reshape(-1)
    total = np.bincount(number[len(mine) :], weights=sample.weight, minlength=number.max() + 1)
    return np.asarray(total[number[: len(mine)]])
