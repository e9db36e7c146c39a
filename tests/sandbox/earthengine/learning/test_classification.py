"""The script that people write: sample, split, train, classify, judge; through the real client."""

import io
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from tests.conftest import ROOT

BANDS = ["B1", "B2", "B3", "B4", "B5", "B7"]
TREES = 30


def learned(sandbox):
    """How often the sandbox says that it learned a forest."""
    logs = (path.read_text() for path in sandbox.home.glob("sandbox.log*"))
    return sum(log.count("learned Classifier.smileRandomForest from") for log in logs)


@pytest.fixture
def scene(ee, landsat):
    """The Landsat scene with four classes made of two indices, which the bands do not hold exactly."""
    image = ee.Image(landsat)
    ndvi, wet = image.normalizedDifference(["B4", "B3"]), image.normalizedDifference(["B2", "B5"])
    classes = ndvi.gt(0.15).add(wet.gt(-0.1).multiply(2)).rename("class").toInt()
    return image.select(BANDS).addBands(classes)


def test_a_typical_script_gives_what_scikit_learn_gives_for_the_same_samples(ee, sandbox, scene):
    places = ee.FeatureCollection.randomPoints(scene.geometry(), 600, 3)
    samples = scene.sampleRegions(places, scale=28.5, geometries=True).randomColumn("random", 7)
    training, testing = samples.filter(ee.Filter.lt("random", 0.7)), samples.filter(ee.Filter.gte("random", 0.7))
    forest = ee.Classifier.smileRandomForest(TREES, seed=11).train(training, "class", BANDS)
    judged = testing.classify(forest)
    matrix = judged.errorMatrix("class", "classification")
    before = learned(sandbox)
    found = ee.Dictionary(
        {
            "training": training,
            "testing": judged,
            "matrix": matrix,
            "accuracy": matrix.accuracy(),
            "kappa": matrix.kappa(),
            "explained": ee.Dictionary(forest.explain()).select(["outOfBagErrorEstimate", "importance"]),
        }
    ).getInfo()

    def rows(collection, names):
        return np.array([[item["properties"][name] for name in names] for item in collection["features"]])

    reference = RandomForestClassifier(TREES, max_features="sqrt", max_samples=0.5, random_state=11)
    reference.fit(rows(found["training"], BANDS), rows(found["training"], ["class"]).ravel())
    actual, seems = rows(found["testing"], ["class", "classification"]).T
    assert 100 < len(actual) < 250
    assert (seems == reference.predict(rows(found["testing"], BANDS))).all()
    assert found["accuracy"] == np.mean(actual == seems) > 0.8
    assert np.trace(found["matrix"]) == np.sum(actual == seems) and 0.5 < found["kappa"] < 1
    assert sorted(found["explained"]["importance"]) == sorted(BANDS)
    assert 0 < found["explained"]["outOfBagErrorEstimate"] < 0.4

    # A request for pixels, its tiles, a map and the tiles of that: all learn from the same samples, so once.
    classified = scene.classify(forest)
    pixels = ee.data.computePixels({"expression": classified, "fileFormat": "NPY"})
    bands = ee.data.computePixels({"expression": scene.select(BANDS).unmask(0), "fileFormat": "NPY"})
    valid = ee.data.computePixels({"expression": scene.mask().reduce("min"), "fileFormat": "NPY"})
    pixels, bands, valid = (np.load(io.BytesIO(data)) for data in (pixels, bands, valid))
    inside = valid["min"] > 0
    assert pixels["classification"].dtype == np.int32 and 100_000 < inside.sum() < inside.size
    inputs = np.column_stack([bands[name][inside] for name in BANDS])
    assert (pixels["classification"][inside] == reference.predict(inputs)).all()
    assert (pixels["classification"][~inside] == 0).all()
    address = classified.getMapId({"min": 0, "max": 3})["tile_fetcher"].url_format
    for x, y in ((70, 100), (70, 101)):
        with urllib.request.urlopen(address.format(x=x, y=y, z=8)) as answer:
            assert answer.read().startswith(b"\x89PNG")
    assert learned(sandbox) == before + 1


def test_the_sandbox_starts_without_scikit_learn():
    script = "import sys, earthline_sandbox.earthengine.rest.service; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_removed_classifier_names_its_successor(ee):
    with pytest.raises(ee.EEException, match=r"has been removed.*ee\.Classifier\.smileCart"):
        ee.Classifier(ee.ApiFunction("Classifier.cart").call()).mode().getInfo()


def test_a_classifier_is_exported_to_an_asset_and_loaded(ee, scene, folder, completed):
    samples = scene.sample(numPixels=150, seed=5, scale=60)
    # Without inputProperties, the bands that were sampled; here the class is one of them.
    forest = ee.Classifier.smileRandomForest(12, seed=3).setOutputMode("PROBABILITY").train(samples, "class")
    task = ee.batch.Export.classifier.toAsset(forest, "forest", f"{folder}/forest")
    assert completed(task) == [f"{folder}/forest"]
    assert ee.data.getAsset(f"{folder}/forest")["type"] == "CLASSIFIER"
    loaded = ee.Classifier.load(f"{folder}/forest")
    found = ee.Dictionary(
        {
            "schema": loaded.schema(),
            "mode": loaded.mode(),
            "loaded": samples.classify(loaded).aggregate_array("classification"),
            "forest": samples.classify(forest).aggregate_array("classification"),
        }
    ).getInfo()
    assert found["schema"] == [*BANDS, "class"] and found["mode"] == "PROBABILITY"
    assert found["loaded"] == found["forest"] and len(set(found["forest"])) > 3
    with pytest.raises(ee.EEException, match="has not been trained"):
        ee.batch.Export.classifier.toAsset(ee.Classifier.smileCart(), "x", f"{folder}/x").start()
    with pytest.raises(ee.EEException, match="is not a Classifier"):
        ee.Classifier.load(folder).schema().getInfo()
