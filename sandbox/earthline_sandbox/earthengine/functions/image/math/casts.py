"""Images of another pixel type."""

import numpy as np

from earthline_sandbox.earthengine.functions.image.math.bandwise import mapped
from earthline_sandbox.earthengine.language.coerce import NAMED_TYPES
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, PixelType
from earthline_sandbox.earthengine.values.values import Image


def cast(band: Band, pixel_type: PixelType) -> Band:
    """A band as another type: integers are cut towards zero and held to the new range."""
    dimensions = band.pixel_type.dimensions
    target = PixelType(pixel_type.precision, pixel_type.minimum, pixel_type.maximum, dimensions)

    def held(values: Array) -> Array:
        if target.precision != "int" or values.dtype.kind == "f":
            return values
        # Both ends must exist in the values' own type for the comparison to be exact.
        own, info = np.iinfo(values.dtype), np.iinfo(target.dtype)
        return np.clip(values, max(own.min, info.min), min(own.max, info.max))

    return mapped(band, target, held)


def _all_cast(image: Image, pixel_type: str) -> Image:
    return image.with_bands(cast(band, NAMED_TYPES[pixel_type]) for band in image.bands)


@function("Image.uint8", "Image.toUint8", "Image.byte", "Image.toByte")
def to_uint8(value: Image) -> Image:
    """8-bit integers without a sign, 0 to 255."""
    return _all_cast(value, "uint8")


@function("Image.int8", "Image.toInt8")
def to_int8(value: Image) -> Image:
    """8-bit integers, -128 to 127."""
    return _all_cast(value, "int8")


@function("Image.uint16", "Image.toUint16")
def to_uint16(value: Image) -> Image:
    """16-bit integers without a sign, 0 to 65,535."""
    return _all_cast(value, "uint16")


@function("Image.int16", "Image.toInt16", "Image.short", "Image.toShort")
def to_int16(value: Image) -> Image:
    """16-bit integers, -32,768 to 32,767."""
    return _all_cast(value, "int16")


@function("Image.uint32", "Image.toUint32")
def to_uint32(value: Image) -> Image:
    """32-bit integers without a sign."""
    return _all_cast(value, "uint32")


@function("Image.int32", "Image.toInt32", "Image.int", "Image.toInt")
def to_int32(value: Image) -> Image:
    """32-bit integers."""
    return _all_cast(value, "int32")


@function("Image.int64", "Image.toInt64", "Image.long", "Image.toLong")
def to_int64(value: Image) -> Image:
    """64-bit integers."""
    return _all_cast(value, "int64")


@function("Image.float", "Image.toFloat")
def to_float(value: Image) -> Image:
    """32-bit floats."""
    return _all_cast(value, "float")


@function("Image.double", "Image.toDouble")
def to_double(value: Image) -> Image:
    """64-bit floats."""
    return _all_cast(value, "double")
