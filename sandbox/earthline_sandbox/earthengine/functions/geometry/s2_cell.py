"""Cells of the S2 hierarchy as polygons.

The cells are those of https://s2geometry.io/devguide/s2cell_hierarchy: six faces of a cube, each divided in four again
and again along a Hilbert curve, with the quadratic projection to the sphere.
"""

import math

import shapely

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import Geometry
from earthline_sandbox.errors import invalid

_DEEPEST = 30
# Quarter (2 i + j) of every position along the curve, by orientation: bit 0 swaps the axes, bit 1 inverts them.
_QUARTERS = ((0, 1, 3, 2), (0, 2, 3, 1), (3, 2, 0, 1), (3, 1, 0, 2))
_TURNS = (1, 0, 0, 3)


def cell_polygon(number: int) -> Geometry:
    """The cell of a 64-bit id, negative where its first bit is set.

    Raises:
        ApiError: INVALID_ARGUMENT where there is no such cell.
    """
    number &= 2**64 - 1
    lowest = (number & -number).bit_length() - 1
    face = number >> 61
    if not number or lowest % 2 or face > 5 or lowest > 2 * _DEEPEST:
        raise invalid(f"Geometry.s2Cell: {number} is not the id of an S2 cell.")
    level = _DEEPEST - lowest // 2
    i, j, orientation = 0, 0, face & 1
    for depth in range(level):
        position = (number >> (59 - 2 * depth)) & 3
        quarter = _QUARTERS[orientation][position]
        i, j = 2 * i + (quarter >> 1), 2 * j + (quarter & 1)
        orientation ^= _TURNS[position]
    size = 1 << level
    low_u, high_u, low_v, high_v = (_stretched(part / size) for part in (i, i + 1, j, j + 1))
    corners = [(low_u, low_v), (high_u, low_v), (high_u, high_v), (low_u, high_v)]
    ring = [_place(face, u, v) for u, v in corners]
    return Geometry(shapely.Polygon([*ring, ring[0]]))


def _stretched(share: float) -> float:
    """The quadratic transform of a share of a face, 0 to 1, to its cube coordinate, -1 to 1."""
    return (4 * share * share - 1) / 3 if share >= 0.5 else (1 - 4 * (1 - share) ** 2) / 3


def _place(face: int, u: float, v: float) -> tuple[float, float]:
    """(longitude, latitude) in degrees of a point on a face of the cube."""
    x, y, z = ((1, u, v), (-u, 1, v), (-u, -v, 1), (-1, -v, -u), (v, -1, -u), (v, u, -1))[face]
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


@function("Geometry.s2Cell", "Geometry.fromS2CellId")
def s2_cell(cell_id: int) -> Geometry:
    """The cell of an id."""
    return cell_polygon(cell_id)


@function("Geometry.fromS2CellToken")
def from_token(cell_token: str) -> Geometry:
    """The cell of an id in sixteen hexadecimal digits."""
    text = cell_token.removeprefix("0x")
    if len(text) != 16 or not all(letter in "0123456789abcdefABCDEF" for letter in text):
        raise invalid(f"Geometry.fromS2CellToken: '{cell_token[:50]}' is not made of 16 hexadecimal digits.")
    return cell_polygon(int(text, 16))
