import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

SHAPE = (17, 23)
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)


@pytest.mark.parametrize("metric", ["squared_euclidean", "manhattan", "chebyshev"])
def test_distances_are_those_of_all_pairs(world, metric):
    marks = (np.random.default_rng(5).random(SHAPE) < 0.02).astype("uint8")
    assert 3 < marks.sum() < 20
    world.add(f"marks_{metric}", {"mark": marks}, transform=TRANSFORM)
    image = ee.Image(f"marks_{metric}").fastDistanceTransform(6, "pixels", metric)
    (found,) = world.pixels(image, Grid("EPSG:32617", TRANSFORM, SHAPE))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    down, right = (abs(axis[..., None] - places) for axis, places in zip((y, x), marks.nonzero(), strict=True))
    pairs = {
        "squared_euclidean": down**2 + right**2,
        "manhattan": down + right,
        "chebyshev": np.maximum(down, right),
    }[metric]
    assert (found == np.minimum(pairs.min(axis=2), 36 if metric == "squared_euclidean" else 6)).all()


def test_what_it_cannot_measure_is_refused_by_name(world):
    with pytest.raises(ApiError, match="metric must be"):
        world.compute(ee.Image(1).fastDistanceTransform(6, "pixels", "haversine"))
    with pytest.raises(ApiError, match="neighborhood must be"):
        world.compute(ee.Image(1).fastDistanceTransform(100_000))


def test_an_assets_own_image_knows_its_id(world):
    assert world.compute(ee.Image("classes").select([0]).get("system:id")) == "classes"
    assert world.compute(ee.Image("classes").add(1).get("system:id")) is None


def grid_of(transform=TRANSFORM, shape=SHAPE, crs="EPSG:32617"):
    return Grid(crs, transform, shape)


