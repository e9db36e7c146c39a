import ee
import numpy as np
import pytest

from sandbox.earthengine.grid import Grid
from sandbox.errors import ApiError

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
