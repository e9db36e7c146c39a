"""How a user's raster becomes the clean GeoTIFFs that an asset keeps, one per band."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.errors import CRSError, RasterioError
from rasterio.merge import merge
from rasterio.windows import Window

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.records import BandRecord
from earthline_sandbox.errors import invalid

# First bytes of the formats that hold their own pixels. Others are refused: a VRT could read any file of the machine.
_DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\0\0\0\x0cjP  ": "JP2OpenJPEG",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
}
_BLOCK = 256
_TYPES = {"uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "float64"}


@dataclass(frozen=True)
class Layer:
    """One band of one or more rasters that tile a scene.

    Attributes:
        paths: Files; where they overlap, the last one wins, as in Earth Engine's tilesets.
        index: Band number in each, from 1.
        crs: Replaces the files' own reference system; None keeps it.
        missing: Values that mean masked; None keeps the files' own nodata.
        mask: Band number whose zeros mask this layer; None for no such band.
    """

    paths: Sequence[Path]
    index: int = 1
    crs: str | None = None
    missing: Sequence[float] | None = None
    mask: int | None = None


def open_raster(path: Path) -> Any:
    """Opens a raster for reading; raises INVALID_ARGUMENT where it is none."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
        driver = next((name for magic, name in _DRIVERS.items() if start.startswith(magic)), None)
        if driver is None:
            raise invalid(f"'{path.name}' is no raster of a known format: GeoTIFF, JPEG 2000, PNG or JPEG.")
        return rasterio.open(path, driver=driver)
    except (RasterioError, OSError) as error:
        raise invalid(f"Failed to open '{path.name}' as a raster: {error}.") from error


def band_count(path: Path) -> int:
    """Number of bands of a raster; raises INVALID_ARGUMENT."""
    with open_raster(path) as source:
        return int(source.count)


def band_descriptions(path: Path) -> list[str]:
    """The description of each band of a raster, empty where it has none; raises INVALID_ARGUMENT."""
    with open_raster(path) as source:
        return [text or "" for text in source.descriptions]


def write_band(layer: Layer, name: str, target: Path, *, limit_bytes: int) -> BandRecord:
    """Writes one band, values bit for bit, as a tiled and deflated GeoTIFF.

    Args:
        layer: Where the pixels are.
        name: Band id.
        target: New file.
        limit_bytes: Largest size of the band, uncompressed.

    Raises:
        ApiError: INVALID_ARGUMENT: unreadable, without a reference system, of a type that Earth Engine does not
            have, or too large.
    """
    first = layer.paths[0]
    with open_raster(first) as source:
        crs = _crs(layer, source)
        data_type = source.dtypes[layer.index - 1]
        if data_type not in _TYPES:
            raise invalid(f"Band {layer.index} of '{first.name}' has unsupported type {data_type}.")
        shape, transform = (source.height, source.width), source.transform
        nodata = source.nodatavals[layer.index - 1]
    pixels = None
    if len(layer.paths) > 1:
        pixels, transform, nodata = _mosaic(layer, limit_bytes)
        shape = pixels.shape
    if shape[0] * shape[1] * np.dtype(data_type).itemsize > limit_bytes:
        raise invalid(
            f"'{first.name}' is {shape[1]}x{shape[0]} pixels of {data_type}: more than {limit_bytes} bytes a band."
        )
    if layer.missing is not None:
        nodata = _fitting(layer.missing[0], data_type, first.name) if layer.missing else None
    profile = {
        "driver": "GTiff",
        "dtype": data_type,
        "count": 1,
        "height": shape[0],
        "width": shape[1],
        "crs": crs,
        "transform": transform,
        "nodata": nodata,
        "compress": "deflate",
        "tiled": True,
        "blockxsize": _BLOCK,
        "blockysize": _BLOCK,
        "bigtiff": "if_safer",
    }
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(target, "w", **profile) as sink:
        if pixels is not None:
            sink.write(_unify(pixels, layer.missing, nodata), 1)
        else:
            _copy(layer, sink, shape, nodata)
    return band_record(target, name)


def band_record(path: Path, name: str, index: int = 1) -> BandRecord:
    """The record of a band that lies in a GeoTIFF already."""
    with open_raster(path) as source:
        a, b, c, d, e, f = tuple(source.transform)[:6]
        code = source.crs.to_epsg()
        return BandRecord(
            name=name,
            path=path,
            index=index,
            data_type=source.dtypes[index - 1],
            crs=f"EPSG:{code}" if code else source.crs.to_wkt(),
            transform=(a, b, c, d, e, f),
            shape=(source.height, source.width),
            nodata=source.nodatavals[index - 1],
        )


