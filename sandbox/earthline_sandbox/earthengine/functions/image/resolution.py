"""Pixels of one projection from those of another: reduced, interpolated, moved.

https://developers.google.com/earth-engine/guides/resample and
https://developers.google.com/earth-engine/apidocs/ee-image-reduceresolution. Bicubic interpolation is the cubic
convolution of Keys (1981), https://doi.org/10.1109/TASSP.1981.1163711, with a = -0.5.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection, linear_unit, same_crs, transformer
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, Source, blank, combined, pull
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

# Input pixels that are stacked, or read, at a time.
_STACK = 16_000_000
_LARGEST_WINDOW = 400_000_000
# Corners are held to this share of a pixel, so that rounding in a client's origin does not change a weight.
_QUANTUM = 2.0**-20
_MODES = ("nearest_neighbor", "bilinear", "bicubic")


def interpolated(
    columns: Array, rows: Array, projection: Projection, read: Source, pixel_type: PixelType, mode: str
) -> Pixels:
    """Samples at positions in the pixel plane of a projection; masked where a pixel that counts is masked.

    Args:
        columns: Shape `(height, width)`, fractional; not finite where there is nothing.
        rows: The same.
        projection: Pixel plane of the source.
        read: Gives any window of that plane.
        pixel_type: Type of the result.
        mode: `nearest_neighbor`, `bilinear` or `bicubic`.
    """
    finite = np.isfinite(columns) & np.isfinite(rows)
    if not finite.any():
        return blank(columns.shape, pixel_type)
    taps, shift = {"nearest_neighbor": ((0,), 0.0), "bilinear": ((0, 1), 0.5), "bicubic": ((-1, 0, 1, 2), 0.5)}[mode]
    x, y = np.where(finite, columns, columns[finite][0]) - shift, np.where(finite, rows, rows[finite][0]) - shift
    column, row = np.floor(x), np.floor(y)
    left, top = int(column.min()) + taps[0], int(row.min()) + taps[0]
    shape = (int(row.max()) + taps[-1] + 1 - top, int(column.max()) + taps[-1] + 1 - left)
    if shape[0] * shape[1] > max(_STACK, 4 * columns.size) and columns.size > 1:
        if shape[0] * shape[1] > _LARGEST_WINDOW:
            raise invalid(f"Reprojection output too large ({shape[1]}x{shape[0]} pixels).")
        axis = 0 if columns.shape[0] >= columns.shape[1] else 1
        halves = [
            interpolated(c, r, projection, read, pixel_type, mode)
            for c, r in zip(np.array_split(columns, 2, axis), np.array_split(rows, 2, axis), strict=True)
        ]
        return Pixels(*(np.concatenate(parts, axis) for parts in zip(*halves, strict=True)))
    window = read(projection.grid(top, left, shape))
    c, r = (column - left).astype(np.intp), (row - top).astype(np.intp)
    if mode == "nearest_neighbor":
        return Pixels(pixel_type.converted(window.values[r, c]), combined(window.mask[r, c], finite))
    across, along = ([_tap(mode, fraction - tap) for tap in taps] for fraction in (x - column, y - row))
    total, mask = np.zeros(columns.shape), finite
    for down, share in zip(taps, along, strict=True):
        for right, part in zip(taps, across, strict=True):
            weight = share * part
            total += np.where(weight != 0, window.values[r + down, c + right], 0) * weight
            mask = combined(mask, np.where(weight != 0, window.mask[r + down, c + right], np.True_))
    return Pixels(pixel_type.converted(total), mask)


def _tap(mode: str, distance: Array) -> Array:
    """The weight of a pixel at a distance, in pixels along one axis."""
    away = np.abs(distance)
    if mode == "bilinear":
        return np.asarray(1 - away)
    near = (1.5 * away - 2.5) * away * away + 1
    far = ((-0.5 * away + 2.5) * away - 4) * away + 2
    return np.where(away <= 1, near, far)


def smooth_type(own: PixelType) -> PixelType:
    """The type of interpolated values."""
    return own if own.precision != "int" else PixelType("float", own.minimum, own.maximum)


def positions_of(grid: Grid, projection: Projection) -> tuple[Array, Array]:
    """(columns, rows) of the pixel centres in another pixel plane, both of the grid's shape."""
    columns, rows = grid.positions(projection)
    if columns.ndim == 1:
        return np.broadcast_to(columns[None, :], grid.shape), np.broadcast_to(rows[:, None], grid.shape)
    return columns, rows


