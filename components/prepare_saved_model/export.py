"""Wraps a trained model so that Earth Engine and the prediction server can call it by band."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from earthline.contract import ARRAY_SIGNATURE, TENSOR_SIGNATURE, Contract


def save(network: Any, contract: Contract, folder: Path) -> None:
    """Writes a SavedModel with two signatures, and the contract beside it.

    Both take inputs by the name of their band, and give one output by the contract's name:

    - `serving_default`: strings (tiles,), each the web-safe base64 text of a float32 TensorProto (height, width, 1);
      out come texts of TensorProtos (height, width, classes). This is what Earth Engine's
      SERIALIZED_TF_TENSORS payload holds.
    - `arrays`: float32 (tiles, height, width) in, float32 (tiles, height, width, classes) out.

    Height and width are free: what does not divide by the stride is mirrored at its far edges and cut back.

    Args:
        network: Keras model (tiles, height, width, bands) -> (tiles, height, width, classes); its bands are in the
            contract's order.
        contract: Names and stride.
        folder: Folder to write.

    Raises:
        ValueError: The network has another number of bands or classes than the contract.
    """
    bands, classes = int(network.inputs[0].shape[-1]), int(network.outputs[0].shape[-1])
    if bands != len(contract.bands) or classes != len(contract.class_names):
        raise ValueError(
            f"the model has {bands} bands and {classes} classes; the contract names {len(contract.bands)} "
            f"({', '.join(contract.bands)}) and {len(contract.class_names)} ({', '.join(contract.class_names)})"
        )

    def compute(image: Any) -> Any:
        padded, height, width = _padded(image, contract.stride)
        return network(padded, training=False)[:, :height, :width, :]

    def from_arrays(**tiles: Any) -> dict[str, Any]:
        return {contract.output: compute(_stacked([tiles[band] for band in contract.bands]))}

    def from_tensors(**texts: Any) -> dict[str, Any]:
        # Keyword arguments keep each band's name; positional inputs would be renamed in sorted order.
        decoded = [_decoded(texts[band]) for band in contract.bands]
        result = compute(tf.concat(decoded, axis=-1))
        return {contract.output: _encoded(result)}

    arrays = tf.function(from_arrays).get_concrete_function(
        **{band: tf.TensorSpec((None, None, None), tf.float32, name=band) for band in contract.bands}
    )
    texts = tf.function(from_tensors).get_concrete_function(
        **{band: tf.TensorSpec((None,), tf.string, name=band) for band in contract.bands}
    )
    module = tf.Module()
    module.network = network
    tf.saved_model.save(module, str(folder), signatures={TENSOR_SIGNATURE: texts, ARRAY_SIGNATURE: arrays})
    contract.write(folder)


def _stacked(bands: Sequence[Any]) -> Any:
    return tf.stack(bands, axis=-1)


def _decoded(texts: Any) -> Any:
    def one(text: Any) -> Any:
        tensor = tf.io.parse_tensor(tf.io.decode_base64(text), tf.float32)
        return tf.ensure_shape(tensor, (None, None, 1))

    return tf.map_fn(one, texts, fn_output_signature=tf.TensorSpec((None, None, 1), tf.float32))


def _encoded(tiles: Any) -> Any:
    def one(tile: Any) -> Any:
        return tf.io.encode_base64(tf.io.serialize_tensor(tile), pad=True)

    return tf.map_fn(one, tiles, fn_output_signature=tf.TensorSpec((), tf.string))


def _padded(image: Any, stride: int) -> tuple[Any, Any, Any]:
    """The image, mirrored below and to the right up to a multiple of the stride, and its height and width."""
    height, width = tf.shape(image)[1], tf.shape(image)[2]
    rows, columns = (_mirrored(side, -(-side // stride) * stride) for side in (height, width))
    return tf.gather(tf.gather(image, rows, axis=1), columns, axis=2), height, width


def _mirrored(side: Any, wanted: Any) -> Any:
    """Indices 0 … side-1, side-1 … 0, 0 … and so on: unlike tf.pad's, they mirror a side shorter than its padding."""
    place = tf.range(wanted) % (2 * side)
    return tf.minimum(place, 2 * side - 1 - place)
