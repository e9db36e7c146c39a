import logging
import warnings

import ee
import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def table():
    """150 samples of three overlapping classes, and a continuous property."""
    generator = np.random.default_rng(3)
    classes = np.repeat([1, 2, 5], 50)
    inputs = np.round(generator.normal(0, 1.5, (150, 3)) + classes[:, None] * [1, -0.5, 0.2], 3)
    return inputs, classes, np.round(inputs @ [1.0, 2.0, -1.0] + generator.normal(0, 0.1, 150), 3)


@pytest.fixture(scope="module")
def samples(table):
    rows = zip(*(column.tolist() for column in table), strict=True)
    return ee.FeatureCollection(
        [ee.Feature(None, {**dict(zip(NAMES, row, strict=True)), "class": kind, "y": y}) for row, kind, y in rows]
    )


def column(collection, name="classification"):
    return ee.FeatureCollection(collection).aggregate_array(name)


def odd(value, name="a"):
    """Two samples of two classes, one of which has an odd number."""
    plain = {"a": 1, "b": 2, "c": 3, "class": 1}
    return ee.FeatureCollection([ee.Feature(None, plain), ee.Feature(None, {**plain, "class": 2, name: value})])


def trained(classifier, samples, mode=None, label="class"):
    made = classifier if mode is None else classifier.setOutputMode(mode)
    return made.train(samples, label, NAMES)


def test_classifiers_answer_as_scikit_learns_with_the_same_seed(world, table, samples):
    inputs, classes, y = table
    forest = ee.Classifier.smileRandomForest(25, variablesPerSplit=2, bagFraction=0.6, minLeafPopulation=2, seed=9)
    reference = RandomForestClassifier(25, max_features=2, max_samples=0.6, min_samples_leaf=2, random_state=9)
    reference.fit(inputs, classes)
    asked = {
        "forest": trained(forest, samples),
        "shares": trained(forest, samples, "MULTIPROBABILITY"),
        "share": trained(forest, samples, "PROBABILITY"),
        "votes": trained(forest, samples, "RAW"),
        "regression": trained(ee.Classifier.smileRandomForest(7, seed=1), samples, "REGRESSION", "y"),
        "trees": trained(ee.Classifier.smileRandomForest(7, seed=1), samples, "RAW_REGRESSION", "y"),
        "cart": trained(ee.Classifier.smileCart(maxNodes=6), samples),
        "boosted": trained(ee.Classifier.smileGradientTreeBoost(8, 0.1, 0.8, 4, seed=3), samples),
        "knn": trained(ee.Classifier.smileKNN(5), samples),
        "svm": trained(ee.Classifier.libsvm(kernelType="RBF", gamma=0.2, cost=3), samples),
        "svr": trained(ee.Classifier.libsvm(svmType="EPSILON_SVR", cost=2), samples, "REGRESSION", "y"),
    }
    found = world.compute(ee.Dictionary({key: column(samples.classify(value)) for key, value in asked.items()}))
    grown = RandomForestRegressor(7, max_features="sqrt", max_samples=0.5, random_state=1).fit(inputs, y)
    boosted = GradientBoostingClassifier(
        n_estimators=8, learning_rate=0.1, subsample=0.8, max_leaf_nodes=4, max_depth=None, random_state=3
    )
    expected = {
        "forest": reference.predict(inputs),
        "cart": DecisionTreeClassifier(max_leaf_nodes=6, random_state=0).fit(inputs, classes).predict(inputs),
        "boosted": boosted.fit(inputs, classes).predict(inputs),
        "knn": KNeighborsClassifier(5).fit(inputs, classes).predict(inputs),
        "svm": SVC(C=3, gamma=0.2).fit(inputs, classes).predict(inputs),
    }
    for key, answer in expected.items():
        assert found[key] == answer.tolist(), key
    shares = reference.predict_proba(inputs)
    assert np.allclose(found["shares"], shares, atol=1e-6) and np.allclose(found["share"], shares.max(1), atol=1e-6)
    assert found["regression"] == grown.predict(inputs).tolist()
    assert found["svr"] == pytest.approx(SVR(kernel="linear", C=2, gamma="auto").fit(inputs, y).predict(inputs))
    votes = np.array(found["votes"])
    assert votes.shape == (150, 25) and set(np.unique(votes)) == {1, 2, 5}
    assert np.allclose(np.mean(found["trees"], axis=1), found["regression"])


def test_two_classes_give_the_probability_of_the_greater_one(world, samples):
    pair = samples.filter(ee.Filter.lt("class", 5))
    both = {
        mode: column(pair.classify(trained(ee.Classifier.smileRandomForest(9), pair, mode)))
        for mode in ("PROBABILITY", "MULTIPROBABILITY")
    }
    found = world.compute(ee.Dictionary(both))
    assert found["PROBABILITY"] == [share for _, share in found["MULTIPROBABILITY"]]
    assert min(found["PROBABILITY"]) < 0.5


