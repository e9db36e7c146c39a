"""Pixels as features: all of a region, a random choice, a choice per class, or those of given places."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import shapely

from earthline_sandbox.earthengine.functions.image.image_projection import chosen_projection
from earthline_sandbox.earthengine.language.coerce import footprint
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.learning.samples import BAND_ORDER
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.indexed_shapes import indexed
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, Band, Pixels, PixelType, boxed, combined
from earthline_sandbox.earthengine.pixels.random import fractions, pixel_fractions
from earthline_sandbox.earthengine.values.picks import (
    PickedFeatures,
    Picks,
    centres,
    joined,
    least_of_each,
    named_rows,
    over_tiles,
)
from earthline_sandbox.earthengine.values.regions import inside, region_window
from earthline_sandbox.earthengine.values.values import INDEX, ArrayValue, Collection, Feature, Geometry, Image
from earthline_sandbox.errors import invalid

_TILE = 512
_BLOCK = 256
_MOST_SAMPLES = 1_000_000
_MOST_PIXELS = 1_000_000_000


def sampling_projection(name: str, image: Image, projection: Projection | None, scale: float | None) -> Projection:
    """The projection to sample in: the one given, or the first band's, at the scale if one is given."""
    if not image.bands:
        raise invalid(f"{name}: The image has no bands.")
    return chosen_projection(name, projection or image.bands[0].projection, None, scale)


def _window(name: str, image: Image, region: Geometry | None, projection: Projection) -> tuple[Geometry, Grid | None]:
    if region is None and image.footprint is None and any(band.size is None for band in image.bands):
        raise invalid(f"{name}: The image is not bounded, so 'region' must be given.")
    area = footprint(image) if region is None else region
    window = region_window(area, projection)
    if window is not None and window.size > _MOST_PIXELS:
        raise invalid(f"{name}: Too many pixels in the region: {window.size}. Give a smaller region or a larger scale.")
    return area, window


def _picks(image: Image, tile: Grid, chosen: Array, seed: int, drop_nulls: bool) -> Picks | None:
    """Chosen pixels of a tile, less those with a masked band where told to; None where there are none."""
    if not chosen.any():
        return None
    pixels = image.fetch(tile, ragged=True)
    masks = [_valid(item.mask) for item in pixels]
    if drop_nulls:
        chosen = combined(chosen, *masks)
    return _table(image, pixels, masks, tile, np.nonzero(chosen), seed)


def _table(
    image: Image, pixels: Sequence[Pixels], masks: Sequence[Array], tile: Grid, places: tuple[Array, ...], seed: int
) -> Picks:
    """Pixels of a tile, at places (rows, columns) within it, as a table."""
    rows, columns = places[0] + tile.offset[0], places[1] + tile.offset[1]
    return Picks(
        pixel_fractions(rows, columns, seed),
        rows,
        columns,
        [_numbers_or_arrays(item.values[places], band) for item, band in zip(pixels, image.bands, strict=True)],
        [mask[places] for mask in masks],
    )


def _valid(mask: Array) -> Array:
    return mask if mask.dtype == bool else mask > 0


def _numbers_or_arrays(values: Array, band: Band) -> Array:
    """The values of some pixels; those of an array band as one array each, whatever their shapes."""
    if not band.pixel_type.dimensions:
        return values
    boxes = boxed(values, 1)
    for place, item in enumerate(boxes):
        boxes[place] = ArrayValue(np.asarray(item))
    return boxes


@function("Image.sample", ignores=("tileScale",))
def sample(
    image: Image,
    region: Geometry | None,
    scale: float | None,
    projection: Projection | None,
    factor: float | None,
    num_pixels: int | None,
    seed: int,
    drop_nulls: bool,
    geometries: bool,
) -> Collection:
    """Pixels of a region as features: all, a share of them (`factor`), or about so many (`numPixels`)."""
    if factor is not None and num_pixels is not None:
        raise invalid("Image.sample: Cannot specify both factor and numPixels.")
    target = sampling_projection("Image.sample", image, projection, scale)
    area, window = _window("Image.sample", image, region, target)

    def of_tile(tile: Grid) -> Picks | None:
        found = _picks(image, tile, inside(tile, area), seed, False)
        if found is not None and factor is not None:
            found = found.only(np.nonzero(found.ranks < factor)[0])
        return found if found is None or num_pixels is None else found.least(num_pixels)

    kept: list[Picks] = []
    for part in () if window is None else over_tiles(window, _TILE, of_tile):
        kept += [part] if part is not None else []
        if num_pixels is not None and kept:
            kept = [joined(kept).least(num_pixels)]
        if sum(map(len, kept)) > _MOST_SAMPLES:
            raise invalid(f"Image.sample: More than {_MOST_SAMPLES} pixels; use numPixels, or a larger scale.")
    order = {BAND_ORDER: image.names}
    if not kept:
        return Collection(properties=order)
    picks = joined(kept)
    if drop_nulls and picks.masks:
        picks = picks.only(np.nonzero(combined(*picks.masks))[0])
    found = PickedFeatures(picks.in_order(), image.names, target, geometries)
    return Collection(elements=found, properties=order)


