"""Distances: to the nearest pixel of a kind, in a direction, and to features."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import shapely
from scipy import ndimage

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.functions.image.lattice import numbers, one_band
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.geodesics import joined
from earthline_sandbox.earthengine.pixels.grid import METERS_PER_DEGREE, WGS84, Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, FLOAT, Array, Band, Pixels, combined
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Collection, Geometry, Image, Kernel
from earthline_sandbox.errors import invalid

_WIDEST = 2_048
# Side of the blocks for which near segments are sorted out from far ones.
_BLOCK = 32
_DEFAULT_RADIUS = 100
_METRICS: Mapping[str, Callable[[Array, Array], Array]] = {
    "euclidean": lambda y, x: np.hypot(y, x),
    "manhattan": lambda y, x: abs(y) + abs(x),
    "chebyshev": lambda y, x: np.maximum(abs(y), abs(x)),
}


@function("Image.fastDistanceTransform")
def fast_distance_transform(image: Image, neighborhood: int, units: str, metric: str) -> Image:
    """Distance in pixels to the nearest pixel that is valid and not 0; where none is near, that of the farthest."""
    name = "Image.fastDistanceTransform"
    if units != "pixels":
        raise invalid(f"{name}: units must be 'pixels', not '{units}'.")
    if metric not in ("squared_euclidean", "manhattan", "chebyshev"):
        raise invalid(f"{name}: metric must be 'squared_euclidean', 'manhattan' or 'chebyshev', not '{metric}'.")
    if not 1 <= neighborhood <= _WIDEST:
        raise invalid(f"{name}: neighborhood must be between 1 and {_WIDEST} pixels, not {neighborhood}.")
    if not image.bands:
        raise invalid(f"{name}: The image has no bands.")
    band = image.bands[0].number(name)

    def source(grid: Grid) -> Pixels:
        pixels = band.fetch(grid.padded(neighborhood, neighborhood, neighborhood, neighborhood))
        marked = (np.asarray(pixels.mask) > 0) & (pixels.values != 0)
        return Pixels(_distances(marked, neighborhood, metric), np.broadcast_to(np.True_, grid.shape))

    return image.with_bands([band.derived(source, DOUBLE, "distance")])


def _distances(marked: Array, reach: int, metric: str) -> Array:
    """The distance at every pixel that has `reach` others at each side: by columns first, then across them."""
    height, width = marked.shape[0] - 2 * reach, marked.shape[1] - 2 * reach
    rows = np.arange(marked.shape[0])[:, None]
    # A mark far away stands for none at all.
    nowhere = 4 * (reach + marked.shape[0])
    above = np.maximum.accumulate(np.where(marked, rows, -nowhere), axis=0)
    below = np.minimum.accumulate(np.where(marked, rows, nowhere + marked.shape[0])[::-1], axis=0)[::-1]
    vertical = np.minimum(rows - above, below - rows)[reach : reach + height].astype("float64")
    if metric == "squared_euclidean":
        vertical *= vertical
    farthest = float(reach * reach if metric == "squared_euclidean" else reach)
    nearest = np.full((height, width), farthest)
    for offset in range(-reach, reach + 1):
        column = vertical[:, reach + offset : reach + offset + width]
        if metric == "squared_euclidean":
            found = column + offset * offset
        elif metric == "manhattan":
            found = column + abs(offset)
        else:
            found = np.maximum(column, abs(offset))
        np.minimum(nearest, found, out=nearest)
    return nearest


@function("Image.distance")
def distance(image: Image, kernel: Kernel | None, skip_masked: bool) -> Image:
    """The kernel's weight, a distance, at the nearest pixel that is not 0; masked where the kernel holds none.

    https://developers.google.com/earth-engine/apidocs/ee-image-distance
    """

    def measured(band: Band) -> Band:
        def source(grid: Grid) -> Pixels:
            weights, (row, column) = _default_kernel() if kernel is None else kernel.resolved(grid)
            below, right = weights.shape[0] - 1 - row, weights.shape[1] - 1 - column
            pixels = numbers("Image.distance", band, grid.padded(row, column, below, right))
            marked = (pixels.mask > 0) & (pixels.values != 0)
            found = _nearest(marked, weights, (row, column))
            height, width = grid.shape
            mask = np.isfinite(found)
            if skip_masked:
                mask = combined(mask, pixels.mask[row : row + height, column : column + width])
            return Pixels(np.where(np.isfinite(found), found, 0), mask)

        return band.derived(source, DOUBLE)

    return image.with_bands(measured(band) for band in image.bands)


def _default_kernel() -> tuple[Array, tuple[int, int]]:
    y, x = np.mgrid[-_DEFAULT_RADIUS : _DEFAULT_RADIUS + 1, -_DEFAULT_RADIUS : _DEFAULT_RADIUS + 1]
    return np.hypot(y, x), (_DEFAULT_RADIUS, _DEFAULT_RADIUS)


def _nearest(marked: Array, weights: Array, centre: tuple[int, int]) -> Array:
    """The least weight that falls on a marked pixel, infinite where none does; smaller than `marked` by the kernel."""
    height, width = (marked.shape[axis] - weights.shape[axis] + 1 for axis in (0, 1))
    inner = np.s_[centre[0] : centre[0] + height, centre[1] : centre[1] + width]
    nearest = np.full((height, width), np.inf)
    if not marked.any():
        return nearest
    whole = _transformed(marked, weights, centre)
    if whole is not None:
        return whole[inner]
    held = weights != 0
    held[centre] = True
    places = np.argwhere(held)
    for row, column in places[np.argsort(weights[held], kind="stable")].tolist():
        computation.check()
        hit = marked[row : row + height, column : column + width] & np.isinf(nearest)
        nearest[hit] = weights[row, column]
        if np.isfinite(nearest).all():
            break
    return nearest


def _transformed(marked: Array, weights: Array, centre: tuple[int, int]) -> Array | None:
    """The same by a distance transform, where the weights are the distances of a metric within a square."""
    reach = weights.shape[0] // 2
    if weights.shape != (2 * reach + 1, 2 * reach + 1) or centre != (reach, reach) or not reach:
        return None
    unit = float(weights[reach, reach + 1])
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    for name, metric in _METRICS.items():
        if unit > 0 and np.allclose(weights, metric(y, x) * unit, rtol=1e-12):
            if name == "euclidean":
                found = ndimage.distance_transform_edt(~marked)
            else:
                found = ndimage.distance_transform_cdt(~marked, "taxicab" if name == "manhattan" else "chessboard")
            return _within_square(marked, np.asarray(found, "float64"), reach, metric) * unit
    return None


def _within_square(marked: Array, found: Array, reach: int, metric: Callable[[Array, Array], Array]) -> Array:
    """Distances to the nearest mark that lies at most `reach` away along both axes, infinite where none does.

    Args:
        marked: Shape `(height, width)`.
        found: Distance to the nearest mark of all; where that is beyond the reach, a farther one may be in a corner.
        reach: In pixels.
        metric: Distance of offsets along the axes.
    """
    rows, columns = np.nonzero((found > reach) & (found <= metric(np.asarray(reach), np.asarray(reach))))
    found[found > reach] = np.inf
    across = _across(marked, reach)
    for down in range(-reach, reach + 1):
        computation.check()
        known = (rows + down >= 0) & (rows + down < len(marked))
        place = rows[known], columns[known]
        away = metric(np.asarray(abs(down)), across[place[0] + down, place[1]])
        found[place] = np.minimum(found[place], away)
    return found


def _across(marked: Array, reach: int) -> Array:
    """Columns to the nearest mark of the same row, infinite beyond the reach."""
    places = np.arange(marked.shape[1], dtype="float64")
    before = np.maximum.accumulate(np.where(marked, places, -np.inf), axis=1)
    after = np.minimum.accumulate(np.where(marked, places, np.inf)[:, ::-1], axis=1)[:, ::-1]
    away = np.minimum(places - before, after - places)
    return np.asarray(np.where(away <= reach, away, np.inf))


@function("Image.directionalDistanceTransform")
def directional_distance_transform(source: Image, angle: float, max_distance: int, label_band: str | None) -> Image:
    """Distance in pixels to the first pixel that is not 0 in a direction, counterclockwise from east in degrees.

    https://developers.google.com/earth-engine/tutorials/community/sentinel-2-s2cloudless gives it 90 less the sun's
    azimuth, clockwise from north, to look from a shadow for its cloud.
    """
    name = "Image.directionalDistanceTransform"
    if not 1 <= max_distance <= _WIDEST:
        raise invalid(f"{name}: maxDistance must be between 1 and {_WIDEST} pixels, not {max_distance}.")
    if label_band is None and len(source.bands) > 1:
        raise invalid(f"{name}: the image must have one band, or labelBand must name one of {source.shown_names()}.")
    label = one_band(name, source) if label_band is None else source.band(label_band)
    others = [band for band in source.bands if band is not label]
    right, down = math.cos(math.radians(angle)), -math.sin(math.radians(angle))
    length = 1 / max(abs(right), abs(down))
    right, down = right * length, down * length
    steps = [
        (round(down * count), round(right * count), count * length)
        for count in range(int(max_distance / length + 1e-9) + 1)
    ]

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        around = grid.padded(max_distance, max_distance, max_distance, max_distance)
        pixels = numbers(name, label, around)
        marked = (pixels.mask > 0) & (pixels.values != 0)
        height, width = grid.shape
        found = np.full(grid.shape, -1)
        for place, (row, column, _) in enumerate(steps):
            row, column = row + max_distance, column + max_distance
            hit = (found < 0) & marked[row : row + height, column : column + width]
            found[hit] = place
        known = found >= 0
        moves = np.array([(row, column) for row, column, _ in steps])[found]
        rows, columns = np.indices(grid.shape) + max_distance
        rows, columns = rows + moves[..., 0], columns + moves[..., 1]
        results = [(np.where(known, np.array([away for _, _, away in steps])[found], 0), known)]
        for band in others:
            read = numbers(name, band, around)
            results.append((read.values[rows, columns], combined(known, read.mask[rows, columns])))
        return results

    shared = Shared(whole)
    bands = [label.derived(output_source(shared, 0, FLOAT), FLOAT, "distance")]
    for place, band in enumerate(others):
        bands.append(band.derived(output_source(shared, place + 1, band.pixel_type)))
    return source.with_bands(bands)


@function("Image.rsedTransform")
def rsed_transform(image: Image, neighborhood: int, units: str) -> Image:
    """The highest of the parabolas that hang from every pixel's value, one per squared pixel lower; at least 0."""
    name = "Image.rsedTransform"
    if units != "pixels":
        raise invalid(f"{name}: units must be 'pixels', not '{units}'.")
    if not 1 <= neighborhood <= _WIDEST:
        raise invalid(f"{name}: neighborhood must be between 1 and {_WIDEST} pixels, not {neighborhood}.")

    def hung(band: Band) -> Band:
        def source(grid: Grid) -> Pixels:
            pixels = numbers(name, band, grid.padded(neighborhood, neighborhood, neighborhood, neighborhood))
            known = (pixels.mask > 0) & (pixels.values != 0)
            heights = np.where(known, pixels.values.astype("float64"), -np.inf)
            # A parabola that is under 0 already does not show.
            reach = min(neighborhood, math.ceil(math.sqrt(max(heights.max(), 0))))
            for axis in (0, 1):
                first, count = neighborhood - reach, grid.shape[axis]
                held = np.moveaxis(heights, axis, 0)
                best = np.full((count, *held.shape[1:]), -np.inf)
                for offset in range(-reach, reach + 1):
                    start = first + reach + offset
                    np.maximum(best, held[start : start + count] - offset * offset, out=best)
                heights = np.moveaxis(best, 0, axis)
            return Pixels(np.maximum(heights, 0), np.broadcast_to(np.True_, grid.shape))

        return band.derived(source, DOUBLE)

    return image.with_bands(hung(band) for band in image.bands)


