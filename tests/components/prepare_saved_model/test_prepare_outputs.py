"""What a SavedModel gives by each of its signatures is what the contract lists."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.prepare_saved_model import export
from earthline.formats.served.agreement import differs
from earthline.formats.served.contract import EXAMPLE_SIGNATURE, TENSOR_SIGNATURE, Contract
from earthline.formats.served.outputs import ServedOutput
from earthline.formats.task_record import TaskRecord

CONTRACT = Contract(
    bands=("0_nir", "B4"),
    arguments=export.arguments(("0_nir", "B4", "earthline_valid")),
    task=TaskRecord(name="classification", output="probabilities", entries=("wet", "dry", "bare"), kind="classes"),
    further=("dissimilarity", "q0.05"),
    outputs=(
        ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),
        ServedOutput(name="probability", made="largest", used=3),
        ServedOutput(name="margin", type="uint8", made="margin", used=3),
        ServedOutput(name="set_size", type="uint8", made="count", used=3, limit=0.3),
        ServedOutput(name="probabilities", type="uint8", entries=3, used=3),
        ServedOutput(name="applicable", type="uint8", made="at_most", first=3, limit=0.4),
        ServedOutput(name="q0.05", first=4),
    ),
    tile_shape=(12, 16),
    overlap=(4, 2),
    stride=4,
    max_payload_bytes=1_500_000,
)


def _network() -> Any:
    """Probabilities of three classes, a distance, and a bound that is no number where a pixel is bright."""
    image, valid = keras.Input((None, None, 2)), keras.Input((None, None, 1))
    keras.utils.set_random_seed(3)
    joined = keras.layers.Concatenate()([image, valid])
    classes = keras.layers.Conv2D(3, 3, padding="same", activation="softmax")(joined)
    distance = keras.layers.Conv2D(1, 1, activation="sigmoid")(joined)
    bound = keras.layers.Lambda(lambda x: keras.ops.log(1.0 - x))(image[..., :1])
    return keras.Model([image, valid], keras.layers.Concatenate()([classes, distance, bound]))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("saved")
    export.save(_network(), CONTRACT, folder)
    return tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def tiles() -> dict[str, Any]:
    random = np.random.default_rng(4)
    found = {name: random.normal(0, 1, (3, 16, 18)).astype(np.float32) for name in CONTRACT.bands}
    return {**found, CONTRACT.valid: (random.random((3, 16, 18)) > 0.1).astype(np.float32)}


def values_of(saved: Any, tiles: dict[str, Any]) -> Any:
    """All that the network gives."""
    arrays = {name: tf.constant(values) for name, values in CONTRACT.named(tiles).items()}
    return saved.signatures["arrays"](**arrays)["probabilities"].numpy()


def require_same(output: ServedOutput, found: Any, values: Any) -> None:
    """What is served is what NumPy makes of the network's floats, which graphs round a little differently."""
    assert found.dtype == output.type
    assert found.shape == (*values.shape[:-1], output.values)
    assert not differs(found, values, output, 1e-6).any(), output.name


def test_texts_of_tensors(saved: Any, tiles: dict[str, Any]) -> None:
    """`serving_default` gives texts of the contract's outputs, each of its type."""
    signature = saved.signatures[TENSOR_SIGNATURE]
    texts = {
        name: tf.map_fn(
            lambda tile: tf.io.encode_base64(tf.io.serialize_tensor(tile)), values[..., np.newaxis], tf.string
        )
        for name, values in CONTRACT.named(tiles).items()
    }
    found, values = signature(**texts), values_of(saved, tiles)
    assert values.shape == (3, 16, 18, 5) and np.isnan(values).any()
    assert set(found) == {output.name for output in CONTRACT.outputs}
    for output in CONTRACT.outputs:
        read = [tf.io.parse_tensor(tf.io.decode_base64(text), output.type) for text in found[output.name].numpy()]
        require_same(output, np.stack(read), values)


@pytest.mark.parametrize(
    "shape", [(16, 18), (12, 16), (20, 20), (7, 7)], ids=["total", "no overlap", "each edge", "square"]
)
def test_examples(saved: Any, tiles: dict[str, Any], shape: tuple[int, int]) -> None:
    """`serialized_examples` finds out a list's shape, whichever way overlap is counted, and gives plain tensors."""
    height, width = shape
    cut = {name: np.pad(each, ((0, 0), (0, 4), (0, 2)))[:, :height, :width] for name, each in tiles.items()}
    found = saved.signatures[EXAMPLE_SIGNATURE](input=tf.constant(_examples(cut)))
    assert set(found) == {output.name for output in CONTRACT.outputs}
    for output in CONTRACT.outputs:
        require_same(output, found[output.name].numpy(), values_of(saved, cut))


def test_an_example_without_a_band_is_refused(saved: Any, tiles: dict[str, Any]) -> None:
    """It would be filled up with zeros, and look like ground."""
    cut = {name: each for name, each in tiles.items() if name != "B4"}
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many pixels in each"):
        saved.signatures[EXAMPLE_SIGNATURE](input=tf.constant(_examples(cut)))


def _examples(tiles: dict[str, Any]) -> list[bytes]:
    def one(place: int) -> bytes:
        lists = {name: tf.train.FloatList(value=each[place].reshape(-1)) for name, each in tiles.items()}
        features = {name: tf.train.Feature(float_list=values) for name, values in lists.items()}
        return bytes(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())

    return [one(place) for place in range(3)]
