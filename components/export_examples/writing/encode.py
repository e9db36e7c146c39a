"""Examples made of pixels, and the Beam step that makes them: never on a thread that fetches."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np

from components.export_examples.fetching import windows
from components.export_examples.fetching.fetch import Arrived
from components.export_examples.fetching.validity import loss
from components.export_examples.job import Job
from components.export_examples.writing.chunks import EncodedPatch, LostPatch
from earthline.config import VectorLabels


class Encoder:
    """Makes an example of the pixels of a patch, or finds that they are of no use."""

    def __init__(self, job: Job) -> None:
        """Keeps what encoding needs.

        Args:
            job: What every worker knows.
        """
        self._data, self._shape, self._foreign = job.data, job.export.patch_shape, job.foreign
        self._sparse = isinstance(job.data.labels, VectorLabels)

    def __call__(self, split: str, row: int, column: int, pixels: np.ndarray[Any, Any]) -> EncodedPatch | LostPatch:
        """The example, or why there is none.

        Args:
            split: Name of the patch's split.
            row: Row of its first pixel on the region's grid.
            column: Column of its first pixel on the region's grid.
            pixels: As `Arrived` has them.
        """
        patch = windows.to_patch(pixels, self._data, row, column, self._shape)
        if split in self._foreign:
            patch = self._foreign[split].masked(patch)
        reason = loss(patch, self._sparse)
        if reason:
            return LostPatch(split, row, column, reason)
        return EncodedPatch(split, row, column, patch.encode())


class EncodePatches(beam.DoFn):  # type: ignore[misc]  # Beam publishes no types
    """Makes examples of patches that have arrived."""

    def __init__(self, job: Job) -> None:
        """Keeps what encoding needs on the worker.

        Args:
            job: What every worker knows.
        """
        self._encoder = Encoder(job)

    def process(self, arrived: Arrived) -> Iterator[EncodedPatch | LostPatch]:
        """Gives the example, or why there is none."""
        yield self._encoder(*arrived)
