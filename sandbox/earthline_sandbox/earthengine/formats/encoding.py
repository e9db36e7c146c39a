"""Pixels as files: NumPy structured arrays, GeoTIFF, PNG and JPEG, as Earth Engine writes them.

Masked pixels are 0 in NPY. A GeoTIFF names one nodata value and fills masked pixels with it: 0 for unsigned
integers, the least value for signed ones, negative infinity for floats. It has no 64-bit integers: float64 instead.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from earthline_sandbox.earthengine.pixels.grid import Grid, crs_of
from earthline_sandbox.earthengine.pixels.pixels import Array, Pixels, PixelType, combined
from earthline_sandbox.errors import invalid

MEDIA_TYPES = {
    "NPY": "application/octet-stream",
    "GEO_TIFF": "image/tiff",
    "ZIPPED_GEO_TIFF": "application/zip",
    "ZIPPED_GEO_TIFF_PER_BAND": "application/zip",
    "TF_RECORD_IMAGE": "application/octet-stream",
    "PNG": "image/png",
    "JPEG": "image/jpeg",
}


def npy(names: Sequence[str], pixels: Sequence[Pixels]) -> bytes:
    """A `.npy` file: one structured array `[height, width]` with a field per band."""
    fields = [(name, band.values.dtype, band.values.shape[2:]) for name, band in zip(names, pixels, strict=True)]
    kind, shape = np.dtype(fields), pixels[0].values.shape[:2]
    header = _header(kind, shape)
    # The table is the file's own bytes: an answer of many megabytes is not copied from form to form.
    file = bytearray(len(header) + shape[0] * shape[1] * kind.itemsize)
    file[: len(header)] = header
    table = np.frombuffer(file, kind, offset=len(header)).reshape(shape)
    for name, band in zip(names, pixels, strict=True):
        valid = np.asarray(band.mask) > 0
        if valid.all():
            table[name] = band.values
        else:
            np.copyto(table[name], band.values, where=valid.reshape(valid.shape + (1,) * (band.values.ndim - 2)))
    return bytes(file)


def _header(kind: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The head of a `.npy` file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)."""
    text = repr({"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape})
    # Version 1 has two bytes for the length, 2 has four, and 3 may hold any letters.
    encoding, version = ("latin-1", 2 if len(text) > 2**15 else 1) if text.isascii() else ("utf-8", 3)
    data = text.encode(encoding)
    size = 2 if version == 1 else 4
    padding = -(8 + size + len(data) + 1) % 64
    data += b" " * padding + b"\n"
    return np.lib.format.magic(version, 0) + len(data).to_bytes(size, "little") + data


def filled(band: Pixels, value: float) -> Array:
    """The band's values with `value` where it is masked."""
    valid = np.asarray(band.mask) > 0
    if valid.all():
        return band.values
    valid = valid.reshape(valid.shape + (1,) * (band.values.ndim - 2))
    return np.where(valid, band.values, np.asarray(value, dtype=band.values.dtype))


def stored_dtype(dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """The one dtype that a GeoTIFF of these bands has."""
    common = np.result_type(*dtypes)
    return np.dtype("float64") if common.kind in "iu" and common.itemsize == 8 else common


def nodata_of(dtype: np.dtype[Any]) -> float:
    """The value that means masked in a GeoTIFF of this dtype."""
    if dtype.kind == "f":
        return float("-inf")
    return float(np.iinfo(dtype).min)


def profile(grid: Grid, count: int, dtype: np.dtype[Any]) -> dict[str, Any]:
    """What rasterio needs to write a GeoTIFF on a grid."""
    return {
        "driver": "GTiff",
        "height": grid.shape[0],
        "width": grid.shape[1],
        "count": count,
        "dtype": dtype.name,
        "crs": CRS.from_wkt(crs_of(grid.crs).to_wkt()),
        "transform": Affine(*grid.transform),
        "compress": "deflate",
    }


def geotiff(names: Sequence[str], pixels: Sequence[Pixels], grid: Grid) -> bytes:
    """A GeoTIFF with a band for each; band descriptions are the names.

    Raises:
        ApiError: INVALID_ARGUMENT for array pixels, which have no place in a GeoTIFF.
    """
    for name, band in zip(names, pixels, strict=True):
        if band.values.ndim > 2:
            raise invalid(f"Band '{name}' has array pixels, which a GeoTIFF cannot hold; use arrayFlatten or NPY.")
    dtype = stored_dtype([band.values.dtype for band in pixels])
    nodata = nodata_of(dtype)
    with MemoryFile() as memory:
        with memory.open(nodata=nodata, **profile(grid, len(pixels), dtype)) as sink:
            for number, (name, band) in enumerate(zip(names, pixels, strict=True), start=1):
                sink.write(filled(Pixels(band.values.astype(dtype), band.mask), nodata), number)
                sink.set_band_description(number, name)
        return bytes(memory.read())


def rgba(pixels: Sequence[Pixels], types: Sequence[PixelType], options: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Colours of one or three bands, `[height, width, 4]`; transparency is the least mask.

    Args:
        pixels: The bands.
        types: Their types; integers show their whole range by default, floats show 0 to 1.
        options: REST `VisualizationOptions`: ranges, paletteColors, gamma, opacity.

    Raises:
        ApiError: INVALID_ARGUMENT: two bands, or a palette for more than one, or a colour that is none.
    """
    if len(pixels) not in (1, 3):
        raise invalid(
            f"Image.visualize: Expected 1 or 3 bands to show, but got {len(pixels)}; select some with 'bands'."
        )
    palette = options.get("paletteColors") or []
    if palette and len(pixels) > 1:
        raise invalid("Image.visualize: Cannot provide a palette when visualizing more than one band.")
    ranges = list(options.get("ranges") or [])
    if ranges and len(ranges) not in (1, len(pixels)):
        raise invalid(
            f"Image.visualize: {len(ranges)} ranges were given for {len(pixels)} bands; give 1 or {len(pixels)}."
        )
    gamma = float((options.get("gamma") or {}).get("value", 1.0))
    levels = []
    for number, (band, kind) in enumerate(zip(pixels, types, strict=True)):
        low, high = _range(ranges[number if len(ranges) > 1 else 0] if ranges else None, kind)
        level = band.values.astype("float64")
        if band.values.dtype.kind == "f":
            np.nan_to_num(level, copy=False)
        level -= low
        level /= high - low or 1.0
        np.clip(level, 0.0, 1.0, out=level)
        levels.append(level if gamma == 1.0 else level ** (1.0 / gamma))
    if palette:
        stops = np.array([_color(color) for color in palette], dtype="float64")
        position = np.linspace(0.0, 1.0, len(stops))
        colors = [
            np.interp(levels[0], position, stops[:, part])
            if len(stops) > 1
            else np.full_like(levels[0], stops[0, part])
            for part in range(3)
        ]
    else:
        colors = [level * 255.0 for level in (levels if len(levels) == 3 else levels * 3)]
    opacity = float((options.get("opacity") or {}).get("value", 1.0))
    shown: NDArray[np.uint8] = np.empty((*levels[0].shape, 4), dtype="uint8")
    for number, color in enumerate(colors):
        shown[..., number] = np.rint(color)
    mask = combined(*(band.mask for band in pixels))
    shown[..., 3] = np.rint(mask.astype("float64") * opacity * 255.0)
    # A reader that knows nothing of transparency must not see the first colour of a palette where there is nothing.
    shown[np.asarray(mask) == 0] = 0
    return shown


def png(colors: NDArray[np.uint8]) -> bytes:
    """A PNG with transparency of `[height, width, 4]` colours, packed the quickest way: a map waits for its tiles."""
    sink = io.BytesIO()
    Picture.fromarray(colors).save(sink, "PNG", compress_level=1)
    return sink.getvalue()


def jpeg(colors: NDArray[np.uint8]) -> bytes:
    """A JPEG of `[height, width, 4]` colours; masked pixels are black."""
    shown = np.where(colors[..., 3:] > 0, colors[..., :3], 0).astype("uint8")
    sink = io.BytesIO()
    Picture.fromarray(shown).save(sink, "JPEG", quality=90)
    return sink.getvalue()


def _range(given: Mapping[str, Any] | None, kind: PixelType) -> tuple[float, float]:
    if given is not None:
        return float(given.get("min", 0.0)), float(given.get("max", 0.0))
    if kind.precision == "int" and kind.minimum is not None and kind.maximum is not None:
        return float(kind.minimum), float(kind.maximum)
    return 0.0, 1.0


def _color(text: str) -> tuple[int, int, int]:
    plain = text.strip().removeprefix("#")
    if len(plain) == 3:
        plain = "".join(letter * 2 for letter in plain)
    try:
        if len(plain) not in (6, 8):
            raise ValueError
        return int(plain[0:2], 16), int(plain[2:4], 16), int(plain[4:6], 16)
    except ValueError as error:
        known = _NAMED.get(text.strip().lower())
        if known is None:
            raise invalid(f"Image.visualize: Invalid color '{text}'; use RRGGBB.") from error
        return known


_NAMED = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "orange": (255, 165, 0),
    "brown": (165, 42, 42),
    "purple": (128, 0, 128),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "lime": (0, 255, 0),
    "darkgreen": (0, 100, 0),
    "transparent": (0, 0, 0),
}
