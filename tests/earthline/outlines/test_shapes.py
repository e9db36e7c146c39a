"""One form for any outline: across the antimeridian, with crossing rings, of too many corners."""

import json
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import mapping

from earthline.outlines import shapes
from earthline.outlines.shapes import OutlineError

ACROSS = shapely.box(177, -20, 182, -15)


def ring(*corners: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


@pytest.mark.parametrize(
    "written",
    [
        mapping(shapely.MultiPolygon([shapely.box(177, -20, 180, -15), shapely.box(-180, -20, -178, -15)])),
        ring((177, -20), (-178, -20), (-178, -15), (177, -15)),
        ring((177, -20), (182, -20), (182, -15), (177, -15)),
        ring((-183, -20), (-178, -20), (-178, -15), (-183, -15)),
        {"type": "Feature", "properties": {}, "geometry": mapping(ACROSS)},
    ],
    ids=["cut in two", "jumping", "beyond 180", "beyond -180", "a feature"],
)
def test_however_it_is_written_an_outline_across_the_antimeridian_is_in_one_piece(written: dict[str, Any]) -> None:
    found = shapes.read(written, [])
    assert found.geom_type == "Polygon" and found.equals(ACROSS)


def test_islands_on_both_sides_lie_side_by_side() -> None:
    islands = shapely.MultiPolygon([shapely.box(-179, 0, -178, 1), shapely.box(178, 0, 179, 1)])
    assert shapes.tidied(islands, []).bounds == (178, 0, 182, 1)


def test_what_spans_more_than_half_the_globe_is_no_jump_where_its_corners_are_near() -> None:
    wide = shapely.segmentize(shapely.box(-120, -10, 120, 10), 30)
    assert shapes.tidied(wide, []).equals(wide)


def test_a_hole_across_the_antimeridian_stays_in_its_polygon() -> None:
    jumping = {
        "type": "Polygon",
        "coordinates": [
            [[170, -20], [-170, -20], [-170, 0], [170, 0], [170, -20]],
            [[-179, -12], [-175, -12], [-175, -8], [-179, -8], [-179, -12]],
        ],
    }
    found = shapes.read(jumping, [])
    assert found.equals(
        shapely.Polygon(shapely.box(170, -20, 190, 0).exterior, [shapely.box(181, -12, 185, -8).exterior])
    )


def test_crossing_rings_are_repaired_and_overlapping_parts_are_one() -> None:
    notes: list[str] = []
    bow = shapes.read(ring((10, 45), (11, 46), (11, 45), (10, 46)), notes)
    assert bow.is_valid and bow.area == pytest.approx(0.5)
    assert len(notes) == 1 and "repaired (Self-intersection" in notes[0]
    notes.clear()
    two = shapes.tidied(shapely.GeometryCollection([shapely.box(0, 0, 2, 2), shapely.box(1, 0, 3, 2)]), notes)
    assert two.equals(shapely.box(0, 0, 3, 2)) and not notes


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, "holds points"),
        ({"type": "LineString", "coordinates": [[1, 2], [3, 4]]}, "holds lines"),
        ({"type": "Polygon", "coordinates": []}, "holds no geometry"),
        ({"type": "Polygon"}, "no GeoJSON"),
        ({"type": "Circle", "coordinates": [1, 2]}, "no GeoJSON"),
        ({}, "no GeoJSON"),
        (ring((500_000, 0), (500_100, 0), (500_100, 100)), "no longitudes and latitudes"),
        (ring((1, 1), (1 + 1e-9, 1), (1, 1 + 1e-9)), "has no area"),
    ],
)
def test_what_is_no_outline_is_said(written: dict[str, Any], words: str) -> None:
    with pytest.raises(OutlineError, match=words):
        shapes.read(written, [])


def test_too_many_corners_are_refused_with_a_number_that_works() -> None:
    rough = shapely.Point(10, 45).buffer(1, quad_segs=5000)
    with pytest.raises(OutlineError, match="has 20,001 corners") as caught:
        shapes.tidied(rough, [])
    metres = float(str(caught.value).partition("`simplify: ")[2].partition("`")[0])
    simple = shapes.tidied(rough, [], metres)
    assert shapely.get_num_coordinates(simple) <= shapes.MOST_CORNERS
    assert simple.hausdorff_distance(rough) <= 1.01 * metres / 78_000  # a degree of longitude there


corners = st.tuples(st.floats(-180, 180), st.floats(-80, 80))


@given(
    st.lists(
        st.tuples(st.floats(-175, 175), st.floats(-80, 80), st.floats(0.01, 4), st.integers(3, 9)),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_tidy_stays_as_it_is(parts: list[tuple[float, float, float, int]]) -> None:
    angles = [np.linspace(0, 2 * np.pi, count, endpoint=False) + 0.3 for *_, count in parts]
    stars = [
        shapely.Polygon(np.column_stack([x + size * np.cos(angle), y + size * np.sin(angle)]))
        for (x, y, size, _), angle in zip(parts, angles, strict=True)
    ]
    tidy = shapes.tidied(shapely.GeometryCollection(stars), [])
    assert tidy.is_valid and -180 <= tidy.bounds[0] < 180
    written = json.dumps(shapes.as_geojson(tidy))
    assert json.dumps(shapes.as_geojson(shapes.read(json.loads(written), []))) == written


def test_an_outline_is_told_in_a_few_words() -> None:
    told = shapes.told(ACROSS)
    assert "1 polygon" in told and "east -178" in told and "across the antimeridian" in told
    assert "1 hole" in shapes.told(shapely.box(0, 0, 3, 3).difference(shapely.box(1, 1, 2, 2)))


def test_areas_are_those_of_the_ellipsoid() -> None:
    # A cell of one degree on the equator: pi/180 * a^2 times what the sine of authalic latitude gives, in km2.
    assert shapes.square_metres(shapely.segmentize(shapely.box(0, 0, 1, 1), 0.01)) / 1e6 == pytest.approx(
        12_308.8, rel=1e-4
    )
