"""Files that GDAL writes: whole, or an error says why not.

GDAL writes a part of a file when it is closed, where neither it nor rasterio raises anything: a disk that is full by
then leaves a file with holes, and a program that goes on as if all were well. So what was written is read again.
"""

import errno
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window

Array = np.ndarray[Any, Any]

_LITTLE_BYTES = 1 << 20
"""With less than that left on a disk, it is what kept a file from being written."""


class Blocks:
    """What a file was given, so that one can see whether it holds it."""

    def __init__(self) -> None:
        """Begins with none."""
        self._sums: list[tuple[int, Window, int]] = []

    def write(self, file: Any, block: Array, band: int, row: int, column: int) -> None:
        """Writes a block into an open file.

        Args:
            file: Dataset.
            block: (height, width), of the file's type.
            band: Number of the band, from 1.
            row: Of its first pixel.
            column: Likewise.
        """
        window = Window(column, row, block.shape[1], block.shape[0])
        file.write(block, band, window=window)
        self._sums.append((band, window, _sum(block)))

    def require(self, path: Path) -> None:
        """Reads the closed file again. Raises OSError where it does not hold what was written."""
        with told(path), rasterio.open(path) as file:
            for band, window, wanted in self._sums:
                if _sum(file.read(band, window=window)) != wanted:
                    raise _unwritten(path)


def require_copy(path: Path, of: Path, shape: tuple[int, int]) -> None:
    """Reads a file again that is a copy of another.

    Args:
        path: The copy, a GeoTIFF packed by DEFLATE, with overviews.
        of: The other.
        shape: Pixels `(height, width)` that are read at a time.

    Raises:
        OSError: It is not all there.
    """
    with told(path), rasterio.open(of) as source, rasterio.open(path) as file:
        for window in _windows((file.height, file.width), shape):
            if not np.array_equal(file.read(window=window), source.read(window=window), equal_nan=_is_float(file)):
                raise _unwritten(path)
        levels = len(file.overviews(1))
        for level in range(levels):
            _require_overview(path, file, level)


def _require_overview(path: Path, file: Any, level: int) -> None:
    """Unpacks an overview's blocks, whose checksums GDAL does not look at. Raises OSError where one is missing."""
    with rasterio.open(path, overview_level=level) as overview:
        (height, width), (rows, columns) = overview.shape, overview.block_shapes[0]
    with path.open("rb") as content:
        for place in np.ndindex(-(-height // rows), -(-width // columns)):
            first, size = (
                file.get_tag_item(f"BLOCK_{what}_{place[1]}_{place[0]}", "TIFF", bidx=1, ovr=level)
                for what in ("OFFSET", "SIZE")
            )
            if first is None or size is None:
                raise _unwritten(path)
            content.seek(int(first))
            try:
                zlib.decompress(content.read(int(size)))
            except zlib.error as error:
                raise _unwritten(path) from error


@contextmanager
def told(path: Path) -> Iterator[None]:
    """A block in which GDAL writes or reads a file; its errors become an OSError, which says so of a full disk."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("rasterio"):
            raise
        raise _unwritten(path, " ".join(str(error).split())) from error


def _unwritten(path: Path, said: str = "") -> OSError:
    if shutil.disk_usage(path.parent).free < _LITTLE_BYTES:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    return OSError(errno.EIO, f"it could not be written whole{said and f' ({said})'}", str(path))


def _sum(block: Array) -> int:
    return zlib.crc32(np.ascontiguousarray(block).tobytes())


def _is_float(file: Any) -> bool:
    return bool(np.dtype(file.dtypes[0]).kind == "f")


def _windows(whole: tuple[int, int], shape: tuple[int, int]) -> Iterator[Window]:
    for row in range(0, whole[0], shape[0]):
        for column in range(0, whole[1], shape[1]):
            yield Window(column, row, min(shape[1], whole[1] - column), min(shape[0], whole[0] - row))