def resampled(band: Band, mode: str) -> Band:
    """A band that interpolates between the pixels of its default projection."""
    if band.pixel_type.dimensions:
        raise invalid("Image.resample: array pixels cannot be interpolated.")
    kind = smooth_type(band.pixel_type)

    def source(grid: Grid) -> Pixels:
        return interpolated(*positions_of(grid, band.projection), band.projection, band.fetch, kind, mode)

    return band.derived(source, kind)


@function("Image.displace", ignores=("maxOffset",))
def displace(image: Image, displacement: Image, mode: str) -> Image:
    """Every pixel from where the first two bands of the displacement, in metres, point to."""
    if mode not in _MODES:
        raise invalid(f"Image.displace: Unknown mode '{mode}': must be one of {', '.join(_MODES)}.")
    if len(displacement.bands) < 2:
        raise invalid("Image.displace: The displacement must have two bands, dx and dy.")
    horizontal, vertical = (band.number("Image.displace") for band in displacement.bands[:2])
    crs = horizontal.projection.crs

    def moved(band: Band) -> Band:
        band.number("Image.displace")
        kind = band.pixel_type if mode == "nearest_neighbor" else smooth_type(band.pixel_type)

        def source(grid: Grid) -> Pixels:
            dx, dy = horizontal.fetch(grid), vertical.fetch(grid)
            x, y = grid.coordinates(crs)
            x, y = x + dx.values / linear_unit(crs), y + dy.values / linear_unit(crs)
            if not same_crs(crs, band.projection.crs):
                x, y = transformer(crs, band.projection.crs).transform(x, y)
            with np.errstate(invalid="ignore"):
                columns, rows = (np.rint(part / _QUANTUM) * _QUANTUM for part in band.projection.position(x, y))
            pixels = interpolated(columns, rows, band.projection, band.fetch, kind, mode)
            return Pixels(pixels.values, combined(pixels.mask, dx.mask, dy.mask))

        return band.derived(source, kind)

    return image.with_bands(moved(band) for band in image.bands)


@function("Image.translate")
def translate(input: Image, x: float, y: float, units: str, proj: Projection | None) -> Image:
    """Moves an image along the axes of a projection."""
    if units not in ("meters", "pixels"):
        raise invalid(f"Image.translate: Unknown units '{units}': must be 'meters' or 'pixels'.")
    if not input.bands:
        return input
    base = proj or input.bands[0].projection
    a, b, _, d, e, _ = base.transform
    unit = linear_unit(base.crs)
    dx, dy = (x / unit, y / unit) if units == "meters" else (a * x + b * y, d * x + e * y)

    def moved(band: Band) -> Band:
        def source(grid: Grid) -> Pixels:
            if same_crs(grid.crs, base.crs):
                return band.fetch(_shifted(grid.anchor or grid.projection, -dx, -dy).grid(*grid.offset, grid.shape))
            # Pixels of the size asked for, in the projection that the axes are those of.
            own = base.at_scale(grid.projection.nominal_scale)
            target = _shifted(own, dx, dy)
            return pull(grid, target, lambda part: band.fetch(own.grid(*part.offset, part.shape)), band.pixel_type)

        place = _shifted(band.projection, dx, dy) if same_crs(band.projection.crs, base.crs) else band.projection
        return replace(band, source=source, projection=place)

    return replace(input, bands=tuple(moved(band) for band in input.bands), footprint=None)


