"""Pixels as features: all of a region, a random choice, a choice per class, or those of given places."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from sandbox.earthengine.cells import boxed
from sandbox.earthengine.coerce import footprint
from sandbox.earthengine.coerce import geometry as to_geometry
from sandbox.earthengine.functions.image_projection import chosen_projection
from sandbox.earthengine.grid import WGS84, Grid, Projection, transformer
from sandbox.earthengine.pixels import DOUBLE, Array, Band, Pixels, PixelType, combined, sharing
from sandbox.earthengine.random import fractions, pixel_fractions
from sandbox.earthengine.regions import inside, region_window
from sandbox.earthengine.registry import function
from sandbox.earthengine.values import INDEX, ArrayValue, Collection, Feature, Geometry, Image
from sandbox.errors import invalid

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


@dataclass
class _Picked:
    """Chosen pixels: ranks to choose by, positions in the projection's pixel plane, and each band's values."""

    ranks: Array
    rows: Array
    columns: Array
    values: list[Array]
    masks: list[Array]

    def only(self, index: Array) -> "_Picked":
        return _Picked(
            self.ranks[index],
            self.rows[index],
            self.columns[index],
            [values[index] for values in self.values],
            [mask[index] for mask in self.masks],
        )

    def joined(self, other: "_Picked") -> "_Picked":
        return _Picked(
            np.concatenate([self.ranks, other.ranks]),
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.columns, other.columns]),
            [np.concatenate(pair) for pair in zip(self.values, other.values, strict=True)],
            [np.concatenate(pair) for pair in zip(self.masks, other.masks, strict=True)],
        )

    def least(self, count: int) -> "_Picked":
        """Those of least rank: the same whatever the order in which tiles came."""
        if len(self.ranks) <= count:
            return self
        return self.only(np.argpartition(self.ranks, count - 1)[:count]) if count > 0 else self.only(np.arange(0))

    def in_order(self) -> "_Picked":
        return self.only(np.lexsort((self.columns, self.rows)))


def _tiles(image: Image, window: Grid, region: Geometry, seed: int, drop_nulls: bool) -> Iterator[_Picked]:
    """Pixels of the region, tile by tile; those with a masked band are left out where told to."""
    for _, _, tile in window.tiles(_TILE):
        chosen = inside(tile, region)
        if not chosen.any():
            continue
        pixels = image.fetch(tile, ragged=True)
        masks = [item.mask > 0 for item in pixels]
        if drop_nulls:
            chosen = combined(chosen, *masks)
        rows, columns = np.nonzero(chosen)
        positions = rows + tile.offset[0], columns + tile.offset[1]
        yield _Picked(
            pixel_fractions(*positions, seed),
            *positions,
            [
                _numbers_or_arrays(item.values[rows, columns], band)
                for item, band in zip(pixels, image.bands, strict=True)
            ],
            [mask[rows, columns] for mask in masks],
        )


def _numbers_or_arrays(values: Array, band: Band) -> Array:
    """The values of some pixels; those of an array band as one array each, whatever their shapes."""
    if not band.pixel_type.dimensions:
        return values
    boxes = boxed(values, 1)
    for place, item in enumerate(boxes):
        boxes[place] = ArrayValue(np.asarray(item))
    return boxes


def _features(
    picked: _Picked, bands: Sequence[Band], projection: Projection, geometries: bool, first: int = 0
) -> Iterator[Feature]:
    points = _centres(picked, projection) if geometries else None
    columns = [values.tolist() for values in picked.values]
    masks = [mask.tolist() for mask in picked.masks]
    for position in range(len(picked.ranks)):
        properties: dict[str, Any] = {
            band.name: column[position] if mask[position] else None
            for band, column, mask in zip(bands, columns, masks, strict=True)
        }
        place = None if points is None else Geometry(shapely.Point(points[position]))
        yield Feature(geometry=place, properties={**properties, INDEX: str(first + position)})


def _centres(picked: _Picked, projection: Projection) -> Array:
    x, y = projection.located(picked.columns + 0.5, picked.rows + 0.5)
    return np.column_stack(transformer(projection.crs, WGS84).transform(x, y))


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
    kept: _Picked | None = None
    for tile in () if window is None else _tiles(image, window, area, seed, False):
        part = tile
        if factor is not None:
            part = part.only(np.nonzero(part.ranks < factor)[0])
        kept = part if kept is None else kept.joined(part)
        if num_pixels is not None:
            kept = kept.least(num_pixels)
        if len(kept.ranks) > _MOST_SAMPLES:
            raise invalid(f"Image.sample: More than {_MOST_SAMPLES} pixels; use numPixels, or a larger scale.")
    if kept is None:
        return Collection()
    if drop_nulls and kept.masks:
        kept = kept.only(np.nonzero(combined(*kept.masks))[0])
    return Collection(elements=list(_features(kept.in_order(), image.bands, target, geometries)))


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
    classes: dict[int, _Picked] = {}
    for tile in () if window is None else _tiles(image, window, area, seed, drop_nulls):
        part = tile.only(np.nonzero(tile.masks[place])[0])
        for value in np.unique(part.values[place]).tolist():
            chosen = part.only(np.nonzero(part.values[place] == value)[0])
            held = chosen if value not in classes else classes[value].joined(chosen)
            classes[value] = held.least(wanted.get(value, num_points))
    features: list[Feature] = []
    for value in sorted(classes):
        picked = classes[value]
        picked = picked.only(np.argsort(picked.ranks, kind="stable"))
        features.extend(_features(picked, image.bands, target, geometries, len(features)))
    return Collection(elements=features)


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
    picked = _of_regions(image, features, target)
    result: list[Feature] = []
    for position, feature in enumerate(features):
        found = picked.get(position)
        if found is None:
            continue
        names = [n for n in feature.properties if n != INDEX] if properties is None else properties
        own = {name: feature.get(name) for name in names}
        index = feature.get(INDEX)
        for number, sampled in enumerate(_features(found, image.bands, target, geometries)):
            prefix = str(position) if index is None else str(index)
            result.append(
                Feature(
                    geometry=sampled.geometry,
                    properties={**own, **sampled.properties, INDEX: f"{prefix}_{number}"},
                )
            )
    return Collection(elements=result)


def _of_regions(image: Image, features: Sequence[Any], target: Projection) -> dict[int, _Picked]:
    """Valid pixels by feature; points are read together by blocks, so that thousands of them are quick."""
    picked: dict[int, _Picked] = {}
    points: list[tuple[int, float, float]] = []
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
        for tile in _tiles(image, window, region, 0, True):
            total += len(tile.ranks)
            if total > _MOST_SAMPLES:
                raise invalid(f"Image.sampleRegions: More than {_MOST_SAMPLES} pixels; use a larger scale.")
            picked[position] = tile if position not in picked else picked[position].joined(tile)
    picked.update(_of_points(image, points, target))
    return picked


def _of_points(image: Image, points: Sequence[tuple[int, float, float]], target: Projection) -> dict[int, _Picked]:
    if not points:
        return {}
    numbers = np.array([point[0] for point in points])
    x, y = np.array([point[1] for point in points]), np.array([point[2] for point in points])
    valid = np.isfinite(x) & np.isfinite(y)
    numbers, x, y = numbers[valid], x[valid], y[valid]
    across, down = target.position(x, y)
    columns, rows = np.floor(across + 1e-9).astype(np.int64), np.floor(down + 1e-9).astype(np.int64)
    blocks: dict[tuple[int, int], list[int]] = {}
    for place, key in enumerate(zip((rows // _BLOCK).tolist(), (columns // _BLOCK).tolist(), strict=True)):
        blocks.setdefault(key, []).append(place)
    found: dict[int, _Picked] = {}
    for places in blocks.values():
        r, c_ = rows[places], columns[places]
        top, left = int(r.min()), int(c_.min())
        tile = target.grid(top, left, (int(r.max()) - top + 1, int(c_.max()) - left + 1))
        with sharing():
            pixels = image.fetch(tile, ragged=True)
        mask = combined(*(item.mask > 0 for item in pixels))
        for place, row, column in zip(places, (r - top).tolist(), (c_ - left).tolist(), strict=True):
            if mask[row, column]:
                found[int(numbers[place])] = _Picked(
                    np.zeros(1),
                    rows[place : place + 1],
                    columns[place : place + 1],
                    [
                        _numbers_or_arrays(item.values[row : row + 1, column], band)
                        for item, band in zip(pixels, image.bands, strict=True)
                    ],
                    [np.ones(1, dtype=bool) for _ in pixels],
                )
    return found


@function("FeatureCollection.randomPoints", ignores=("maxError",))
def random_points(region: Geometry, points: int, seed: int) -> Collection:
    """Points spread evenly at random over a region."""
    if not 0 <= points <= _MOST_SAMPLES:
        raise invalid(f"FeatureCollection.randomPoints: 'points' must be between 0 and {_MOST_SAMPLES}, got {points}.")
    shape = region.lonlat()
    if points and (shape.is_empty or shape.area == 0):
        raise invalid("FeatureCollection.randomPoints: The region must have an area.")
    shapely.prepare(shape)
    west, south, east, north = shape.bounds
    low, high = np.sin(np.radians([south, north]))
    features: list[Feature] = []
    draw = 0
    while len(features) < points:
        # Even over the globe: the sine of the latitude is drawn, not the latitude.
        x = west + (east - west) * fractions(b"x%d" % draw, seed)
        y = float(np.degrees(np.arcsin(low + (high - low) * fractions(b"y%d" % draw, seed))))
        draw += 1
        if shapely.contains_xy(shape, x, y):
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
