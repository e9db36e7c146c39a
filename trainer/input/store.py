"""Patches decoded once and kept near: in memory where they fit, else on the local disk.

An epoch never reads the shards again. On Vertex AI they lie in a mounted bucket, where a second pass costs as much
time as the first.
"""

import math
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from earthline.formats import shards
from earthline.formats.examples import Patch
from earthline.formats.manifest import Manifest
from trainer.input.free_memory import free_memory

Array = np.ndarray[Any, Any]

_SPARE_DISK = 1 << 30
"""Bytes of the local disk that are left to others."""
_MOST_THREADS = 8
"""Shards that are read at once."""
_ALIGNMENT = 64
"""Bytes: an array of TensorFlow's begins at a multiple."""


@dataclass(frozen=True)
class Kept:
    """The patches of a split, in the order of its shards.

    Attributes:
        image: (patches, height, width, bands), in the manifest's data type; 0 where masked.
        valid: uint8 (patches, height, width, 1), 1 where the image is valid.
        label: (patches, height, width), of the manifest's label type.
        corner: int64 (patches, 2), row and column of each patch's first pixel on the manifest's grid.
        tensors: The first three as TensorFlow's, of the same memory: it gathers twice as fast as NumPy. Empty where
            they lie on the disk.
    """

    image: Array
    valid: Array
    label: Array
    corner: Array
    tensors: tuple[Any, ...] = ()

    def __len__(self) -> int:
        """Number of patches."""
        return len(self.image)

    def batches(self, size: int) -> Iterator[tuple[Array, Array]]:
        """Images and masks of all patches, some at a time.

        Args:
            size: Most patches at a time.
        """
        for first in range(0, len(self), size):
            yield self.image[first : first + size], self.valid[first : first + size]