def test_a_support_vector_machine_has_probabilities_and_knows_its_own_class(world, samples, table):
    machine = trained(ee.Classifier.libsvm(kernelType="RBF"), samples, "MULTIPROBABILITY")
    alone = trained(ee.Classifier.libsvm(svmType="ONE_CLASS", nu=0.1, oneClass=1, kernelType="RBF"), samples)
    found = world.compute(
        ee.Dictionary({"shares": column(samples.classify(machine)), "own": column(samples.classify(alone))})
    )
    shares = np.array(found["shares"])
    assert shares.shape == (150, 3) and np.allclose(shares.sum(1), 1, atol=1e-6)
    assert (shares.argmax(1) == np.searchsorted([1, 2, 5], table[1])).mean() > 0.7
    own = np.array(found["own"])
    assert set(own) == {0, 1} and own[:50].mean() > 0.6 > 0.2 > own[100:].mean()


def test_class_means_and_polygons(world):
    points = [(0, 0, 0), (0, 2, 0), (10, 0, 1), (10, 4, 1), (0, 30, 7)]
    samples = ee.FeatureCollection([ee.Feature(None, {"u": u, "v": v, "class": kind}) for u, v, kind in points])
    asked = ee.FeatureCollection([ee.Feature(None, {"u": 1, "v": 1}), ee.Feature(None, {"u": 9, "v": 12})])

    def answers(classifier, mode):
        made = classifier.setOutputMode(mode).train(samples, "class", ["u", "v"])
        return column(asked.classify(made))

    nearest = ee.Classifier.minimumDistance
    region = ee.Classifier.spectralRegion([[0, 0, 10, 0, 10, 10, 0, 10], [0.5, 0.5, 2, 0.5, 2, 2, 0.5, 2]])
    found = world.compute(
        ee.Dictionary(
            {
                "class": answers(nearest(), "CLASSIFICATION"),
                "distance": answers(nearest(), "REGRESSION"),
                "all": answers(nearest("manhattan"), "RAW"),
                "angle": answers(nearest("cosine"), "CLASSIFICATION"),
                "two": answers(nearest(kNearest=2), "CLASSIFICATION"),
                "spread": answers(nearest("mahalanobis"), "RAW"),
                "inside": column(asked.classify(region)),
                "schema": region.schema(),
                "corner": column(ee.FeatureCollection([ee.Feature(None, {"u": 5, "v": 5})]).classify(region, "r"), "r"),
            }
        )
    )
    assert found["class"] == [0, 1] and found["distance"] == [1, pytest.approx(np.hypot(1, 10))]
    assert found["all"] == [[1, 10, 30], [20, 11, 27]]
    # The means stand at 90, 11 and 90 degrees; what is asked for at 45 and 53.
    assert found["angle"] == [1, 0]
    assert found["two"] == [[0, 1], [1, 0]]
    assert found["spread"][0][2] == pytest.approx(np.hypot(1, 29))
    assert found["inside"] == [0, 0] and found["corner"] == [1] and found["schema"] == ["u", "v"]


def test_naive_bayes_leaves_negative_counts_out(world):
    rows = [(9, 1, 0), (8, 0, 0), (1, 9, 1), (0, 7, 1), (-1, 5, 0)]
    samples = ee.FeatureCollection([ee.Feature(None, {"a": a, "b": b, "class": kind}) for a, b, kind in rows])
    classified = samples.classify(ee.Classifier.smileNaiveBayes().train(samples, "class", ["a", "b"]))
    listed = ee.FeatureCollection(classified).toList(5).map(lambda f: ee.Feature(f).get("classification"))
    assert world.compute(listed) == [0, 0, 1, 1, None]


