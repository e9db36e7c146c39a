"""What is changed in a patch is changed in its image, its mask and its label alike."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.input import augmentation
from trainer.input.draws import Draws


def draws(patches: int, seed: int = 1, step: int = 2) -> Draws:
    return Draws(epoch=seed, step=step, first=0, count=patches, total=patches)


def numbered(patches: int, height: int, width: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Patches in which image, mask and label of a pixel all tell its number."""
    label = np.arange(patches * height * width).reshape(patches, height, width).astype(np.uint16)
    return (
        tf.constant(np.stack([label, label + 7000], axis=-1)),
        tf.constant(label[..., None]),
        tf.constant(label),
    )


def symmetries(values: np.ndarray) -> list[np.ndarray]:
    turned = [np.rot90(values, quarter) for quarter in range(4)]
    return [*turned, *(each[:, ::-1] for each in turned)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**40), step=st.integers(0, 1000))
def test_a_label_follows_its_image_through_every_symmetry(seed: int, step: int) -> None:
    patches = numbered(6, 4, 4)
    image, valid, label = (each.numpy() for each in augmentation.turned(patches, draws(6, seed, step)))
    np.testing.assert_array_equal(valid[..., 0], label)
    np.testing.assert_array_equal(image[..., 0], label)
    np.testing.assert_array_equal(image[..., 1], label + 7000)
    assert image.dtype == label.dtype == np.uint16
    for moved, original in zip(label, patches[2].numpy(), strict=True):
        assert any(np.array_equal(moved, each) for each in symmetries(original))


@pytest.mark.parametrize(("width", "count"), [(3, 8), (4, 4)])
def test_all_symmetries_of_the_shape_occur(width: int, count: int) -> None:
    label = tf.constant(np.arange(3 * width, dtype=np.uint8).reshape(1, 3, width).repeat(200, axis=0))
    *_, moved = augmentation.turned((label[..., None], label[..., None], label), draws(200))
    assert moved.shape == (200, 3, width)
    assert len({each.tobytes() for each in moved.numpy()}) == count


def test_crops_are_windows_of_their_patch_at_every_place() -> None:
    patches = numbered(400, 6, 5)
    image, valid, label = (each.numpy() for each in augmentation.cropped(patches, draws(400), (4, 4)))
    assert label.shape == (400, 4, 4) and image.shape == (400, 4, 4, 2)
    np.testing.assert_array_equal(valid[..., 0], label)
    np.testing.assert_array_equal(image[..., 0], label)
    corners = label[:, 0, 0] - np.arange(400) * 30
    assert set(corners.tolist()) == {row * 5 + column for row in range(3) for column in range(2)}
    rows, columns = np.mgrid[:4, :4]
    np.testing.assert_array_equal(label, label[:, :1, :1] + (rows * 5 + columns)[None])


def test_a_pasted_rectangle_brings_image_mask_and_label_from_the_same_place() -> None:
    patches = numbered(300, 8, 8)
    image, valid, label = (each.numpy() for each in augmentation.pasted(patches, draws(300), 0.5))
    np.testing.assert_array_equal(valid[..., 0], label)
    np.testing.assert_array_equal(image[..., 0], label)
    original = patches[2].numpy()
    other = label != original
    np.testing.assert_array_equal(label[other], np.roll(original, 1, axis=0)[other])
    changed = other.any(axis=(1, 2))
    assert 0.3 < changed.mean() < 0.55
    for mask in other[changed]:
        rows, columns = np.nonzero(mask)
        assert mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all(), "a rectangle"


def test_jitter_moves_brightness_and_spread_by_its_strength() -> None:
    random = np.random.default_rng(1)
    mean, std = np.array([100.0, 3000.0], np.float32), np.array([10.0, 500.0], np.float32)
    image = (mean + std * random.normal(size=(2000, 8, 8, 2))).astype(np.uint16)
    changed = augmentation.jittered(tf.constant(image), draws(2000), 0.2, mean, std).numpy()
    shift = ((changed.mean(axis=(1, 2)) - image.mean(axis=(1, 2))) / std).std(axis=0)
    gain = (changed.std(axis=(1, 2)) / image.std(axis=(1, 2))).std(axis=0)
    np.testing.assert_allclose(shift, 0.2, rtol=0.15)
    np.testing.assert_allclose(gain, 0.2, rtol=0.15)
    assert changed.dtype == np.float32


def test_dropped_bands_hold_their_mean_and_the_others_stay() -> None:
    image = np.random.default_rng(1).integers(1, 50, (500, 4, 4, 3)).astype(np.uint16)
    mean = np.array([100.5, 200.5, 300.5], np.float32)
    changed = augmentation.without_bands(tf.constant(image), draws(500), 0.3, mean).numpy()
    dropped = (changed == mean).all(axis=(1, 2))
    assert 0.25 < dropped.mean() < 0.35
    np.testing.assert_array_equal(changed[:, 0, 0][~dropped], image[:, 0, 0][~dropped])


def test_the_parts_of_a_batch_are_changed_as_the_whole_is() -> None:
    whole = Draws(epoch=3, step=4, first=0, count=6, total=6)
    part = Draws(epoch=3, step=4, first=2, count=3, total=6)
    np.testing.assert_array_equal(whole.uniform(1, 4)[:, 2:5], part.uniform(1, 4))
    np.testing.assert_array_equal(whole.normal(1, 4)[:, 2:5], part.normal(1, 4))
    assert not np.array_equal(whole.uniform(1, 4), whole.uniform(2, 4))
