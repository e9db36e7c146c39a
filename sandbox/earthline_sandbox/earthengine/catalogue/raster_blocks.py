"""Decoded blocks of raster files: read once, kept up to a number of bytes, and shared by all threads.

The files of an asset are never changed; the time of change is part of the key all the same. Blocks cannot be written
to: what a reader gets may be the kept array itself.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.windows import Window

Array = NDArray[Any]

SIDE = 256
_KEPT_BYTES = 256 * 2**20
_IDLE_FILES = 128
#: Of GDAL's own cache, which would hold every block a second time.
_DRIVER_BYTES = 32 * 2**20


class Block(NamedTuple):
    """A window of one band.

    Attributes:
        values: Shape `(height, width)`, as the file has them; not to be written to.
        mask: True where they are valid, of the same shape.
    """

    values: Array
    mask: Array


@dataclass(frozen=True)
class RasterBand:
    """A band of a file.

    Attributes:
        path: The file.
        changed: Its time of change, in nanoseconds.
        index: Number of the band, from 1.
        nodata: The value that means masked; None where the file's own mask tells.
        shape: Shape in pixels `(height, width)`.
    """

    path: str
    changed: int
    index: int
    nodata: float | None
    shape: tuple[int, int]

    @classmethod
    def of(cls, path: Path, index: int, nodata: float | None, shape: tuple[int, int]) -> "RasterBand":
        """A band of a file that exists; raises OSError where it does not."""
        # Two NaNs are not equal, so as part of a key there is but one.
        known = _NAN if nodata is not None and np.isnan(nodata) else nodata
        return cls(str(path), os.stat(path).st_mtime_ns, index, known, shape)


_NAN = float("nan")


class _Files:
    """Open datasets, each lent to one thread at a time, as GDAL wants it."""

    def __init__(self) -> None:
        self._idle: OrderedDict[tuple[str, int], list[rasterio.io.DatasetReader]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def lent(self, band: RasterBand) -> Iterator[rasterio.io.DatasetReader]:
        key = (band.path, band.changed)
        with rasterio.Env(GDAL_CACHEMAX=_DRIVER_BYTES):
            with self._lock:
                idle = self._idle.get(key)
                dataset = idle.pop() if idle else None
            # What fails, or is interrupted, is not given back: it closes with its last reference.
            dataset = dataset or rasterio.open(band.path)
            yield dataset
        dropped: list[rasterio.io.DatasetReader] = []
        with self._lock:
            self._idle.setdefault(key, []).append(dataset)
            self._idle.move_to_end(key)
            while sum(map(len, self._idle.values())) > _IDLE_FILES:
                dropped += self._idle.popitem(last=False)[1]
        for old in dropped:
            old.close()


class RasterBlocks:
    """The blocks of any number of files; those least recently used go first."""

    def __init__(self, kept_bytes: int = _KEPT_BYTES) -> None:
        """Keeps at most `kept_bytes` of decoded pixels and their masks."""
        self._limit = kept_bytes
        self._kept: OrderedDict[tuple[RasterBand, int, int], Block] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._files = _Files()

    @property
    def kept_bytes(self) -> int:
        """Bytes of what is kept now."""
        return self._bytes

    def window(self, band: RasterBand, row: int, column: int, shape: tuple[int, int]) -> Block:
        """A window that lies within the file.

        Args:
            band: What to read.
            row: First row.
            column: First column.
            shape: Shape in pixels `(height, width)`.

        Raises:
            rasterio.errors.RasterioError: The file cannot be read.
        """
        top, left = row // SIDE, column // SIDE
        bottom, right = (row + shape[0] - 1) // SIDE, (column + shape[1] - 1) // SIDE
        places = [(r, c) for r in range(top, bottom + 1) for c in range(left, right + 1)]
        with self._lock:
            found = {place: block for place in places if (block := self._kept.get((band, *place))) is not None}
            for place in found:
                self._kept.move_to_end((band, *place))
        missing = [place for place in places if place not in found]
        if missing:
            if len(missing) * SIDE * SIDE * 3 > self._limit // 4:
                # It would push everything else out, and soon itself.
                return self._read(band, Window(column, row, shape[1], shape[0]))
            found |= self._load(band, missing)
        if len(places) == 1:
            return _cut(found[top, left], row - top * SIDE, column - left * SIDE, shape)
        return _joined(found, row, column, shape)

    def _load(self, band: RasterBand, places: list[tuple[int, int]]) -> dict[tuple[int, int], Block]:
        """Reads blocks by one window around them, and keeps them."""
        rows, columns = [place[0] for place in places], [place[1] for place in places]
        top, left = min(rows) * SIDE, min(columns) * SIDE
        height = min((max(rows) + 1) * SIDE, band.shape[0]) - top
        width = min((max(columns) + 1) * SIDE, band.shape[1]) - left
        whole = self._read(band, Window(left, top, width, height))
        loaded = {}
        for r, c in places:
            shape = min(SIDE, band.shape[0] - r * SIDE), min(SIDE, band.shape[1] - c * SIDE)
            part = _cut(whole, r * SIDE - top, c * SIDE - left, shape)
            # Copies, unless it is all that was read: a view would keep the whole window alive.
            alone = len(places) == 1
            values = part.values if alone else part.values.copy()
            mask = np.broadcast_to(np.True_, shape) if part.mask.all() else part.mask if alone else part.mask.copy()
            values.flags.writeable = False
            if mask.flags.writeable:
                mask.flags.writeable = False
            loaded[r, c] = Block(values, mask)
        with self._lock:
            for place, block in loaded.items():
                if (band, *place) not in self._kept:
                    self._kept[(band, *place)] = block
                    self._bytes += _held(block)
            while self._bytes > self._limit and self._kept:
                self._bytes -= _held(self._kept.popitem(last=False)[1])
        return loaded

    def _read(self, band: RasterBand, window: Window) -> Block:
        with self._files.lent(band) as dataset:
            values = dataset.read(band.index, window=window)
            if band.nodata is not None:
                return Block(values, ~np.isnan(values) if np.isnan(band.nodata) else values != band.nodata)
            flags = dataset.mask_flag_enums[band.index - 1]
            if MaskFlags.all_valid in flags or MaskFlags.nodata in flags:
                return Block(values, np.broadcast_to(np.True_, values.shape))
            return Block(values, dataset.read_masks(band.index, window=window) > 0)


def _held(block: Block) -> int:
    return block.values.nbytes + (block.mask.size if any(block.mask.strides) else 0)


def _cut(block: Block, row: int, column: int, shape: tuple[int, int]) -> Block:
    place = slice(row, row + shape[0]), slice(column, column + shape[1])
    return Block(block.values[place], block.mask[place])


def _joined(blocks: dict[tuple[int, int], Block], row: int, column: int, shape: tuple[int, int]) -> Block:
    """A window that reaches over several blocks."""
    values = np.empty(shape, next(iter(blocks.values())).values.dtype)
    valid = not any(any(block.mask.strides) for block in blocks.values())
    mask = np.broadcast_to(np.True_, shape) if valid else np.empty(shape, dtype=bool)
    for (r, c), block in blocks.items():
        first_row, first_column = max(r * SIDE, row), max(c * SIDE, column)
        height = min((r + 1) * SIDE, row + shape[0]) - first_row
        width = min((c + 1) * SIDE, column + shape[1]) - first_column
        part = _cut(block, first_row - r * SIDE, first_column - c * SIDE, (height, width))
        place = (
            slice(first_row - row, first_row - row + height),
            slice(first_column - column, first_column - column + width),
        )
        values[place] = part.values
        if not valid:
            mask[place] = part.mask
    return Block(values, mask)
