"""A small network that is prepared for both runtimes."""

from pathlib import Path

import keras
import pytest

from components.prepare_saved_model import export
from components.prepare_saved_model.runtimes import conversion
from earthline.formats.contract import Contract
from earthline.formats.runtime_record import RuntimeRecord
from earthline.task.classification.task import Classification


def small_network() -> keras.Model:
    keras.utils.set_random_seed(3)
    image, valid = keras.Input((None, None, 2)), keras.Input((None, None, 1))
    x = keras.layers.Conv2D(3, 3, padding="same")(keras.layers.Concatenate()([image, valid]))
    x = keras.layers.UpSampling2D()(keras.layers.MaxPooling2D()(x))
    return keras.Model([image, valid], keras.layers.Conv2D(3, 1, activation="softmax")(x))


@pytest.fixture(scope="package")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    contract = Contract(
        bands=("red", "nir"),
        task=Classification(("a", "b", "c")).record,
        tile_shape=(8, 8),
        overlap=(4, 4),
        stride=2,
        max_payload_bytes=20_000,
        runtime=RuntimeRecord(name="openvino", batch=1),
    )
    network = small_network()
    export.save(network, contract, folder)
    conversion.convert(network, 2, folder)
    return folder
