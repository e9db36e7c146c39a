"""Images for the eye: bands as colours, and features painted into pixels."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from matplotlib.colors import to_rgb

from earthline_sandbox.earthengine.functions.image.image_bands import select
from earthline_sandbox.earthengine.language.coerce import Mismatch, constant_type, number
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.cells import shown
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import BYTE, Array, Band, Pixels
from earthline_sandbox.earthengine.values.regions import inside
from earthline_sandbox.earthengine.values.values import Collection, Feature, Geometry, Image
from earthline_sandbox.errors import invalid

_COLOURS = ("vis-red", "vis-green", "vis-blue")


@function("Image.visualize")
def visualize(
    image: Image,
    bands: Any,
    gain: Any,
    bias: Any,
    min: Any,
    max: Any,
    gamma: Any,
    opacity: float | None,
    palette: Any,
    force_rgb_output: bool,
) -> Image:
    """One band through a palette, or three bands as red, green and blue, as bytes."""
    chosen = image if bands is None else select(image, _names(bands), None)
    if bands is None and len(chosen.bands) > 3:
        chosen = chosen.with_bands(chosen.bands[:3])
    count = len(chosen.bands)
    if count not in (1, 3):
        if bands is not None or count != 2:
            raise invalid(f"Image.visualize: Must specify 1 or 3 bands, got {count}.")
        chosen, count = chosen.with_bands(chosen.bands[:1]), 1
    if palette is not None and count != 1:
        raise invalid("Image.visualize: Cannot provide a palette when visualizing more than one band.")
    if (gain is not None or bias is not None) and (min is not None or max is not None):
        raise invalid("Image.visualize: Cannot specify both gain/bias and min/max.")
    chosen = chosen.with_bands(shown(band) for band in chosen.bands)
    options = [
        _each(value, count, name)
        for name, value in (("gain", gain), ("bias", bias), ("min", min), ("max", max), ("gamma", gamma))
    ]
    shares = [_stretched(band, *(option[i] for option in options)) for i, band in enumerate(chosen.bands)]
    alpha = 1.0 if opacity is None else float(np.clip(opacity, 0, 1))
    if count == 3:
        made = [
            _byte(share, band, name, alpha) for share, band, name in zip(shares, chosen.bands, _COLOURS, strict=True)
        ]
    elif palette is not None:
        table = colours(palette)
        made = [_painted(shares[0], chosen.bands[0], name, table[:, i], alpha) for i, name in enumerate(_COLOURS)]
    elif force_rgb_output:
        made = [_byte(shares[0], chosen.bands[0], name, alpha) for name in _COLOURS]
    else:
        made = [_byte(shares[0], chosen.bands[0], "vis-gray", alpha)]
    return image.with_bands(made)


def _names(bands: Any) -> list[Any]:
    if isinstance(bands, str):
        return [name.strip() for name in bands.split(",")]
    return list(bands) if isinstance(bands, list) else [bands]


def _each(value: Any, count: int, name: str) -> list[float | None]:
    if value is None:
        return [None] * count
    items: Sequence[Any] = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    try:
        numbers: list[float | None] = [float(item) if isinstance(item, str) else float(number(item)) for item in items]
    except (Mismatch, ValueError) as error:
        raise invalid(f"Image.visualize: '{name}' must be a number or a list of numbers, got {value!r}.") from error
    if len(numbers) == 1:
        return numbers * count
    if len(numbers) != count:
        raise invalid(f"Image.visualize: '{name}' has {len(numbers)} values for {count} bands.")
    return numbers


def _stretched(
    band: Band, gain: float | None, bias: float | None, low: float | None, high: float | None, gamma: float | None
) -> Any:
    """A function from a grid to (share of the range 0 to 1, mask)."""
    if gain is not None or bias is not None:
        factor, offset = (1.0 if gain is None else gain) / 255, (bias or 0.0) / 255
    else:
        kind = band.pixel_type
        bottom = low if low is not None else (kind.minimum if kind.precision == "int" else 0.0) or 0.0
        top = high if high is not None else (kind.maximum if kind.precision == "int" else 1.0)
        top = 1.0 if top is None else top
        if top == bottom:
            top = bottom + 1e-9
        factor = 1 / (top - bottom)
        offset = -bottom * factor
    if gamma is not None and not gamma > 0:
        raise invalid(f"Image.visualize: 'gamma' must be positive, got {gamma}.")

    def share(grid: Grid) -> tuple[Array, Array]:
        pixels = band.fetch(grid)
        values = np.clip(np.nan_to_num(pixels.values.astype("float64")) * factor + offset, 0, 1)
        return (values if gamma in (None, 1) else values ** (1 / (gamma or 1))), pixels.mask

    return share


def _faded(mask: Array, alpha: float) -> Array:
    return mask if alpha == 1 else mask.astype("float32") * np.float32(alpha)


def _byte(share: Any, band: Band, name: str, alpha: float) -> Band:
    def source(grid: Grid) -> Pixels:
        values, mask = share(grid)
        return Pixels(np.floor(values * 255 + 0.5).astype("uint8"), _faded(mask, alpha))

    return band.derived(source, BYTE, name)


def _painted(share: Any, band: Band, name: str, table: Array, alpha: float) -> Band:
    def source(grid: Grid) -> Pixels:
        values, mask = share(grid)
        shown = (
            np.interp(values * (len(table) - 1), np.arange(len(table)), table)
            if len(table) > 1
            else values * 0 + table[0]
        )
        return Pixels(np.floor(shown + 0.5).astype("uint8"), _faded(mask, alpha))

    return band.derived(source, BYTE, name)


def colours(palette: Any) -> Array:
    """A palette as rows of red, green and blue, 0 to 255; raises ApiError where a colour cannot be read."""
    items = palette.split(",") if isinstance(palette, str) else palette if isinstance(palette, list) else [palette]
    rows = []
    for item in items:
        text = str(item).strip()
        if re.fullmatch(r"[0-9a-fA-F]{6}|[0-9a-fA-F]{3}|[0-9a-fA-F]{8}", text):
            text = f"#{text}"
        try:
            rows.append([part * 255 for part in to_rgb(text.lower())])
        except ValueError as error:
            raise invalid(f"Image.visualize: Invalid color: '{item}'.") from error
    if not rows:
        raise invalid("Image.visualize: The palette is empty.")
    return np.array(rows)


@function("Image.paint")
def paint(image: Image, feature_collection: Collection, color: Any, width: Any) -> Image:
    """Writes a number wherever a feature covers a pixel's centre, or along its edges where a width is given."""
    features = [item for item in feature_collection if isinstance(item, Feature) and item.geometry is not None]
    values = [_of_feature(item, color, "color") for item in features]
    widths = [None if width is None else _of_feature(item, width, "width") for item in features]

    def painted(band: Band) -> Band:
        own = band.pixel_type
        for value in values:
            own = own.union(constant_type(value))
        kind = own

        def source(grid: Grid) -> Pixels:
            pixels = band.fetch(grid)
            result, mask = kind.converted(pixels.values).copy(), np.array(pixels.mask)
            for feature, value, line in zip(features, values, widths, strict=True):
                chosen = _covered(grid, feature.geometry, line)
                # Masked pixels are painted too: scripts begin with the empty `ee.Image().byte()`.
                result[chosen], mask[chosen] = value, 1
            return Pixels(result, mask)

        return band.derived(source, kind)

    return image.with_bands(painted(band) for band in image.bands)


def _of_feature(feature: Feature, given: Any, name: str) -> float:
    value = feature.get(given) if isinstance(given, str) else given
    try:
        return number(value)
    except Mismatch as error:
        raise invalid(f"Image.paint: '{name}' must be a number or the name of a numeric property.") from error


def _covered(grid: Grid, geometry: Geometry | None, width: float | None) -> Array:
    if geometry is None:
        return np.zeros(grid.shape, dtype=bool)
    if width is None:
        return inside(grid, geometry)
    shape = geometry.in_crs(grid.crs)
    edge = shape.boundary if shape.geom_type.endswith("Polygon") else shape
    side = abs(grid.transform[0])
    band = shapely.buffer(edge, max(width, 1) * side / 2)
    return inside(grid, Geometry(band, type(geometry.projection)(grid.crs), geodesic=False))
