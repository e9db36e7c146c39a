"""Test patches as a sample of the ground: which pixels they hold, and for how much ground each of them stands."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline.accuracy.stratified import Ratios, Sample, clusters

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class PatchSample:
    """Patches that were drawn at random from strata, and their labelled pixels.

    A pixel that lies in several patches comes several times, each time with its share.

    Attributes:
        held: Where the pixels are, bool (all patches, height, width); those of patches of the sample that have a label.
        patches: The patches as units of a stratified sample.
        patch: Place of each pixel's patch, (pixels,).
        block: Number of its block, (pixels,), from 0 without gaps.
        share: Its part in the patch: 1 over the number of patches that could have held it, (pixels,).
        unsampled: Names of strata that are on the ground, but in no patch; nothing is known of their accuracy.
    """

    held: Array
    patches: Sample
    patch: Array
    block: Array
    share: Array
    unsampled: tuple[str, ...] = ()

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return int(self.block.max()) + 1

    @property
    def weight(self) -> Array:
        """Pixels of the ground that each pixel stands for, (pixels,)."""
        return np.asarray(self.share * self.patches.weights[self.patch])

    def by_patch(self, group: Array, groups: int) -> Array:
        """Shares of pixels, added up by patch and group, (patches, groups).

        Args:
            group: Of each pixel, (pixels,); below 0 it is in none.
            groups: Number of groups.
        """
        return _sums(self.patch, group, self.share, (len(self.patches.strata), groups))

    def by_block(self, group: Array, groups: int) -> Array:
        """Pixels of the ground by block and group, (blocks, groups).

        Args:
            group: As in `by_patch`.
            groups: Likewise.
        """
        return _sums(self.block, group, self.weight, (self.blocks, groups))

    def of_test_ground(self, part: Array, whole: Array, groups: int) -> Ratios:
        """Ratios with the errors that another draw of patches from the same test ground would make, (groups,).

        Args:
            part: Group of each pixel whose ground is the part, (pixels,); below 0 it is in none.
            whole: Group of each pixel whose ground is the whole.
            groups: Number of groups.
        """
        return self.patches.ratios(self.by_patch(part, groups), self.by_patch(whole, groups))

    def of_region(self, part: Array, whole: Array, groups: int) -> Ratios:
        """The same ratios with the errors that another draw of test blocks from the region would make, (groups,).

        Args:
            part: As in `of_test_ground`.
            whole: Likewise.
            groups: Likewise.
        """
        return clusters(self.blocks).ratios(self.by_block(part, groups), self.by_block(whole, groups))


def _sums(unit: Array, group: Array, weight: Array, shape: tuple[int, int]) -> Array:
    chosen = group >= 0
    flat = unit[chosen].astype(np.int64) * shape[1] + group[chosen]
    return np.bincount(flat, weights=weight[chosen], minlength=shape[0] * shape[1]).reshape(shape)