def footprint(bands: Sequence[BandRecord]) -> dict[str, Any] | None:
    """The outline of an image as a GeoJSON polygon in EPSG:4326, that of its first band; None where it has none."""
    if not bands:
        return None
    height, width = bands[0].shape
    steps, zeros, ones = np.linspace(0.0, 1.0, 11)[:-1], np.zeros(10), np.ones(10)
    columns = np.concatenate([steps, ones, 1 - steps, zeros]) * width
    rows = np.concatenate([ones, 1 - steps, zeros, steps]) * height
    scale_x, shear_x, translate_x, shear_y, scale_y, translate_y = bands[0].transform
    x = scale_x * columns + shear_x * rows + translate_x
    y = shear_y * columns + scale_y * rows + translate_y
    try:
        transformer = pyproj.Transformer.from_crs(bands[0].crs, "EPSG:4326", always_xy=True)
        longitude, latitude = transformer.transform(x, y)
    except pyproj.exceptions.ProjError:
        return None
    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
        return None
    ring = [[float(lon), float(lat)] for lon, lat in zip(longitude, latitude, strict=True)]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def _crs(layer: Layer, source: Any) -> CRS:
    name = layer.paths[0].name
    try:
        crs = CRS.from_user_input(layer.crs) if layer.crs else source.crs
    except CRSError as error:
        raise invalid(f"'{layer.crs}', given for '{name}', is no coordinate reference system.") from error
    if crs is None:
        raise invalid(
            f"'{name}' has no coordinate reference system; write one into it (gdal_edit.py -a_srs EPSG:…), or name it: "
            "by --crs of `earthline-sandbox add`, or as 'crs' of a manifest's tileset."
        )
    return crs


def _copy(layer: Layer, sink: Any, shape: tuple[int, int], nodata: float | None) -> None:
    with open_raster(layer.paths[0]) as source:
        masked = layer.mask is not None or MaskFlags.per_dataset in source.mask_flag_enums[layer.index - 1]
        for window in _windows(shape):
            computation.check()
            try:
                values = source.read(layer.index, window=window)
                if masked:
                    sink.write_mask(_mask(source, layer, window), window=window)
            except RasterioError as error:
                raise invalid(f"'{layer.paths[0].name}' is damaged: {error}.") from error
            sink.write(_unify(values, layer.missing, nodata), 1, window=window)


def _windows(shape: tuple[int, int]) -> list[Window]:
    height, width = shape
    step = _BLOCK * 8
    return [
        Window(column, row, min(step, width - column), min(step, height - row))
        for row in range(0, height, step)
        for column in range(0, width, step)
    ]


def _mask(source: Any, layer: Layer, window: Window) -> Any:
    if layer.mask is not None:
        return np.where(source.read(layer.mask, window=window) != 0, 255, 0).astype("uint8")
    return source.read_masks(layer.index, window=window)


def _fitting(value: float, data_type: str, shown: str) -> float:
    kind = np.dtype(data_type)
    if kind.kind in "iu":
        bounds = np.iinfo(kind)
        if value != int(value) or not bounds.min <= value <= bounds.max:
            raise invalid(f"missingData value {value} of '{shown}' does not fit its type {data_type}.")
    return value


def _unify(values: Any, missing: Sequence[float] | None, nodata: float | None) -> Any:
    # A GeoTIFF has one nodata value, a manifest may name several: all become the first.
    if missing and len(missing) > 1:
        values = np.where(np.isin(values, list(missing)), np.asarray(nodata, values.dtype), values)
    return values


def _mosaic(layer: Layer, limit_bytes: int) -> tuple[Any, Any, float | None]:
    sources = [open_raster(path) for path in layer.paths]
    try:
        west, south, east, north = zip(*(source.bounds for source in sources), strict=True)
        across, down = sources[0].res
        pixels_bytes = np.dtype(sources[0].dtypes[layer.index - 1]).itemsize
        size = (max(east) - min(west)) / across * ((max(north) - min(south)) / down) * pixels_bytes
        # Two small files far apart make a large mosaic: it is refused before it is allocated.
        if not size <= limit_bytes:
            raise invalid(
                f"The sources of one tileset span more than {limit_bytes} bytes a band; the first of them is "
                f"'{layer.paths[0].name}'."
            )
        computation.expect(int(size))
        nodata = sources[0].nodatavals[layer.index - 1]
        missing = layer.missing[0] if layer.missing else nodata
        fill = missing if missing is not None else 0
        try:
            pixels, transform = merge(sources, indexes=[layer.index], method="last", nodata=fill)
        except (RasterioError, ValueError) as error:
            names = ", ".join(path.name for path in layer.paths)
            raise invalid(f"The sources {names} of one tileset do not fit together: {error}.") from error
        return pixels[0], transform, missing
    finally:
        for source in sources:
            source.close()
