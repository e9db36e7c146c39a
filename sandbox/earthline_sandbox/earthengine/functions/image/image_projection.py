"""Projections: made, scaled, and given to images, whose pixels then move only when somebody asks for them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from earthline_sandbox.earthengine.functions.image.image_mask import clipped
from earthline_sandbox.earthengine.functions.image.resolution import resampled
from earthline_sandbox.earthengine.language.coerce import footprint, number
from earthline_sandbox.earthengine.language.coerce import projection as to_projection
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import IDENTITY, WGS84, Grid, Projection, crs_of
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, Band, Pixels, combined, pull
from earthline_sandbox.earthengine.values.regions import pixel_bounds
from earthline_sandbox.earthengine.values.values import Geometry, Image
from earthline_sandbox.errors import invalid


@function("Projection")
def projection(crs: Any, transform: list[Any] | None, transform_wkt: str | None) -> Projection:
    """A projection by CRS and the six numbers of its transform."""
    if transform_wkt is not None:
        raise invalid("Projection: the sandbox reads 'transform', not 'transformWkt'.")
    base = to_projection(crs)
    return with_transform(base, transform)


def with_transform(base: Projection, transform: Sequence[Any] | None) -> Projection:
    """A projection with another transform, checked."""
    crs_of(base.crs)
    if transform is None:
        return base
    terms = [float(number(term)) for term in transform]
    if len(terms) != 6:
        raise invalid(f"Projection: The transform must have 6 numbers, got {len(terms)}.")
    if terms[0] * terms[4] == terms[1] * terms[3]:
        raise invalid("Projection: The transform is not invertible.")
    return Projection(base.crs, (terms[0], terms[1], terms[2], terms[3], terms[4], terms[5]))


@function("Projection.atScale")
def at_scale(projection: Projection, meters: float) -> Projection:
    """The projection with pixels of that many metres."""
    return projection.at_scale(meters)


@function("Projection.nominalScale")
def nominal_scale(proj: Projection) -> float:
    """Metres per pixel."""
    return proj.nominal_scale


@function("Projection.crs")
def projection_crs(projection: Projection) -> str:
    """The authority code, or WKT."""
    return projection.crs


@function("Projection.wkt")
def projection_wkt(projection: Projection) -> str:
    """The CRS as WKT."""
    return str(crs_of(projection.crs).to_wkt("WKT1_GDAL"))


@function("Projection.transform")
def projection_transform(projection: Projection) -> str:
    """The transform as the WKT of a math transform."""
    terms = zip(("elt_0_0", "elt_0_1", "elt_0_2", "elt_1_0", "elt_1_1", "elt_1_2"), projection.transform, strict=True)
    parts = "".join(f', PARAMETER["{name}", {value!r}]' for name, value in terms)
    return f'PARAM_MT["Affine", PARAMETER["num_row", 3], PARAMETER["num_col", 3]{parts}]'


@function("Projection.scale")
def projection_scale(projection: Projection, x: float, y: float) -> Projection:
    """The projection with pixels `x` by `y` times as large."""
    return projection.scaled(x, y)


@function("Projection.translate")
def projection_translate(projection: Projection, x: float, y: float) -> Projection:
    """The projection moved by that many pixels."""
    a, b, c, d, e, f = projection.transform
    return Projection(projection.crs, (a, b, c + a * x + b * y, d, e, f + d * x + e * y))


@function("Image.projection")
def image_projection(image: Image) -> Projection:
    """The default projection, which all bands must share."""
    if not image.bands:
        raise invalid("Image.projection: The image has no bands.")
    projections = {band.projection for band in image.bands}
    if len(projections) > 1:
        raise invalid(
            "Image.projection: The bands of the specified image contains different projections. "
            "Use Image.select to pick a single band."
        )
    return image.bands[0].projection


def chosen_projection(name: str, crs: Projection, transform: Sequence[float] | None, scale: float | None) -> Projection:
    """The projection that `crs`, `crsTransform` and `scale` name together."""
    if transform is not None and scale is not None:
        raise invalid(f"{name}: Cannot specify both crsTransform and scale.")
    if transform is not None:
        return with_transform(crs, transform)
    return crs if scale is None else crs.at_scale(scale)


@function("Image.reproject")
def reproject(image: Image, crs: Projection, crs_transform: list[float] | None, scale: float | None) -> Image:
    """Computes the image in exactly that projection, and samples the result wherever it is needed."""
    target = chosen_projection("Image.reproject", crs, crs_transform, scale)

    def pinned(band: Band) -> Band:
        def source(grid: Grid) -> Pixels:
            return pull(grid, target, lambda part: band.fetch(part, ragged=True), band.pixel_type)

        origin, size = _moved_extent(band, target)
        return Band(band.name, band.pixel_type, target, source, size, origin)

    return image.with_bands(pinned(band) for band in image.bands)


@function("Image.setDefaultProjection")
def set_default_projection(
    image: Image, crs: Projection, crs_transform: list[float] | None, scale: float | None
) -> Image:
    """Another default projection; pixels are not computed in it unless somebody asks."""
    target = chosen_projection("Image.setDefaultProjection", crs, crs_transform, scale)

    def told(band: Band) -> Band:
        origin, size = _moved_extent(band, target)
        return Band(band.name, band.pixel_type, target, band.source, size, origin)

    return image.with_bands(told(band) for band in image.bands)


def _moved_extent(band: Band, target: Projection) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """(origin, size) of a band in pixels of another projection."""
    if band.size is None:
        return (0, 0), None
    footprint_of_band = footprint(Image(bands=(band,)))
    box = pixel_bounds(footprint_of_band, target)
    if box is None:
        return (0, 0), None
    left, top, right, bottom = box
    return (top, left), (bottom - top, right - left)


@function("Image.resample")
def resample(image: Image, mode: str) -> Image:
    """Interpolates between the pixels of the default projection wherever another one is asked for."""
    if mode not in ("bilinear", "bicubic"):
        raise invalid(f"Image.resample: Unknown mode '{mode}': must be 'bilinear' or 'bicubic'.")
    return image.with_bands(resampled(band, mode) for band in image.bands)


@function("Image.changeProj")
def change_proj(input: Image, src_proj: Projection, dst_proj: Projection) -> Image:
    """Moves every pixel from its place in one projection to the same coordinates of another."""

    def moved(band: Band) -> Band:
        def read(window: Grid) -> Pixels:
            (row, column), shape = window.offset, window.shape
            return band.fetch(src_proj.grid(row, column, shape), ragged=True)

        def source(grid: Grid) -> Pixels:
            return pull(grid, dst_proj, read, band.pixel_type)

        return Band(band.name, band.pixel_type, dst_proj, source)

    return input.with_bands(moved(band) for band in input.bands)


@function("Image.clipToBoundsAndScale")
def clip_to_bounds_and_scale(
    input: Image,
    geometry: Geometry | None,
    width: int | None,
    height: int | None,
    max_dimension: int | None,
    scale: float | None,
) -> Image:
    """What a thumbnail or an export is: the bounds of a region, at a size in pixels or a scale."""
    region = footprint(input) if geometry is None else geometry
    base = input.bands[0].projection if input.bands else Projection()
    box = region.in_crs(base.crs).bounds
    if not np.isfinite(box).all():
        raise invalid("Image.clipToBoundsAndScale: The region is empty or not bounded in the image's projection.")
    west, south, east, north = box
    across, down = east - west, north - south
    if any(size is not None and not 1 <= size <= _LARGEST for size in (width, height, max_dimension)):
        raise invalid(f"Image.clipToBoundsAndScale: sizes must be between 1 and {_LARGEST} pixels.")
    if not across or not down:
        raise invalid("Image.clipToBoundsAndScale: The region has no area.")
    if scale is None and not (width or height or max_dimension):
        target = base
    elif scale is not None:
        target = base.at_scale(scale)
    else:
        if max_dimension:
            width, height = (max_dimension, None) if across >= down else (None, max_dimension)
        x = across / width if width else down / (height or 1)
        y = down / height if height else x
        target = Projection(base.crs, (x, 0.0, west, 0.0, -y, north))
    rectangle = _whole_pixels(Geometry(region.in_crs(base.crs).envelope, Projection(base.crs), geodesic=False), target)
    image = clipped(reproject(input, target, None, None) if target != base else input, rectangle)
    return image if geometry is None else image.with_bands([_covering(band, rectangle) for band in image.bands])


def _whole_pixels(region: Geometry, target: Projection) -> Geometry:
    """A region grown to the edges of the pixels that it touches: a download holds all of them, whatever their centres.

    Where it is not bounded in the projection, it stays as it is.
    """
    bounds = pixel_bounds(region, target)
    return region if bounds is None else Geometry(shapely.box(*bounds), target, geodesic=False)


def _covering(band: Band, region: Geometry) -> Band:
    """The band with the edges of a region, which may lie outside of its own: masked there."""
    box = pixel_bounds(region, band.projection)
    if box is None:
        return band
    left, top, right, bottom = box
    return replace(band, origin=(top, left), size=(bottom - top, right - left))


@function("Image.retile")
def retile(image: Image, size: int) -> Image:
    """The same pixels; the sandbox chooses its tiles by itself."""
    if not 1 <= size <= _WIDEST_TILE:
        raise invalid(f"Image.retile: size must be between 1 and {_WIDEST_TILE}, not {size}.")
    return image


@function("Image.pixelLonLat")
def pixel_lon_lat() -> Image:
    """Longitude and latitude of every pixel centre, in degrees."""
    return _coordinate_image(Projection(), ("longitude", "latitude"))


@function("Image.pixelCoordinates")
def pixel_coordinates(projection: Projection) -> Image:
    """Where every pixel centre lies in a projection's pixel plane."""
    return _coordinate_image(projection, ("x", "y"))