def _shifted(projection: Projection, dx: float, dy: float) -> Projection:
    a, b, c, d, e, f = projection.transform
    return Projection(projection.crs, (a, b, c + dx, d, e, f + dy))


@function("Image.reduceResolution")
def reduce_resolution(image: Image, reducer: Reducer, best_effort: bool, max_pixels: int) -> Image:
    """A reducer over the pixels of the default projection under every pixel asked for, weighted by their share."""
    name = "Image.reduceResolution"
    if any(band.pixel_type.dimensions for band in image.bands):
        raise invalid(f"{name}: the pixels must be numbers, not arrays.")
    if max_pixels < 1:
        raise invalid(f"{name}: maxPixels must be positive, not {max_pixels}.")
    if reducer.inputs == 1:
        made: list[Band] = []
        for band in image.bands:
            lone = len(reducer.outputs) == 1
            names = [band.name if lone else f"{band.name}_{output}" for output in reducer.outputs]
            made.extend(_coarser([band], reducer, names, best_effort, max_pixels))
        return image.with_bands(made)
    if reducer.inputs != len(image.bands):
        raise invalid(f"{name}: Need {reducer.inputs} bands for the reducer, got {len(image.bands)}.")
    return image.with_bands(_coarser(image.bands, reducer, reducer.outputs, best_effort, max_pixels))


def _coarser(
    bands: Sequence[Band], reducer: Reducer, names: Sequence[str], best_effort: bool, max_pixels: int
) -> list[Band]:
    types = reducer.types([band.pixel_type for band in bands])

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        own = bands[0].projection
        # By nominal scales, so that every tile of a request decides alike.
        count = (grid.projection.nominal_scale / own.nominal_scale) ** 2
        if count > max_pixels * (1 + 1e-9):
            if not best_effort:
                raise invalid(
                    f"Image.reduceResolution: Too many input pixels per output pixel: about {math.ceil(count)}, but "
                    f"maxPixels allows only {max_pixels}; raise maxPixels, or set bestEffort."
                )
            factor = 2.0 ** math.ceil(math.log2(math.sqrt(count / max_pixels)))
            own = own.scaled(factor, factor)
        return part(grid, own)

    def part(grid: Grid, own: Projection) -> list[tuple[Array, Array]]:
        x, y = _corners(grid, own)
        finite = np.isfinite(x).all(axis=0) & np.isfinite(y).all(axis=0)
        if not finite.any():
            return [(np.zeros(grid.shape), np.zeros(grid.shape, dtype=bool)) for _ in names]
        x, y = np.where(finite, x, 0), np.where(finite, y, 0)
        left, top = np.floor(x.min(axis=0)).astype(np.int64), np.floor(y.min(axis=0)).astype(np.int64)
        wide = int((np.ceil(x.max(axis=0)).astype(np.int64) - left)[finite].max())
        high = int((np.ceil(y.max(axis=0)).astype(np.int64) - top)[finite].max())
        if wide * high * grid.size > _STACK and grid.size > 1:
            return _halves(grid, lambda half: part(half, own))
        west, north = int(left[finite].min()), int(top[finite].min())
        east, south = int(left[finite].max()) + wide, int(top[finite].max()) + high
        read = [band.fetch(own.grid(north, west, (south - north, east - west))) for band in bands]
        row, column = np.where(finite, top - north, 0), np.where(finite, left - west, 0)
        area = np.abs(_area(x, y))
        whole_share = np.divide(1, area, out=np.zeros_like(area), where=finite & (area > 0))
        stacks: list[list[Array]] = [[] for _ in bands]
        weights = []
        for down, right, shared_area in _overlaps(x - left, y - top, wide, high):
            masks = [pixels.mask[row + down, column + right] for pixels in read]
            weights.append(shared_area * whole_share * combined(*masks))
            for stack, pixels in zip(stacks, read, strict=True):
                stack.append(pixels.values[row + down, column + right])
        with np.errstate(all="ignore"):
            return reducer.reduce_stack([np.stack(stack) for stack in stacks], np.stack(weights))

    shared = Shared(whole)
    return [
        bands[0].derived(output_source(shared, place, types[place]), types[place], name)
        for place, name in enumerate(names)
    ]