@function("Image.stratifiedSample", ignores=("tileScale",))
def stratified_sample(
    image: Image,
    num_points: int,
    class_band: str | None,
    region: Geometry | None,
    scale: float | None,
    projection: Projection | None,
    seed: int,
    class_values: list[int] | None,
    class_points: list[int] | None,
    drop_nulls: bool,
    geometries: bool,
) -> Collection:
    """So many random pixels for every value of a band, fewer where there are not as many."""
    if (class_values is None) != (class_points is None):
        raise invalid("Image.stratifiedSample: classValues and classPoints must be given together.")
    if class_values is not None and class_points is not None and len(class_values) != len(class_points):
        raise invalid("Image.stratifiedSample: classValues and classPoints must have the same length.")
    target = sampling_projection("Image.stratifiedSample", image, projection, scale)
    name = image.bands[0].name if class_band is None else class_band
    band = image.band(name)
    if band.pixel_type.precision != "int" or band.pixel_type.dimensions:
        raise invalid(f"Image.stratifiedSample: The class band '{name}' must be of an integer type.")
    place = image.names.index(name)
    wanted = dict(zip(class_values or (), class_points or (), strict=True))
    area, window = _window("Image.stratifiedSample", image, region, target)

    def quota(value: int) -> int:
        return wanted.get(value, num_points)

    def of_tile(tile: Grid) -> Picks | None:
        chosen = inside(tile, area)
        if not chosen.any():
            return None
        pixels = image.fetch(tile, ragged=True)
        masks = [_valid(item.mask) for item in pixels]
        eligible = np.flatnonzero(combined(chosen, *masks) if drop_nulls else combined(chosen, masks[place]))
        (height, width), (top, left) = tile.shape, tile.offset
        # By rows and columns as axes: what a rank owes to its row is worked out once for the row.
        ranks = pixel_fractions(np.arange(top, top + height)[:, None], np.arange(left, left + width)[None, :], seed)
        # Only the few that are chosen of a tile are read from the other bands.
        best = eligible[least_of_each(pixels[place].values.take(eligible), ranks.take(eligible), quota)]
        return _table(image, pixels, masks, tile, np.divmod(best, width), seed)

    kept: list[Picks] = []
    for part in () if window is None else over_tiles(window, _TILE, of_tile):
        kept += [part] if part is not None else []
        if sum(map(len, kept)) > _MOST_SAMPLES:
            kept = [_best(kept, place, quota)]
    picks = _best(kept, place, quota) if kept else None
    return Collection(elements=() if picks is None else PickedFeatures(picks, image.names, target, geometries))


def _best(parts: Sequence[Picks], place: int, quota: Callable[[int], int]) -> Picks:
    picks = joined(parts)
    return picks.only(least_of_each(picks.values[place], picks.ranks, quota))


@function("Image.sampleRegions", ignores=("tileScale",))
def sample_regions(
    image: Image,
    collection: Collection,
    properties: list[str] | None,
    scale: float | None,
    projection: Projection | None,
    geometries: bool,
) -> Collection:
    """The pixels of every feature, with the feature's properties; pixels with a masked band are left out."""
    target = sampling_projection("Image.sampleRegions", image, projection, scale)
    features = list(collection)
    owners, picks = _of_regions(image, features, target)
    if picks is None:
        return Collection()
    places = centres(picks, target) if geometries else None
    result: list[Feature] = []
    before, number = -1, 0
    for position, (owner, values) in enumerate(zip(owners.tolist(), named_rows(picks, image.names), strict=True)):
        feature = features[owner]
        if owner != before:
            before, number = owner, 0
            names = [n for n in feature.properties if n != INDEX] if properties is None else properties
            own = {name: feature.get(name) for name in names}
            prefix = feature.get(INDEX)
            prefix = owner if prefix is None else prefix
        place = None if places is None else Geometry(shapely.Point(places[position]))
        result.append(Feature(geometry=place, properties={**own, **values, INDEX: f"{prefix}_{number}"}))
        number += 1
    return Collection(elements=result)