@function("Collection.distance", ignores=("maxError",))
def distance_to_features(features: Collection, search_radius: float) -> Image:
    """Metres from a pixel's centre to the nearest point, line or boundary; masked beyond the search radius.

    https://developers.google.com/earth-engine/apidocs/ee-featurecollection-distance
    """
    name = "Collection.distance"
    if not search_radius >= 0:
        raise invalid(f"{name}: searchRadius must not be negative, got {search_radius}.")
    shapes = [item.geometry for item in features.features(name) if item.geometry is not None]
    segments = _segments(shapes)

    def source(grid: Grid) -> Pixels:
        longitude, latitude = grid.coordinates(WGS84)
        found = np.full(grid.shape, np.inf)
        for row in range(0, grid.shape[0], _BLOCK):
            for column in range(0, grid.shape[1], _BLOCK):
                computation.check()
                block = np.s_[row : row + _BLOCK, column : column + _BLOCK]
                found[block] = _to_segments(longitude[block], latitude[block], segments)
        mask = found <= search_radius
        return Pixels(np.where(mask, found, 0), mask)

    outline = Geometry(joined([shape.lonlat() for shape in shapes]), geodesic=False)
    return Image(bands=(Band("distance", DOUBLE, Projection(), source),), footprint=outline if shapes else None)


