import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from trainer.statistics import of_patches


@given(npst.arrays(np.uint16, st.tuples(st.integers(1, 4), st.just(3), st.just(3), st.just(2))))
def test_figures_are_those_of_the_valid_pixels(values: np.ndarray) -> None:
    valid = values.reshape(-1, 2)
    valid = valid[(valid != 0).any(axis=1)].astype(float)
    if len(valid) == 0:
        with pytest.raises(ValueError, match="masked"):
            of_patches(values[:, None])
        return
    measured = of_patches(values[index : index + 1] for index in range(len(values)))
    np.testing.assert_allclose(measured.mean, valid.mean(axis=0), rtol=1e-9)
    deviation = valid.std(axis=0)
    np.testing.assert_allclose(measured.deviation, np.where(deviation < 1e-6, 1, deviation), rtol=1e-6)
    assert measured.pixels == len(valid)


def test_values_far_from_zero_do_not_lose_their_deviation() -> None:
    values = (1e8 + np.array([0.0, 1.0])).reshape(1, 1, 2, 1)
    assert of_patches([values, values]).deviation[0] == pytest.approx(0.5)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        of_patches([np.array([[[[np.nan]]]], np.float32)])