@pytest.mark.parametrize("name", ["euclidean", "manhattan", "chebyshev"])
@pytest.mark.parametrize(("units", "radius", "unit"), [("pixels", 4, 1), ("meters", 125, 30)])
def test_distance_is_the_kernels_to_the_nearest_mark(world, name, units, radius, unit):
    marks = (np.random.default_rng(6).random(SHAPE) < 0.01).astype("uint8")
    world.add("kernel_marks", {"mark": marks}, transform=TRANSFORM)
    found = world.pixels(ee.Image("kernel_marks").distance(getattr(ee.Kernel, name)(radius, units)), grid_of())[0]
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    down, right = (abs(axis[..., None] - places) for axis, places in zip((y, x), marks.nonzero(), strict=True))
    measure = {"euclidean": np.hypot, "manhattan": np.add, "chebyshev": np.maximum}[name]
    # A kernel of distances fills its square.
    expected = np.where(np.maximum(down, right) <= radius // unit, measure(down, right), np.inf).min(axis=2) * unit
    far = np.isinf(expected)
    assert 0 < far.sum() < far.size
    assert (found.mask == far).all()
    assert np.allclose(found[~far], expected[~far])


def test_distance_masks_what_was_masked_unless_told_not_to(world):
    marks = ee.Image("classes").eq(1).updateMask(ee.Image("classes").neq(2))
    kernel = ee.Kernel.euclidean(50)
    grid = Grid("EPSG:32617", TRANSFORM, (60, 80))
    kept, all_ = (world.pixels(marks.distance(kernel, skip), grid)[0] for skip in (True, False))
    assert (kept.mask == (world.classes == 2)).all()
    assert not all_.mask.any()
    assert (kept[~kept.mask] == all_[~kept.mask]).all()


@pytest.mark.parametrize(
    ("angle", "step"), [(0, (0, 1)), (90, (-1, 0)), (180, (0, -1)), (270, (1, 0)), (45, (-1, 1)), (-135, (1, -1))]
)
def test_a_mark_is_looked_for_in_a_direction(world, angle, step):
    marks = np.zeros(SHAPE, "uint8")
    marks[8, 11] = 7
    world.add("beacon", {"mark": marks, "other": np.arange(marks.size).reshape(SHAPE).astype("int32")})
    image = ee.Image("beacon").directionalDistanceTransform(angle, 6, "mark")
    assert world.compute(image.bandNames()) == ["distance", "other"]
    distance, other = world.pixels(image, grid_of())
    length = np.hypot(*step)
    reach = int(6 / length + 1e-9)
    # It is seen from the pixels that lie against the direction.
    assert distance.count() == reach + 1
    for count in range(reach + 1):
        place = (8 - step[0] * count, 11 - step[1] * count)
        assert distance[place] == pytest.approx(count * length)
        assert other[place] == 8 * SHAPE[1] + 11


def test_parabolas_are_buffers_by_the_root_of_their_height(world):
    heights = np.zeros(SHAPE, "int16")
    heights[5, 6], heights[12, 15] = 10, 26
    world.add("peaks", {"b": heights})
    found = world.pixels(ee.Image("peaks").rsedTransform(10), grid_of())[0]
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    surfaces = [10 - (y - 5) ** 2 - (x - 6) ** 2, 26 - (y - 12) ** 2 - (x - 15) ** 2]
    assert (found == np.maximum(np.maximum(*surfaces), 0)).all()


def test_distance_to_features_is_in_metres_to_the_boundary(world):
    degree = 6_378_137 * np.pi / 180
    grid = Grid("EPSG:4326", (0.001, 0, 9.9995, 0, -0.001, 60.0005), (1, 21))
    line = ee.FeatureCollection(ee.Geometry.LineString([[10.02, 59], [10.02, 61]], None, False))
    found = world.pixels(line.distance(600), grid)[0][0]
    away = (20 - np.arange(21)) * 0.001 * np.cos(np.pi / 3) * degree
    assert (found.mask == (away > 600)).all()
    assert np.allclose(found[away <= 600], away[away <= 600], rtol=1e-6)
    # Inside a polygon the distance grows from its edge; over a corner it is the corner's.
    square = ee.FeatureCollection(ee.Geometry.Rectangle([10, 0, 11, 1], None, False))
    places = {(10.5, 0.4): 0.4, (9.7, 1.4): 0.5, (10.2, 0.5): 0.2}
    for (lon, lat), expected in places.items():
        pixel = Grid("EPSG:4326", (1e-6, 0, lon - 5e-7, 0, -1e-6, lat + 5e-7), (1, 1))
        assert world.pixels(square.distance(1e6), pixel)[0][0, 0] == pytest.approx(expected * degree, rel=2e-4)
    over = ee.FeatureCollection(ee.Geometry.Point([-179.9, 0]))
    pixel = Grid("EPSG:4326", (1e-6, 0, 179.9, 0, -1e-6, 0), (1, 1))
    assert world.pixels(over.distance(1e5), pixel)[0][0, 0] == pytest.approx(0.2 * degree, rel=1e-4)


def test_costs_add_up_along_the_cheapest_way(world):
    costs = np.ones((9, 12), "float32")
    costs[:8, 6] = 100
    start = np.zeros((9, 12), "uint8")
    start[0, 0] = 1
    world.add("cost", {"b": costs})
    world.add("start", {"b": start})
    grid = grid_of(shape=(9, 12))
    found = world.pixels(ee.Image("cost").cumulativeCost(ee.Image("start"), 2_000, False), grid)[0]
    assert found[0, 0] == 0
    assert found[0, 5] == pytest.approx(150)
    assert found[4, 4] == pytest.approx(4 * 30 * np.sqrt(2))
    # Around the wall: eight down, six of them on the diagonal, then as many up again.
    there = (6 * np.sqrt(2) + 2) * 30
    assert found[8, 6] == pytest.approx(there)
    assert found[0, 11] == pytest.approx(min(there + (5 * np.sqrt(2) + 3) * 30, (5 + 50.5 + 50.5 + 4) * 30))
    near = world.pixels(ee.Image("cost").cumulativeCost(ee.Image("start"), 100, False), grid)[0]
    y, x = np.mgrid[:9, :12]
    assert (near.mask == (np.hypot(y, x) * 30 > 100)).all()
    blocked = ee.Image("cost").updateMask(ee.Image("cost").lt(100))
    assert world.pixels(blocked.cumulativeCost(ee.Image("start"), 2_000, False), grid)[0].mask[:8, 6].all()
    with pytest.raises(ApiError, match="the sandbox looks at most 640 far"):
        world.pixels(ee.Image("cost").cumulativeCost(ee.Image("start"), 1e6), grid)
