"""Shards: examples as TFRecord files, written one record after the other, with what the manifest tells of them."""

import gzip
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, cast

from components.export_examples.writing.files import Written, write_whole
from components.export_examples.writing.records import Records
from earthline.formats import band_lists
from earthline.formats.examples import Patch, labelled
from earthline.formats.manifest import EARTHLINE, Manifest
from earthline.formats.shards import frame, unframed
from earthline.task import Task
from earthline.task.labels import LabelStatistics

GZIP = "gzip"
PACKED = ".gz"
"""What the name of a packed file ends with."""
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
        bytes: Length of the file.
        crc32c: Checksum of the file, as Cloud Storage shows it.
    """

    split: str
    shard: str
    examples: int
    labels: LabelStatistics
    unlabelled: int
    masked: int
    bytes: int
    crc32c: str


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
        counted = Counted(self.task)
        pieces = self._pieces(records, counted)
        if self.manifest.compress == GZIP:
            pieces = _packed(pieces)
        return counted.shard(split, shard, write_whole(self.folder, shard, pieces))

    def _pieces(self, records: Records, counted: "Counted") -> Iterator[bytes]:
        manifest = self.manifest
        for framed in records.read(self.project):
            patch = Patch.decode(
                unframed(framed), manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type
            )
            counted.add(patch)
            yield framed if manifest.format == EARTHLINE else frame(laid_out(patch, manifest.format, manifest.bands))


class Counted:
    """What the manifest tells of a shard, counted while its examples pass by."""

    def __init__(self, task: Task) -> None:
        """Begins with nothing.

        Args:
            task: What the labels tell.
        """
        self._task = task
        self._labels: LabelStatistics | None = None
        self._examples = self._unlabelled = self._masked = 0

    def add(self, patch: Patch) -> None:
        """Counts an example."""
        there = labelled(patch.label)
        one = self._task.statistics(patch.label[there])
        self._labels = one if self._labels is None else self._labels + one
        self._examples += 1
        self._unlabelled += int((~there).sum())
        self._masked += int((~patch.valid).sum())

    def shard(self, split: str, name: str, written: Written) -> WrittenShard:
        """What was counted, of at least one example.

        Args:
            split: Name of the split.
            name: Of the file.
            written: What stands in it.
        """
        assert self._labels is not None, "a shard has examples"
        return WrittenShard(
            split,
            name,
            self._examples,
            self._labels,
            self._unlabelled,
            self._masked,
            bytes=written.bytes,
            crc32c=written.crc32c,
        )


def laid_out(patch: Patch, layout: str, bands: tuple[str, ...]) -> bytes:
    """The serialized Example of a patch.

    Args:
        patch: The patch.
        layout: `earthline` or `earth_engine`.
        bands: Names of the image's bands.
    """
    return patch.encode() if layout == EARTHLINE else band_lists.encode(patch, bands)


def packed(file: IO[bytes]) -> IO[bytes]:
    """A file that packs by gzip what is written to it; no time or name goes in, so that equal content is equal bytes.

    Args:
        file: Takes what is packed.
    """
    return cast(IO[bytes], gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0))


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    out = io.BytesIO()
    with packed(out) as file:
        for piece in pieces:
            file.write(piece)
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
