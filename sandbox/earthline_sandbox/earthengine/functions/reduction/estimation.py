"""Surfaces estimated from points: ordinary kriging, and weights by distance.

https://developers.google.com/earth-engine/guides/image_interpolation. Cressie (1993), Statistics for Spatial Data,
https://doi.org/10.1002/9781119115151.
"""

import math
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.language.coerce import Mismatch, number
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import METERS_PER_DEGREE, WGS84, Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, Band
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.reducers import reducers
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import Collection, Image
from earthline_sandbox.errors import invalid

_MOST_POINTS = 5_000
# Pixels whose distances to all points are held at a time.
_HELD = 4_000_000
_SHAPES: dict[str, Callable[[Array], Array]] = {
    "exponential": lambda share: 1 - np.exp(-share),
    "gaussian": lambda share: 1 - np.exp(-(share**2)),
    "spherical": lambda share: np.where(share < 1, 1.5 * share - 0.5 * share**3, 1.0),
}


def _points(name: str, collection: Collection, property_name: str, reducer: Reducer | None) -> tuple[Array, Array]:
    """(longitude and latitude of shape `(points, 2)`, values); points at one place become one."""
    found: dict[tuple[float, float], list[float]] = defaultdict(list)
    for feature in collection.features(name):
        if feature.geometry is None or feature.get(property_name) is None:
            continue
        shape = feature.geometry.lonlat()
        if shape.geom_type != "Point":
            raise invalid(f"{name}: every feature must be a point, found a {shape.geom_type}.")
        try:
            found[shape.x, shape.y].append(float(number(feature.get(property_name))))
        except Mismatch as error:
            raise invalid(f"{name}: the property '{property_name}' must be a number.") from error
    if not found:
        raise invalid(f"{name}: no feature has a point and a property '{property_name}'.")
    if len(found) > _MOST_POINTS:
        raise invalid(f"{name}: the sandbox takes at most {_MOST_POINTS} points, got {len(found)}.")
    chosen = reducer or reducers.simple("mean")
    if chosen.inputs != 1 or len(chosen.outputs) != 1:
        raise invalid(f"{name}: the reducer must have one input and one output.")
    values = [
        series[0] if len(series) == 1 else chosen.reduce_series([np.array(series)], np.ones(len(series)))[0]
        for series in found.values()
    ]
    return np.array(list(found)), np.array(values, dtype="float64")


def _metres(lon: Array, lat: Array, points: Array) -> Array:
    """Great-circle distances of shape `(places, points)`."""
    one, two = np.radians(lat)[:, None], np.radians(points[:, 1])
    across = np.radians(points[:, 0] - lon[:, None])
    half = np.sin((two - one) / 2) ** 2 + np.cos(one) * np.cos(two) * np.sin(across / 2) ** 2
    return np.asarray(2 * np.arcsin(np.sqrt(np.clip(half, 0, 1))) * METERS_PER_DEGREE * 180 / math.pi)


def _estimated(points: Array, estimate: Callable[[Array], tuple[Array, Array]]) -> Image:
    """An image of what is estimated from the distances of pixels, shape `(pixels, points)`."""

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        lon, lat = (part.ravel() for part in grid.coordinates(WGS84))
        values, mask = np.zeros(grid.size), np.zeros(grid.size, dtype=bool)
        step = max(1, _HELD // len(points))
        for start in range(0, grid.size, step):
            computation.check()
            part = slice(start, start + step)
            finite = np.isfinite(lon[part]) & np.isfinite(lat[part])
            places = start + np.flatnonzero(finite)
            if len(places):
                values[places], mask[places] = estimate(_metres(lon[places], lat[places], points))
        return [(values.reshape(grid.shape), mask.reshape(grid.shape))]

    return Image(bands=(Band("estimate", DOUBLE, Projection(), output_source(Shared(whole), 0, DOUBLE)),))


@function("FeatureCollection.kriging")
def kriging(
    collection: Collection,
    property_name: str,
    shape: str,
    range: float,
    sill: float,
    nugget: float,
    max_distance: float | None,
    reducer: Reducer | None,
) -> Image:
    """Ordinary kriging from the points within a distance; masked where there are none."""
    name = "FeatureCollection.kriging"
    if shape not in _SHAPES:
        raise invalid(f"{name}: Unknown shape '{shape}': must be one of {', '.join(_SHAPES)}.")
    if not range > 0 or not sill >= nugget >= 0:
        raise invalid(f"{name}: 'range' must be positive, and 'sill' at least 'nugget', which must not be negative.")
    points, values = _points(name, collection, property_name, reducer)
    reach = range if max_distance is None else max_distance

    def semivariance(distances: Array) -> Array:
        return np.where(distances > 0, nugget + (sill - nugget) * _SHAPES[shape](distances / range), 0.0)

    between = semivariance(_metres(points[:, 0], points[:, 1], points))

    def estimate(distances: Array) -> tuple[Array, Array]:
        near = distances <= reach
        found, known = np.zeros(len(distances)), np.asarray(near.any(axis=1))
        # Pixels that see the same points share one system of equations.
        packed, groups = np.unique(np.packbits(near, axis=1), axis=0, return_inverse=True)
        order = np.argsort(groups.ravel(), kind="stable")
        edges = np.searchsorted(groups.ravel()[order], np.arange(len(packed) + 1))
        for group, bits in enumerate(packed):
            computation.check()
            chosen = np.flatnonzero(np.unpackbits(bits, count=len(points)))
            if not len(chosen):
                continue
            system = np.ones((len(chosen) + 1, len(chosen) + 1))
            system[:-1, :-1] = between[np.ix_(chosen, chosen)]
            system[-1, -1] = 0
            # The estimate is linear in the semivariances: its factors are one row for the whole group.
            factors = np.linalg.lstsq(system, np.append(values[chosen], 0), rcond=None)[0]
            pixels = order[edges[group] : edges[group + 1]]
            seen = semivariance(distances[pixels][:, chosen])
            found[pixels] = (seen * factors[:-1]).sum(axis=1) + factors[-1]
        return found, known

    return _estimated(points, estimate)


@function("FeatureCollection.inverseDistance", ignores=("stdDev",))
def inverse_distance(
    collection: Collection, range: float, property_name: str, mean: float, gamma: float, reducer: Reducer | None
) -> Image:
    """Values weighted by inverse distance, which give way to the mean the farther the nearest point is."""
    name = "FeatureCollection.inverseDistance"
    if not range > 0 or not gamma >= 0:
        raise invalid(f"{name}: 'range' must be positive, and 'gamma' must not be negative.")
    points, values = _points(name, collection, property_name, reducer)

    def estimate(distances: Array) -> tuple[Array, Array]:
        near = distances < range
        weights = np.where(near, 1 / np.maximum(distances, 1e-6), 0)
        total = weights.sum(axis=1)
        known = np.asarray(near.any(axis=1))
        found = np.divide((weights * values).sum(axis=1), total, out=np.zeros_like(total), where=known)
        trust = np.where(known, np.clip(1 - distances.min(axis=1) / range, 0, 1), 0) ** gamma
        return np.where(known, mean + trust * (found - mean), 0), known

    return _estimated(points, estimate)
