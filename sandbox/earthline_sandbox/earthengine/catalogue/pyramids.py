"""Overviews: every level has half the pixels of the one below it, aggregated by the asset's pyramiding policy.

Source: https://developers.google.com/earth-engine/guides/scale. A pixel is made of two by two pixels of the
level below; masked ones do not count. A request reads the level whose pixels are the largest that are not larger than
its own.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.windows import Window

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.records import BandRecord

#: A level of no more than so many pixels a side has none above it.
_SMALLEST = 256
_BLOCK = 1_024


def count(shape: tuple[int, int]) -> int:
    """Levels above an image of that shape `(height, width)`."""
    levels = 0
    while max(shape) > _SMALLEST:
        shape = shape_above(shape)
        levels += 1
    return levels


def shape_above(shape: tuple[int, int]) -> tuple[int, int]:
    """Shape of the level above."""
    return math.ceil(shape[0] / 2), math.ceil(shape[1] / 2)


def path_of(path: Path, level: int) -> Path:
    """The file of a level of a band's file; level 0 is the band itself."""
    return path.with_name(f"{path.stem}.{level}{path.suffix}") if level else path


def level_of(ratio: float, levels: int) -> int:
    """The level to read where the asked pixels are `ratio` times as large as the band's own."""
    if not math.isfinite(ratio) or ratio < 2:
        return 0
    # A hair of tolerance, so that a scale of exactly two pixels is not lost to rounding.
    return min(levels, math.floor(math.log2(ratio * (1 + 1e-9))))


def build(record: BandRecord, policy: str) -> None:
    """Writes every level of a band beside its file.

    Args:
        record: The band, alone in its file.
        policy: `MEAN`, `SAMPLE`, `MIN`, `MAX`, `MODE` or `MEDIAN`.
    """
    for level in range(1, count(record.shape) + 1):
        _build_above(path_of(record.path, level - 1), path_of(record.path, level), policy)


def _build_above(below: Path, above: Path, policy: str) -> None:
    with rasterio.open(below) as source:
        shape = shape_above((source.height, source.width))
        a, b, c, d, e, f = tuple(source.transform)[:6]
        profile = source.profile | {
            "height": shape[0],
            "width": shape[1],
            "transform": Affine(2 * a, 2 * b, c, 2 * d, 2 * e, f),
            "tiled": True,
            "blockxsize": 256,
            "blockysize": 256,
        }
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(above, "w", **profile) as sink:
            for row in range(0, shape[0], _BLOCK):
                for column in range(0, shape[1], _BLOCK):
                    computation.check()
                    size = min(_BLOCK, shape[0] - row), min(_BLOCK, shape[1] - column)
                    values, valid = _read(source, 2 * row, 2 * column, (2 * size[0], 2 * size[1]))
                    result, seen = aggregated(values, valid, policy)
                    place = Window(column, row, size[1], size[0])
                    if source.nodata is None:
                        sink.write_mask(np.where(seen, 255, 0).astype("uint8"), window=place)
                    else:
                        result = np.where(seen, result, np.asarray(source.nodata, result.dtype))
                    sink.write(result, 1, window=place)


def _read(source: Any, row: int, column: int, shape: tuple[int, int]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A window of an even shape, masked beyond the file's edges."""
    height, width = min(shape[0], source.height - row), min(shape[1], source.width - column)
    window = Window(column, row, width, height)
    values = np.zeros(shape, source.dtypes[0])
    valid = np.zeros(shape, dtype=bool)
    values[:height, :width] = source.read(1, window=window)
    valid[:height, :width] = source.read_masks(1, window=window) > 0
    if values.dtype.kind == "f":
        valid &= ~np.isnan(values)
    return values, valid


def aggregated(values: NDArray[Any], valid: NDArray[np.bool_], policy: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Two by two pixels into one: values of the same type, and where they are valid.

    Args:
        values: Shape `(2 h, 2 w)`.
        valid: The same shape.
        policy: A pyramiding policy; `SAMPLE` takes the pixel in the upper left, whatever its mask.
    """
    corners = [(0, 0), (0, 1), (1, 0), (1, 1)]
    stack = np.stack([values[r::2, c::2] for r, c in corners])
    seen = np.stack([valid[r::2, c::2] for r, c in corners])
    if policy == "SAMPLE":
        return stack[0], seen[0]
    found: NDArray[np.bool_] = np.asarray(seen.any(axis=0))
    if policy in ("MIN", "MAX"):
        kind = np.finfo(values.dtype) if values.dtype.kind == "f" else np.iinfo(values.dtype)
        beyond = kind.max if policy == "MIN" else kind.min
        held = np.where(seen, stack, np.asarray(beyond, values.dtype))
        return (held.min(axis=0) if policy == "MIN" else held.max(axis=0)), found
    if policy == "MODE":
        # The value that most of the four have; of several, the least.
        votes = ((stack[:, None] == stack[None]) & seen[:, None] & seen[None]).sum(axis=1)
        best = votes == votes.max(axis=0)
        kind = np.finfo(values.dtype) if values.dtype.kind == "f" else np.iinfo(values.dtype)
        return np.where(best & seen, stack, np.asarray(kind.max, values.dtype)).min(axis=0), found
    numbers = np.where(seen, stack.astype("float64"), np.nan)
    many = seen.sum(axis=0)
    if policy == "MEDIAN":
        ordered = np.sort(numbers, axis=0)
        low = np.take_along_axis(ordered, np.maximum(many - 1, 0)[None] // 2, axis=0)[0]
        high = np.take_along_axis(ordered, many[None] // 2, axis=0)[0]
        result = (low + high) / 2
    else:
        result = np.where(seen, stack.astype("float64"), 0).sum(axis=0) / np.maximum(many, 1)
    result = np.where(found, result, 0)
    return (np.rint(result) if values.dtype.kind in "iu" else result).astype(values.dtype), found
