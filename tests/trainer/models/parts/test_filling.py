"""What masked pixels hold before a convolution sees them."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.models.parts import filling

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def filled(x: Array, valid: Array, side: int) -> Array:
    return np.asarray(filling.around(tf.constant(x), tf.constant(valid), side))


@pytest.mark.parametrize("side", [5, 7, 9, 15])
def test_a_hole_is_filled_with_what_is_around_it(side: int) -> None:
    x = np.zeros((1, 16, 16, 1), np.float32)
    x[:, :, 8:] = 4.0
    valid = np.ones_like(x)
    valid[:, 6:10] = 0
    valid[:, :, :2] = 0
    found = filled(x * valid, valid, side)
    seen = valid > 0
    np.testing.assert_array_equal(found[seen], x[seen])
    assert found.min() >= 0 and found.max() <= 4
    assert np.abs(found[0, 6:10, 12:] - 4).max() < 1e-5 and np.abs(found[0, :, :4]).max() < 1e-5
    np.testing.assert_array_equal(filled(x * 0, x * 0, side), np.zeros_like(x))


def test_the_nearest_pixels_count_and_those_beyond_the_largest_window_do_not() -> None:
    x = np.arange(32, dtype=np.float32).reshape(1, 1, 32, 1)
    valid = np.ones_like(x)
    valid[:, :, 8:] = 0
    found = filled(x * valid, valid, 15)[0, 0, :, 0]
    assert found[8] == pytest.approx(7), "its neighbour"
    assert found[10] == pytest.approx(7) and found[9] == pytest.approx(6.5), "two and one of a window of 7"
    assert 0 < found[14] <= 7 and (found[15:] == 0).all()
