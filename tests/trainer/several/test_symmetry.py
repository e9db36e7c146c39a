"""The average over turns and reflections: the same however a tile lies, and proved, saved and served as one network."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from earthline.config import Train
from earthline.config.sections.train.certainty import Certainty
from trainer import saved_network, training
from trainer.description import Description
from trainer.models.symmetric import Symmetric
from trainer.models.unet import UNet
from trainer.several.symmetry import averaged

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def moves(values: np.ndarray) -> list[np.ndarray]:
    """All turns and reflections of tiles (tiles, height, width, bands)."""
    turned = [np.rot90(values, quarter, (1, 2)) for quarter in range(4)]
    return [*turned, *(each[:, ::-1] for each in turned)]


def back(given: list[np.ndarray]) -> list[np.ndarray]:
    """What was found of each of `moves`, as it lay before."""
    turned = [np.rot90(each, -quarter, (1, 2)) for quarter, each in enumerate(given[:4])]
    return [*turned, *(np.rot90(each[:, ::-1], -quarter, (1, 2)) for quarter, each in enumerate(given[4:]))]


def test_it_is_the_mean_over_the_eight_symmetries_of_tiles_of_any_shape() -> None:
    inputs = [keras.Input((None, None, 2)), keras.Input((None, None, 1))]
    joined = keras.layers.Concatenate()(inputs)
    network = keras.Model(inputs, keras.layers.Conv2D(3, 5, padding="same", activation="softmax")(joined))
    random = np.random.default_rng(0)
    image, valid = random.normal(size=(2, 6, 9, 2)).astype(np.float32), random.integers(0, 2, (2, 6, 9, 1))
    found = [
        np.asarray(network([np.ascontiguousarray(one), np.ascontiguousarray(other).astype(np.float32)]))
        for one, other in zip(moves(image), moves(valid), strict=True)
    ]
    expected = np.mean(back(found), axis=0)
    whole = averaged(network, "out")
    np.testing.assert_allclose(whole([image, valid.astype(np.float32)]), expected, atol=1e-6)
    # The network alone is another thing, and sees that a tile was turned.
    assert np.abs(np.asarray(network([image, valid.astype(np.float32)])) - expected).max() > 0.01
    turned = [np.ascontiguousarray(np.rot90(each, 1, (1, 2))).astype(np.float32) for each in (image, valid)]
    np.testing.assert_allclose(np.rot90(np.asarray(whole(turned)), -1, (1, 2)), expected, atol=1e-6)


def test_a_run_saves_it_with_stride_and_reach_of_its_model(dataset: Callable[..., Path], tmp_path: Path) -> None:
    unet = UNet(filters=4, depth=1, dropout=0.0)
    section = Train(
        model=Symmetric(model=unet), epochs=1, batch_size=4, speed="plain", certainty=Certainty(temperature=False)
    )
    training.run(section, dataset(), tmp_path)
    described = Description.read(tmp_path)
    assert (described.stride, described.reach) == (unet.stride, unet.reach)
    network = saved_network.read(tmp_path)
    random = np.random.default_rng(1)
    image = [random.uniform(0, 4000, (1, 8, 8, 3)).astype(np.float32), np.ones((1, 8, 8, 1), np.float32)]
    turned = [np.ascontiguousarray(np.rot90(each, 1, (1, 2))) for each in image]
    given, again = (np.asarray(network(each)) for each in (image, turned))
    np.testing.assert_allclose(np.rot90(again, -1, (1, 2)), given, atol=1e-5)
