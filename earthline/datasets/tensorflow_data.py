"""A split as tf.data, parsed by TensorFlow's own operations."""

from typing import Any

import numpy as np
import tensorflow as tf

from earthline.datasets.patches import Patches
from earthline.formats import band_lists
from earthline.formats.examples import COLUMN, IMAGE, LABEL, ROW, VALID, no_label
from earthline.formats.manifest import EARTHLINE, Manifest
from earthline.formats.served.contract import VALID_BAND


def dataset(split: Patches, *, shuffle: bool, seed: int, buffer: int) -> Any:
    """Samples, as `Split.tensorflow` gives them.

    Args:
        split: Which.
        shuffle: Whether each pass has an order of its own.
        seed: Of the orders.
        buffer: Patches among which the next one is drawn.
    """
    manifest, count = split.manifest, len(split)
    paths = [str(path) for path in split.records.paths]
    packed = "" if manifest.compress == "none" else manifest.compress.upper()
    if shuffle:
        mixed = tf.data.Dataset.from_tensor_slices(paths).shuffle(len(paths), seed=seed)
        records = mixed.interleave(
            lambda path: tf.data.TFRecordDataset(path, compression_type=packed),
            cycle_length=len(paths),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        ).shuffle(min(count, buffer), seed=seed)
    else:
        records = tf.data.TFRecordDataset(paths, compression_type=packed)
    parse = _patch if manifest.format == EARTHLINE else _band_lists
    samples = records.map(
        lambda record: parse(record, manifest), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    return samples.apply(tf.data.experimental.assert_cardinality(count))


def _patch(record: Any, manifest: Manifest) -> dict[str, Any]:
    text, number = (tf.io.FixedLenFeature([], kind) for kind in (tf.string, tf.int64))
    found = tf.io.parse_single_example(record, {IMAGE: text, LABEL: text, VALID: text, ROW: number, COLUMN: number})
    shape = manifest.patch_shape

    def array(name: str, kind: str, shape: tuple[int, ...]) -> Any:
        return tf.reshape(tf.io.decode_raw(found[name], tf.as_dtype(kind)), shape)

    return {
        "image": array(IMAGE, manifest.data_type, (*shape, len(manifest.bands))),
        "mask": array(LABEL, manifest.label_type, shape),
        "valid": array(VALID, "uint8", shape) != 0,
        "row": found[ROW],
        "column": found[COLUMN],
    }


def _band_lists(record: Any, manifest: Manifest) -> dict[str, Any]:
    layer = tf.io.FixedLenFeature(manifest.patch_shape, tf.float32)
    found = tf.io.parse_single_example(record, {name: layer for name in band_lists.names(manifest.bands)})
    kind = np.dtype(manifest.label_type)
    label = tf.cast(found[LABEL], kind)
    return {
        "image": tf.cast(tf.stack([found[band] for band in manifest.bands], axis=-1), manifest.data_type),
        "mask": tf.where(found[LABEL] == band_lists.NO_DATA, tf.constant(no_label(kind.name), kind), label),
        "valid": found[VALID_BAND] != 0,
    }
