"""Features from pixels, and pixels from features.

https://developers.google.com/earth-engine/guides/reducers_reduce_to_vectors and
https://developers.google.com/earth-engine/guides/reducers_reduce_to_image.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from rasterio import features as rasters
from shapely.geometry import shape as shape_of
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.functions.image.image_projection import chosen_projection
from earthline_sandbox.earthengine.functions.image.lattice import one_band
from earthline_sandbox.earthengine.functions.reduction.reduce_region import named, pixel_count
from earthline_sandbox.earthengine.functions.spatial.connected import EIGHT, FOUR, components
from earthline_sandbox.earthengine.functions.spatial.grouping import fold_groups
from earthline_sandbox.earthengine.language.coerce import Mismatch, footprint, indexed, number
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.geodesics import joined
from earthline_sandbox.earthengine.pixels.grid import IDENTITY, WGS84, Grid, Projection, same_crs, transformer
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, Band, combined
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.reducers import distributions
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.regions import coverage, inside, pixel_bounds, region_window
from earthline_sandbox.earthengine.values.values import Collection, Feature, Geometry, Image
from earthline_sandbox.errors import invalid

_GEOMETRIES = ("polygon", "bb", "centroid")


@function("Image.reduceToVectors", "Image.reduceToVectorsStreaming", ignores=("tileScale",))
def reduce_to_vectors(
    image: Image,
    reducer: Reducer | None,
    geometry: Geometry | None,
    scale: float | None,
    geometry_type: str,
    eight_connected: bool,
    label_property: str | None,
    crs: Projection | None,
    crs_transform: list[float] | None,
    best_effort: bool,
    max_pixels: int,
    geometry_in_native_projection: bool,
) -> Collection:
    """A feature for every object of the first band, with the reducer's outputs over the other bands."""
    name = "Image.reduceToVectors"
    if geometry_type not in _GEOMETRIES:
        raise invalid(f"{name}: geometryType must be one of {', '.join(_GEOMETRIES)}, not '{geometry_type}'.")
    label = one_band(name, image)
    if label.pixel_type.precision != "int":
        raise invalid(f"{name}: the first band, '{label.name}', must be of an integer type; toInt makes it one.")
    for band in image.bands:
        if band.pixel_type.dimensions:
            raise invalid(f"{name}: the pixels of band '{band.name}' are arrays; use arrayGet or arrayFlatten first.")
    if geometry is None and label.size is None:
        raise invalid(f"{name}: The image is not bounded, so 'geometry' must be given.")
    region = footprint(image.with_bands([label])) if geometry is None else geometry
    target = chosen_projection(name, crs or label.projection, crs_transform, scale)
    window = region_window(region, target)
    if window is None:
        return Collection(elements=[])
    count = pixel_count(region, window)
    if count > max_pixels:
        if not best_effort:
            raise invalid(
                f"{name}: Too many pixels in the region. Found {count}, but maxPixels allows only {max_pixels}; use a "
                "larger scale, raise maxPixels, or set bestEffort."
            )
        factor = math.sqrt(count / max(max_pixels, 1))
        target = target.scaled(factor, factor)
        window = region_window(region, target)
        if window is None:
            return Collection(elements=[])
    pixels = image.fetch(window)
    valid = (pixels[0].mask > 0) & inside(window, region)
    objects, total = components(pixels[0].values, valid, EIGHT if eight_connected else FOUR)
    rows, columns = np.nonzero(objects >= 0)
    groups = objects[rows, columns]
    first = np.full(total, -1)
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    labels = pixels[0].values[rows[first], columns[first]].tolist()
    rest = image.with_bands(image.bands[1:])
    values = [part.values[rows, columns] for part in pixels[1:]]
    masks = [part.mask[rows, columns] for part in pixels[1:]]
    found = _statistics(name, reducer, rest, groups, total, values, masks)
    shapes = _shapes(geometry_type, window, objects, rows, columns, groups, total, geometry_in_native_projection)
    made = []
    for place, (shape, properties) in enumerate(zip(shapes, found, strict=True)):
        kept = {key: value for key, value in properties.items() if value is not None}
        if label_property is not None:
            kept[label_property] = labels[place]
        made.append(Feature(geometry=shape, properties=kept))
    return indexed(made)


def _statistics(
    name: str,
    reducer: Reducer | None,
    rest: Image,
    groups: Array,
    total: int,
    values: Sequence[Array],
    masks: Sequence[Array],
) -> list[dict[str, Any]]:
    """The properties of every object."""
    if reducer is None or (reducer.outputs == ("count",) and not rest.bands):
        # The default counts pixels, and needs no other band.
        counted = reducer or distributions.count_every()
        sizes = np.bincount(groups, minlength=total).tolist()
        return [{counted.outputs[0]: size} for size in sizes]
    if (reducer.inputs > 1 and reducer.inputs != len(rest.bands)) or not rest.bands:
        raise invalid(
            f"{name}: Need {reducer.inputs}+1 bands for the reducer, but the image has {len(rest.bands) + 1}: the "
            "first labels the objects, the others are reduced."
        )
    joint = reducer.inputs > 1
    parts = [(values, combined(*masks))] if joint else [([v], m) for v, m in zip(values, masks, strict=True)]
    series = [_outputs(reducer, groups, total, own, weights.astype("float64")) for own, weights in parts]
    return [named(rest, reducer, [outputs[place] for outputs in series], alone=True) for place in range(total)]


