"""Window features as a layer are those that the baseline's forest sees."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluate_model import baseline
from trainer.layers import WindowFeatures

Array = np.ndarray[Any, Any]


def scene(shape: tuple[int, int], bands: int, seed: int, masked: float) -> tuple[Array, Array]:
    """An image with what is no number under the mask, and its validity."""
    random = np.random.default_rng(seed)
    image = random.normal(3, 2, (2, *shape, bands)).astype(np.float32)
    valid = (random.random((2, *shape, 1)) >= masked).astype(np.float32)
    return np.where(valid > 0, image, np.nan), valid


def of_the_baseline(image: Array, valid: Array, context: int, windows: tuple[int, ...]) -> list[Array]:
    seen = valid[..., 0] > 0
    image = np.where(valid > 0, image, 0)
    return [baseline.context(image, seen, context), *(baseline.surroundings(image, seen, side) for side in windows)]


@settings(deadline=None, max_examples=20)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 30)),
    bands=st.integers(1, 3),
    context=st.sampled_from([1, 3, 5]),
    windows=st.lists(st.sampled_from([1, 3, 5, 9, 21]), max_size=3).map(tuple),
    masked=st.sampled_from([0.0, 0.3, 0.9]),
    seed=st.integers(0, 1000),
)
def test_they_equal_those_of_the_baseline(
    shape: tuple[int, int], bands: int, context: int, windows: tuple[int, ...], masked: float, seed: int
) -> None:
    image, valid = scene(shape, bands, seed, masked)
    layer = WindowFeatures(context, windows)
    found = np.asarray(layer([image, valid]))
    neighbours, *around = of_the_baseline(image, valid, context, windows)
    expected = [neighbours]
    for side, each in zip(windows, around, strict=True):
        pixels = baseline.surroundings(valid, np.ones(valid.shape[:3], bool), side)[..., :1]
        # Where no pixel is valid there is nothing: 0, and not the mean of the patch, which one pixel cannot know.
        expected.append(np.where(pixels > 1e-6, each, 0))
    np.testing.assert_allclose(found, np.concatenate(expected, axis=-1), atol=1e-4)
    assert found.dtype == np.float32
    assert layer.compute_output_shape([image.shape, valid.shape]) == found.shape
    assert layer.receptive_field == max(context, *windows, 1)


def test_a_flat_window_far_from_zero_has_no_std() -> None:
    image = np.full((1, 30, 30, 1), 1234.567, np.float32)
    image[0, :, 20:] += np.float32(0.25)
    found = np.asarray(WindowFeatures(1, (9,))([image, np.ones_like(image)]))[0, 15, :, 2]
    assert (found[:16] == 0).all() and (found[24:] == 0).all()
    np.testing.assert_allclose(
        found[16:24], [image[0, 15, at - 4 : at + 5].std(dtype=float) for at in range(16, 24)], 1e-4
    )


def test_it_is_saved_with_a_network_and_keeps_to_full_precision(tmp_path: Path) -> None:
    image, valid = keras.Input((None, None, 2)), keras.Input((None, None, 1))
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        built = keras.Model([image, valid], WindowFeatures(3, (5,))([image, valid]))
    finally:
        keras.config.set_dtype_policy(policy)
    assert built.output_shape == (None, None, None, 22)
    built.save(tmp_path / "model.keras")
    inputs = scene((6, 7), 2, 1, 0.2)
    found = np.asarray(keras.models.load_model(tmp_path / "model.keras")(inputs))
    np.testing.assert_array_equal(found, np.asarray(WindowFeatures(3, (5,))(inputs)))


@pytest.mark.parametrize("wrong", [{"context": 2}, {"windows": (9, 0)}])
def test_a_window_has_a_middle(wrong: Any) -> None:
    with pytest.raises(ValueError, match="has no pixel in its middle"):
        WindowFeatures(**wrong)
