"""A small network, prepared for both runtimes as prepare_saved_model does it."""

from pathlib import Path

import keras

from components.prepare_saved_model import export
from components.prepare_saved_model.runtimes import conversion
from earthline.formats.served.contract import VALID_BAND, Contract
from earthline.formats.served.runtime_record import RuntimeRecord
from earthline.task.classification.task import Classification


def network() -> keras.Model:
    """Two bands and their validity to the probabilities of three classes; a stride of 2."""
    keras.utils.set_random_seed(3)
    image, valid = keras.Input((None, None, 2)), keras.Input((None, None, 1))
    x = keras.layers.Conv2D(3, 3, padding="same")(keras.layers.Concatenate()([image, valid]))
    x = keras.layers.UpSampling2D()(keras.layers.MaxPooling2D()(x))
    return keras.Model([image, valid], keras.layers.Conv2D(3, 1, activation="softmax")(x))


def prepare(made: keras.Model, bands: tuple[str, str], folder: Path) -> None:
    """Writes it into a folder, with its contract, as a SavedModel and for OpenVINO.

    Args:
        made: Of two bands and their validity to three values.
        bands: Their names.
        folder: To write into.
    """
    contract = Contract(
        bands=bands,
        arguments=export.arguments((*bands, VALID_BAND)),
        task=Classification(("a", "b", "c")).record,
        tile_shape=(8, 8),
        overlap=(4, 4),
        stride=2,
        max_payload_bytes=20_000,
        runtime=RuntimeRecord(name="openvino", batch=1),
    )
    export.save(made, contract, folder)
    conversion.convert(made, len(bands), folder)