def _segments(shapes: Sequence[Geometry]) -> Array:
    """(longitude, latitude) of both ends of every piece of boundary, shape `(pieces, 4)`; points are pieces too."""
    pieces = [np.zeros((0, 4))]
    for shape in shapes:
        for part in shapely.get_parts(shape.lonlat()):
            lines = shapely.get_parts(part.boundary) if part.geom_type == "Polygon" else [part]
            for line in lines:
                places = shapely.get_coordinates(line)
                ends = places if len(places) == 1 else places[1:]
                pieces.append(np.hstack([places[: len(ends)], ends]))
    return np.concatenate(pieces)


def _to_segments(longitude: Array, latitude: Array, segments: Array) -> Array:
    """Metres to the nearest piece, degrees of longitude being as long as they are at the pixel's own latitude."""
    finite = np.isfinite(longitude) & np.isfinite(latitude)
    found = np.full(longitude.shape, np.inf)
    if not finite.any() or not len(segments):
        return found
    lon, lat = longitude[finite], latitude[finite]
    middle = len(lon) // 2
    width = np.cos(np.radians(lat))
    # What is far from the middle, compared with the nearest piece and the block's own size, is far from every pixel.
    stretch = width.max() / max(width.min(), 1e-6)
    radius = np.hypot(_wrapped(lon - lon[middle]) * width.max(), lat - lat[middle]).max()
    away = _lengths(lon[middle : middle + 1], lat[middle : middle + 1], segments)[0]
    near = segments[away / stretch - radius <= away.min() * stretch + radius + 1e-9]
    best = np.full(len(lon), np.inf)
    step = max(1, 4_000_000 // len(lon))
    for start in range(0, len(near), step):
        np.minimum(best, _lengths(lon, lat, near[start : start + step]).min(axis=1), out=best)
    found[finite] = best * METERS_PER_DEGREE
    return found


def _lengths(lon: Array, lat: Array, segments: Array) -> Array:
    """Degrees of latitude from every place to every piece, shape `(places, pieces)`."""
    width = np.cos(np.radians(lat))[:, None]
    x, y = _wrapped(segments[:, 0] - lon[:, None]) * width, segments[:, 1] - lat[:, None]
    dx, dy = _wrapped(segments[:, 2] - segments[:, 0]) * width, segments[:, 3] - segments[:, 1]
    squared = dx * dx + dy * dy
    share = np.divide(-(x * dx + y * dy), squared, out=np.zeros_like(squared), where=squared > 0)
    share = np.clip(share, 0, 1)
    return np.asarray(np.hypot(x + share * dx, y + share * dy))


def _wrapped(degrees: Array) -> Array:
    wrapped: Array = (degrees + 180) % 360 - 180
    return wrapped
