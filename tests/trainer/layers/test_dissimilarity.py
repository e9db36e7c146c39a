"""The dissimilarity layer against the definition: the distance to the nearest training point."""

from pathlib import Path

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from trainer.layers import Dissimilarity


@settings(max_examples=15, deadline=None)
@given(points=st.integers(1, 40), bands=st.integers(1, 6), seed=st.integers(0, 2**31))
def test_it_is_the_distance_to_the_nearest_point(points: int, bands: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mean, factor = random.normal(1000, 300, bands), random.uniform(0.001, 0.01, bands)
    places = random.normal(0, 2, (points, bands))
    layer = Dissimilarity.of(mean, factor, places)
    image = random.normal(1000, 600, (2, 5, 4, bands)).astype(np.float32)
    # A training pixel itself: its distance is nothing, also where float32 has few digits left.
    image[0, 0, 0] = mean + places[0] / factor
    valid = (random.random((2, 5, 4, 1)) < 0.8).astype(np.float32)
    valid[0, 0, 0] = 1
    given = layer([image, valid]).numpy()
    expected = cdist(((image - mean) * factor).reshape(-1, bands), places).min(axis=1).reshape(2, 5, 4, 1)
    np.testing.assert_allclose(given, np.where(valid > 0, expected, 0), atol=2e-4)
    assert given[0, 0, 0, 0] < 2e-4
    # What a masked pixel holds is of no account.
    again = layer([np.where(valid > 0, image, np.nan).astype(np.float32), valid]).numpy()
    np.testing.assert_array_equal(again, given)


def test_it_is_saved_with_its_points(tmp_path: Path) -> None:
    image, valid = keras.Input((None, None, 2)), keras.Input((None, None, 1))
    layer = Dissimilarity.of(np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([[0.0, 0.5], [1.0, 1.0]]))
    model = keras.Model([image, valid], layer([image, valid]))
    model.save(tmp_path / "model.keras")
    probe = [np.ones((1, 3, 3, 2), np.float32), np.ones((1, 3, 3, 1), np.float32)]
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(probe), model(probe))
