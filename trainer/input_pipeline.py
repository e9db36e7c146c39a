"""Reads examples by their contract, in the imagery's own type, in an order that depends on the seed alone."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from earthline.formats.examples import IMAGE, LABEL, VALID
from earthline.formats.manifest import Manifest
from trainer import masking

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
        A `tf.data.Dataset` of ((image, valid), label): (patches, height, width, bands) in the manifest's data type,
        uint8 (patches, height, width, 1), and (patches, height, width) in its label type.

    Raises:
        FileNotFoundError: A shard of the manifest is missing.
        ValueError: The split holds no example.
        tensorflow.errors.FailedPreconditionError: While iterating: shards hold another number of records than the
            manifest says.
    """
    return _parsed(_records(folder, manifest, split).batch(batch_size), manifest).prefetch(tf.data.AUTOTUNE)


def epoch(
    folder: Path, manifest: Manifest, *, batch_size: int, seed: int, number: int, augment: bool, mask_share: float
) -> Any:
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
        mask_share: Share of patches to which `masking.masked` is applied, 0 to 1.

    Returns:
        A `tf.data.Dataset` of `steps_per_epoch` elements as `read` gives them.
    """
    count = manifest.splits["train"].examples
    key = number * _PRIME + seed
    records = _records(folder, manifest, "train")
    records = records.shuffle(min(count, _SHUFFLED), seed=key, reshuffle_each_iteration=False)
    batches = _parsed(records.batch(batch_size, drop_remainder=count >= batch_size), manifest)

    def changed(step: Any, batch: Any) -> Any:
        (image, valid), label = batch
        if augment:
            image, valid, label = augmented(image, valid, label, seed=tf.stack([key, step]))
        if mask_share:
            image, valid, label = masking.masked(image, valid, label, mask_share, seed=tf.stack([key, -1 - step]))
        return (image, valid), label

    batches = batches.enumerate().map(changed, num_parallel_calls=tf.data.AUTOTUNE)
    options = tf.data.Options()
    # Shards are too few to be dealt to workers as files.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.with_options(options).prefetch(tf.data.AUTOTUNE)


def steps_per_epoch(manifest: Manifest, batch_size: int) -> int:
    """Batches of one epoch."""
    return max(1, manifest.splits["train"].examples // batch_size)


def augmented(image: Any, valid: Any, label: Any, seed: Any) -> tuple[Any, Any, Any]:
    """Turns and mirrors each patch at random: one of the 8 symmetries of the square, of 4 where it is no square.

    Args:
        image: (patches, height, width, bands).
        valid: (patches, height, width, 1).
        label: (patches, height, width).
        seed: Two integers; the same seed gives the same symmetries.

    Returns:
        All three, moved alike; shapes and types unchanged.
    """
    patches = tf.shape(image)[0]
    flips = tf.random.stateless_uniform((3, patches), seed=seed, maxval=2, dtype=tf.int32) == 1

    def moved(values: Any, chosen: Any, change: Any) -> Any:
        return tf.where(chosen[:, tf.newaxis, tf.newaxis, tf.newaxis], change(values), values)

    parts = [image, valid, label[..., tf.newaxis]]
    for axis in (1, 2):
        parts = [moved(values, flips[axis - 1], lambda each, axis=axis: tf.reverse(each, [axis])) for values in parts]
    if image.shape[1] is not None and image.shape[1] == image.shape[2]:
        # Mirrored at the diagonal: together with the two flips this gives every quarter turn.
        parts = [moved(values, flips[2], lambda each: tf.transpose(each, [0, 2, 1, 3])) for values in parts]
    return parts[0], parts[1], parts[2][..., 0]


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
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in (IMAGE, VALID, LABEL)}

    def parse(records: Any) -> tuple[tuple[Any, Any], Any]:
        parsed = tf.io.parse_example(records, features)
        image = tf.io.decode_raw(parsed[IMAGE], tf.as_dtype(manifest.data_type), little_endian=True)
        valid = tf.io.decode_raw(parsed[VALID], tf.uint8)
        label = tf.io.decode_raw(parsed[LABEL], tf.as_dtype(manifest.label_type), little_endian=True)
        return (
            (tf.reshape(image, (-1, height, width, bands)), tf.reshape(valid, (-1, height, width, 1))),
            tf.reshape(label, (-1, height, width)),
        )

    return serialized.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
