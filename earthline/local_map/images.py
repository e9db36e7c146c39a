"""The images to map, as one grid that is read window by window.

They are one file, parts that lie beside each other, or bands that lie in several files.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from earthline.local_map.files import ImageError, Part, alphas, arranged, opened, require_usable, said

Array = np.ndarray[Any, Any]

LEAST_CACHE_BYTES, MOST_CACHE_BYTES = 64 << 20, 1 << 30
"""Of decoded blocks that GDAL keeps. Below what a row of tiles needs, files in strips are read again and again."""
_SAMPLE_SIDE, _SAMPLES = 64, 5
"""Pixels a side of the windows that say which values an image has, and how many lie along each side of it."""


class Images:
    """Files open for reading, by one thread at a time."""

    def __init__(
        self, paths: Sequence[str], bands: Sequence[str], said: Mapping[str, str], nodata: float | None
    ) -> None:
        """Opens them and finds the bands.

        Args:
            paths: Of files that GDAL reads, VRTs included. Several have all bands each and lie beside each other (where
                they overlap, the first that is valid counts), or have some bands each and lie on the same grid.
            bands: That the model takes.
            said: As `bands.matched` takes it.
            nodata: Value that stands for no imagery, in place of what the files say; None leaves it to them.

        Raises:
            ImageError: A file cannot be read, has no place on the Earth, is of complex numbers, or they do not fit
                together.
            BandError: Bands are missing or ambiguous.
        """
        self._nodata = nodata
        self._stack = ExitStack()
        try:
            # Each file has a handle of its own, also where one is given twice.
            files = [self._stack.enter_context(opened(path)) for path in paths]
            for path, file in zip(paths, files, strict=True):
                require_usable(path, file)
            self._parts, self.grid, self.matching = arranged(paths, files, bands, said)
        except BaseException:
            self._stack.close()
            raise
        self._bands = len(bands)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the files."""
        self._stack.close()

    @property
    def fingerprint(self) -> list[list[Any]]:
        """Name, size and time of change of every file that is read, those behind a VRT included."""
        names = dict.fromkeys(name for part in self._parts for name in (part.file.name, *part.file.files))
        told: list[list[Any]] = []
        for name in names:
            try:
                state = os.stat(name)
            except OSError:
                told.append([name])  # on another machine, or a text that GDAL takes for a file
            else:
                told.append([os.path.abspath(name), state.st_size, state.st_mtime_ns])
        return [*told, [list(sorted(part.bands.items())) for part in self._parts], [self._nodata]]

    @property
    def notes(self) -> list[str]:
        """What a user should know of the files, in sentences."""
        scaled = [
            f"band {number} of {part.file.name}"
            for part in self._parts
            for number in part.bands.values()
            if (part.file.scales[number - 1], part.file.offsets[number - 1]) != (1.0, 0.0)
        ]
        if not scaled:
            return []
        return [
            f"{scaled[0]} has a scale and an offset, which are left alone: the model gets the stored values, as from "
            "Earth Engine. If it learned scaled ones, write them with `gdal_translate -unscale -ot Float32`"
        ]

    def cache_bytes(self, rows: int) -> int:
        """How much GDAL should keep so that a row of tiles is decoded once.

        Args:
            rows: Rows of pixels of a row of tiles.
        """
        deepest = max(rows, *(part.file.block_shapes[0][0] for part in self._parts))
        size: int = max(np.dtype(kind).itemsize for part in self._parts for kind in part.file.dtypes)
        needed = 2 * (rows + deepest) * self.grid.shape[1] * self._bands * size
        return int(max(LEAST_CACHE_BYTES, min(needed, MOST_CACHE_BYTES)))

    def read(self, row: int, column: int, shape: tuple[int, int]) -> tuple[Array, Array]:
        """A window, which may reach outside.

        Args:
            row: Of its first pixel on the grid.
            column: Likewise.
            shape: In pixels `(height, width)`.

        Returns:
            float32 (bands, height, width) in the order of the model's bands, 0 where not valid; and bool
            (height, width): valid where every band has a finite number that no file calls missing.

        Raises:
            ImageError: A file is damaged.
        """
        values = np.zeros((self._bands, *shape), np.float32)
        valid = np.zeros(shape, bool)
        for group in self._groups():
            seen = np.ones(shape, bool)
            found = np.zeros_like(values)
            for part in group:
                seen &= self._read_part(part, row, column, found)
            new = seen & ~valid
            values[:, new] = found[:, new]
            valid |= new
        return values, valid

    def _groups(self) -> list[list[Part]]:
        """Parts that together have all bands."""
        if len(self._parts[0].bands) == self._bands:
            return [[part] for part in self._parts]
        return [list(self._parts)]

    def sample(self) -> Array:
        """Valid pixels of some windows from all over the images, float32 (bands, pixels)."""
        height, width = self.grid.shape
        shape = min(_SAMPLE_SIDE, height), min(_SAMPLE_SIDE, width)
        found = []
        for row in _starts(height - shape[0]):
            for column in _starts(width - shape[1]):
                values, valid = self.read(row, column, shape)
                found.append(values[:, valid])
        return np.concatenate(found, axis=1)

    def _read_part(self, part: Part, row: int, column: int, found: Array) -> Array:
        """Reads one file's bands into `found`; gives where they are valid."""
        height, width = found.shape[1:]
        (top, bottom), (left, right) = (
            _shared(start - first, length, size)
            for start, first, length, size in (
                (row, part.row, height, part.file.height),
                (column, part.column, width, part.file.width),
            )
        )
        valid = np.zeros((height, width), bool)
        if bottom <= top or right <= left:
            return valid
        window = Window(left, top, right - left, bottom - top)
        there = (
            slice(top - row + part.row, bottom - row + part.row),
            slice(left - column + part.column, right - column + part.column),
        )
        numbers = list(part.bands.values())
        try:
            raw = part.file.read(numbers, window=window)
            masks = self._masks(part.file, numbers, window, raw)
        except RasterioIOError as error:
            raise ImageError(f"{part.file.name} cannot be read at row {top}, column {left}: {said(error)}") from error
        with np.errstate(over="ignore"):
            values = raw.astype(np.float32)
        masks &= np.isfinite(values).all(axis=0)
        found[(list(part.bands), *there)] = values
        valid[there] = masks
        return valid

    def _masks(self, file: Any, numbers: list[int], window: Window, raw: Array) -> Array:
        if self._nodata is not None:
            return np.asarray((raw != self._nodata).all(axis=0))
        found = np.ones(raw.shape[1:], bool)
        for values, number in zip(raw, numbers, strict=True):
            flags = file.mask_flag_enums[number - 1]
            if flags == [MaskFlags.nodata]:
                # What GDAL would do, without reading the band again; NaN is found with what is not finite.
                nothing = file.nodatavals[number - 1]
                found &= values != nothing if values.dtype.kind != "f" else values != values.dtype.type(nothing)
            elif flags != [MaskFlags.all_valid]:
                found &= file.read_masks(number, window=window) > 0
        # GDAL takes an alpha band for the others' mask in files of two or four bands only.
        for alpha in alphas(file):
            found &= file.read(alpha, window=window) > 0
        return found


def _starts(last: int) -> list[int]:
    return sorted({round(place * last / (_SAMPLES - 1)) for place in range(_SAMPLES)})


def _shared(start: int, length: int, size: int) -> tuple[int, int]:
    """First and last of a stretch within 0 … size."""
    return max(start, 0), max(0, min(start + length, size))