def _of_regions(image: Image, features: Sequence[Any], target: Projection) -> tuple[Array, Picks | None]:
    """Valid pixels of all features, feature by feature, and whose they are by position."""
    points: list[tuple[int, float, float]] = []
    found: list[tuple[Array, Picks]] = []
    total = 0
    for position, feature in enumerate(features):
        region = to_geometry(feature) if not isinstance(feature, Feature) else feature.geometry
        if region is None:
            continue
        shape = region.in_crs(target.crs)
        if shape.geom_type == "Point" and not shape.is_empty:
            points.append((position, shape.x, shape.y))
            continue
        window = region_window(region, target)
        if window is None:
            continue
        if window.size > _MOST_PIXELS:
            raise invalid("Image.sampleRegions: Too many pixels in a region.")
        for part in over_tiles(window, _TILE, partial(_of_region, image, region)):
            if part is None:
                continue
            total += len(part)
            if total > _MOST_SAMPLES:
                raise invalid(f"Image.sampleRegions: More than {_MOST_SAMPLES} pixels; use a larger scale.")
            found.append((np.full(len(part), position), part))
    found += _of_points(image, points, target)
    if not found:
        return np.arange(0), None
    owners = np.concatenate([numbers for numbers, _ in found])
    order = np.argsort(owners, kind="stable")
    return owners[order], joined([part for _, part in found]).only(order)


def _of_region(image: Image, region: Geometry, tile: Grid) -> Picks | None:
    return _picks(image, tile, inside(tile, region), 0, True)


def _of_points(
    image: Image, points: Sequence[tuple[int, float, float]], target: Projection
) -> list[tuple[Array, Picks]]:
    """The pixels that points lie in, where they are valid: those of a block are read together."""
    if not points:
        return []
    numbers = np.array([point[0] for point in points])
    x, y = np.array([point[1] for point in points]), np.array([point[2] for point in points])
    valid = np.isfinite(x) & np.isfinite(y)
    numbers, x, y = numbers[valid], x[valid], y[valid]
    across, down = target.position(x, y)
    columns, rows = np.floor(across + 1e-9).astype(np.int64), np.floor(down + 1e-9).astype(np.int64)
    _, blocks = np.unique(np.stack([rows // _BLOCK, columns // _BLOCK]), axis=1, return_inverse=True)
    found: list[tuple[Array, Picks]] = []
    for block in range(blocks.max() + 1 if len(blocks) else 0):
        places = np.nonzero(blocks == block)[0]
        r, c = rows[places], columns[places]
        tile = target.grid(int(r.min()), int(c.min()), (int(np.ptp(r)) + 1, int(np.ptp(c)) + 1))
        r, c = r - tile.offset[0], c - tile.offset[1]
        pixels = image.fetch(tile, ragged=True)
        masks = [_valid(item.mask) for item in pixels]
        kept = np.nonzero(combined(*(mask[r, c] for mask in masks)))[0]
        found.append((numbers[places[kept]], _table(image, pixels, masks, tile, (r[kept], c[kept]), 0)))
    return found


@function("FeatureCollection.randomPoints", ignores=("maxError",))
def random_points(region: Geometry, points: int, seed: int) -> Collection:
    """Points spread evenly at random over a region."""
    if not 0 <= points <= _MOST_SAMPLES:
        raise invalid(f"FeatureCollection.randomPoints: 'points' must be between 0 and {_MOST_SAMPLES}, got {points}.")
    shape = region.lonlat()
    if points and (shape.is_empty or shape.area == 0):
        raise invalid("FeatureCollection.randomPoints: The region must have an area.")
    held = indexed(shape)
    west, south, east, north = shape.bounds
    low, high = np.sin(np.radians([south, north]))
    features: list[Feature] = []
    draw = 0
    while len(features) < points:
        # Even over the globe: the sine of the latitude is drawn, not the latitude.
        x = west + (east - west) * fractions(b"x%d" % draw, seed)
        y = float(np.degrees(np.arcsin(low + (high - low) * fractions(b"y%d" % draw, seed))))
        draw += 1
        if held.contains(x, y):
            features.append(Feature(geometry=Geometry(shapely.Point(x, y)), properties={INDEX: str(len(features))}))
        if draw > 1000 * (points + 100):
            raise invalid("FeatureCollection.randomPoints: The region is too thin to draw points in it.")
    return Collection(elements=features)


@function("Image.random")
def random_image(seed: int, distribution: str) -> Image:
    """A random number per pixel, by its place in the projection that is asked for."""
    if distribution not in ("uniform", "normal"):
        raise invalid(f"Image.random: Unknown distribution '{distribution}'.")

    def source(grid: Grid) -> Pixels:
        x, y = grid.centres()
        # Centres on the ground, in sixteenths of a pixel, are the same however the request was tiled.
        step = abs(grid.transform[0]) / 16
        columns, rows = np.rint(x / step).astype(np.int64), np.rint(y / step).astype(np.int64)
        values = pixel_fractions(rows, columns, seed)
        if distribution == "normal":
            other = pixel_fractions(rows, columns, seed + 2**32)
            values = np.sqrt(-2 * np.log1p(-values)) * np.cos(2 * np.pi * other)
        return Pixels(values, np.broadcast_to(np.True_, grid.shape))

    kind = PixelType("double", 0, 1) if distribution == "uniform" else DOUBLE
    return Image(bands=(Band("random", kind, Projection(), source),))
