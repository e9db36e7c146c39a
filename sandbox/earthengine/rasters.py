"""Bands that live in GeoTIFF files: windows are read, files are never loaded whole."""

import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from sandbox.earthengine import pyramids
from sandbox.earthengine.grid import Grid, Projection
from sandbox.earthengine.pixels import Band, Pixels, PixelType, pull
from sandbox.earthengine.records import BandRecord
from sandbox.errors import ApiError

_OPEN_FILES = 48
_local = threading.local()


def band_of(record: BandRecord) -> Band:
    """The lazy band of a catalogue record."""
    a, b, c, d, e, f = (float(term) for term in record.transform)
    projection = Projection(record.crs, (a, b, c, d, e, f))
    pixel_type = PixelType.of_dtype(record.data_type)

    levels = [(projection, record.shape, record.path)]
    for level in range(1, pyramids.count(record.shape) + 1):
        path = pyramids.path_of(record.path, level)
        if not path.exists():
            break
        levels.append((projection.scaled(2**level, 2**level), pyramids.shape_above(levels[-1][1]), path))
    scale = projection.nominal_scale

    def source(grid: Grid) -> Pixels:
        # By the scale alone: it is the same for all tiles of a request, whatever ground they cover.
        level = pyramids.level_of(grid.projection.nominal_scale / scale, len(levels) - 1) if len(levels) > 1 else 0
        plane, shape, path = levels[level]
        return pull(grid, plane, lambda window: _read(record, path, pixel_type, window), pixel_type, shape)

    return Band(record.name, pixel_type, projection, source, size=record.shape)


def _read(record: BandRecord, path: Path, pixel_type: PixelType, grid: Grid) -> Pixels:
    (row, column), (height, width) = grid.offset, grid.shape
    dataset = _opened(path)
    window = Window(column, row, width, height)
    try:
        values = dataset.read(record.index, window=window)
        if record.nodata is None:
            flags = dataset.mask_flag_enums[record.index - 1]
            if MaskFlags.all_valid in flags or MaskFlags.nodata in flags:
                mask = np.broadcast_to(np.True_, values.shape)
            else:
                mask = dataset.read_masks(record.index, window=window) > 0
        elif np.isnan(record.nodata):
            mask = ~np.isnan(values)
        else:
            mask = values != record.nodata
    except rasterio.errors.RasterioError as error:
        raise ApiError("INTERNAL", f"The file of band '{record.name}' could not be read: {error}.") from error
    return Pixels(pixel_type.converted(values), mask)


def _opened(path: Path) -> rasterio.io.DatasetReader:
    """An open dataset of this thread; GDAL datasets must not be shared between threads."""
    kept: OrderedDict[tuple[Path, int], rasterio.io.DatasetReader]
    kept = _local.__dict__.setdefault("datasets", OrderedDict())
    try:
        key = (path, path.stat().st_mtime_ns)
        if key not in kept:
            while len(kept) >= _OPEN_FILES:
                kept.popitem(last=False)[1].close()
            kept[key] = rasterio.open(path)
    except (OSError, rasterio.errors.RasterioError) as error:
        raise ApiError("INTERNAL", f"The file of an asset could not be opened: {error}.") from error
    kept.move_to_end(key)
    return kept[key]
