"""The Beam step that writes shards."""

import functools
import operator
from collections.abc import Iterable
from dataclasses import dataclass

from components.export_examples.writing.encode import EncodedPatch
from components.export_examples.writing.files import write_whole
from earthline.formats.shards import frame
from earthline.task.labels import LabelStatistics


@dataclass(frozen=True)
class WrittenShard:
    """What one shard holds.

    Attributes:
        split: Name of its split.
        shard: File name.
        examples: Number of examples.
        labels: Statistics of its labels.
        unlabelled: Number of pixels without a label.
        masked: Number of pixels whose image is masked.
        requests: Number of requests for its pixels.
    """

    split: str
    shard: str
    examples: int
    labels: LabelStatistics
    unlabelled: int
    masked: int
    requests: int = 0


@dataclass(frozen=True)
class WriteShard:
    """Writes the examples of one shard, in order of row and column.

    Attributes:
        folder: A path or a gs:// URI.
    """

    folder: str

    def __call__(self, key: tuple[str, str], patches: Iterable[EncodedPatch]) -> WrittenShard:
        """Gives what was written."""
        split, shard = key
        ordered = sorted(patches, key=lambda patch: (patch.row, patch.column))
        write_whole(self.folder, shard, (frame(patch.example) for patch in ordered))
        return WrittenShard(
            split=split,
            shard=shard,
            examples=len(ordered),
            labels=functools.reduce(operator.add, (patch.labels for patch in ordered)),
            unlabelled=sum(patch.unlabelled for patch in ordered),
            masked=sum(patch.masked for patch in ordered),
            requests=sum(patch.requests for patch in ordered),
        )
