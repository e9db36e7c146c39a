"""The records of a split's files: all in order, or one by its position."""

import gzip
import io
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from earthline.formats import shards
from earthline.formats.manifest import Manifest
from earthline.formats.shards import ShardError

Array = np.ndarray[Any, Any]


class Records:
    """The records of one split, in the order of its files.

    Nothing stays open between two calls, so that it can be handed to other processes.
    """

    def __init__(self, folder: Path, manifest: Manifest, split: str) -> None:
        """Nothing is read yet.

        Args:
            folder: Of the dataset.
            manifest: What lies there.
            split: Name of the split.
        """
        held = manifest.splits[split].shards
        self.paths = [folder / shard.name for shard in held]
        self._packed = manifest.compress != "none"
        self._ends = list(accumulate(shard.examples for shard in held))
        self._split = split

    def __len__(self) -> int:
        """Number of records, as the manifest tells it."""
        return self._ends[-1] if self._ends else 0

    def stream(self, paths: Sequence[Path]) -> Iterator[bytes]:
        """The records of some of the files, in order, their checksums compared.

        Args:
            paths: Some of `paths`.

        Raises:
            ShardError: A file is damaged; names it and the record.
            OSError: A file cannot be read.
        """
        for path in paths:
            with gzip.open(path) if self._packed else path.open("rb") as file:
                yield from shards.records(cast(BinaryIO, file), path.name)

    def at(self, index: int) -> bytes:
        """One record, its checksum compared.

        Args:
            index: Its position, from 0; negative ones count from the end.

        Raises:
            IndexError: There is none.
            TypeError: The files are packed, so that one record cannot be read without all before it.
            ShardError: As `stream`.
            OSError: As `stream`.
        """
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"split '{self._split}' has {len(self):,} patches, none of position {index}")
        if self._packed:
            raise TypeError(
                "the files are packed by gzip, which can only be read from the beginning: iterate over the split, take "
                "its arrays, or export with compress: none"
            )
        number = bisect_right(self._ends, place)
        first = self._ends[number - 1] if number else 0
        begin, end = self._bounds[number][place - first : place - first + 2].tolist()
        path = self.paths[number]
        with path.open("rb") as file:
            file.seek(begin)
            framed = file.read(end - begin)
        return next(shards.records(io.BytesIO(framed), f"{path.name}, byte {begin:,}"))

    @cached_property
    def _bounds(self) -> list[Array]:
        """Where each record of each file begins, and where the last one ends, in bytes: int64 (records + 1,)."""
        found = []
        counts = np.diff([0, *self._ends])
        for path, count in zip(self.paths, counts.tolist(), strict=True):
            bounds = shards.bounds(path)
            if len(bounds) - 1 != count:
                raise ShardError(
                    f"{path.name}: it holds {len(bounds) - 1:,} examples, the manifest says {count:,}; copy it again "
                    "from where the dataset came from, or export the examples again"
                )
            found.append(bounds)
        return found