def _coordinate_image(projection: Projection, names: tuple[str, str]) -> Image:
    def band(name: str, axis: int) -> Band:
        def source(grid: Grid) -> Pixels:
            positions = grid.positions(projection)
            if positions[0].ndim == 1:
                chosen: Array = positions[0][None, :] if axis == 0 else positions[1][:, None]
                values = np.broadcast_to(chosen, grid.shape)
                return Pixels(values, np.broadcast_to(np.True_, grid.shape))
            finite = np.isfinite(positions[0]) & np.isfinite(positions[1])
            return Pixels(np.where(finite, positions[axis], 0), finite)

        return Band(name, DOUBLE, projection, source)

    return Image(bands=(band(names[0], 0), band(names[1], 1)))


@function("Image.pixelArea")
def pixel_area() -> Image:
    """Square metres of every pixel, on a sphere that has the area of the ellipsoid."""

    def source(grid: Grid) -> Pixels:
        a, b, c, d, e, f = grid.transform
        if grid.crs == WGS84 and not b and not d:
            edges = np.radians(f + e * np.arange(grid.shape[0] + 1))
            rows = np.abs(np.diff(np.sin(edges))) * np.radians(abs(a)) * _AUTHALIC_RADIUS**2
            values = np.broadcast_to(rows[:, None], grid.shape)
            return Pixels(values, np.broadcast_to(np.True_, grid.shape))
        half = 0.5
        corners = []
        for dx, dy in ((-half, -half), (half, -half), (half, half), (-half, half)):
            moved = Grid(grid.crs, (a, b, c + a * dx + b * dy, d, e, f + d * dx + e * dy), grid.shape)
            lon, lat = moved.coordinates(WGS84)
            corners.append((np.radians(lon), np.sin(np.radians(lat))))
        area = np.zeros(grid.shape)
        for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
            area += x0 * y1 - x1 * y0
        values = np.abs(area) / 2 * _AUTHALIC_RADIUS**2
        finite = np.isfinite(values)
        return Pixels(np.where(finite, values, 0), combined(finite))

    return Image(bands=(Band("area", DOUBLE, Projection(WGS84, IDENTITY), source),))


_AUTHALIC_RADIUS = 6371007.1809184747
_LARGEST = 1_000_000
_WIDEST_TILE = 32_768
