"""A SavedModel in TensorFlow 2, called through each of its signatures as its callers do."""

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from earthline.formats.served.contract import (
    ARRAY_SIGNATURE,
    EXAMPLE_INPUT,
    EXAMPLE_SIGNATURE,
    TENSOR_SIGNATURE,
    Contract,
)

Array = np.ndarray[Any, Any]
Write = Callable[[bytes], bytes]
"""From a serialized TensorProto to its text."""

_TYPES = {"uint8": tf.uint8, "float32": tf.float32}


class Served:
    """A loaded SavedModel."""

    def __init__(self, folder: Path, contract: Contract, bands: Sequence[str]) -> None:
        """Loads it, without Keras.

        Args:
            folder: The SavedModel.
            contract: Names its inputs and outputs.
            bands: Names along the last axis of the images that it will be asked for.
        """
        self._contract = contract
        self._bands = list(bands)
        # The signatures live only as long as what was loaded.
        self._loaded = tf.saved_model.load(str(folder))
        self.signatures: Mapping[str, Any] = self._loaded.signatures

    def inputs(self, image: Array, valid: Array) -> dict[str, Array]:
        """Arrays (tiles, height, width) by the contract's names.

        Args:
            image: (tiles, height, width, bands), in the order of the trained model.
            valid: (tiles, height, width).
        """
        named = {band: image[..., self._bands.index(band)] for band in self._contract.bands}
        return {**named, self._contract.valid: valid}

    def arrays(self, image: Array, valid: Array, order: Sequence[str] | None = None) -> Array:
        """What the signature `arrays` gives.

        Args:
            image: As for `inputs`.
            valid: As there.
            order: In which inputs are given; left out, the contract's.

        Returns:
            float32 (tiles, height, width, entries).
        """
        return self.arrays_of(self._ordered(self.inputs(image, valid), order))

    def arrays_of(self, inputs: Mapping[str, Array]) -> Array:
        """As `arrays`, of what `inputs` gave."""
        sent = {name: tf.constant(values, tf.float32) for name, values in self._contract.named(inputs).items()}
        result: Array = self.signatures[ARRAY_SIGNATURE](**sent)[self._contract.output].numpy()
        return result

    def texts(
        self,
        image: Array,
        valid: Array,
        order: Sequence[str] | None = None,
        write: Write = base64.urlsafe_b64encode,
    ) -> dict[str, Array]:
        """What the signature `serving_default` gives, decoded.

        Args:
            image: As for `inputs`.
            valid: As there.
            order: As for `arrays`.
            write: Makes texts of TensorProtos.

        Returns:
            By output (tiles, height, width, values), of the output's type.
        """
        answer = self.answer(self._ordered(self.inputs(image, valid), order), write)
        kinds = {output.name: _TYPES[output.type] for output in self._contract.outputs}
        return {
            name: np.stack(
                [tf.io.parse_tensor(base64.urlsafe_b64decode(text), kinds[name]).numpy() for text in answer[name]]
            )
            for name in kinds
        }

    def answer(self, inputs: Mapping[str, Array], write: Write = base64.urlsafe_b64encode) -> dict[str, list[bytes]]:
        """Texts by output, as `serving_default` gives them.

        Args:
            inputs: From `inputs`.
            write: Makes texts of TensorProtos.
        """
        sent = {
            name: tf.constant([write(serialized(tile[..., np.newaxis])) for tile in values])
            for name, values in self._contract.named(self._typed(inputs)).items()
        }
        return {name: list(texts.numpy()) for name, texts in self.signatures[TENSOR_SIGNATURE](**sent).items()}

    def examples(self, image: Array, valid: Array) -> dict[str, Array]:
        """What the signature `serialized_examples` gives.

        Args:
            image: As for `inputs`.
            valid: As there.

        Returns:
            By output (tiles, height, width, values).
        """
        inputs = self.inputs(image, valid)
        records = []
        for tile in range(len(image)):
            features = {
                name: tf.train.Feature(float_list=tf.train.FloatList(value=values[tile].ravel()))
                for name, values in inputs.items()
            }
            records.append(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
        found = self.signatures[EXAMPLE_SIGNATURE](**{EXAMPLE_INPUT: tf.constant(records)})
        return {name: values.numpy() for name, values in found.items()}

    def _typed(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return {name: self._contract.typed(name, values) for name, values in inputs.items()}

    @staticmethod
    def _ordered(inputs: Mapping[str, Array], order: Sequence[str] | None) -> dict[str, Array]:
        return {name: inputs[name] for name in (inputs if order is None else order)}


def serialized(tile: Array) -> bytes:
    """A TensorProto of the tile's own type."""
    result: bytes = tf.io.serialize_tensor(tf.constant(tile)).numpy()
    return result
