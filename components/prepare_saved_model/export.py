"""Wraps a trained model so that Earth Engine and the prediction server can call it by band."""

import keyword
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.prepare_saved_model.derivation import derived
from earthline.formats.served.contract import (
    ARRAY_SIGNATURE,
    EXAMPLE_INPUT,
    EXAMPLE_SIGNATURE,
    TENSOR_SIGNATURE,
    Contract,
)

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_TAKEN = frozenset({"args", "cls", "kwargs", "name", "self", "training"})
"""Parameters of TensorFlow's own functions through which a signature's arguments pass."""


def arguments(inputs: Sequence[str]) -> dict[str, str]:
    """Names for those inputs whose own name TensorFlow would change, refuse or take for another.

    Args:
        inputs: Names of a model's inputs, any text: `toBands()` alone makes names such as `0_B2`.

    Returns:
        By input, `input_0` and so on by its place; inputs that keep their name are left out.
    """
    spelled = [name.lower() for name in inputs]  # names in a graph differ in more than case
    kept = {
        name
        for name in inputs
        if _PLAIN.fullmatch(name)
        and not keyword.iskeyword(name)
        and name not in _TAKEN
        and spelled.count(name.lower()) == 1
        and not name.lower().startswith("input_")
    }
    return {name: f"input_{place}" for place, name in enumerate(inputs) if name not in kept}


def save(network: Any, contract: Contract, folder: Path) -> None:
    """Writes a SavedModel with three signatures, and the contract beside it.

    - `serving_default` takes a text for each input, bands and validity alike, by name: strings (tiles,), each the
      web-safe base64 text of a TensorProto (height, width, 1) of the input's type in the contract. It gives the
      contract's outputs by name, texts of TensorProtos (height, width, values). This is what Earth Engine's
      SERIALIZED_TF_TENSORS payload holds.
    - `serialized_examples` takes `input`, strings (tiles,): each a serialized tf.Example that has a list of float32 for
      each input by its own name, all of one tile's pixels, row after row. It gives the contract's outputs as they are.
      This is Earth Engine's GRPC_SERIALIZED_TF_EXAMPLES. The pixels of a list are those of a tile with or without
      overlap as the contract has it, or of a square.
    - `arrays`: float32 (tiles, height, width) for each input by name, float32 (tiles, height, width, entries) out, all
      that the network gives.

    Height and width are free: what does not divide by the stride is mirrored at its far edges and cut back. What a
    masked pixel holds is of no account, and a pixel that is no finite number in some band counts as masked.

    Args:
        network: Keras model from (tiles, height, width, bands), in the contract's order, and validity
            (tiles, height, width, 1) to (tiles, height, width, entries).
        contract: Names and stride; its `arguments` must be those of `arguments`.
        folder: Folder to write.

    Raises:
        ValueError: The network has another number of inputs, bands or outputs than the contract.
    """
    if len(network.inputs) != 2:
        raise ValueError(f"the model has {len(network.inputs)} inputs instead of two, image and validity")
    bands, entries = int(network.inputs[0].shape[-1]), int(network.outputs[0].shape[-1])
    task = contract.task
    if bands != len(contract.bands) or entries != contract.entries:
        raise ValueError(
            f"the model has {bands} bands and {entries} {task.kind}; the contract names {len(contract.bands)} "
            f"({', '.join(contract.bands)}) and {contract.entries} ({', '.join((*task.entries, *contract.further))})"
        )

    def compute(image: Any, valid: Any) -> Any:
        finite = tf.reduce_all(tf.math.is_finite(image), axis=-1, keepdims=True)
        seen = tf.logical_and(valid > 0.5, finite)
        # Chosen, not multiplied: 0 times NaN is NaN.
        inputs = tf.concat([tf.where(seen, image, 0.0), tf.cast(seen, tf.float32)], axis=-1)
        padded, height, width = _padded(inputs, contract.stride)
        return network([padded[..., :-1], padded[..., -1:]], training=False)[:, :height, :width, :]

    def from_arrays(**tiles: Any) -> dict[str, Any]:
        image = tf.stack([tiles[name] for name in names[:-1]], axis=-1)
        return {contract.output: compute(image, tiles[names[-1]][..., tf.newaxis])}

    def from_tensors(**texts: Any) -> dict[str, Any]:
        # Keyword arguments keep each input's name; positional ones would be renamed in sorted order.
        decoded = [_decoded(texts[name], kind) for name, kind in zip(names, kinds, strict=True)]
        found = derived(compute(tf.concat(decoded[:-1], axis=-1), decoded[-1]), contract.outputs)
        return {name: _encoded(values) for name, values in found.items()}

    def from_examples(**serialized: Any) -> dict[str, Any]:
        image, valid = _parsed(serialized[EXAMPLE_INPUT], contract)
        return derived(compute(image, valid), contract.outputs)

    names = list(contract.named(dict.fromkeys(contract.inputs)))
    kinds = [contract.types.get(name, "float32") for name in contract.inputs]
    arrays = tf.function(from_arrays, autograph=False).get_concrete_function(
        **{name: tf.TensorSpec((None, None, None), tf.float32, name=name) for name in names}
    )
    texts = tf.function(from_tensors, autograph=False).get_concrete_function(
        **{name: tf.TensorSpec((None,), tf.string, name=name) for name in names}
    )
    examples = tf.function(from_examples, autograph=False).get_concrete_function(
        **{EXAMPLE_INPUT: tf.TensorSpec((None,), tf.string, name=EXAMPLE_INPUT)}
    )
    module = tf.Module()
    module.network = network
    # A session restores only what a module holds itself, not the variables that lie in Keras' own.
    module.weights = [variable.value for variable in network.variables]
    signatures = {TENSOR_SIGNATURE: texts, ARRAY_SIGNATURE: arrays, EXAMPLE_SIGNATURE: examples}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    contract.write(folder)


