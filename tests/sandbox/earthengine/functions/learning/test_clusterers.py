import ee
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from earthline_sandbox.errors import ApiError

CENTRES = [(0, 0), (10, 0), (0, 10), (10, 10)]


@pytest.fixture(scope="module")
def points():
    """Four round heaps of 40 points, the second band a thousand times as large."""
    generator = np.random.default_rng(5)
    heaps = np.repeat(np.arange(4), 40)
    return np.round((np.array(CENTRES)[heaps] + generator.normal(0, 0.7, (160, 2))) * [1, 1000], 3), heaps


@pytest.fixture(scope="module")
def samples(points):
    return ee.FeatureCollection([ee.Feature(None, {"u": u, "v": v}) for u, v in points[0].tolist()])


def clusters(samples, clusterer, name="cluster"):
    return ee.FeatureCollection(samples.cluster(clusterer.train(samples, ["u", "v"]), name)).aggregate_array(name)


def test_every_clusterer_finds_the_heaps(world, points, samples):
    made = {
        "kmeans": ee.Clusterer.wekaKMeans(4, 1),
        "again": ee.Clusterer.wekaKMeans(4, 1),
        "farthest": ee.Clusterer.wekaKMeans(4, 3, seed=2),
        "xmeans": ee.Clusterer.wekaXMeans(2, 9),
        "cascade": ee.Clusterer.wekaCascadeKMeans(2, 7),
        "lvq": ee.Clusterer.wekaLVQ(4, 0.5, 50),
    }
    found = world.compute(ee.Dictionary({name: clusters(samples, clusterer) for name, clusterer in made.items()}))
    for name, labels in found.items():
        assert adjusted_rand_score(points[1], labels) == 1, name
        assert sorted(set(labels)) == [0, 1, 2, 3], name
    assert found["kmeans"] == found["again"]


def test_an_image_is_clustered_where_it_is_valid(world):
    image = ee.Image("C/s0")
    training = image.sample(numPixels=300, seed=1)
    clusterer = ee.Clusterer.wekaKMeans(3).train(training, ["red", "nir"])
    (found,) = world.pixels(image.cluster(clusterer, "heap"))
    assert (found.mask == ~((world.red[0] > 0) & (world.nir[0] > 0))).all()
    assert set(found.compressed().tolist()) == {0, 1, 2} and found.dtype == np.int32
    assert world.compute(image.cluster(clusterer, "heap").bandNames()) == ["heap"]
    assert world.compute(clusterer.schema()) == ["red", "nir"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda s: clusters(s, ee.Clusterer.wekaCobweb()), "wekaCobweb: the sandbox does not implement"),
        (lambda s: clusters(s, ee.Clusterer.wekaKMeans(2, distanceFunction="Manhattan")), "not by 'Manhattan'"),
        (lambda s: clusters(s, ee.Clusterer.wekaKMeans(2, 2)), "'init' must be 0"),
        (lambda s: clusters(s, ee.Clusterer.wekaKMeans(0)), "'nClusters' must be at least 1"),
        (lambda s: clusters(s, ee.Clusterer.wekaXMeans(5, 4)), "must not be less than"),
        (lambda s: clusters(s.limit(0), ee.Clusterer.wekaKMeans(2)), "No data was found"),
        (lambda s: s.cluster(ee.Clusterer.wekaKMeans(2)), r"clusterer \(Clusterer.wekaKMeans\) has not been trained"),
        (lambda s: clusters(s.limit(3), ee.Clusterer.wekaCascadeKMeans(3, 4)), "too few for 3 clusters"),
    ],
)
def test_what_cannot_be_clustered_is_refused(world, samples, make, reason):
    with pytest.raises(ApiError, match=reason):
        world.compute(make(samples))
