import math
from itertools import pairwise

import ee
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from earthline_sandbox.earthengine.functions.geometry.geometry_relations import holds
from earthline_sandbox.earthengine.pixels.geodesics import moved
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection, transformer
from earthline_sandbox.earthengine.values.regions import inside
from earthline_sandbox.earthengine.values.values import Geometry

G = ee.Geometry
SPHERE = 6_378_137.0
TARGETS = ["EPSG:4326", "EPSG:3857", "EPSG:32617", "EPSG:6933", "EPSG:3035"]


def strip(west, east, south, north):
    """Square metres between parallels and meridians of the WGS84 ellipsoid, by the area of its zones."""
    squared = 6.69437999014e-3
    own = math.sqrt(squared)

    def zone(latitude):
        sine = math.sin(math.radians(latitude))
        inner = sine / (1 - squared * sine**2) + math.atanh(own * sine) / own
        return 6_378_137.0**2 * (1 - squared) / 2 * inner

    return math.radians(east - west) * (zone(north) - zone(south))


def vectors(xy):
    x, y = np.radians(np.asarray(xy, float)).T
    return np.column_stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])


def off_circle(start, end, points):
    """Metres between points and the great circle through two places."""
    normal = np.cross(*vectors([start, end]))
    return np.abs(vectors(points) @ (normal / np.linalg.norm(normal))) * SPHERE


def test_edges_are_geodesic_unless_they_are_said_to_be_planar(world):
    corners = [[-5, 40], [65, 40], [65, 60], [-5, 60], [-5, 60]]  # the polygon of Google's guide to geometries
    geodesic, planar = G.Polygon([corners]), G.Polygon([corners], None, False)
    found = world.compute(
        ee.Dictionary(
            {
                "area": geodesic.area(),
                "planar_area": planar.area(),
                "perimeter": geodesic.perimeter(),
                "planar_perimeter": planar.perimeter(),
                "bounds": geodesic.bounds().coordinates(),
                "planar_bounds": planar.bounds().coordinates(),
                "north": geodesic.contains(G.Point(30, 63)),
                "planar_north": planar.contains(G.Point(30, 63)),
                "south": geodesic.contains(G.Point(30, 42)),
                "planar_south": planar.contains(G.Point(30, 42)),
                "line": G.LineString([[-5, 60], [65, 60]]).length(),
                "parallel": G.LineString([[-5, 60], [65, 60]], None, False).length(),
            }
        )
    )
    assert found["area"] == pytest.approx(Geod(ellps="WGS84").geometry_area_perimeter(shapely.Polygon(corners))[0])
    assert found["planar_area"] == pytest.approx(strip(-5, 65, 40, 60), rel=1e-6)
    # Along a parallel the way is longer than along the great circle.
    assert found["parallel"] == pytest.approx(
        math.radians(70) * math.cos(math.radians(60)) * 6_378_137 / math.sqrt(1 - 6.69437999e-3 * 0.75), rel=1e-6
    )
    assert found["line"] == pytest.approx(Geod(ellps="WGS84").inv(-5, 60, 65, 60)[2])
    assert found["perimeter"] < found["planar_perimeter"]
    top = math.degrees(math.atan(math.tan(math.radians(60)) / math.cos(math.radians(35))))
    assert found["bounds"][0][2] == pytest.approx([65, top], abs=1e-4)
    assert found["planar_bounds"][0][2] == [65, 60]
    assert (found["north"], found["planar_north"]) == (True, False)
    assert (found["south"], found["planar_south"]) == (False, True)