def _decoded(texts: Any, kind: str = "float32") -> Any:
    def one(text: Any) -> Any:
        tensor = tf.io.parse_tensor(tf.io.decode_base64(text), tf.as_dtype(kind))
        return tf.cast(tf.ensure_shape(tensor, (None, None, 1)), tf.float32)

    return tf.map_fn(one, texts, fn_output_signature=tf.TensorSpec((None, None, 1), tf.float32))


def _parsed(serialized: Any, contract: Contract) -> tuple[Any, Any]:
    """Image (tiles, height, width, bands) and validity (tiles, height, width, 1) of tf.Examples."""
    inputs = contract.inputs
    parsed = tf.io.parse_example(serialized, {name: tf.io.RaggedFeature(tf.float32) for name in inputs})
    lengths = tf.stack([parsed[name].row_lengths() for name in inputs])
    pixels = tf.cast(lengths[0, 0], tf.int32)
    # A band that is missing is an empty list, which must not be filled up.
    checked = tf.debugging.Assert(
        tf.reduce_all(tf.cast(lengths, tf.int32) == pixels),
        ["each tile must have as many pixels in each of", *inputs, lengths],
    )
    with tf.control_dependencies([checked]):
        height, width = _sides(pixels, contract)
        bands = [tf.reshape(parsed[name].flat_values, (-1, height, width)) for name in inputs]
    return tf.stack(bands[:-1], axis=-1), bands[-1][..., tf.newaxis]


def _sides(pixels: Any, contract: Contract) -> tuple[Any, Any]:
    """Height and width of a tile of so many pixels: a list does not tell its shape."""
    root = tf.cast(tf.round(tf.sqrt(tf.cast(pixels, tf.float64))), tf.int32)
    height, width = root, pixels // tf.maximum(root, 1)
    (tall, wide), (rows, columns) = contract.tile_shape, contract.overlap
    for known in ((tall, wide), (tall + 2 * rows, wide + 2 * columns), (tall + rows, wide + columns)):
        fits = pixels == known[0] * known[1]
        height, width = (tf.where(fits, side, other) for side, other in zip(known, (height, width), strict=True))
    return height, width


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
