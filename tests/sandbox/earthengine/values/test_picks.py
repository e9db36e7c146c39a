import json

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from earthline_sandbox.earthengine.catalogue.assets import Assets
from earthline_sandbox.earthengine.catalogue.ingest import Ingestion
from earthline_sandbox.earthengine.evaluation.evaluation import Evaluator
from earthline_sandbox.earthengine.functions.reduction import sampling
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.values import picks

SCENE = "projects/sandbox/assets/scene"
SHAPE = (230, 310)
PLANE = Projection("EPSG:32617", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0))


@pytest.fixture(scope="module")
def data():
    """Two bands, 0 where they are masked; the second has 6 values."""
    generator = np.random.default_rng(3)
    data = generator.integers(1, 10_000, (2, *SHAPE)).astype("uint16")
    data[1] = data[1] % 6 + 1
    data[:, generator.random(SHAPE) < 0.15] = 0
    return data


@pytest.fixture(scope="module")
def evaluator(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    profile = {"driver": "GTiff", "count": 2, "height": SHAPE[0], "width": SHAPE[1], "dtype": "uint16", "nodata": 0}
    with rasterio.open(folder / "a.tif", "w", crs=PLANE.crs, transform=Affine(*PLANE.transform), **profile) as sink:
        sink.write(data)
    assets = Assets(folder / "assets")
    Ingestion(assets, folder).files(SCENE, [folder / "a.tif"], band_names=["red", "class"])
    return Evaluator(assets)


def answer(ee, evaluator, expression):
    encoded = json.loads(json.dumps(ee.serializer.encode(expression, for_cloud_api=True)))
    return evaluator.to_json(evaluator.evaluate(encoded))


def samples(ee):
    """Every way of sampling, over a region whose outline is no rectangle."""
    scene = ee.Image(SCENE)
    region = ee.Geometry.Point([-79.846, 36.11]).buffer(2_500, 1)
    corners = ee.Geometry.MultiPoint([[-79.86, 36.12], [-79.84, 36.10]])
    places = ee.FeatureCollection([ee.Feature(region, {"n": 1}), ee.Feature(corners, {"n": 2})])
    return {
        "stratified": scene.stratifiedSample(40, "class", region, 30, seed=5, geometries=True),
        "with quotas": scene.stratifiedSample(5, "class", None, 30, classValues=[2, 4], classPoints=[0, 90]),
        "some": scene.sample(region, 30, numPixels=200, seed=2, geometries=True),
        "a share": scene.sample(region, 30, factor=0.02, dropNulls=False),
        "of regions": scene.sampleRegions(places, ["n"], 90),
    }


def test_samples_are_the_same_whatever_the_tiles(ee, evaluator, monkeypatch):
    whole = {name: answer(ee, evaluator, sample) for name, sample in samples(ee).items()}
    for side in (64, 97):
        monkeypatch.setattr(sampling, "_TILE", side)
        for name, sample in samples(ee).items():
            assert answer(ee, evaluator, sample) == whole[name], (name, side)
    assert {name: len(found["features"]) > 30 for name, found in whole.items()} == dict.fromkeys(whole, True)


def test_a_stratified_sample_has_its_numbers_and_the_rasters_values(ee, evaluator, data):
    found = answer(ee, evaluator, samples(ee)["with quotas"])["features"]
    counts = {value: sum(item["properties"]["class"] == value for item in found) for value in range(1, 7)}
    assert counts == {1: 5, 2: 0, 3: 5, 4: 90, 5: 5, 6: 5}
    located = answer(ee, evaluator, ee.Image(SCENE).stratifiedSample(40, "class", scale=30, geometries=True))[
        "features"
    ]
    assert len(located) == 240 and len({tuple(item["geometry"]["coordinates"]) for item in located}) == 240
    to_plane = picks.transformer("EPSG:4326", PLANE.crs)
    for item in located[::7]:
        column, row = PLANE.position(*to_plane.transform(*item["geometry"]["coordinates"]))
        red, kind = data[:, int(row), int(column)].tolist()
        assert item["properties"] == {"red": red, "class": kind}


def test_another_seed_gives_other_pixels(ee, evaluator):
    scene = ee.Image(SCENE)
    first, again, other = (
        answer(ee, evaluator, scene.stratifiedSample(20, "class", scale=30, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_counting_makes_no_features(ee, evaluator, monkeypatch):
    def fail(*arguments):
        raise AssertionError("a feature was made")

    monkeypatch.setattr(picks, "named_rows", fail)
    assert answer(ee, evaluator, ee.Image(SCENE).stratifiedSample(30, "class", scale=30).size()) == 180


def test_the_least_ranks_of_each_class_come_in_order():
    generator = np.random.default_rng(0)
    classes, ranks = generator.integers(-3, 3, 500), generator.random(500)
    found = picks.least_of_each(classes, ranks, lambda value: 4 if value < 0 else 1_000)
    for value in range(-3, 3):
        own = np.sort(ranks[classes == value])
        assert (ranks[found][classes[found] == value] == (own[:4] if value < 0 else own)).all()
    assert (np.diff(classes[found]) >= 0).all() and len(picks.least_of_each(classes[:0], ranks[:0], len)) == 0
