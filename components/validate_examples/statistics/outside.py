"""Values outside of what the schema expects, with the first place where each band has one."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, order=True)
class Place:
    """The first example with such a value.

    Attributes:
        shard: Place of the shard in the manifest's list.
        example: Number of the record in it.
        pixels: How many it has.
        value: The one that is farthest outside.
    """

    shard: int
    example: int
    pixels: int
    value: float


@dataclass(frozen=True)
class Outside:
    """Of each band.

    Attributes:
        values: How many, int64 (bands,).
        examples: Patches with at least one, int64 (bands,).
        first: The first place of each band; None where there is none.
    """

    values: Array
    examples: Array
    first: tuple[Place | None, ...]

    @classmethod
    def of(cls, image: Array, valid: Array, limits: tuple[Array, Array], shard: int, examples: Array) -> "Outside":
        """Those of some patches.

        Args:
            image: (patches, height, width, bands).
            valid: bool (patches, height, width).
            limits: Least and largest value that is expected of each band, (bands,) each.
            shard: Place of their shard.
            examples: Their numbers in it, (patches,).
        """
        low, high = limits
        wrong = ((image < low) | (image > high)) & valid[..., np.newaxis]
        counts = wrong.sum(axis=(1, 2))
        first: list[Place | None] = []
        for band, of_band in enumerate(counts.T):
            patch = int(np.argmax(of_band > 0))
            if not of_band[patch]:
                first.append(None)
                continue
            values = image[patch][wrong[patch][..., band], band].astype(np.float64)
            farthest = values[np.argmax(np.maximum(low[band] - values, values - high[band]))]
            first.append(Place(shard, int(examples[patch]), int(of_band[patch]), float(farthest)))
        return cls(counts.sum(axis=0), (counts > 0).sum(axis=0), tuple(first))

    @classmethod
    def nothing(cls, bands: int) -> "Outside":
        """None at all."""
        zeros = np.zeros(bands, np.int64)
        return cls(zeros, zeros, (None,) * bands)

    def __add__(self, other: "Outside") -> "Outside":
        """Those of both."""
        pairs = zip(self.first, other.first, strict=True)
        return Outside(
            self.values + other.values,
            self.examples + other.examples,
            tuple(min((place for place in pair if place is not None), default=None) for pair in pairs),
        )