def test_a_forest_explains_itself_and_its_trees_can_be_planted_again(world, samples, table):
    inputs, classes, _ = table
    forest = trained(ee.Classifier.smileRandomForest(40, seed=2), samples)
    explained = ee.Dictionary(forest.explain())
    planted = ee.Classifier.decisionTreeEnsemble(ee.List(explained.get("trees")).cat([]))
    tree = trained(ee.Classifier.smileCart(), samples)
    again = ee.Classifier.decisionTree(ee.Dictionary(tree.explain()).getString("tree"))
    found = world.compute(
        ee.Dictionary(
            {
                "explained": explained,
                "planted": column(samples.classify(planted)),
                "forest": column(samples.classify(forest)),
                "tree": column(samples.classify(tree)),
                "again": column(samples.classify(again)),
                "matrix": forest.confusionMatrix(),
                "mode": forest.mode(),
                "schema": forest.schema(),
                "untrained": ee.Algorithms.IsEqual(ee.Classifier.smileCart().schema(), None),
            }
        )
    )
    reference = RandomForestClassifier(40, max_samples=0.5, random_state=2, oob_score=True).fit(inputs, classes)
    explained = found["explained"]
    assert explained["outOfBagErrorEstimate"] == pytest.approx(1 - reference.oob_score_, abs=1e-12)
    importance = np.array([explained["importance"][name] for name in NAMES])
    assert importance.sum() > 1 and np.allclose(
        importance / importance.sum(), reference.feature_importances_, atol=0.03
    )
    assert explained["numberOfTrees"] == 40 and explained["classes"] == [1, 2, 5] and len(explained["trees"]) == 40
    assert np.mean(np.array(found["planted"]) == found["forest"]) > 0.97
    assert found["again"] == found["tree"] == classes.tolist()
    matrix = np.array(found["matrix"])
    assert matrix.shape == (6, 6) and matrix.sum() == 150
    assert np.trace(matrix) == (reference.predict(inputs) == classes).sum()
    assert (found["mode"], found["schema"], found["untrained"]) == ("CLASSIFICATION", NAMES, True)


def test_trees_in_the_format_of_r_are_read(world):
    # The first is what scripts write by hand, the second what R's rpart prints.
    by_hand = "1) root 9999 9999 9999\n2) nd<=-0.15 9999 9999 1 *\n3) nd>-0.15 9999 9999 9999\n"
    by_hand += "6) nd<=0 9999 9999 3 *\n7) nd>0 9999 9999 5 *"
    by_rpart = """n= 81

node), split, n, loss, yval, (yprob)
      * denotes terminal node

 1) root 81 17 0 (0.79012346 0.20987654)
   2) Start>=8.5 62  6 0 (0.90322581 0.09677419) *
   3) Start< 8.5 19  8 1 (0.42105263 0.57894737)
     6) nd < 1e-1 10 2 4 (0.2 0.8) *
     7) nd >= 1e-1 9 2 5.5 *
"""
    rows = [(-0.2, 9), (-0.15, 8.5), (0, 8.4), (0.1, 0), (0.05, 0)]
    asked = ee.FeatureCollection([ee.Feature(None, {"nd": nd, "Start": start}) for nd, start in rows])
    both = ee.Classifier.decisionTreeEnsemble([by_hand + "\n" + by_rpart, by_hand])
    found = world.compute(
        ee.Dictionary(
            {
                "hand": column(asked.classify(ee.Classifier.decisionTree(by_hand))),
                "rpart": column(asked.classify(ee.Classifier.decisionTree(by_rpart).setOutputMode("REGRESSION"))),
                "vote": column(asked.classify(both)),
                "raw": column(asked.classify(both.setOutputMode("RAW"))),
                "mean": column(asked.classify(both.setOutputMode("REGRESSION"))),
                "schema": both.schema(),
            }
        )
    )
    assert found["hand"] == [1, 1, 3, 5, 5] and found["rpart"] == [0, 0, 4, 5.5, 4]
    assert found["vote"] == [1, 1, 3, 5, 5] and found["raw"][3] == [5, 5.5, 5] and found["schema"] == ["nd", "Start"]
    assert found["mean"] == pytest.approx([2 / 3, 2 / 3, 10 / 3, 15.5 / 3, 14 / 3])


def test_an_image_is_classified_where_all_its_bands_are_valid(world, caplog):
    bands = ["red", "nir"]
    image = ee.Image("C/s0").addBands(ee.Image("classes"))
    training = image.sample(numPixels=400, seed=4, region=ee.Image("classes").geometry())
    forest = ee.Classifier.smileRandomForest(5, seed=6)
    classified = image.classify(forest.train(training, "class", bands))
    with caplog.at_level(logging.INFO, "earthline_sandbox.earthengine.learning.learners"):
        (found,) = world.pixels(classified)
        again, shares = world.pixels(
            classified.addBands(
                image.classify(forest.setOutputMode("MULTIPROBABILITY").train(training, "class", bands))
            )
        )
    # Three graphs' worth of the same training: learned once.
    assert sum("learned Classifier.smileRandomForest from" in line for line in caplog.messages) == 1
    valid = (world.red[0] > 0) & (world.nir[0] > 0)
    assert (found.mask == ~valid).all() and (found == again).all() and found.dtype == np.int32
    table = world.compute(training)
    rows = np.array([[item["properties"][name] for name in [*bands, "class"]] for item in table["features"]])
    reference = RandomForestClassifier(5, max_features="sqrt", max_samples=0.5, random_state=6)
    reference.fit(rows[:, :2], rows[:, 2])
    inputs = np.column_stack([world.red[0][valid], world.nir[0][valid]])
    assert (found.data[valid] == reference.predict(inputs)).all()
    assert shares.shape == (60, 80, 5) and np.allclose(shares.data[valid], reference.predict_proba(inputs), atol=1e-6)