def _corners(grid: Grid, target: Projection) -> tuple[Array, Array]:
    """(columns, rows), each of shape `(4, height, width)`, of every pixel's corners, going around it."""
    anchor = grid.anchor or grid.projection
    a, b, c, d, e, f = anchor.transform
    height, width = grid.shape
    nodes = Projection(anchor.crs, (a, b, c - (a + b) / 2, d, e, f - (d + e) / 2))
    found = positions_of(nodes.grid(*grid.offset, (height + 1, width + 1)), target)
    with np.errstate(invalid="ignore"):
        x, y = (np.rint(part / _QUANTUM) * _QUANTUM for part in found)
    around = ((0, 0), (0, 1), (1, 1), (1, 0))
    return (
        np.stack([x[row : row + height, column : column + width] for row, column in around]),
        np.stack([y[row : row + height, column : column + width] for row, column in around]),
    )


def _area(x: Array, y: Array) -> Array:
    """Signed areas of polygons whose corners run along the first axis."""
    return np.asarray((x * np.roll(y, -1, axis=0) - np.roll(x, -1, axis=0) * y).sum(axis=0) / 2)


def _overlaps(x: Array, y: Array, wide: int, high: int) -> Iterator[tuple[int, int, Array]]:
    """(row, column, area that polygons share with that unit square), polygons lying right of and below the origin."""
    upright = np.array_equal(x[0], x[3]) and np.array_equal(x[1], x[2])
    if upright and np.array_equal(y[0], y[1]) and np.array_equal(y[2], y[3]):
        west, east, north, south = x.min(axis=0), x.max(axis=0), y.min(axis=0), y.max(axis=0)
        across = [np.maximum(np.minimum(east, i + 1) - np.maximum(west, i), 0) for i in range(wide)]
        along = [np.maximum(np.minimum(south, i + 1) - np.maximum(north, i), 0) for i in range(high)]
        yield from ((down, right, along[down] * across[right]) for down in range(high) for right in range(wide))
        return
    for down in range(high):
        for right in range(wide):
            yield down, right, np.abs(_overlap(x - right, y - down))


def _overlap(x: Array, y: Array) -> Array:
    """Signed areas that polygons share with the unit square: along each edge, y held to it is integrated over x."""
    total = np.zeros(x.shape[1:])
    for first in range(len(x)):
        x0, y0 = x[first], y[first]
        x1, y1 = x[(first + 1) % len(x)], y[(first + 1) % len(x)]
        run = x1 - x0
        slope = np.divide(y1 - y0, run, out=np.zeros_like(run), where=run != 0)
        start, end = np.clip(x0, 0, 1), np.clip(x1, 0, 1)
        low, high = y0 + (start - x0) * slope, y0 + (end - x0) * slope
        rise = high - low
        # The integral of a value held to 0 until 1, between two ends of a straight line.
        mean = np.divide(_primitive(high) - _primitive(low), rise, out=np.clip(low, 0, 1), where=np.abs(rise) > 1e-9)
        total += np.where(run != 0, (end - start) * mean, 0)
    return total


def _primitive(y: Array) -> Array:
    return np.where(y < 0, 0.0, np.where(y > 1, y - 0.5, y * y / 2))


def _halves(grid: Grid, compute: Callable[[Grid], list[tuple[Array, Array]]]) -> list[tuple[Array, Array]]:
    *halves, axis = grid.halves()
    first, second = (compute(half) for half in halves)
    return [
        (np.concatenate([v0, v1], axis), np.concatenate([m0, m1], axis))
        for (v0, m0), (v1, m1) in zip(first, second, strict=True)
    ]
