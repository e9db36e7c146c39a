"""Bands that live in GeoTIFF files: windows are read, files are never loaded whole."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import rasterio

from earthline_sandbox.earthengine.catalogue import pyramids
from earthline_sandbox.earthengine.catalogue.raster_blocks import RasterBand, RasterBlocks
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import Band, Pixels, PixelType, pull
from earthline_sandbox.earthengine.records import BandRecord
from earthline_sandbox.errors import ApiError

_blocks = RasterBlocks()


def band_of(record: BandRecord) -> Band:
    """The lazy band of a catalogue record; raises INTERNAL where its file is gone."""
    a, b, c, d, e, f = (float(term) for term in record.transform)
    projection = Projection(record.crs, (a, b, c, d, e, f))
    pixel_type = PixelType.of_dtype(record.data_type)
    try:
        base = RasterBand.of(record.path, record.index, record.nodata, record.shape)
    except OSError as error:
        raise ApiError("INTERNAL", f"The file of an asset could not be opened: {error}.") from error
    levels = _levels(base, projection)

    def source(grid: Grid) -> Pixels:
        # By the scale alone: it is the same for all tiles of a request, whatever ground they cover.
        level = 0
        if len(levels) > 1:
            level = pyramids.level_of(grid.projection.nominal_scale / projection.nominal_scale, len(levels) - 1)
        plane, band = levels[level]
        return pull(grid, plane, lambda window: _read(record.name, band, pixel_type, window), pixel_type, band.shape)

    return Band(record.name, pixel_type, projection, source, size=record.shape)


@lru_cache(maxsize=4_096)
def _levels(base: RasterBand, projection: Projection) -> Sequence[tuple[Projection, RasterBand]]:
    """The band and its overviews, which are there before the asset is, each in its own pixel plane."""
    levels = [(projection, base)]
    for level in range(1, pyramids.count(base.shape) + 1):
        shape = pyramids.shape_above(levels[-1][1].shape)
        try:
            band = RasterBand.of(pyramids.path_of(Path(base.path), level), base.index, base.nodata, shape)
        except FileNotFoundError:
            break
        levels.append((projection.scaled(2**level, 2**level), band))
    return levels


def _read(name: str, band: RasterBand, pixel_type: PixelType, grid: Grid) -> Pixels:
    try:
        values, mask = _blocks.window(band, *grid.offset, grid.shape)
    except rasterio.errors.RasterioError as error:
        raise ApiError("INTERNAL", f"The file of band '{name}' could not be read: {error}.") from error
    return Pixels(pixel_type.converted(values), mask)