def test_tiles_that_are_classified_at_once_agree_with_the_whole(world, samples, table):
    inputs, classes, _ = table
    image = ee.Image.pixelLonLat().addBands(ee.Image(0.5)).rename(NAMES)
    grid = Grid("EPSG:4326", (0.01, 0, -3, 0, -0.01, 3), (550, 1060))
    models = {
        ee.Classifier.smileRandomForest(5, seed=1): RandomForestClassifier(5, max_samples=0.5, random_state=1),
        ee.Classifier.smileKNN(3): KNeighborsClassifier(3),
    }
    before = list(warnings.filters)
    for classifier, reference in models.items():
        (found,) = world.pixels(image.classify(trained(classifier, samples)), grid)
        longitude, latitude, _ = world.pixels(image, grid)
        asked = np.column_stack([longitude.ravel(), latitude.ravel(), np.full(longitude.size, 0.5)])
        assert (found.ravel() == reference.fit(inputs, classes).predict(asked)).all()
    assert warnings.filters == before


def test_numbers_that_scikit_learn_cannot_hold_have_no_class(world, samples):
    asked = ee.FeatureCollection([ee.Feature(None, {"a": value, "b": 0, "c": 0}) for value in (1e39, 0, -1e300)])
    classified = asked.classify(trained(ee.Classifier.smileCart(), samples))
    found = world.compute(classified.toList(3).map(lambda item: ee.Feature(item).get("classification")))
    assert found[0] is None and found[1] in (1, 2, 5) and found[2] is None


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda s: s.classify(ee.Classifier.smileCart()), "has not been trained"),
        (lambda s: s.classify(trained(ee.Classifier.smileCart(), s.limit(0))), "No data was found in classifier train"),
        (lambda s: s.classify(trained(ee.Classifier.smileCart(), s.limit(9))), "Only one class"),
        (lambda s: s.classify(trained(ee.Classifier.smileCart(), s, label="y")), r"setOutputMode\('REGRESSION'\)"),
        (lambda s: s.classify(trained(ee.Classifier.smileCart(), s, label="z")), "Property 'z' of feature '0' is mis"),
        (lambda s: s.classify(trained(ee.Classifier.smileCart(), s, "RAW")), "has no output mode RAW"),
        (lambda s: s.classify(ee.Classifier.smileCart().train(s, "class")), "no property 'band_order'"),
        (lambda s: ee.Classifier.smileCart().setOutputMode("SOFT"), "'mode' must be one of"),
        (lambda s: ee.Classifier.smileRandomForest(0), "'numberOfTrees' must be at least 1"),
        (lambda s: s.classify(trained(ee.Classifier.smileRandomForest(10**7), s)), "User memory limit exceeded"),
        (lambda s: ee.Image([1, 2]).classify(trained(ee.Classifier.smileCart(), s)), "No band named 'a'"),
        (lambda s: s.select(["a"]).classify(trained(ee.Classifier.smileCart(), s)), "Property 'b' of feature '0'"),
        (lambda s: ee.Classifier.decisionTree("1) root 9 9 9\n2) a<1 9 9 1 *").schema(), "nodes 2 and 3 do not split"),
        (lambda s: ee.Classifier.decisionTree("1) root 9 9 9\n2) a in b").schema(), "the line '2. a in b' is not"),
        (lambda s: ee.Classifier.decisionTree("").schema(), "must have a line for its root"),
        (
            lambda s: ee.Classifier.decisionTree("1) root 1 1 1 *").train(s, "class", NAMES).schema(),
            "cannot be trained",
        ),
        (
            lambda s: ee.ApiFunction("Classifier.randomForest").call(5),
            r"Classifier\.randomForest: This classifier has been removed.*smileRandomForest",
        ),
        (lambda s: s.classify(trained(ee.Classifier.smileKNN(), odd(1e300))), "a number beyond 3.40282e"),
        (
            lambda s: s.classify(trained(ee.Classifier.smileKNN(), odd(ee.Number(1e308).multiply(10)))),
            "finite numbers only",
        ),
        (lambda s: odd(2**40, "class").classify(trained(ee.Classifier.smileCart(), odd(2**40, "class"))), "of 32 bits"),
        (lambda s: ee.Classifier.decisionTree("1" * 9_999 + ") root 1 1 1 *").schema(), "the line '1111"),
        (lambda s: odd(1e300, "class").errorMatrix("class", "a").accuracy(), "give the classes as 'order'"),
        (lambda s: s.classify(ee.Classifier(ee.String("x").cat("y"))), "Expected type: Classifier"),
    ],
)
def test_what_cannot_be_is_refused_and_says_why(world, samples, make, reason):
    with pytest.raises(ApiError, match=reason):
        world.compute(make(samples))
