"""What every architecture of the registry keeps to: its name, its stride, its receptive field, masks, and files."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from earthline.config.model import Network, find, known
from trainer import network
from trainer.models import MODELS
from trainer.models.context_unet import ContextUNet
from trainer.models.fcn import Fcn
from trainer.models.linear import Linear
from trainer.models.pixel_mlp import PixelMlp
from trainer.models.residual import Residual
from trainer.models.temporal import Temporal
from trainer.models.unet import UNet
from trainer.statistics import Statistics

Array = np.ndarray[Any, Any]
BANDS = ("red_t00", "nir_t00", "red_t01", "nir_t01", "red_t02", "nir_t02", "slope")
STATISTICS = Statistics((20.0,) * len(BANDS), (10.0,) * len(BANDS), 1)
SMALL: list[Network] = [
    UNet(depth=1, filters=4),
    UNet(depth=2, filters=4),
    PixelMlp(units=8),
    PixelMlp(units=8, layers=2, context=3, windows=(5, 9)),
    Linear(),
    Linear(context=5),
    ContextUNet(depth=1, filters=4, windows=(5, 9), units=(8,)),
    Fcn(filters=8),
    Residual(depth=0, filters=8, blocks=1, kernel=7),
    Residual(depth=2, filters=8, blocks=1),
    Temporal(filters=8).suited(BANDS),
    Temporal(filters=8, layers=1, dilations=()).suited(BANDS),
]


def told(architecture: Network) -> str:
    return f"{architecture.name}, stride {architecture.stride}, field {architecture.receptive_field}"


BY_NAME = [name for name in MODELS if not any(field.is_required() for field in find(name).model_fields.values())]
"""Those that need nothing but their name."""
ONE_EACH = [place for place, each in enumerate(SMALL) if each.name not in {other.name for other in SMALL[:place]}]
every = pytest.mark.parametrize("architecture", SMALL, ids=told)


def head(features: Any) -> Any:
    return keras.layers.Conv2D(3, 1, activation="softmax", name="probabilities")(features)


@cache
def built(place: int) -> Any:
    keras.utils.set_random_seed(1)
    return network.build(SMALL[place], STATISTICS, head)


def of(architecture: Network) -> Any:
    return built(SMALL.index(architecture))


def scene(height: int, width: int, seed: int = 2) -> Array:
    return np.random.default_rng(seed).normal(20, 10, (2, height, width, len(BANDS))).astype(np.float32)


def test_config_and_registry_agree() -> None:
    assert MODELS.items() <= known().items()
    for name in BY_NAME:
        made = find(name).model_validate({})
        assert made.name == name
        assert made.shrunk().stride == made.stride
        assert made.receptive_field % 2 == 1
    assert {each.name for each in SMALL} == {name for name in BY_NAME if issubclass(find(name), Network)}


@every
def test_any_shape_that_its_stride_divides_will_do(architecture: Network) -> None:
    model = of(architecture)
    assert model.name == architecture.name
    for rows, columns in ((1, 1), (2, 3)):
        height, width = rows * architecture.stride, columns * architecture.stride
        found = model([scene(height, width), np.ones((2, height, width, 1), np.float32)])
        assert found.shape == (2, height, width, 3)
        np.testing.assert_allclose(np.asarray(found).sum(axis=-1), 1, atol=1e-5)


@every
def test_what_a_masked_pixel_holds_changes_nothing(architecture: Network) -> None:
    model, side = of(architecture), 4 * architecture.stride
    image, valid = scene(side, side), np.ones((2, side, side, 1), np.float32)
    valid[:, : side // 2, 1:] = 0
    expected = np.asarray(model([image, valid]))
    assert np.isfinite(expected).all()
    for held in (np.nan, 1e30, -7):
        np.testing.assert_array_equal(model([np.where(valid > 0, image, np.float32(held)), valid]), expected)


@every
def test_the_receptive_field_is_the_ground_that_an_output_rests_on(architecture: Network) -> None:
    model, field, stride = of(architecture), architecture.receptive_field, architecture.stride
    half = field // 2
    side = -(-(2 * half + 2 * stride) // stride) * stride
    image = tf.constant(scene(side, side)[:1])
    valid = tf.ones((1, side, side, 1))
    farthest = 0
    for place in range(half, half + stride):
        with tf.GradientTape() as tape:
            tape.watch(image)
            # Outputs of a column, which sum to 1 over the classes: one of them.
            answer = tf.reduce_sum(model([image, valid])[0, :, place, 0])
        slope = np.abs(np.asarray(tape.gradient(answer, image))).sum(axis=(0, 1, 3))
        seen = np.flatnonzero(slope > 0)
        farthest = max(farthest, int(np.abs(seen - place).max()))
    assert 2 * farthest + 1 == field
    # The same in the other direction, and by values: what lies beyond changes nothing, to the last digit.
    changed = image.numpy()
    row = half + stride
    changed[:, : row - half] += 1000
    before, after = (np.asarray(model([tf.constant(each), valid])) for each in (image, changed))
    np.testing.assert_array_equal(after[:, row], before[:, row])
    assert (after[:, row - half - 1] != before[:, row - half - 1]).any()


@every
def test_no_output_rests_on_more_than_its_reach_where_most_pixels_are_masked(architecture: Network) -> None:
    model, reach, stride = of(architecture), architecture.reach, architecture.stride
    rows = -(-(reach + 2 * stride) // stride) * stride
    image, valid = scene(rows, 2 * stride)[:1], np.random.default_rng(4).random((1, rows, 2 * stride, 1)) < 0.02
    edge = rows - stride - reach
    valid[:, : edge + 1] = True
    changed = image.copy()
    changed[:, :edge] += 1000
    before, after = (np.asarray(model([each, valid.astype(np.float32)])) for each in (image, changed))
    np.testing.assert_array_equal(after[:, edge + reach :], before[:, edge + reach :])
    masked = valid.copy()
    masked[:, :edge] = False
    after = np.asarray(model([image, masked.astype(np.float32)]))
    np.testing.assert_array_equal(after[:, edge + reach :], before[:, edge + reach :])


@pytest.mark.parametrize("place", ONE_EACH, ids=lambda place: SMALL[place].name)
def test_it_learns(place: int) -> None:
    keras.utils.set_random_seed(3)
    model = network.build(SMALL[place], STATISTICS, head)
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="sparse_categorical_crossentropy")
    image = scene(16, 16, 4)
    label = np.zeros((2, 16, 16), np.uint8)
    label[:, 4:12, 4:12] = 1
    image += 25 * label[..., np.newaxis]
    inputs = [image, np.ones((2, 16, 16, 1), np.float32)]
    losses = [float(model.train_on_batch(inputs, label)) for _ in range(15)]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("place", ONE_EACH, ids=lambda place: SMALL[place].name)
def test_half_precision_reaches_no_image_and_no_output(place: int) -> None:
    architecture = SMALL[place]
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        keras.utils.set_random_seed(1)
        model = network.build(architecture, STATISTICS, lambda x: keras.layers.Conv2D(3, 1, dtype="float32")(x))
    finally:
        keras.config.set_dtype_policy(policy)
    assert [layer.compute_dtype for layer in model.layers if "normalization" == layer.name[:13]][:1] == ["float32"]
    side = 2 * architecture.stride
    found = np.asarray(model([scene(side, side), np.ones((2, side, side, 1), np.float32)]))
    assert found.dtype == np.float32 and np.isfinite(found).all()


READ = """
import sys
from pathlib import Path
import numpy as np
from trainer import saved_network

