"""Reads examples by their contract, in the imagery's own type, in an order that depends on the seed alone."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from earthline.examples import IMAGE, LABEL, Manifest

_PRIME = 1_000_003
"""Keeps the keys of (epoch, seed) pairs apart."""
_SHUFFLED = 10_000
"""Most serialized patches that shuffling keeps in memory."""


def read(folder: Path, manifest: Manifest, split: str, batch_size: int) -> Any:
    """One pass over a split, in the order of its shards.

    Args:
        folder: Folder of the dataset.
        manifest: What lies there.
        split: `train`, `validation` or `test`.
        batch_size: Patches per element; the last one may hold fewer.

    Returns:
        A `tf.data.Dataset` of (image, label): (patches, height, width, bands) in the manifest's data type, and
        uint8 (patches, height, width).

    Raises:
        FileNotFoundError: A shard of the manifest is missing.
        ValueError: The split holds no example.
        tensorflow.errors.FailedPreconditionError: While iterating: shards hold another number of records than the
            manifest says.
    """
    return _parsed(_records(folder, manifest, split).batch(batch_size), manifest).prefetch(tf.data.AUTOTUNE)


def epoch(folder: Path, manifest: Manifest, *, batch_size: int, seed: int, number: int, augment: bool) -> Any:
    """The training batches of one epoch, shuffled and augmented.

    An epoch looks the same whether the run began at 0 or went on from a checkpoint: order and augmentation
    depend on the seed and the epoch's number alone. All batches are full (a remainder is dropped, another one
    each epoch), unless the split holds less than one batch.

    Args:
        folder: Folder of the dataset.
        manifest: What lies there.
        batch_size: Patches per element.
        seed: Seed of order and augmentation.
        number: Number of the epoch, from 0.
        augment: Apply `augmented`.

    Returns:
        A `tf.data.Dataset` of `steps_per_epoch` elements as `read` gives them.
    """
    count = manifest.splits["train"].examples
    key = number * _PRIME + seed
    records = _records(folder, manifest, "train")
    records = records.shuffle(min(count, _SHUFFLED), seed=key, reshuffle_each_iteration=False)
    batches = _parsed(records.batch(batch_size, drop_remainder=count >= batch_size), manifest)
    if augment:
        batches = batches.enumerate().map(
            lambda step, batch: augmented(batch[0], batch[1], seed=tf.stack([key, step])),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    options = tf.data.Options()
    # Shards are too few to be dealt to workers as files.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.with_options(options).prefetch(tf.data.AUTOTUNE)


def steps_per_epoch(manifest: Manifest, batch_size: int) -> int:
    """Batches of one epoch."""
    return max(1, manifest.splits["train"].examples // batch_size)


def augmented(image: Any, label: Any, seed: Any) -> tuple[Any, Any]:
    """Turns and mirrors each patch at random: one of the 8 symmetries of the square, of 4 where it is no square.

    Args:
        image: (patches, height, width, bands).
        label: (patches, height, width).
        seed: Two integers; the same seed gives the same symmetries.

    Returns:
        Both, moved alike; shapes and types unchanged.
    """
    patches = tf.shape(image)[0]
    flips = tf.random.stateless_uniform((3, patches), seed=seed, maxval=2, dtype=tf.int32) == 1
    label = label[..., tf.newaxis]

    def moved(values: Any, chosen: Any, change: Any) -> Any:
        return tf.where(chosen[:, tf.newaxis, tf.newaxis, tf.newaxis], change(values), values)

    pair = [image, label]
    for axis in (1, 2):
        pair = [moved(values, flips[axis - 1], lambda each, axis=axis: tf.reverse(each, [axis])) for values in pair]
    if image.shape[1] is not None and image.shape[1] == image.shape[2]:
        # Mirrored at the diagonal: together with the two flips this gives every quarter turn.
        pair = [moved(values, flips[2], lambda each: tf.transpose(each, [0, 2, 1, 3])) for values in pair]
    return pair[0], pair[1][..., 0]


def _records(folder: Path, manifest: Manifest, split: str) -> Any:
    count = manifest.splits[split].examples
    if count == 0:
        raise ValueError(f"split '{split}' holds no example; give it a larger share or more blocks")
    paths = manifest.shards(folder, split)
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"the manifest in {folder} names {', '.join(missing)}, which is not there; export the examples again"
        )
    # A known count: Keras then needs no guess of where an epoch ends, and a truncated shard is an error.
    return tf.data.TFRecordDataset([str(path) for path in paths]).apply(tf.data.experimental.assert_cardinality(count))


def _parsed(serialized: Any, manifest: Manifest) -> Any:
    height, width = manifest.patch_shape
    bands = len(manifest.bands)
    features = {IMAGE: tf.io.FixedLenFeature([], tf.string), LABEL: tf.io.FixedLenFeature([], tf.string)}

    def parse(records: Any) -> tuple[Any, Any]:
        parsed = tf.io.parse_example(records, features)
        image = tf.io.decode_raw(parsed[IMAGE], tf.as_dtype(manifest.data_type), little_endian=True)
        label = tf.io.decode_raw(parsed[LABEL], tf.uint8)
        return tf.reshape(image, (-1, height, width, bands)), tf.reshape(label, (-1, height, width))

    return serialized.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
