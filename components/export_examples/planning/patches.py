"""The patches that a run takes, as columns: a million of them are 15 MB, and not a million objects."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline.formats.manifest import SPLITS, StratumSample

Array = np.ndarray[Any, Any]

_COLUMNS = {
    "split": np.uint8,
    "stratum": np.uint16,
    "row": np.int32,
    "column": np.int32,
    "rank": np.int32,
}


@dataclass(frozen=True, eq=False)
class Plan:
    """Patches of a run in the order of split, stratum and rank, those that it begins with and those in reserve.

    A stratum is one of the design's: of a stratified one, the label of the middle pixel; of all others there is one.
    Its patches are in the random order of the draw: a run takes the ranks below `wanted`, and where some of these turn
    out to have no imagery, as many of the next ranks. So a stratum's patches are always the first so many of its order.

    Attributes:
        split: Place in `SPLITS`, uint8 (patches,).
        stratum: Place in `strata`, uint16 (patches,).
        row: Row of the first pixel on the region's grid, int32 (patches,).
        column: Column of the first pixel, int32 (patches,).
        rank: Place in the draw of its split and stratum, from 0 without gaps, int32 (patches,).
        wanted: Patches to take, int64 (splits, strata).
        frame: Pixels on which a patch could have been centred, int64 (splits, strata); None where somebody chose the
            places.
        strata: Names of the design's strata.
    """

    split: Array
    stratum: Array
    row: Array
    column: Array
    rank: Array
    wanted: Array
    frame: Array | None
    strata: tuple[str, ...]

    @classmethod
    def of(
        cls, corners: Mapping[tuple[int, int], Array], wanted: Array, frame: Array | None, strata: tuple[str, ...]
    ) -> "Plan":
        """From the patches of each split and stratum.

        Args:
            corners: First pixels (row, column) by place of split and stratum, in the order of the draw, (patches, 2).
            wanted: As the attribute.
            frame: As the attribute.
            strata: As the attribute.
        """
        columns = {name: np.empty(sum(map(len, corners.values())), kind) for name, kind in _COLUMNS.items()}
        end = 0
        for (split, stratum), found in sorted(corners.items(), key=lambda item: item[0]):
            mine = slice(end, end := end + len(found))
            columns["split"][mine], columns["stratum"][mine] = split, stratum
            columns["row"][mine], columns["column"][mine] = found[:, 0], found[:, 1]
            columns["rank"][mine] = np.arange(len(found))
        return cls(**columns, wanted=wanted, frame=frame, strata=strata)

    def __len__(self) -> int:
        """Number of patches, those in reserve too."""
        return len(self.split)

    @property
    def first(self) -> "Plan":
        """What a run begins with: the plan without its reserve."""
        return self.between(np.zeros_like(self.wanted), self.wanted)

    @property
    def drawn(self) -> Array:
        """Patches that the plan holds, int64 (splits, strata)."""
        return self.counted(np.arange(len(self)))

    def between(self, begin: Array, end: Array) -> "Plan":
        """The ranks from `begin` to below `end` of each split and stratum; fewer where the plan ends.

        Args:
            begin: (splits, strata).
            end: (splits, strata).
        """
        cell = self.split.astype(np.int64) * len(self.strata) + self.stratum
        return self.only((self.rank >= begin.ravel()[cell]) & (self.rank < end.ravel()[cell]))

    def counted(self, chosen: Array) -> Array:
        """How many of some patches are of each split and stratum, int64 (splits, strata).

        Args:
            chosen: Their places in the plan, or a mask.
        """
        cell = self.split[chosen].astype(np.int64) * len(self.strata) + self.stratum[chosen]
        return np.bincount(cell, minlength=self.wanted.size).reshape(self.wanted.shape)

    def only(self, chosen: Array) -> "Plan":
        """Some of the patches.

        Args:
            chosen: Their places in the plan, or a mask.
        """
        columns = {name: getattr(self, name)[chosen] for name in _COLUMNS}
        return Plan(**columns, wanted=self.wanted, frame=self.frame, strata=self.strata)

    def corners(self, split: int) -> Array:
        """First pixels (row, column) of a split's patches, int32 (patches, 2).

        Args:
            split: Place in `SPLITS`.
        """
        mine = self.split == split
        return np.column_stack([self.row[mine], self.column[mine]])

    def sampling(self, taken: Array, lost: Array) -> dict[str, tuple[StratumSample, ...]]:
        """What the manifest tells of the draw; nothing where somebody chose the places.

        Args:
            taken: Patches that became examples, (splits, strata).
            lost: Patches of lower or equal rank that did not, such as those without imagery, (splits, strata).
        """
        if self.frame is None:
            return {}
        return {
            split: tuple(
                StratumSample(
                    name=name,
                    frame=int(self.frame[place, stratum]),
                    drawn=int(taken[place, stratum]),
                    lost=int(lost[place, stratum]),
                )
                for stratum, name in enumerate(self.strata)
            )
            for place, split in enumerate(SPLITS)
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all columns: equal for equal plans."""
        found = hashlib.sha256(repr((self.strata, self.wanted.tolist())).encode())
        for name, kind in _COLUMNS.items():
            found.update(getattr(self, name).astype(np.dtype(kind).newbyteorder("<")).tobytes())
        return found.hexdigest()