def test_the_whole_globe_and_its_faces(world):
    whole = G.Rectangle([-180, -90, 180, 90], None, False)
    faces = [G.fromS2CellToken(f"{digit}000000000000000") for digit in "13579b"]
    quarters = [G.fromS2CellToken(f"{start}000000000000") for start in ("8944", "894c", "8954", "895c")]
    found = world.compute(
        ee.Dictionary(
            {
                "whole": whole.area(),
                "default": G.Rectangle([-180, -90, 180, 90]).area(),
                "faces": ee.List(faces).map(lambda face: G(face).area()),
                "antarctica": faces[5].contains(G.Point(30, -88)),
                "first": G(faces[0]).contains(G.Point(1, 1)),
                "children": ee.List(quarters).map(lambda cell: G(cell).area()),
                "parent": G.fromS2CellToken("8950000000000000").area(),
                "signed": G.s2Cell(int("89c25", 16) * 16**11 - 2**64).coordinates(),
                "token": G.fromS2CellToken("89c2500000000000").coordinates(),
                "manhattan": G.fromS2CellToken("89c2500000000000").contains(G.Point(-73.98, 40.75)),
            }
        )
    )
    assert found["whole"] == pytest.approx(510_065_621_724_089, rel=1e-9)
    assert found["default"] == pytest.approx(found["whole"], rel=1e-12)
    assert sum(found["faces"]) == pytest.approx(found["whole"], rel=1e-6)
    assert max(found["faces"]) / min(found["faces"]) < 1.01
    assert found["antarctica"] and found["first"] and found["manhattan"]
    assert sum(found["children"]) == pytest.approx(found["parent"], rel=1e-6)
    assert found["signed"] == found["token"]


def test_boxes_over_the_antimeridian_are_like_any_other(world):
    here, there = G.BBox(-10, -20, 10, 20), G.BBox(170, -20, -170, 20)
    feature = ee.FeatureCollection(
        [ee.Feature(G.Point(179, 0)), ee.Feature(G.Point(-179, 0)), ee.Feature(G.Point(0, 0))]
    )
    round_pole = G.Polygon([[[0, 70], [90, 70], [180, 70], [-90, 70]]])
    ring = G.Polygon([[[170, -20], [-170, -20], [-170, 20], [170, 20]]])
    found = world.compute(
        ee.Dictionary(
            {
                "area": there.area(),
                "same": here.area(),
                "bounds": there.bounds().coordinates(),
                "ring_bounds": ring.bounds().coordinates(),
                "ring": ring.area(),
                "same_ring": G.Polygon([[[-10, -20], [10, -20], [10, 20], [-10, 20]]]).area(),
                "east": there.contains(G.Point(-175, 1)),
                "west": ee.Number(ring.contains(G.Point(175, 1))).And(there.contains(G.Point(180, 1))),
                "middle": ring.contains(G.Point(0, 1)),
                "overlap": there.intersection(G.Rectangle([175, -5, 180, 5], None, False)).area(),
                "same_overlap": G.Rectangle([-5, -5, 0, 5], None, False).area(),
                "filtered": feature.filterBounds(there).size(),
                "centroid": ring.centroid(1).coordinates(),
                "distance": G.Point(179.5, 0).distance(G.Point(-179.5, 0)),
                "buffer": G.Point(180, 0).buffer(50_000, 1).contains(G.Point(-179.7, 0)),
                "pole": round_pole.contains(G.Point(33, 89)),
                "below": round_pole.contains(G.Point(45, 69)),
                "cap": round_pole.area(),
            }
        )
    )
    assert found["area"] == pytest.approx(found["same"], rel=1e-9)
    assert found["ring"] == pytest.approx(found["same_ring"], rel=1e-9)
    assert found["bounds"] == [[[170, -20], [190, -20], [190, 20], [170, 20], [170, -20]]]
    assert [found["ring_bounds"][0][i][0] for i in (0, 1)] == [170, 190]
    assert (found["east"], found["west"], found["middle"]) == (True, 1, False)
    assert found["overlap"] == pytest.approx(found["same_overlap"], rel=1e-9)
    assert found["filtered"] == 2
    assert abs(found["centroid"][0]) == pytest.approx(180) and found["centroid"][1] == pytest.approx(0, abs=1e-6)
    assert found["distance"] == pytest.approx(math.radians(1) * 6_378_137, rel=1e-6)
    assert found["buffer"]
    assert (found["pole"], found["below"]) == (True, False)
    assert found["cap"] == pytest.approx(Geod(ellps="WGS84").polygon_area_perimeter([0, 90, 180, -90], [70] * 4)[0])