class Store:
    """The splits of a dataset, each read when it is first asked for."""

    def __init__(self, folder: Path, manifest: Manifest, memory_share: float) -> None:
        """Nothing is read yet.

        Args:
            folder: Folder of the dataset.
            manifest: What lies there.
            memory_share: Share of the free memory that the training and the validation split together may take.
        """
        self.manifest = manifest
        self._folder = folder
        self._memory_share = memory_share
        self._disk: Path | None = None

    @cached_property
    def train(self) -> Kept:
        """The training split. Errors as of `validation`."""
        return self._read("train")

    @cached_property
    def validation(self) -> Kept:
        """The validation split.

        Raises:
            FileNotFoundError: A shard of the manifest is missing.
            ValueError: A shard is damaged, holds other patches than the manifest says, or there is neither memory nor
                disk for the patches.
        """
        return self._read("validation")

    def place(self, split: str, index: int) -> str:
        """Where a patch comes from, such as `train-00000-of-00004.tfrecord, record 3`.

        Args:
            split: Its split.
            index: Its position among the split's patches.
        """
        first = 0
        for shard in self.manifest.splits[split].shards:
            if index < first + shard.examples:
                return f"{shard.name}, record {index - first}"
            first += shard.examples
        raise IndexError(f"split '{split}' has {first} patches, none of position {index}")

    @cached_property
    def in_memory(self) -> bool:
        """Whether the patches fit into memory."""
        free = free_memory()
        return free is None or self._bytes("train") + self._bytes("validation") <= free * self._memory_share

    def _bytes(self, split: str) -> int:
        shapes = self._shapes(self.manifest.splits[split].examples)
        return sum(math.prod(shape) * kind.itemsize for shape, kind in shapes.values())

    def _shapes(self, count: int) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and type of the arrays of so many patches, in the order of `Kept`."""
        manifest, patch = self.manifest, self.manifest.patch_shape
        return {
            "image": ((count, *patch, len(manifest.bands)), np.dtype(manifest.data_type)),
            "valid": ((count, *patch, 1), np.dtype(np.uint8)),
            "label": ((count, *patch), np.dtype(manifest.label_type)),
        }

    def _read(self, split: str) -> Kept:
        summary = self.manifest.splits[split]
        paths = self.manifest.shards(self._folder, split)
        missing = [path.name for path in paths if not path.is_file()]
        if missing:
            raise FileNotFoundError(
                f"the manifest in {self._folder} names {', '.join(missing)}, which is not there; export the examples "
                "again"
            )
        damaged = [problem for shard in summary.shards if (problem := shard.problem(self._folder))]
        if damaged:
            raise ValueError("; ".join(damaged))
        counts = [shard.examples for shard in summary.shards]
        kept = self._room(split, sum(counts))
        firsts = [end - count for count, end in zip(counts, accumulate(counts), strict=True)]
        # Most of the time goes into copying, and into waiting for a mounted bucket: others may run meanwhile.
        with ThreadPoolExecutor(max(1, min(len(paths), os.cpu_count() or 1, _MOST_THREADS))) as threads:
            for _ in threads.map(partial(self._fill, kept), paths, firsts, counts):
                pass
        return _seen_by_tensorflow(kept) if self.in_memory else kept

    def _room(self, split: str, count: int) -> Kept:
        shapes, corner = self._shapes(count), np.zeros((count, 2), np.int64)
        if self.in_memory or count == 0:
            image, valid, label = (_aligned(shape, kind) for shape, kind in shapes.values())
            return Kept(image, valid, label, corner)
        if self._disk is None:
            self._disk = Path(tempfile.mkdtemp(prefix="earthline-patches-"))
            weakref.finalize(self, shutil.rmtree, self._disk, ignore_errors=True)
        folder = self._disk
        needed, free = self._bytes(split), shutil.disk_usage(folder).free - _SPARE_DISK
        if needed > free:
            raise ValueError(
                f"split '{split}' takes {needed / 1e9:.1f} GB decoded: more than train.memory_share "
                f"({self._memory_share:g}) of the free memory, and than the {max(free, 0) / 1e9:.1f} GB free in "
                f"{folder.parent}; set TMPDIR to a larger disk, take a machine with more memory (train.machine_type), "
                "or export fewer patches"
            )
        print(f"split '{split}': {needed / 1e9:.1f} GB of decoded patches lie in {folder}", flush=True)
        image, valid, label = (
            np.memmap(folder / f"{split}-{name}", kind, "w+", shape=shape) for name, (shape, kind) in shapes.items()
        )
        return Kept(image, valid, label, corner)

    def _fill(self, kept: Kept, path: Path, first: int, count: int) -> None:
        found = 0
        for record in shards.read(path):
            if found < count:
                self._take(kept, path, first, found, record)
            found += 1
        if found != count:
            raise ValueError(
                f"{path.name} holds {found} records where the manifest says {count}; export the examples again"
            )

    def _take(self, kept: Kept, path: Path, first: int, number: int, record: bytes) -> None:
        manifest = self.manifest
        try:
            patch = Patch.decode(
                record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type
            )
        except ValueError as error:
            height, width = manifest.patch_shape
            raise ValueError(
                f"{path.name}, record {number}: {error}; the manifest says {len(manifest.bands)} bands of "
                f"{manifest.data_type} in {height} x {width} px: export the examples again"
            ) from error
        place = first + number
        kept.image[place], kept.valid[place, ..., 0], kept.label[place] = patch.image, patch.valid, patch.label
        kept.corner[place] = patch.row, patch.column


def _aligned(shape: tuple[int, ...], kind: np.dtype[Any]) -> Array:
    """Memory for an array that begins where TensorFlow wants it to."""
    size = math.prod(shape) * kind.itemsize
    room = np.empty(size + _ALIGNMENT, np.uint8)
    first = -room.ctypes.data % _ALIGNMENT
    return room[first : first + size].view(kind).reshape(shape)


def _seen_by_tensorflow(kept: Kept) -> Kept:
    """The same patches, of which TensorFlow has no copy but the arrays themselves; nobody writes to them any more."""
    arrays = (kept.image, kept.valid, kept.label)
    if len(kept) == 0:
        return kept
    tensors = tuple(tf.experimental.dlpack.from_dlpack(array.__dlpack__()) for array in arrays)
    for array in arrays:
        array.flags.writeable = False
    return replace(kept, tensors=tensors)
