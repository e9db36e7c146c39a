from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from trainer.statistics import of_patches


@given(
    npst.arrays(np.uint16, st.tuples(st.integers(1, 4), st.just(3), st.just(3), st.just(2))),
    st.randoms(use_true_random=False),
)
def test_figures_are_those_of_the_valid_pixels(values: np.ndarray, random: Random) -> None:
    """A valid 0 counts and a masked value does not, whatever it is."""
    valid = np.array([random.random() < 0.5 for _ in range(values[..., 0].size)]).reshape(values.shape[:3])
    seen = values[valid].astype(float)
    batches = [(values[index : index + 1], valid[index : index + 1]) for index in range(len(values))]
    if len(seen) == 0:
        with pytest.raises(ValueError, match="masked"):
            of_patches(batches)
        return
    measured = of_patches(batches)
    np.testing.assert_allclose(measured.mean, seen.mean(axis=0), rtol=1e-9, atol=1e-9)
    std = seen.std(axis=0)
    np.testing.assert_allclose(measured.std, np.where(std < 1e-6, 1, std), rtol=1e-6)
    assert measured.pixels == len(seen)


def test_values_far_from_zero_do_not_lose_their_std() -> None:
    values = (1e8 + np.array([0.0, 1.0])).reshape(1, 1, 2, 1)
    valid = np.ones((1, 1, 2))
    assert of_patches([(values, valid), (values, valid)]).std[0] == pytest.approx(0.5)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        of_patches([(np.array([[[[np.nan]]]], np.float32), np.ones((1, 1, 1)))])
