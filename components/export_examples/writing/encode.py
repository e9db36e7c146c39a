"""The Beam step that makes examples of pixels."""

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam

from components.export_examples.fetching import windows
from components.export_examples.fetching.fetch import Fetched
from components.export_examples.job import Job
from components.export_examples.planning.plan import PlannedPatch
from earthline.formats.examples import labelled
from earthline.task import task_of
from earthline.task.labels import LabelStatistics


@dataclass(frozen=True)
class EncodedPatch:
    """An example, and what its shard tells of it.

    Attributes:
        row: Row of its first pixel on the region's grid.
        column: Column of its first pixel on the region's grid.
        example: The serialized example.
        labels: Statistics of its labels.
        unlabelled: Number of pixels without a label.
        masked: Number of pixels whose image is masked.
        requests: Number of requests for its pixels.
    """

    row: int
    column: int
    example: bytes
    labels: LabelStatistics
    unlabelled: int
    masked: int
    requests: int


class EncodePatches(beam.DoFn):  # type: ignore[misc]  # Beam publishes no types
    """Makes an example of the pixels of a patch."""

    def __init__(self, job: Job) -> None:
        """Keeps what encoding needs on the worker."""
        self._data, self._shape, self._foreign = job.data, job.export.patch_shape, job.foreign

    def setup(self) -> None:
        """Makes the task that counts."""
        self._task = task_of(self._data)

    def process(self, fetched: tuple[PlannedPatch, Fetched]) -> Iterator[tuple[tuple[str, str], EncodedPatch]]:
        """Gives (split, shard) and the patch."""
        planned, (pixels, requests) = fetched
        patch = windows.to_patch(pixels, self._data, planned.row, planned.column, self._shape)
        if planned.split in self._foreign:
            patch = self._foreign[planned.split].masked(patch)
        there = labelled(patch.label)
        yield (
            (planned.split, planned.shard),
            EncodedPatch(
                row=patch.row,
                column=patch.column,
                example=patch.encode(),
                labels=self._task.statistics(patch.label[there]),
                unlabelled=int((~there).sum()),
                masked=int((~patch.valid).sum()),
                requests=requests,
            ),
        )
