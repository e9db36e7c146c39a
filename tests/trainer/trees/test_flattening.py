"""Trees as a layer give what scikit-learn gives, whatever the data, the depth and the classes."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from threadpoolctl import threadpool_limits

from trainer.layers import SmallTrees, TreeEnsemble
from trainer.trees import flattening

CLASSES = 5


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads of OpenMP wait for each other at every node: with other tests beside them, far longer than they work."""
    with threadpool_limits(1, "openmp"):
        yield


@st.composite
def tasks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of few digits and of many, in which values fall on thresholds; class ids with gaps; other features."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, columns = draw(st.integers(4, 200)), draw(st.integers(1, 5))
    scale = draw(st.sampled_from([1e-6, 1.0, 3e4, 1e30]))
    x = (random.normal(size=(rows, columns)) * scale).astype(np.float32)
    if draw(st.booleans()):
        x = np.round(x / np.float32(scale)) * np.float32(scale)
    seen = draw(st.sets(st.integers(0, CLASSES - 1), min_size=2))
    label = random.choice(sorted(seen), size=rows)
    label[: len(seen)] = sorted(seen)[:rows]
    asked = np.concatenate([x, np.nextafter(x, np.float32(np.inf)), np.nextafter(x, np.float32(-np.inf))])
    # TensorFlow takes numbers below the least normal one for 0.
    return x, label, np.where(np.abs(asked) < np.finfo(np.float32).tiny, np.float32(0), asked)


@given(tasks(), st.sampled_from([None, 1, 3]), st.integers(1, 7))
@settings(max_examples=25, deadline=None)
def test_a_forest_gives_what_scikit_learn_gives(
    task: tuple[np.ndarray, np.ndarray, np.ndarray], depth: int | None, trees: int
) -> None:
    x, label, asked = task
    forest = RandomForestClassifier(trees, max_depth=depth, random_state=0).fit(x, label)
    expected = flattening.spread(forest.predict_proba(asked), forest.classes_, CLASSES)
    found = flattening.layer(forest, "trees", CLASSES)(asked)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    value = x.sum(axis=1, dtype=np.float64)
    regressor = RandomForestRegressor(trees, max_depth=depth, random_state=0).fit(x, value)
    np.testing.assert_allclose(
        flattening.layer(regressor, "trees")(asked)[:, 0],
        regressor.predict(asked),
        rtol=1e-5,
        atol=1e-6 * np.abs(value).max(),
    )


@given(tasks(), st.sampled_from([2, 9, 31, 60]))
@settings(max_examples=15, deadline=None)
def test_boosting_gives_what_scikit_learn_gives(task: tuple[np.ndarray, np.ndarray, np.ndarray], leaves: int) -> None:
    x, label, asked = task
    options = {"max_iter": 4, "max_leaf_nodes": leaves, "min_samples_leaf": 2, "early_stopping": False}
    boosting = HistGradientBoostingClassifier(**options).fit(x, label)
    expected = flattening.spread(boosting.predict_proba(asked), boosting.classes_, CLASSES)
    np.testing.assert_allclose(flattening.layer(boosting, "trees", CLASSES)(asked), expected, atol=1e-5)
    value = x.sum(axis=1, dtype=np.float64)
    regressor = HistGradientBoostingRegressor(**options).fit(x, value)
    np.testing.assert_allclose(
        flattening.layer(regressor, "trees")(asked)[:, 0],
        regressor.predict(asked),
        rtol=1e-5,
        atol=1e-6 * np.abs(value).max(),
    )


def test_small_trees_are_looked_at_as_a_whole_and_large_ones_followed() -> None:
    random = np.random.default_rng(2)
    x, label = random.normal(size=(600, 3)).astype(np.float32), random.integers(0, 3, 600)
    kinds = []
    for leaves in (31, 32):
        options = {"max_iter": 3, "max_leaf_nodes": leaves, "min_samples_leaf": 2, "early_stopping": False}
        boosting = HistGradientBoostingClassifier(**options).fit(x, label)
        layer = flattening.layer(boosting, "trees", 3)
        np.testing.assert_allclose(layer(x), boosting.predict_proba(x), atol=1e-6)
        assert np.isfinite(layer(np.full_like(x, np.nan))).all()
        np.testing.assert_array_equal(type(layer).from_config(layer.get_config()).outputs, 3)
        kinds.append(type(layer))
    assert kinds == [SmallTrees, TreeEnsemble]


def test_a_threshold_between_two_float32_is_rounded_to_the_one_below() -> None:
    values = np.array([0.1, -0.1, 1.0, 16777217.0, 1e-46])
    below = flattening.at_most(values)
    assert (below.astype(np.float64) <= values).all()
    assert (np.nextafter(below, np.float32(np.inf)).astype(np.float64) > values).all()


def test_the_layer_is_saved_with_its_trees_and_stays_finite(tmp_path: object) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(300, 4)).astype(np.float32)
    trees = flattening.layer(RandomForestClassifier(30, random_state=0).fit(x, random.integers(0, 3, 300)), "trees", 3)
    image = keras.Input((None, None, 4))
    model = keras.Model(image, trees(image))
    model.save(f"{tmp_path}/model.keras")
    read = keras.models.load_model(f"{tmp_path}/model.keras", compile=False)
    pixels = x[:280].reshape(2, 10, 14, 4)
    expected = np.asarray(model(pixels))
    np.testing.assert_array_equal(read(pixels), expected)
    np.testing.assert_allclose(expected.sum(-1), 1, atol=1e-6)
    # Pixels are followed in larger and smaller groups of trees.
    np.testing.assert_allclose(model(np.repeat(pixels, 300, axis=0))[299 * 2 : 299 * 2 + 1], expected[1:], atol=1e-6)
    assert np.isfinite(model(np.full_like(pixels, np.nan))).all() and np.isfinite(model(pixels * np.inf)).all()
    assert model(np.zeros((0, 10, 14, 4), np.float32)).shape == (0, 10, 14, 3)


def test_trees_of_one_leaf_and_models_without_trees() -> None:
    x, label = np.zeros((10, 2), np.float32), np.arange(10) % 2
    forest = RandomForestClassifier(3, random_state=0).fit(x, label)
    np.testing.assert_allclose(flattening.layer(forest, "trees", 2)(x), forest.predict_proba(x), atol=1e-6)
    with pytest.raises(TypeError, match="KMeans"):
        from sklearn.cluster import KMeans

        flattening.layer(KMeans(), "trees")


def test_the_layer_says_its_shape() -> None:
    layer = TreeEnsemble(nodes=0, leaves=1, trees=1, outputs=2)
    assert layer.compute_output_shape((None, 3, 4, 9)) == (None, 3, 4, 2)