def test_a_clip_over_the_antimeridian_shows_both_sides(world):
    image = ee.Image.constant(1).clip(G.BBox(170, -10, -170, 10))
    found = world.pixels(image, Grid("EPSG:4326", (5, 0, -180, 0, -5, 10), (4, 72)))[0]
    valid = ~np.ma.getmaskarray(found)[0]
    assert valid[[0, 1, -2, -1]].all() and valid.sum() == 4
    count = ee.Image.constant(1).reduceRegion(ee.Reducer.count(), G.BBox(170, -10, -170, 10), crs="EPSG:4326",
                                              crsTransform=[5, 0, -180, 0, -5, 90])  # fmt: skip
    assert world.compute(count) == {"constant": 16}


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    west=st.floats(-150, 100), south=st.floats(-70, 40), width=st.floats(0.001, 50), height=st.floats(0.001, 25),
    slant=st.floats(-0.5, 0.5), target=st.sampled_from(TARGETS),
)  # fmt: skip
def test_moved_edges_keep_their_course(west, south, width, height, slant, target):
    corners = [
        (west, south),
        (west + width, south + slant * height),
        (west + width, south + height),
        (west, south + height),
    ]
    shape = shapely.Polygon(corners)
    if target in ("EPSG:32617", "EPSG:3035"):
        # These projections show a part of the globe only.
        middle = {"EPSG:32617": -81.0, "EPSG:3035": 10.0}[target]
        north = 40 - south if target == "EPSG:3035" else 0
        shape = shapely.affinity.translate(shape, middle - west - width / 2, north)
        shape = shapely.affinity.scale(shape, xfact=min(1, 10 / width), yfact=1)
    for geodesic in (True, False):
        found = moved(shape, "EPSG:4326", target, geodesic=geodesic)
        back = transformer(target, "EPSG:4326")
        vertices = shapely.get_coordinates(found)
        # Points of the chords between vertices lie on the course of the edge that they belong to.
        points = np.concatenate([vertices[:-1] * (1 - t) + vertices[1:] * t for t in (0.0, 0.3, 0.5)])
        lonlat = np.column_stack(back.transform(points[:, 0], points[:, 1]))
        ring = shapely.get_coordinates(shape.exterior)
        edges = list(pairwise(ring))
        if geodesic:
            off = np.min([off_circle(a, b, lonlat) for a, b in edges], axis=0)
        else:
            lines = [shapely.LineString(edge) for edge in edges]
            off = np.min([shapely.distance(line, shapely.points(lonlat)) for line in lines], axis=0) * 111_320
        assert off.max() < 3, (off.max(), len(vertices))
        # What it was made of is still there.
        for vertex in zip(*transformer("EPSG:4326", target).transform(*ring.T), strict=True):
            assert np.abs(vertices - vertex).sum(axis=1).min() < 1e-6


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    data=st.data(), shift=st.floats(100, 260), geodesic=st.booleans(),
)  # fmt: skip
def test_places_over_the_antimeridian_are_found_as_they_are_elsewhere(data, shift, geodesic):
    number = st.integers(-80, 80).map(lambda quarters: quarters / 4)
    points = data.draw(st.lists(st.tuples(number, number), min_size=3, max_size=8))
    hull = shapely.MultiPoint(points).convex_hull
    if hull.geom_type != "Polygon" or hull.area < 1:
        return
    here = Geometry(hull, geodesic=geodesic)
    there = Geometry(shapely.affinity.translate(hull, shift, 0), geodesic=geodesic)
    wrapped = shapely.transform(there.shape, lambda xy: np.column_stack([(xy[:, 0] + 180) % 360 - 180, xy[:, 1]]))
    probes = data.draw(st.lists(st.tuples(number, number), min_size=5, max_size=20))
    for x, y in probes:
        if shapely.distance(hull.exterior, shapely.Point(x, y)) < 2.5:
            continue
        expected = here.lonlat().contains(shapely.Point(x, y))
        place = shapely.Point((x + shift + 180) % 360 - 180, y)
        assert holds(there.lonlat(), place) == expected
        if geodesic:
            # Longitudes that jump say the same as longitudes that go on.
            assert holds(Geometry(wrapped).lonlat(), place) == expected


