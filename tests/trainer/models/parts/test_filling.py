"""What masked pixels hold before a convolution sees them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.models.parts import filling

Filled = Callable[[Any, Any], Any]
WAYS: dict[str, Filled] = {
    "by halving": lambda x, valid: filling.by_halving(tf.constant(x), tf.constant(valid), 3),
    "by window": lambda x, valid: filling.by_window(tf.constant(x), tf.constant(valid), 9),
}


@pytest.mark.parametrize("filled", WAYS.values(), ids=WAYS)
def test_a_hole_is_filled_with_what_is_around_it(filled: Filled) -> None:
    x = np.zeros((1, 16, 16, 1), np.float32)
    x[:, :, 8:] = 4.0
    valid = np.ones_like(x)
    valid[:, 6:10] = 0
    valid[:, :, :2] = 0
    found = np.asarray(filled(x * valid, valid))
    seen = valid > 0
    np.testing.assert_array_equal(found[seen], x[seen])
    assert found.min() >= 0 and found.max() <= 4
    assert np.abs(found[0, 6:10, 12:] - 4).max() < 1e-5 and np.abs(found[0, :, :4]).max() < 1e-5
    np.testing.assert_array_equal(filled(x * 0, x * 0), np.zeros_like(x))