def _outputs(reducer: Reducer, groups: Array, total: int, values: Sequence[Array], weights: Array) -> list[list[Any]]:
    """The reducer's outputs for every object."""
    values = [item.astype("float64") if item.dtype == bool else item for item in values]
    if reducer.fold is not None and reducer.gather is None:
        whole = [kind.precision == "int" for kind in reducer.types([DOUBLE] * reducer.inputs)]
        folded = fold_groups(reducer, groups, total, values, weights)
        columns = [
            [
                (int(value) if as_int else value) if valid else None
                for value, valid in zip(found.tolist(), mask.tolist(), strict=True)
            ]
            for (found, mask), as_int in zip(folded, whole, strict=True)
        ]
        return [list(row) for row in zip(*columns, strict=True)]
    order = np.argsort(groups, kind="stable")
    edges = np.searchsorted(groups[order], np.arange(total + 1))
    members = (order[start:end] for start, end in pairwise(edges))
    return [reducer.reduce_series([item[own] for item in values], weights[own]) for own in members]


def _shapes(
    kind: str, window: Grid, objects: Array, rows: Array, columns: Array, groups: Array, total: int, native: bool
) -> list[Geometry]:
    """The geometry of every object."""
    drawn: Sequence[BaseGeometry]
    if kind == "polygon":
        drawn = _polygons(objects, total)
    elif kind == "centroid":
        sizes = np.bincount(groups, minlength=total)
        x = np.bincount(groups, weights=columns + 0.5, minlength=total) / sizes
        y = np.bincount(groups, weights=rows + 0.5, minlength=total) / sizes
        drawn = shapely.points(x, y).tolist()
    else:
        edges = [np.full(total, np.inf), np.full(total, np.inf), np.full(total, -np.inf), np.full(total, -np.inf)]
        np.minimum.at(edges[0], groups, columns)
        np.minimum.at(edges[1], groups, rows)
        np.maximum.at(edges[2], groups, columns + 1)
        np.maximum.at(edges[3], groups, rows + 1)
        drawn = shapely.box(*edges).tolist()
    anchor = window.anchor or window.projection
    row, column = window.offset
    convert = None if same_crs(anchor.crs, WGS84) else transformer(anchor.crs, WGS84)

    def placed(xy: Array) -> Array:
        located = anchor.located(xy[:, 0] + column, xy[:, 1] + row)
        return np.column_stack(located if native or convert is None else convert.transform(*located))

    projection = Projection(anchor.crs, IDENTITY) if native else Projection()
    return [Geometry(shapely.transform(shape, placed), projection, geodesic=False) for shape in drawn]


def _polygons(objects: Array, total: int) -> list[BaseGeometry]:
    parts: dict[int, list[BaseGeometry]] = defaultdict(list)
    for outline, value in rasters.shapes(objects.astype("int32"), mask=objects >= 0, connectivity=4):
        parts[int(value)].append(shape_of(outline))
    # Parts that touch at a corner only stay parts: one ring around them would cross itself.
    return [parts[place][0] if len(parts[place]) == 1 else shapely.MultiPolygon(parts[place]) for place in range(total)]


@function("Collection.reduceToImage")
def reduce_to_image(collection: Collection, properties: list[str], reducer: Reducer) -> Image:
    """A reducer over the properties of all features that touch a pixel."""
    name = "Collection.reduceToImage"
    if reducer.inputs != len(properties):
        raise invalid(f"{name}: Need {reducer.inputs} properties for the reducer, got {len(properties)}.")
    members = []
    for feature in collection.features(name):
        values = [feature.get(key) for key in properties]
        if feature.geometry is None or any(value is None for value in values):
            continue
        try:
            members.append((feature.geometry, [float(number(value)) for value in values]))
        except Mismatch as error:
            raise invalid(f"{name}: the properties {', '.join(properties)} must be numbers.") from error
    kinds = reducer.types([DOUBLE] * reducer.inputs)

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        places, entries = [np.zeros(0, dtype=np.int64)], [np.zeros((0, len(properties)))]
        for geometry, values in members:
            touched = _touched(grid, geometry)
            places.append(touched)
            entries.append(np.broadcast_to(np.array(values), (len(touched), len(values))))
        held, table = np.concatenate(places), np.concatenate(entries)
        pixels, groups = np.unique(held, return_inverse=True)
        inputs = [table[:, column] for column in range(len(properties))]
        folded = fold_groups(reducer, groups, len(pixels), inputs, np.ones(len(held)))
        results = []
        for value, mask in folded:
            full, valid = np.zeros(grid.size), np.zeros(grid.size, dtype=bool)
            full[pixels], valid[pixels] = value, mask
            results.append((full.reshape(grid.shape), valid.reshape(grid.shape)))
        return results

    shared = Shared(whole)
    bands = [
        Band(output, kinds[place], Projection(), output_source(shared, place, kinds[place]))
        for place, output in enumerate(reducer.outputs)
    ]
    outline = joined([geometry.lonlat() for geometry, _ in members])
    return Image(bands=tuple(bands), footprint=Geometry(outline, geodesic=False))


def _touched(grid: Grid, geometry: Geometry) -> Array:
    """Positions, in the flattened grid, of the pixels that a geometry touches."""
    box = pixel_bounds(geometry, grid.anchor or grid.projection)
    if box is None:
        return np.zeros(0, dtype=np.int64)
    row, column = grid.offset
    left, right = max(box[0] - column, 0), min(box[2] - column, grid.shape[1])
    top, bottom = max(box[1] - row, 0), min(box[3] - row, grid.shape[0])
    if left >= right or top >= bottom:
        return np.zeros(0, dtype=np.int64)
    covered = coverage(grid.window(top, left, (bottom - top, right - left)), geometry) > 0
    rows, columns = np.nonzero(covered)
    return np.asarray((rows + top) * grid.shape[1] + columns + left)
