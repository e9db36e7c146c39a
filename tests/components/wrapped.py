"""A small network, wrapped well, and in each of the ways in which wrappers go wrong."""

from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.prepare_saved_model import export
from components.prepare_saved_model.derivation import derived
from components.prepare_saved_model.proof import terms
from components.prepare_saved_model.proof.case import Case
from components.prepare_saved_model.proof.evidence import Evidence
from earthline.finding import Finding
from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput
from earthline.task.classification.task import Classification

BANDS = ("swir", "nir", "red")
"""Not in alphabetical order, so that sorting them shows."""
CLASSES = ("dark", "bright")
CONTRACT = Contract(
    bands=BANDS,
    task=Classification(CLASSES).record,
    outputs=(
        ServedOutput(name="class_id", type="uint8", made="most_probable", used=2),
        ServedOutput(name="probabilities", type="uint8", entries=2, used=2),
    ),
    tile_shape=(8, 8),
    overlap=(4, 4),
    reach=2,
    stride=2,
    max_payload_bytes=1_500_000,
)
IMAGE = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
VALID = np.ones((2, 8, 8), np.float32)
VALID[1, 2:5] = 0
PLACES = np.array([[0, 0], [8, 4]], np.int64)

Array = np.ndarray[Any, Any]


def small_network(bands: int = 3, ignored: tuple[int, ...] = ()) -> Any:
    """Two convolutions around a pooling; `ignored` are places of bands without any influence."""
    keras.utils.set_random_seed(3)
    image, valid = keras.Input((None, None, bands)), keras.Input((None, None, 1))
    first = keras.layers.Conv2D(3, 3, padding="same")
    x = keras.layers.Concatenate()([keras.layers.Multiply()([image, valid]), valid])
    x = keras.layers.MaxPooling2D()(first(x))
    x = keras.layers.Conv2D(2, 1, activation="softmax")(keras.layers.UpSampling2D()(x))
    kernel, bias = first.get_weights()
    kernel[:, :, list(ignored)] = 0
    first.set_weights([kernel, bias])
    return keras.Model([image, valid], x)


def evidence(network: Any, image: Array = IMAGE, bands: tuple[str, ...] = BANDS) -> Evidence:
    """What the trained model gives."""
    outputs = np.asarray(network([image, VALID[..., np.newaxis]], training=False))
    return Evidence(bands, image, VALID, PLACES, outputs)


def found(folder: Path, seen: Evidence, only: Container[str] | None = None) -> dict[str, Finding]:
    """All findings, by the name of the term; or only those of some terms, which is faster."""
    case = Case(folder, Contract.read(folder), seen)
    if only is None:
        return {finding.name: finding for finding in terms.findings(case)}
    return {term.name: terms._asked(term, case) for term in terms.TERMS if term.name in only}


def failed(findings: Mapping[str, Finding]) -> set[str]:
    """Names of the terms that fail; each must say what to do."""
    refused = [finding for finding in findings.values() if finding.passed is False]
    assert all(finding.fix for finding in refused)
    return {finding.name for finding in refused}


def saved(folder: Path, signatures: Mapping[str, Any], module: Any = None, contract: Contract = CONTRACT) -> Path:
    """A SavedModel with any signatures, and a contract."""
    tf.saved_model.save(module or tf.Module(), str(folder), signatures=signatures)
    contract.write(folder)
    return folder


class Wrapper(tf.Module):  # type: ignore[misc]  # TensorFlow publishes no types
    """A wrapper that keeps to the contract, but for what a test puts in its place."""

    def __init__(
        self,
        network: Any,
        *,
        image: Callable[[Any, Any], Any] | None = None,
        valid: Callable[[Any, Any], Any] | None = None,
        answer: Callable[[Any], Any] = lambda values: values,
        read: Callable[[Any], Any] = export._decoded,
        write: Callable[[Any], Any] = export._encoded,
        served: Callable[[dict[str, Any]], dict[str, Any]] = lambda outputs: outputs,
        example: Callable[[Any], Any] = lambda image: image,
    ) -> None:
        super().__init__()
        self.network = network
        self.weights = [variable.value for variable in network.variables]
        self._image, self._valid = image or self._seen_image, valid or self._seen_valid
        self._answer, self._read, self._write, self._served = answer, read, write, served
        self._example = example

    def save(self, folder: Path) -> Path:
        """Writes it with three signatures."""

        def arrays(**tiles: Any) -> Any:
            return {CONTRACT.output: self._compute(tiles)}

        def texts(**texts: Any) -> Any:
            values = self._compute({name: self._read(text)[..., 0] for name, text in texts.items()})
            outputs = self._served(derived(values, CONTRACT.outputs))
            return {name: self._write(tiles) for name, tiles in outputs.items()}

        def examples(**serialized: Any) -> Any:
            image, valid = export._parsed(serialized["input"], CONTRACT)
            tiles = {band: self._example(image)[..., place] for place, band in enumerate(BANDS)}
            return derived(self._compute({**tiles, CONTRACT.valid: valid[..., 0]}), CONTRACT.outputs)

        kinds = {
            "arrays": (arrays, CONTRACT.inputs, (None, None, None), tf.float32),
            "serving_default": (texts, CONTRACT.inputs, (None,), tf.string),
            "serialized_examples": (examples, ("input",), (None,), tf.string),
        }
        signatures = {
            key: tf.function(function).get_concrete_function(
                **{name: tf.TensorSpec(shape, kind, name=name) for name in inputs}
            )
            for key, (function, inputs, shape, kind) in kinds.items()
        }
        return saved(folder, signatures, self)

    def _compute(self, tiles: Mapping[str, Any]) -> Any:
        image = tf.stack([tiles[band] for band in BANDS], axis=-1)
        valid = tiles[CONTRACT.valid][..., tf.newaxis]
        inputs = tf.concat([self._image(image, valid), self._valid(image, valid)], axis=-1)
        padded, height, width = self.padded(inputs)
        values = self.network([padded[..., :-1], padded[..., -1:]], training=False)[:, :height, :width]
        return self._answer(values)

    @staticmethod
    def padded(inputs: Any) -> Any:
        """As the true wrapper does."""
        return export._padded(inputs, CONTRACT.stride)

    @staticmethod
    def _seen_image(image: Any, valid: Any) -> Any:
        return tf.where(Wrapper._seen_valid(image, valid) > 0, image, 0.0)

    @staticmethod
    def _seen_valid(image: Any, valid: Any) -> Any:
        finite = tf.reduce_all(tf.math.is_finite(image), axis=-1, keepdims=True)
        return tf.cast(tf.logical_and(valid > 0.5, finite), tf.float32)


class Unpadded(Wrapper):
    """One that sends tiles on as they are."""

    @staticmethod
    def padded(inputs: Any) -> Any:
        return inputs, tf.shape(inputs)[1], tf.shape(inputs)[2]
