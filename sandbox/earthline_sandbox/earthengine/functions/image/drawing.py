"""Features drawn as a map shows them: outlines, fills and markers.

https://developers.google.com/earth-engine/apidocs/ee-featurecollection-style. Sizes are in pixels of whatever is
asked for, so a drawing keeps its strokes at every zoom.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from matplotlib.colors import to_rgba
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.language.coerce import Mismatch, number
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.geodesics import joined
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.indexed_shapes import indexed
from earthline_sandbox.earthengine.pixels.pixels import BYTE, Array, Band
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Collection, Feature, Geometry, Image
from earthline_sandbox.errors import invalid

_FILL = 0.66
_WIDEST = 512.0
_COLOURS = ("vis-red", "vis-green", "vis-blue")
Colour = tuple[float, float, float, float]


def _ring(corners: int, turn: float = 0.0, inner: float | None = None) -> BaseGeometry:
    """A regular polygon of radius 1 with a corner at the top, or a star where an inner radius is given."""
    count = corners if inner is None else 2 * corners
    angles = math.radians(turn) - math.pi / 2 + 2 * math.pi * np.arange(count) / count
    radii = np.ones(count) if inner is None else np.where(np.arange(count) % 2, inner, 1.0)
    return shapely.Polygon(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]))


def _strokes(*ends: tuple[float, float]) -> BaseGeometry:
    return shapely.MultiLineString([[(-x, -y), (x, y)] for x, y in ends])


_HALF = math.sqrt(0.5)
_MARKERS: dict[str, BaseGeometry] = {
    "circle": _ring(32),
    "square": shapely.box(-1, -1, 1, 1),
    "diamond": _ring(4),
    "cross": _strokes((_HALF, _HALF), (_HALF, -_HALF)),
    "plus": _strokes((1, 0), (0, 1)),
    "pentagram": _ring(5, inner=0.382),
    "hexagram": _ring(6, inner=0.577),
    "triangle": _ring(3),
    "triangle_up": _ring(3),
    "triangle_down": _ring(3, 180),
    "triangle_left": _ring(3, -90),
    "triangle_right": _ring(3, 90),
    "pentagon": _ring(5),
    "hexagon": _ring(6),
    "star5": _ring(5, inner=0.382),
    "star6": _ring(6, inner=0.577),
}
_SHORT = {
    "o": "circle", "s": "square", "d": "diamond", "x": "cross", "+": "plus", "p": "pentagram", "h": "hexagram",
    "^": "triangle_up", "v": "triangle_down", "<": "triangle_left", ">": "triangle_right",
}  # fmt: skip


@dataclass(frozen=True)
class _Style:
    """How one feature is drawn; lengths in pixels, colours as red, green, blue and opacity from 0 to 1."""

    color: Colour
    fill: Colour
    point_size: float
    point_shape: str
    width: float


def _colour(name: str, text: Any) -> Colour:
    given = str(text).strip()
    shown = f"#{given}" if re.fullmatch(r"[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8}", given) else given.lower()
    try:
        red, green, blue, alpha = to_rgba(shown)
    except ValueError as error:
        raise invalid(f"{name}: Invalid color: '{text}'.") from error
    return red, green, blue, alpha


def _length(name: str, key: str, value: Any) -> float:
    try:
        found = float(number(value))
    except Mismatch as error:
        raise invalid(f"{name}: '{key}' must be a number of pixels, got {value!r}.") from error
    if not 0 <= found <= _WIDEST:
        raise invalid(f"{name}: '{key}' must be between 0 and {_WIDEST:g} pixels, got {value}.")
    return found


def _marker(name: str, shape: Any) -> str:
    found = _SHORT.get(str(shape), str(shape))
    if found not in _MARKERS:
        raise invalid(f"{name}: Unknown pointShape '{shape}': must be one of {', '.join(_MARKERS)}.")
    return found


def _faded(colour: Colour) -> Colour:
    return (*colour[:3], colour[3] * _FILL)


@function("Collection.style", ignores=("neighborhood", "lineType"))
def style(
    collection: Collection,
    color: str,
    point_size: int,
    point_shape: str,
    width: float,
    fill_color: str | None,
    style_property: str | None,
) -> Image:
    """Features as red, green and blue, transparent where there is none."""
    name = "Collection.style"
    main = _colour(name, color)
    default = _Style(
        main,
        _faded(main) if fill_color is None else _colour(name, fill_color),
        _length(name, "pointSize", point_size),
        _marker(name, point_shape),
        _length(name, "width", width),
    )

    def of(feature: Feature) -> _Style:
        given = feature.get(style_property) if style_property else None
        if given is None:
            return default
        if not isinstance(given, Mapping):
            raise invalid(f"{name}: the property '{style_property}' must be a dictionary.")
        own = default
        if "color" in given:
            line = _colour(name, given["color"])
            own = replace(own, color=line, fill=_faded(line) if fill_color is None else own.fill)
        if "fillColor" in given:
            own = replace(own, fill=_colour(name, given["fillColor"]))
        if "pointSize" in given:
            own = replace(own, point_size=_length(name, "pointSize", given["pointSize"]))
        if "pointShape" in given:
            own = replace(own, point_shape=_marker(name, given["pointShape"]))
        if "width" in given:
            own = replace(own, width=_length(name, "width", given["width"]))
        return own

    return _drawn([(item.geometry, of(item)) for item in collection if isinstance(item, Feature) and item.geometry])


@function("Collection.draw")
def draw(collection: Collection, color: str, point_radius: int, stroke_width: int) -> Image:
    """Features in one colour, their insides paler."""
    name = "Collection.draw"
    main = _colour(name, color)
    radius, width = _length(name, "pointRadius", point_radius), _length(name, "strokeWidth", stroke_width)
    own = _Style(main, _faded(main), radius, "circle", width)
    return _drawn([(item.geometry, own) for item in collection if isinstance(item, Feature) and item.geometry])


def _drawn(members: Sequence[tuple[Geometry, _Style]]) -> Image:
    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        colour, opacity = np.zeros((3, *grid.shape)), np.zeros(grid.shape)
        for geometry, own in members:
            for shape, paint in _layers(grid, geometry, own):
                covered = _covered(grid, shape)
                if covered is None:
                    continue
                block, inside = covered
                alpha = inside * paint[3]
                before = opacity[block] * (1 - alpha)
                after = alpha + before
                safe = np.where(after > 0, after, 1)
                for channel in range(3):
                    colour[channel][block] = (paint[channel] * alpha + colour[channel][block] * before) / safe
                opacity[block] = after
        mask = np.asarray(opacity, dtype="float32")
        return [(np.floor(layer * 255 + 0.5), mask) for layer in colour]

    shared = Shared(whole)
    bands = [Band(name, BYTE, Projection(), output_source(shared, i, BYTE)) for i, name in enumerate(_COLOURS)]
    outline = joined([geometry.lonlat() for geometry, _ in members])
    return Image(bands=tuple(bands), footprint=Geometry(outline, geodesic=False))


def _layers(grid: Grid, geometry: Geometry, own: _Style) -> list[tuple[BaseGeometry, Colour]]:
    """What to paint, one over the other, as shapes in the pixel plane that the grid is a window of."""
    anchor = grid.anchor or grid.projection
    located = geometry.in_crs(grid.crs)
    if located.is_empty or not np.isfinite(located.bounds).all():
        return []
    shape = shapely.transform(located, lambda xy: np.column_stack(anchor.position(xy[:, 0], xy[:, 1])))
    layers: list[tuple[BaseGeometry, Colour]] = []
    for part in shapely.get_parts(shape):
        if part.geom_type == "Point":
            x, y = part.x, part.y
            marker = shapely.transform(_MARKERS[own.point_shape], lambda xy, x=x, y=y: xy * own.point_size + (x, y))
            layers.extend(_outlined(marker, own))
        else:
            layers.extend(_outlined(part, own))
    return layers


def _outlined(shape: BaseGeometry, own: _Style) -> list[tuple[BaseGeometry, Colour]]:
    if shape.geom_type != "Polygon":
        return [(shapely.buffer(shape, own.width / 2), own.color)] if own.width else []
    layers = [(shape, own.fill)]
    if own.width:
        layers.append((shapely.buffer(shape.boundary, own.width / 2), own.color))
    return layers


def _covered(grid: Grid, shape: BaseGeometry) -> tuple[tuple[slice, slice], Array] | None:
    """(block, pixels of the block whose centres lie in the shape), or None where it is not in the grid."""
    if shape.is_empty:
        return None
    columns, rows = grid.axes()
    west, north, east, south = shape.bounds
    left, right = np.searchsorted(columns, [west, east + 1e-9])
    top, bottom = np.searchsorted(rows, [north, south + 1e-9])
    if left >= right or top >= bottom:
        return None
    x, y = np.meshgrid(columns[left:right], rows[top:bottom])
    return (slice(top, bottom), slice(left, right)), indexed(shape).intersects(x, y)
