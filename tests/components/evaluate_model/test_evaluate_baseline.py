import numpy as np
import pytest

from components.evaluate_model import baseline
from components.evaluate_model.baseline import Sight, context, surroundings
from earthline.config import Evaluate
from earthline.patches import Patches
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification


def patches_of(image: np.ndarray, label: np.ndarray, valid: np.ndarray | None = None) -> Patches:
    seen = np.ones(label.shape, bool) if valid is None else valid
    return Patches(image, seen, label, np.zeros((len(label), 2), int), label)


def predicted(train: Patches, test: Patches, **options: object) -> dict[str, np.ndarray]:
    """What each baseline makes of the test pixels, by its name."""
    section = Evaluate.model_validate({"baseline_trees": 10, **options})
    sight, task = Sight(section, train.image.shape[-1]), Classification(("a", "b", "c"))
    found = baseline.learners(task, section, sight, baseline.drawn(train, sight, section.seed))
    values = baseline.predict(found, sight, test, task.data_type)
    return {each.name: value for each, value in zip(found, values, strict=True)}


def test_context_holds_each_neighbour_at_its_place() -> None:
    image = np.arange(2 * 4 * 5 * 2).reshape(2, 4, 5, 2)
    seen = context(image, np.ones((2, 4, 5), bool), 3)
    assert seen.shape == (2, 4, 5, 18)
    np.testing.assert_array_equal(seen[1, 2, 3].reshape(3, 3, 2), image[1, 1:4, 2:5])
    np.testing.assert_array_equal(seen[0, 0, 0].reshape(3, 3, 2)[0, 0], image[0, 0, 0])


def test_a_masked_neighbour_is_replaced_by_the_pixel_itself() -> None:
    image = np.arange(1, 13).reshape(1, 3, 4, 1)
    valid = np.ones((1, 3, 4), bool)
    valid[0, 0, 1] = False
    seen = context(image, valid, 3)[0, 1, 1].reshape(3, 3)
    np.testing.assert_array_equal(seen, [[1, 6, 3], [5, 6, 7], [9, 10, 11]])


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_mean_and_std_are_those_of_the_valid_pixels_of_the_window(offset: float) -> None:
    random = np.random.default_rng(0)
    image = random.normal(offset, 3, (2, 11, 9, 2))
    valid = random.random((2, 11, 9)) < 0.7
    image[~valid] = 0
    found = surroundings(image, valid, 5)
    for patch, row, column in [(0, 5, 4), (1, 0, 0), (1, 10, 8), (0, 2, 7)]:
        rows, columns = slice(max(0, row - 2), row + 3), slice(max(0, column - 2), column + 3)
        there = image[patch, rows, columns][valid[patch, rows, columns]]
        expected = np.concatenate([there.mean(axis=0), there.std(axis=0)])
        np.testing.assert_allclose(found[patch, row, column], expected, rtol=1e-5, atol=1e-5)


def test_a_window_without_a_valid_pixel_and_a_constant_band_give_finite_features() -> None:
    image, valid = np.full((1, 9, 9, 1), 7, np.uint16), np.zeros((1, 9, 9), bool)
    assert np.isfinite(surroundings(image, valid, 3)).all()
    valid[0, 0, 0] = True
    np.testing.assert_allclose(surroundings(image, valid, 3)[0, 0, 1], [7, 0], atol=1e-6)


def test_the_baseline_is_the_same_for_the_same_seed_and_skips_unlabelled_pixels() -> None:
    random = np.random.default_rng(0)
    label = random.integers(0, 3, (4, 8, 8)).astype(np.uint8)
    image = np.stack([label * 50 + random.integers(0, 62, label.shape), random.integers(0, 99, label.shape)], axis=-1)
    label[:, :2] = UNLABELLED
    patches = patches_of(image, label)
    first, again, other = (predicted(patches, patches, baseline_windows=(5,), seed=seed) for seed in (1, 1, 2))
    assert list(first) == [
        "majority",
        "random forest 3 x 3",
        "random forest 3 x 3 and windows",
        "gradient boosting 3 x 3 and windows",
    ]
    truth = label[label != UNLABELLED]
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
        assert values.shape == truth.shape and values.dtype == label.dtype
        assert (values == truth).mean() > (0.3 if name == "majority" else 0.9)
    assert (first["random forest 3 x 3 and windows"] != other["random forest 3 x 3 and windows"]).any()
    assert set(first["majority"].tolist()) == {np.bincount(truth).argmax()}


def test_windows_tell_apart_what_single_pixels_do_not() -> None:
    # Two textures of the same mean: only the std around a pixel tells which it lies in.
    random = np.random.default_rng(2)
    label = np.zeros((6, 32, 32), np.uint8)
    label[:, :, 16:] = 1
    image = random.normal(100, np.where(label == 0, 2, 4), label.shape)[..., np.newaxis]
    train, test = (patches_of(image[part], label[part]) for part in (slice(0, 4), slice(4, 6)))
    found = predicted(train, test, baseline_context=1, baseline_windows=(9,), baseline_trees=30)
    right = {name: float((values == test.label.ravel()).mean()) for name, values in found.items()}
    assert right["random forest 1 x 1"] < 0.75 < 0.9 < right["random forest 1 x 1 and windows"]
    assert right["gradient boosting 1 x 1 and windows"] > 0.9
    assert list(predicted(train, test, baseline_windows=())) == [
        "majority",
        "random forest 3 x 3",
        "gradient boosting 3 x 3",
    ]


def test_patches_without_a_label_are_skipped() -> None:
    label = np.full((20, 4, 4), UNLABELLED, np.uint8)
    label[0], label[1] = 0, 1
    image = np.where(label == 1, 9, 1)[..., np.newaxis].astype(np.float32)
    found = predicted(patches_of(image, label), patches_of(image, label))
    np.testing.assert_array_equal(found["random forest 3 x 3"], np.repeat([0, 1], 16))
    with pytest.raises(ValueError, match="no training pixel has a label"):
        predicted(patches_of(image, np.full_like(label, UNLABELLED)), patches_of(image, label))


def test_boosted_trees_learn_from_a_few_dozen_pixels() -> None:
    """With scikit-learn's least leaf of 20 pixels they would know one class only."""
    features = np.linspace(0, 1, 40)[:, np.newaxis]
    label = (features[:, 0] * 4).astype(np.uint8).clip(0, 3)
    task = Classification(("a", "b", "c", "d"))
    assert (task.boosting(40, 0).fit(features, label).predict(features) == label).mean() > 0.9
    assert task.boosting(40_000, 0).min_samples_leaf == 20
