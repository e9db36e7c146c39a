"""Edges that bend: along great circles, over the antimeridian, around a pole."""

import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer

from earthline.outlines import lines, shapes

SPHERE = Geod(a=6_371_000, f=0)


def test_geodesic_edges_get_corners_along_their_course() -> None:
    north = shapely.Polygon([(-100, 60), (-60, 60), (-60, 62), (-100, 62)])
    found = lines.geodesic(north, 2000, SPHERE)
    # The great circle between two places at 62 degrees north, 40 degrees apart, is highest in their middle.
    highest = np.degrees(np.arctan(np.tan(np.radians(62)) / np.cos(np.radians(20))))
    assert found.bounds == pytest.approx((-100, 60, -60, highest), abs=1e-4)
    short = shapely.box(10, 50, 10.01, 50.01).difference(shapely.box(10.002, 50.002, 10.003, 50.003))
    assert lines.geodesic(short, 2000, SPHERE).equals_exact(shapely.MultiPolygon([short]), 0)


def test_geodesic_edges_go_the_short_way_over_the_antimeridian() -> None:
    across = shapely.Polygon([(170, -10), (-170, -10), (-170, 10), (170, 10)])
    found = shapes.tidied(lines.geodesic(across, 50_000, SPHERE), [])
    assert found.geom_type == "Polygon" and (found.bounds[0], found.bounds[2]) == pytest.approx((170, 190))


@pytest.mark.parametrize(("crs", "y"), [("EPSG:3413", 85.0), ("EPSG:3031", -85.0)])
def test_a_ring_around_a_pole_is_closed_through_it(crs: str, y: float) -> None:
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    circle = shapely.Point(0, 0).buffer(500_000, quad_segs=200)
    found = lines.carried(
        shapely.GeometryCollection([circle]), lambda xy: np.column_stack(to_degrees.transform(*xy.T)), 1e-5, 360.0
    )
    tidy = shapes.tidied(found, [])
    assert tidy.is_valid and abs(tidy.bounds[1 if y < 0 else 3]) == 90
    # A cap of 500 km (on the map, whose scale is near 0.97 to 0.98 there) around the pole.
    assert shapes.square_metres(shapely.segmentize(tidy, 0.5)) == pytest.approx(np.pi * 500_000**2 / 0.974**2, rel=0.02)
