"""Masks drawn into patches hide image and label alike, and show the network every kind of edge."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from earthline.task.classification.classes import UNLABELLED
from trainer.input import masking
from trainer.input.draws import Draws


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 40), st.floats(0, 1))
def test_a_masked_pixel_is_masked_everywhere_and_the_others_stay(
    seed: int, height: int, width: int, share: float
) -> None:
    random = np.random.default_rng(seed)
    image = random.integers(1, 255, (6, height, width, 2)).astype(np.uint8)
    valid = random.integers(0, 2, (6, height, width, 1)).astype(np.uint8)
    label = np.where(valid[..., 0] == 1, random.integers(0, 3, (6, height, width)), UNLABELLED).astype(np.uint8)
    draws = Draws(epoch=seed, step=1, first=0, count=6, total=6)
    drawn = masking.masked((tf.constant(image), tf.constant(valid), tf.constant(label)), draws, share)
    new_image, new_valid, new_label = (each.numpy() for each in drawn)
    hidden = (new_valid == 0) & (valid == 1)
    assert new_image.dtype == image.dtype and new_label.dtype == label.dtype
    assert (new_image[hidden[..., 0]] == 0).all() and (new_label[hidden[..., 0]] == UNLABELLED).all()
    seen = new_valid[..., 0] == 1
    np.testing.assert_array_equal(new_image[seen], image[seen])
    np.testing.assert_array_equal(new_label[seen], label[seen])


def test_the_share_is_kept_and_every_kind_occurs() -> None:
    ones = np.ones((600, 32, 32, 1), np.uint8)
    label = np.zeros((600, 32, 32), np.uint8)
    draws = Draws(epoch=1, step=2, first=0, count=600, total=600)
    _, valid, _ = masking.masked((tf.constant(ones), tf.constant(ones), tf.constant(label)), draws, 0.5)
    hidden = valid.numpy()[..., 0] == 0
    parts = hidden.mean(axis=(1, 2))
    assert 0.35 < (parts > 0).mean() < 0.55, "a disc may fall outside of the patch"
    corners = hidden[:, [0, 0, -1, -1], [0, -1, 0, -1]].sum(axis=1)
    assert (corners[parts > 0] >= 2).any() and (corners[parts > 0] == 0).any()
    rows = hidden.all(axis=2).sum(axis=1)
    assert ((rows > 1) & (rows < 13) & (parts < 0.4)).any(), "gaps of whole rows"
