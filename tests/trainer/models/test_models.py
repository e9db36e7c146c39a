"""What every architecture of the registry keeps to: its name, its stride and its receptive field."""

from typing import Any

import keras
import numpy as np
import pytest

from earthline.config.model import Network, find, known
from trainer import network
from trainer.models import MODELS
from trainer.models.pixel_mlp import PixelMlp
from trainer.models.unet import UNet
from trainer.statistics import Statistics

STATISTICS = Statistics((20.0, 30.0), (10.0, 10.0), 1)
SMALL: list[Network] = [UNet(depth=1, filters=4), UNet(depth=2, filters=4), PixelMlp(units=8)]


def head(features: Any) -> Any:
    return keras.layers.Conv2D(3, 1, activation="softmax", name="probabilities")(features)


def test_config_and_registry_agree() -> None:
    assert MODELS.items() <= known().items()
    for name in MODELS:
        made = find(name).model_validate({})
        assert made.name == name
        assert made.shrunk().stride == made.stride


@pytest.mark.parametrize("name", sorted(MODELS))
def test_each_builds_for_any_shape_that_its_stride_divides(name: str) -> None:
    architecture = find(name).model_validate({}).shrunk()
    keras.utils.set_random_seed(1)
    built = network.build(architecture, STATISTICS, head)
    assert built.name == name
    for shape in ((1, 1), (2, 3)):
        height, width = (side * architecture.stride for side in shape)
        image, valid = np.zeros((2, height, width, 2), np.float32), np.ones((2, height, width, 1), np.float32)
        assert built([image, valid]).shape == (2, height, width, 3)
        # A masked pixel may hold anything.
        valid[:, 0] = 0
        expected = built([image, valid])
        image[:, 0] = np.nan
        np.testing.assert_array_equal(built([image, valid]), expected)


@pytest.mark.parametrize("architecture", SMALL, ids=lambda each: f"{each.name}, stride {each.stride}")
def test_the_receptive_field_is_the_ground_that_an_output_rests_on(architecture: Network) -> None:
    keras.utils.set_random_seed(1)
    built = network.build(architecture, STATISTICS, head)
    field, stride = architecture.receptive_field, architecture.stride
    assert field % 2 == 1
    side = 2 * (field + stride) // stride * stride
    image = np.random.default_rng(2).normal(20, 10, (1, side, side, 2)).astype(np.float32)
    valid = np.ones((1, side, side, 1), np.float32)
    before = np.asarray(built([image, valid]))
    farthest = 0
    for place in range(side // 2, side // 2 + stride):
        image_of = image.copy()
        image_of[0, :, place] += 1000
        changed = np.flatnonzero(np.abs(np.asarray(built([image_of, valid])) - before).max(axis=(0, 1, 3)))
        reach = np.abs(changed - place)
        farthest = max(farthest, int(reach.max()))
    assert 2 * farthest + 1 <= field
    # Not much wider than what is seen: a rectified unit may be silent for one change.
    assert 2 * farthest + 1 >= field - 2 * stride


def test_a_pixel_network_does_not_see_beside_a_pixel() -> None:
    keras.utils.set_random_seed(1)
    built = network.build(PixelMlp(units=4, dropout=0.0), STATISTICS, head)
    image = np.random.default_rng(3).normal(20, 10, (1, 5, 7, 2)).astype(np.float32)
    valid = np.ones((1, 5, 7, 1), np.float32)
    alone = np.asarray(built([image[:, 2:3, 4:5], valid[:, :1, :1]]))
    np.testing.assert_allclose(np.asarray(built([image, valid]))[:, 2:3, 4:5], alone, atol=1e-6)
    assert built.count_params() == (2 + 1) * 4 + 4 + 4 * 3 + 3, "two bands and the mask, four units, three classes"
