import ee
import numpy as np
import pytest

from earthline_sandbox.errors import ApiError


@pytest.fixture(scope="module")
def places():
    """300 places of a background, and 60 where a species lives: where `a` is large and `b` is about 5."""
    generator = np.random.default_rng(8)
    background = np.round(generator.uniform(0, 10, (300, 2)), 3)
    present = np.round(np.column_stack([generator.normal(8, 0.8, 60), generator.normal(5, 0.6, 60)]), 3)
    return background, present


@pytest.fixture(scope="module")
def samples(places):
    background, present = (
        [ee.Feature(None, {"a": a, "b": b, "lives": lives}) for a, b in rows.tolist()]
        for lives, rows in enumerate(places)
    )
    return ee.FeatureCollection(background + present)


#: Few features, which are quick to fit.
SMOOTH = {"autoFeature": False, "product": False, "hinge": False}


def trained(samples, **options):
    return ee.Classifier.amnhMaxent(**options).train(samples, "lives", ["a", "b"])


def test_features_of_the_model_have_the_means_of_the_presences(world, places, samples):
    plain = {**SMOOTH, "quadratic": False, "betaMultiplier": 0}
    model = trained(samples, outputFormat="raw", addSamplesToBackground=False, writeClampGrid=False, **plain)
    raw = samples.filter(ee.Filter.eq("lives", 0)).classify(model).aggregate_array("probability")
    found = np.array(world.compute(raw))
    background, present = places
    # A distribution over the background, which is what entropy is largest of under these means.
    assert found.sum() == pytest.approx(1) and found.min() > 0
    assert found @ background == pytest.approx(present.mean(axis=0), abs=2e-3)
    logs = np.log(found)
    design = np.column_stack([background, np.ones(300)])
    assert design @ np.linalg.lstsq(design, logs, rcond=None)[0] == pytest.approx(logs, abs=1e-6)


def test_the_species_is_likely_where_it_lives(world, samples):
    image = ee.Image([8, 5]).addBands(ee.Image([1, 9])).addBands(ee.Image([30, 5]))
    model = trained(samples)
    bands = [image.select([2 * i, 2 * i + 1], ["a", "b"]).classify(model) for i in range(3)]
    likely, unlikely, beyond = ([world.pixel(band.select(name)) for name in ("probability", "clamp")] for band in bands)
    assert likely[0] > 0.5 > 0.1 > unlikely[0] >= 0 and likely[1] == unlikely[1] == 0
    # Beyond the samples the model stays what it is at their edge; the second band shows what that changed.
    edge = world.pixel(ee.Image([10, 5]).rename(["a", "b"]).classify(model).select("probability"))
    assert beyond[0] == pytest.approx(edge, abs=0.02) and beyond[1] >= 0
    assert world.compute(bands[0].bandNames()) == ["probability", "clamp"]
    within = trained(samples, extrapolate=False, writeClampGrid=False, **SMOOTH)
    asked = ee.Image([30, 5]).rename(["a", "b"]).classify(within)
    assert world.compute(asked.bandNames()) == ["probability"] and world.pixel(asked) is None


def test_outputs_are_one_another_in_other_words(world, samples):
    forms = ("raw", "logistic", "cloglog", "cumulative")
    found = world.compute(
        ee.Dictionary(
            {
                form: samples.classify(trained(samples, outputFormat=form, **SMOOTH)).aggregate_array("probability")
                for form in forms
            }
        )
    )
    raw, logistic, cloglog, cumulative = (np.array(found[form]) for form in forms)
    scale = logistic / (1 - logistic) / raw
    assert scale == pytest.approx(np.full(len(raw), scale[0]), rel=1e-6)
    assert cloglog == pytest.approx(1 - np.exp(-scale[0] * raw), abs=1e-9)
    assert cumulative.max() == pytest.approx(100) and (np.diff(cumulative[np.argsort(raw)]) > -1e-9).all()


def test_categories_are_not_numbers(world):
    rows = [(kind, int(kind == 3)) for kind in (1, 2, 3) for _ in range(20)]
    samples = ee.FeatureCollection([ee.Feature(None, {"soil": kind, "lives": lives}) for kind, lives in rows])
    samples = samples.merge(ee.FeatureCollection([ee.Feature(None, {"soil": 3, "lives": 0})] * 5))
    model = ee.Classifier.amnhMaxent(["soil"]).train(samples, "lives", ["soil"])
    asked = ee.FeatureCollection([ee.Feature(None, {"soil": kind}) for kind in (1, 2, 3, 4)])
    one, two, three, other = world.compute(asked.classify(model).aggregate_array("probability"))
    assert three > 0.5 and one == pytest.approx(two, abs=1e-6) and three > other >= one


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda s: trained(s, outputFormat="odds"), "'outputFormat' must be one of cloglog"),
        (lambda s: trained(s.filter(ee.Filter.eq("lives", 1))), "one of them is missing"),
        (lambda s: trained(s.map(lambda f: f.set("lives", 7))), "must be 1 for presences"),
        (lambda s: trained(s, categoricalNames=["c"]), "'c', which is no input"),
    ],
)
def test_what_cannot_be_a_model_is_refused(world, samples, make, reason):
    with pytest.raises(ApiError, match=reason):
        world.compute(samples.classify(make(samples)).first())