for folder in map(Path, sys.argv[1:]):
    with np.load(folder / "inputs.npz") as found:
        np.save(folder / "outputs.npy", np.asarray(saved_network.read(folder)([found["image"], found["valid"]])))
"""


def test_each_is_read_back_by_another_process(tmp_path: Path) -> None:
    folders = [tmp_path / str(place) for place in ONE_EACH]
    image, valid = scene(8, 8), np.ones((2, 8, 8, 1), np.float32)
    for place, folder in zip(ONE_EACH, folders, strict=True):
        folder.mkdir()
        built(place).save(folder / "model.keras")
        np.savez(folder / "inputs.npz", image=image, valid=valid)
    reply = subprocess.run(
        [sys.executable, "-c", READ, *map(str, folders)], capture_output=True, text=True, check=False
    )
    assert reply.returncode == 0, reply.stderr
    for place, folder in zip(ONE_EACH, folders, strict=True):
        np.testing.assert_allclose(np.load(folder / "outputs.npy"), built(place)([image, valid]), atol=1e-6)


def test_a_pixel_network_does_not_see_beside_a_pixel() -> None:
    keras.utils.set_random_seed(1)
    model = network.build(PixelMlp(units=4, dropout=0.0), Statistics((20.0, 30.0), (10.0, 10.0), 1), head)
    assert model.count_params() == (2 + 1) * 4 + 4 + 4 * 3 + 3, "two bands and the mask, four units, three classes"


def test_linear_is_a_line_for_each_class() -> None:
    assert of(SMALL[4]).count_params() == len(BANDS) * 3 + 3
