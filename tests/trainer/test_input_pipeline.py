from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from earthline.formats.manifest import Manifest
from trainer import input_pipeline


def symmetries(values: np.ndarray) -> list[np.ndarray]:
    turned = [np.rot90(values, quarter) for quarter in range(4)]
    return [*turned, *(each[:, ::-1] for each in turned)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), step=st.integers(0, 1000))
def test_a_label_follows_its_image_through_every_symmetry(seed: int, step: int) -> None:
    label = np.arange(16, dtype=np.uint8).reshape(1, 4, 4).repeat(6, axis=0)
    image = np.stack([label, label + 100], axis=-1).astype(np.uint16)
    moved_image, moved_valid, moved_label = (
        each.numpy()
        for each in input_pipeline.augmented(
            tf.constant(image), tf.constant(label[..., None]), tf.constant(label), (seed, step)
        )
    )
    np.testing.assert_array_equal(moved_valid[..., 0], moved_label)
    assert moved_image.dtype == np.uint16 and moved_label.dtype == np.uint8
    for index in range(6):
        np.testing.assert_array_equal(moved_image[index, ..., 0], moved_label[index])
        np.testing.assert_array_equal(moved_image[index, ..., 1], moved_label[index] + 100)
        assert any(np.array_equal(moved_label[index], each) for each in symmetries(label[index]))


def test_all_eight_symmetries_occur() -> None:
    label = np.arange(9, dtype=np.uint8).reshape(1, 3, 3).repeat(200, axis=0)
    *_, moved = input_pipeline.augmented(
        tf.constant(label[..., None]), tf.constant(label[..., None]), tf.constant(label), (1, 2)
    )
    assert len({each.tobytes() for each in moved.numpy()}) == 8


def test_patches_that_are_not_square_keep_their_shape() -> None:
    label = np.arange(8, dtype=np.uint8).reshape(1, 2, 4).repeat(100, axis=0)
    *_, moved = input_pipeline.augmented(
        tf.constant(label[..., None]), tf.constant(label[..., None]), tf.constant(label), (1, 2)
    )
    assert moved.shape == (100, 2, 4)
    assert len({each.tobytes() for each in moved.numpy()}) == 4


def test_batches_stay_in_the_imagery_type(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    (image, valid), label = next(iter(input_pipeline.read(folder, Manifest.read(folder), "test", 3)))
    assert image.dtype == tf.uint16 and image.shape == (3, 8, 8, 3)
    assert valid.shape == (3, 8, 8, 1)
    np.testing.assert_array_equal(valid[..., 0].numpy() == 0, (image.numpy() == 0).all(axis=-1))
    assert label.dtype == tf.uint8 and label.shape == (3, 8, 8)


def test_an_epoch_depends_on_seed_and_number_alone(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    manifest = Manifest.read(folder)

    def pixels(seed: int, number: int) -> bytes:
        batches = input_pipeline.epoch(
            folder, manifest, batch_size=4, seed=seed, number=number, augment=True, mask_share=0.5
        )
        return b"".join(
            image.tobytes() + valid.tobytes() + label.tobytes() for (image, valid), label in batches.as_numpy_iterator()
        )

    assert pixels(1, 3) == pixels(1, 3)
    assert pixels(1, 3) != pixels(1, 4)
    assert pixels(1, 3) != pixels(2, 3)


def test_a_missing_shard_is_named(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    manifest = Manifest.read(folder)
    (folder / "train-00000-of-00001.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match="train-00000-of-00001"):
        input_pipeline.read(folder, manifest, "train", 2)


def test_a_shard_with_fewer_records_than_promised_is_an_error(dataset: Callable[..., Path]) -> None:
    folder = dataset((6, 2, 2))
    manifest = Manifest.read(folder)
    summary = manifest.splits["test"].model_copy(update={"examples": 3})
    promised = manifest.model_copy(update={"splits": {**manifest.splits, "test": summary}})
    with pytest.raises(tf.errors.FailedPreconditionError):
        list(input_pipeline.read(folder, promised, "test", 2).as_numpy_iterator())
