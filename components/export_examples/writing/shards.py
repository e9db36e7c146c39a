"""Shards: examples as TFRecord files, written one record after the other, with what the manifest tells of them."""

import functools
import gzip
import io
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.export_examples.writing.files import write_whole
from components.export_examples.writing.records import Records
from earthline.formats import band_lists
from earthline.formats.examples import Patch, labelled
from earthline.formats.manifest import Manifest
from earthline.formats.shards import frame, unframed
from earthline.task import Task
from earthline.task.labels import LabelStatistics

if TYPE_CHECKING:
    from components.export_examples.writing.encode import EncodedPatch

EARTHLINE, EARTH_ENGINE = "earthline", "earth_engine"
GZIP = "gzip"
_GZIP_LEVEL = 6


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
        bytes: Length of the file.
        crc32c: Checksum of the file, as Cloud Storage shows it.
    """

    split: str
    shard: str
    examples: int
    labels: LabelStatistics
    unlabelled: int
    masked: int
    requests: int = 0
    bytes: int = 0
    crc32c: str = ""


@dataclass(frozen=True)
class WriteShard:
    """Writes the examples of one shard, in order of row and column.

    Attributes:
        folder: A path or a gs:// URI.
    """

    folder: str

    def __call__(self, key: tuple[str, str], patches: "Iterable[EncodedPatch]") -> WrittenShard:
        """Gives what was written."""
        split, shard = key
        ordered = sorted(patches, key=lambda patch: (patch.row, patch.column))
        written = write_whole(self.folder, shard, (frame(patch.example) for patch in ordered))
        return WrittenShard(
            split=split,
            shard=shard,
            examples=len(ordered),
            labels=functools.reduce(operator.add, (patch.labels for patch in ordered)),
            unlabelled=sum(patch.unlabelled for patch in ordered),
            masked=sum(patch.masked for patch in ordered),
            requests=sum(patch.requests for patch in ordered),
            bytes=written.bytes,
            crc32c=written.crc32c,
        )


@dataclass(frozen=True)
class ShardWriter:
    """Writes shards from the spool.

    Attributes:
        folder: Of the dataset, a path or a gs:// URI.
        manifest: Tells shape and types of examples, the bands, and how they are laid out.
        task: What the labels tell.
        project: Google Cloud project of requests to Cloud Storage.
    """

    folder: str
    manifest: Manifest
    task: Task
    project: str = ""

    def write(self, split: str, shard: str, records: Records) -> WrittenShard:
        """Writes one; never more than a few of its examples are in memory.

        Args:
            split: Name of its split.
            shard: File name.
            records: Where its examples stand, in their order.

        Raises:
            ChunkError: One of them is damaged.
            OSError: The spool cannot be read, or the shard not written.
        """
        counted = _Counted(self.task)
        pieces = self._pieces(records, counted)
        if self.manifest.compress == GZIP:
            pieces = _packed(pieces)
        written = write_whole(self.folder, shard, pieces)
        return WrittenShard(
            split,
            shard,
            len(records),
            counted.labels,
            counted.unlabelled,
            counted.masked,
            bytes=written.bytes,
            crc32c=written.crc32c,
        )

    def _pieces(self, records: Records, counted: "_Counted") -> Iterator[bytes]:
        manifest = self.manifest
        for framed in records.read(self.project):
            patch = Patch.decode(
                unframed(framed), manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type
            )
            counted.add(patch)
            yield framed if manifest.format == EARTHLINE else frame(band_lists.encode(patch, manifest.bands))


class _Counted:
    """What the manifest tells of examples."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._labels: LabelStatistics | None = None
        self.unlabelled = self.masked = 0

    def add(self, patch: Patch) -> None:
        there = labelled(patch.label)
        one = self._task.statistics(patch.label[there])
        self._labels = one if self._labels is None else self._labels + one
        self.unlabelled += int((~there).sum())
        self.masked += int((~patch.valid).sum())

    @property
    def labels(self) -> LabelStatistics:
        assert self._labels is not None, "a shard has examples"
        return self._labels


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same, packed by gzip; no time or name stands in it, so that the same pieces give the same bytes."""
    out = io.BytesIO()
    with gzip.GzipFile("", "wb", _GZIP_LEVEL, out, mtime=0) as packed:
        for piece in pieces:
            packed.write(piece)
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
