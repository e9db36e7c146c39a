"""The batches of a run depend on the seed alone: not on the devices that share them, nor on an interruption."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from earthline.config import Train
from earthline.formats.manifest import Manifest
from earthline.task.classification.classes import UNLABELLED
from trainer.input.feed import Feed, Parts
from trainer.input.store import Store
from trainer.statistics import Statistics

MEASURED = Statistics((2000.0,) * 3, (900.0,) * 3, 1)


def feed(folder: Path, parts: Parts | None = None, **settings: Any) -> Feed:
    train = Train(**{"batch_size": 4, "epochs": 3, "mask_share": 0.5, **settings})
    return Feed(Store(folder, Manifest.read(folder), 0.5), train, MEASURED, parts or Parts())


def elements(dataset: Any) -> list[list[np.ndarray]]:
    return [[image, valid, label] for (image, valid), label in dataset.as_numpy_iterator()]


def test_batches_stay_in_the_imagery_type(dataset: Callable[..., Path]) -> None:
    (image, valid), label = feed(dataset()).training(0).element_spec
    assert (image.dtype, valid.dtype, label.dtype) == (tf.uint16, tf.uint8, tf.uint8)
    assert image.shape == (4, 8, 8, 3) and valid.shape == (4, 8, 8, 1) and label.shape == (4, 8, 8)
    (image, _), _ = feed(dataset(), band_jitter=0.1, crop_shape=(8, 8)).training(0).element_spec
    assert image.dtype == tf.float32


def test_every_patch_comes_once_an_epoch_in_an_order_of_its_own(dataset: Callable[..., Path]) -> None:
    made = feed(dataset((14, 4, 4)))
    assert made.steps == 3
    epochs = [[tuple(made.chosen(3 * epoch + step)) for step in range(3)] for epoch in range(3)]
    for batches in epochs:
        places = [place for batch in batches for place in batch]
        assert len(set(places)) == 12 and max(places) < 14
    assert len({str(batches) for batches in epochs}) == 3
    assert tuple(feed(dataset((14, 4, 4)), seed=1).chosen(0)) != epochs[0][0]


def test_few_examples_are_seen_more_often_where_no_epochs_are_given(dataset: Callable[..., Path]) -> None:
    folder = dataset((14, 4, 4))
    assert feed(folder, epochs=None).epochs == 150 and feed(folder, epochs=3).epochs == 3
    train = Train(batch_size=16)
    # 1,000 steps, of 6, 15 and 200 an epoch.
    assert [train.epochs_for(examples) for examples in (100, 250, 3200)] == [150, 67, 40]
    assert [train.patience_for(epochs) for epochs in (20, 60, 150)] == [10, 15, 37]
    assert Train(patience=3).patience_for(150) == 3


def test_from_any_step_on_the_batches_are_the_same(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    settings = {"cutmix": 0.5, "band_jitter": 0.1, "band_dropout": 0.2, "crop_shape": (8, 8)}
    whole = elements(feed(folder, **settings).training(0))
    assert len(whole) == 9
    rest = elements(feed(folder, **settings).training(4))
    for one, other in zip(whole[4:], rest, strict=True):
        for values, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(values, same)
    assert not np.array_equal(whole[0][0], elements(feed(folder, seed=1, **settings).training(0))[0][0])


def test_devices_share_the_batches_of_one(dataset: Callable[..., Path]) -> None:
    folder = dataset((12, 6, 4))
    for split in ("training", "validation"):

        def batches(parts: Parts | None = None, split: str = split) -> Any:
            made = feed(folder, parts)
            return elements(made.training(0) if split == "training" else made.validation())

        alone = batches()
        machines = [batches(Parts(total=4, here=2, first=first)) for first in (0, 2)]
        for step, (image, valid, label) in enumerate(alone):
            parts = [machine[2 * step + device] for machine in machines for device in (0, 1)]
            for values, of_parts in zip((image, valid, label), zip(*parts, strict=True), strict=True):
                np.testing.assert_array_equal(values, np.concatenate(of_parts))


def test_the_last_batch_of_the_validation_is_filled_with_nothing(dataset: Callable[..., Path]) -> None:
    folder = dataset((12, 6, 4))
    made = feed(folder)
    whole = Store(folder, Manifest.read(folder), 0.5).validation
    first, last = elements(made.validation())
    np.testing.assert_array_equal(np.concatenate([first[0], last[0][:2]]), whole.image)
    assert not last[0][2:].any() and not last[1][2:].any() and (last[2][2:] == UNLABELLED).all()


def test_a_split_of_less_than_a_batch_is_one_batch(dataset: Callable[..., Path]) -> None:
    assert feed(dataset((3, 1, 1))).batch == 3
    assert feed(dataset((3, 1, 1)), Parts(total=2)).batch == 2
    with pytest.raises(ValueError, match=r"the 3 training patches cannot be shared by 4 devices"):
        feed(dataset((3, 1, 1)), Parts(total=4))


def test_a_crop_that_does_not_fit_is_refused(dataset: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=r"crop_shape \[16, 8\] does not fit into patches of \[8, 8\]"):
        feed(dataset(), crop_shape=(16, 8))