def test_pixels_of_a_geodesic_region_follow_its_edges():
    corners = [(-100, 50), (-60, 50), (-60, 60), (-100, 60)]
    grid = Projection("EPSG:4326", (0.25, 0, -100, 0, -0.25, 66)).grid(0, 0, (70, 160))
    found = inside(grid, Geometry(shapely.Polygon(corners)))
    planar = inside(grid, Geometry(shapely.Polygon(corners), geodesic=False))
    x, y = grid.centres()
    top = np.degrees(np.arctan(np.tan(np.radians(60)) / np.cos(np.radians(20)) * np.cos(np.radians(x + 80))))
    bottom = np.degrees(np.arctan(np.tan(np.radians(50)) / np.cos(np.radians(20)) * np.cos(np.radians(x + 80))))
    np.testing.assert_array_equal(found, (y < top) & (y > bottom))
    np.testing.assert_array_equal(planar, (y < 60) & (y > 50))


def test_combined_geodesic_shapes_have_no_vertex_more_than_they_need(world):
    one, two = G.Rectangle([0, 30, 20, 50]), G.Rectangle([10, 40, 30, 60])
    over = G.Polygon([[[170, 30], [-170, 30], [-170, 50], [170, 50]]])
    right = G.Polygon([[[180, 40], [-160, 40], [-160, 60], [180, 60]]])
    both = [one.intersection(two), one.union(two), one.difference(two), two.difference(one)]
    features = ee.FeatureCollection([ee.Feature(one), ee.Feature(two)])
    found = world.compute(
        ee.Dictionary(
            {
                "shapes": both,
                "areas": [shape.area() for shape in (*both, one, two)],
                "over": [over.intersection(right).area(), over.intersection(right)],
                "hull": G.MultiPoint([[0, 30], [20, 50], [60, 60], [10, 35]]).convexHull().coordinates(),
                "bounds": features.bounds().coordinates(),
                "merged": features.geometry().geodesic(),
                "both_sides": G.Polygon([[[170, 0], [180, 0], [-180, 10], [170, 10]]]).area(),
                "one_side": G.Polygon([[[170, 0], [180, 0], [180, 10], [170, 10]]]).area(),
                "planar": ee.FeatureCollection([ee.Feature(G.BBox(0, 0, 1, 1))]).geometry().geodesic(),
            }
        )
    )
    middle = math.radians(10)

    def great_circle(latitude):
        return math.degrees(math.atan(math.tan(math.radians(latitude)) / math.cos(middle)))

    expected = [[10, 40], [10, great_circle(50)], [20, 50], [20, great_circle(40)]]
    np.testing.assert_allclose(sorted(found["shapes"][0]["coordinates"][0][:-1]), sorted(expected), atol=1e-9)
    assert [20, 50] in found["shapes"][0]["coordinates"][0]  # a vertex that was there before, to the last bit
    assert len(found["shapes"][1]["coordinates"][0]) == 9
    shared, whole, left, rest, first, second = found["areas"]
    assert shared + whole == pytest.approx(first + second, rel=1e-4)
    assert left + shared + rest == pytest.approx(whole, rel=1e-4)
    assert found["over"][0] == pytest.approx(shared, rel=1e-9)
    assert sorted(x % 360 for x, _ in found["over"][1]["coordinates"][0][:-1]) == pytest.approx([180, 180, 190, 190])
    assert sorted(found["hull"][0][:-1]) == [[0, 30], [20, 50], [60, 60]]
    assert found["bounds"][0][0] == [0, 30] and found["bounds"][0][2] == pytest.approx([30, great_circle(60)], abs=1e-4)
    assert (found["merged"], found["planar"]) == (True, False)
    assert found["both_sides"] == pytest.approx(found["one_side"], rel=1e-12)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(-200, 200), st.integers(-90, 90)), min_size=3, max_size=6, unique=True),
    st.sampled_from(["EPSG:4326", "EPSG:3857", "EPSG:3413"]),
    st.booleans(),
)
def test_rings_that_bend_into_one_another_are_repaired(corners, target, geodesic):
    if target == "EPSG:3413":
        corners = [(x, abs(y)) for x, y in corners]  # the other pole is infinitely far in this projection
    shape = Geometry(shapely.make_valid(shapely.Polygon(corners), method="structure"), geodesic=geodesic)
    found = shape.in_crs(target)
    assert found.is_valid or not np.isfinite(found.bounds).all()
    west, south, east, north = shape.lonlat().bounds if not found.is_empty else (0, 0, 0, 0)
    assert -180 - 1e-6 <= west <= east <= 180 + 1e-6 and -90 <= south <= north <= 90
