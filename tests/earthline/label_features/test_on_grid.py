import numpy as np
import pytest
import shapely
from pyproj import Transformer

from earthline.grid import Grid
from earthline.label_features.features import LabelFeatures
from earthline.label_features.on_grid import metres, place
from earthline.label_features.overlaps import contradictions, repeated

GRID = Grid("EPSG:32633", (10.0, 0.0, 400_000.0, 0.0, -10.0, 5_800_000.0), (50, 60))
TO_DEGREES = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
WHOLE = (0, 0, 50, 60)


def labels(*pairs):
    """Features given in pixels, as labels in degrees."""

    def in_degrees(xy):
        return np.column_stack(TO_DEGREES.transform(*(GRID.affine @ tuple(xy.T))))

    shapes = np.empty(len(pairs), object)
    shapes[:] = [shapely.transform(shape, in_degrees) for shape, _ in pairs]
    return LabelFeatures(shapes, np.array([class_id for _, class_id in pairs]))


def test_a_point_takes_the_pixel_that_holds_it():
    found = place(labels((shapely.Point(7.9, 3.1), 1)), GRID)
    assert found.pixels(0, WHOLE).tolist() == [[3, 7]]
    assert len(found.pixels(0, (4, 0, 50, 60))) == 0


def test_a_radius_takes_the_pixels_whose_centre_is_as_near():
    found = place(labels((shapely.Point(20.5, 20.5), 1)), GRID, radius=25)
    rows, columns = np.mgrid[0:50, 0:60]
    expected = np.argwhere(np.hypot(rows - 20, columns - 20) < 2.5)
    assert found.pixels(0, WHOLE).tolist() == expected.tolist()
    assert found.are_points.tolist() == [True]


def test_polygons_take_centres_inside_or_all_that_they_touch():
    box = shapely.box(10.6, 5.4, 13.4, 7.2)
    assert place(labels((box, 0)), GRID).pixels(0, WHOLE).tolist() == [[5, 11], [5, 12], [6, 11], [6, 12]]
    touched = place(labels((box, 0)), GRID, all_touched=True).pixels(0, WHOLE)
    assert sorted({row for row, _ in touched.tolist()}) == [5, 6, 7]
    assert sorted({column for _, column in touched.tolist()}) == [10, 11, 12, 13]


def test_features_elsewhere_on_the_globe_are_left_out():
    far = LabelFeatures(np.array([shapely.Point(-170, -80), shapely.box(100, 0, 101, 1)], object), np.array([0, 1]))
    assert len(place(far, GRID)) == 0


def test_an_offset_moves_features_to_the_imagery_that_they_label():
    found = place(labels((shapely.Point(7.5, 3.5), 1)), GRID, offset=(1, -2))
    assert found.pixels(0, WHOLE).tolist() == [[2, 9]]


def test_features_within_a_distance_of_each_other_are_one_group_also_over_others():
    chain = labels(*((shapely.Point(5 + 3 * number, 5), 0) for number in range(4)), (shapely.Point(30, 30), 1))
    assert len(set(place(chain, GRID).groups.tolist())) == 5
    groups = place(chain, GRID, group_distance=31).groups.tolist()
    assert groups[:4] == [groups[0]] * 4 and groups[4] != groups[0]


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326"])
def test_the_side_of_a_pixel_is_in_metres(crs):
    grid = GRID if crs == GRID.crs else Grid(crs, (1e-4, 0.0, 13.0, 0.0, -1e-4, 0.0), (10, 10))
    assert metres(grid) == pytest.approx(10 if crs == GRID.crs else 11.1, rel=0.01)


def test_contradictions_are_shared_ground_of_different_classes():
    found = labels(
        (shapely.box(0, 0, 10, 10), 0),
        (shapely.box(5, 5, 15, 15), 1),
        (shapely.box(10, 0, 20, 5), 1),  # touches the first along an edge
        (shapely.box(2, 2, 3, 3), 0),
        (shapely.Point(7, 2), 1),
        (shapely.Point(7, 3), 0),
        (shapely.Point(40, 40), 0),
        (shapely.Point(40, 40), 1),
        (shapely.Point(40, 40), 0),
        (shapely.Point(7, 2), 1),
    )
    assert sorted(map(tuple, contradictions(found).tolist())) == [(0, 1), (4, 0), (6, 7), (7, 8), (9, 0)]
    assert repeated(found).tolist() == [8, 9]
    assert len(contradictions(labels((shapely.Point(1, 1), 0)))) == 0
