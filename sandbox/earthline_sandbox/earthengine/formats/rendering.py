"""Answers to requests for pixels: the grid of a request, its limits, and the file that is sent."""

import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from earthline_sandbox.earthengine.formats import encoding
from earthline_sandbox.earthengine.formats.patches import PatchOptions, example
from earthline_sandbox.earthengine.formats.tfrecords import frame
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.earthengine.pixels.cells import shown
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection, is_wkt
from earthline_sandbox.earthengine.pixels.pixels import Band, Pixels
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_TILE_SIDE = 256
_MERCATOR_LIMIT = math.pi * 6378137.0
_MAX_ZOOM = 30
_PICTURES = ("PNG", "JPEG", "AUTO_JPEG_PNG")


def selected(image: Image, band_ids: Sequence[str] | None) -> Image:
    """The image with the bands of a request, all where it names none; raises INVALID_ARGUMENT."""
    if not image.bands:
        raise invalid("The image has no bands.")
    return image if not band_ids else image.with_bands([image.band(name) for name in band_ids])


def native_grid(image: Image) -> Grid:
    """The grid of an image's own pixels, from its first band with edges; raises INVALID_ARGUMENT."""
    for band in image.bands:
        if band.size is not None:
            if not (band.size[0] and band.size[1]):
                raise invalid(
                    f"The image has no pixels: band '{band.name}' is {band.size[1]}x{band.size[0]} pixels large, as of "
                    "an image that was clipped to a region outside of it."
                )
            return band.projection.grid(band.origin[0], band.origin[1], band.size)
    raise invalid("Unable to compute pixels of an unbounded image; clip it, or give a grid with dimensions.")


def request_grid(image: Image, given: Mapping[str, Any] | None) -> Grid:
    """The grid of a REST `PixelGrid`; what it leaves out comes from the image itself.

    Raises:
        ApiError: INVALID_ARGUMENT: not usable, or left out where the image is not bounded.
    """
    if not given:
        return native_grid(image)
    merged = dict(given)
    if not merged.get("dimensions") or not merged.get("affineTransform"):
        native = native_grid(image)
        height, width = native.shape
        a, b, c, d, e, f = native.transform
        merged.setdefault("dimensions", {"width": width, "height": height})
        if not merged.get("crsCode") and not merged.get("crsWkt"):
            merged["crsWkt" if is_wkt(native.crs) else "crsCode"] = native.crs
        terms = {"scaleX": a, "shearX": b, "translateX": c, "shearY": d, "scaleY": e, "translateY": f}
        merged.setdefault("affineTransform", terms)
    return Grid.from_request(merged)


def pixel_bytes(bands: Sequence[Band]) -> list[int]:
    """Bytes per pixel of each band."""
    return [band.pixel_type.dtype.itemsize for band in bands]


def answer(
    image: Image,
    grid: Grid,
    file_format: str,
    *,
    visualization: Mapping[str, Any] | None = None,
    limits: Limits,
    download: bool = False,
    filename: str = "download",
) -> tuple[bytes, str]:
    """The bytes of an image on a grid, with their media type.

    Args:
        image: The bands to write.
        grid: Where.
        file_format: A REST `ImageFileFormat`.
        visualization: A REST `VisualizationOptions`; makes colours of the bands first.
        limits: Sizes.
        download: Whether the smaller limits of downloads hold.
        filename: Base name of the files within a zip.

    Raises:
        ApiError: INVALID_ARGUMENT: too large, or a format that cannot hold it.
    """
    if file_format not in encoding.MEDIA_TYPES and file_format != "AUTO_JPEG_PNG":
        raise invalid(
            f"File format '{file_format}' is not supported by the sandbox; use one of "
            f"{', '.join([*encoding.MEDIA_TYPES, 'AUTO_JPEG_PNG'])}."
        )
    limits.check_pixels(grid.shape, pixel_bytes(image.bands), download=download)
    if file_format == "TF_RECORD_IMAGE":
        return frame(example(image, grid, PatchOptions())[0]), encoding.MEDIA_TYPES[file_format]
    if visualization or file_format in _PICTURES:
        image = image.with_bands(shown(band) for band in image.bands)
        return _colored(image, image.fetch(grid), grid, file_format, visualization or {})
    pixels = image.fetch(grid)
    if file_format == "NPY":
        return encoding.npy(image.names, pixels), encoding.MEDIA_TYPES["NPY"]
    if file_format == "GEO_TIFF":
        return encoding.geotiff(image.names, pixels, grid), encoding.MEDIA_TYPES["GEO_TIFF"]
    return _zipped(image.names, pixels, grid, filename, file_format), encoding.MEDIA_TYPES[file_format]


def tile(image: Image, zoom: int, column: int, row: int, visualization: Mapping[str, Any]) -> bytes:
    """A 256-pixel map tile as PNG, Web Mercator, row 0 in the north; raises INVALID_ARGUMENT."""
    count = 2**zoom if 0 <= zoom <= _MAX_ZOOM else 0
    if not (0 <= column < count and 0 <= row < count):
        raise invalid(f"Tile {column}/{row} does not exist at zoom {zoom} (0 to {_MAX_ZOOM}).")
    scale = 2 * _MERCATOR_LIMIT / (_TILE_SIDE * count)
    # One pixel plane for the whole level, so that neighbouring tiles agree to the bit.
    plane = Projection("EPSG:3857", (scale, 0.0, -_MERCATOR_LIMIT, 0.0, -scale, _MERCATOR_LIMIT))
    grid = plane.grid(row * _TILE_SIDE, column * _TILE_SIDE, (_TILE_SIDE, _TILE_SIDE))
    bands = image.bands if len(image.bands) in (1, 3) else image.bands[: 3 if len(image.bands) > 2 else 1]
    image = image.with_bands(shown(band) for band in bands)
    return encoding.png(encoding.rgba(image.fetch(grid), [band.pixel_type for band in image.bands], visualization))


def _colored(
    image: Image, pixels: Sequence[Pixels], grid: Grid, file_format: str, options: Mapping[str, Any]
) -> tuple[bytes, str]:
    colors = encoding.rgba(pixels, [band.pixel_type for band in image.bands], options)
    if file_format == "AUTO_JPEG_PNG":
        file_format = "JPEG" if (colors[..., 3] == 255).all() else "PNG"
    if file_format == "PNG":
        return encoding.png(colors), encoding.MEDIA_TYPES["PNG"]
    if file_format == "JPEG":
        return encoding.jpeg(colors), encoding.MEDIA_TYPES["JPEG"]
    names = ["vis-red", "vis-green", "vis-blue"]
    layers = [Pixels(colors[..., number], colors[..., 3] > 0) for number in range(3)]
    if file_format == "NPY":
        return encoding.npy(names, layers), encoding.MEDIA_TYPES["NPY"]
    return encoding.geotiff(names, layers, grid), encoding.MEDIA_TYPES["GEO_TIFF"]


def _zipped(names: Sequence[str], pixels: Sequence[Pixels], grid: Grid, filename: str, file_format: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        if file_format == "ZIPPED_GEO_TIFF":
            archive.writestr(f"{filename}.tif", encoding.geotiff(names, pixels, grid))
        else:
            for name, band in zip(names, pixels, strict=True):
                archive.writestr(f"{filename}.{name}.tif", encoding.geotiff([name], [band], grid))
    return buffer.getvalue()
