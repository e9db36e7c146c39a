"""The batches of a run: which patches are in each, in an order that depends on the seed alone.

A batch is cut into parts of one size, one for each device that trains. A machine reads the parts of its own devices
and no others. Which patches are in a batch, in which order, and how they are changed does not depend on the number of
devices, nor on where an interrupted run went on.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import tensorflow as tf

from earthline.config import Train
from earthline.formats.examples import no_label
from trainer.input import augmentation, masking
from trainer.input.draws import Draws
from trainer.input.store import Array, Kept, Store
from trainer.statistics import Statistics

_PRIME = 1_000_003
"""Keeps the keys of (epoch, seed) pairs apart."""


@dataclass(frozen=True)
class Parts:
    """The parts of each batch that this machine reads.

    Attributes:
        total: Parts of a batch: devices of all machines.
        here: Devices of this machine.
        first: Position of this machine's first part.
    """

    total: int = 1
    here: int = 1
    first: int = 0


class Feed:
    """Batches for training and validation."""

    def __init__(self, store: Store, train: Train, measured: Statistics, parts: Parts) -> None:
        """Plans the batches; nothing is read yet.

        Args:
            store: The patches.
            train: Section `train` of the config.
            measured: Mean and std of every band, for changes to bands.
            parts: Those of this machine.

        Raises:
            ValueError: There are too few patches for a batch, or a crop is larger than the patches.
        """
        manifest = store.manifest
        self.count = manifest.splits["train"].examples
        # All batches are full, unless the split holds less than one; a remainder is left out, another one each epoch.
        self.batch = min(train.batch_size, self.count) // parts.total * parts.total
        if self.batch == 0:
            raise ValueError(
                f"train.batch_size {train.batch_size} or the {self.count} training patches cannot be shared by "
                f"{parts.total} devices; use fewer (train.replicas, train.accelerator_count), or a larger batch"
            )
        crop = train.crop_shape
        if crop and any(one > other for one, other in zip(crop, manifest.patch_shape, strict=True)):
            raise ValueError(
                f"train.crop_shape {list(crop)} does not fit into patches of {list(manifest.patch_shape)} px; use a "
                "smaller one"
            )
        self.steps = self.count // self.batch
        self.epochs = train.epochs_for(self.count)
        self.validation_steps = -(-manifest.splits["validation"].examples // self.batch)
        self._store, self._train, self._parts = store, train, parts
        self._mean = np.asarray(measured.mean, np.float32)
        self._std = np.asarray(measured.std, np.float32)
        self._rows = self.batch // parts.total
        self._order = lru_cache(maxsize=4)(self._shuffled)

    def training(self, first: int) -> Any:
        """All training batches from a step on, to the end of the last epoch.

        Args:
            first: Number of the step, counted over all epochs.

        Returns:
            A `tf.data.Dataset` of ((image, valid), label), of which each element is one part of a batch: (patches,
            height, width, bands) in the manifest's data type, or float32 where bands are changed, uint8 (patches,
            height, width, 1), and (patches, height, width) in its label type. The parts of this machine follow each
            other, and then come those of the next step.
        """
        here = self._parts.here
        kept = self._store.train
        epoch, inside = divmod(first, self.steps)

        def of_epoch(number: Any) -> Any:
            # Once an epoch, so that no step waits for Python.
            places = tf.numpy_function(self._parts_of, [number], tf.int64, stateful=False)
            return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(places, (self.steps * here, self._rows)))

        def part(number: Any, places: Any) -> tuple[tuple[Any, Any], Any]:
            return self._changed(number, self._read(kept, places))

        places = tf.data.Dataset.range(epoch, self.epochs).flat_map(of_epoch).skip(inside * here)
        numbered = places.enumerate(first * here)
        return _finished(numbered.map(part, num_parallel_calls=tf.data.AUTOTUNE))

    def validation(self) -> Any:
        """One pass over the validation split, in the order of its shards.

        Returns:
            As `training`, unchanged. The last batch is filled up with patches that are masked and have no label.
        """
        here = self._parts.here
        kept = self._store.validation

        def part(number: Any) -> tuple[tuple[Any, Any], Any]:
            first = number // here * self.batch + (self._parts.first + number % here) * self._rows
            places = first + tf.range(self._rows, dtype=tf.int64)
            image, valid, label = self._read(kept, tf.minimum(places, len(kept) - 1))
            there = tf.reshape(places < len(kept), (self._rows, 1, 1))
            pixels = there[..., tf.newaxis]
            empty = tf.constant(no_label(label.dtype.name), label.dtype)
            return (
                (
                    tf.where(pixels, image, tf.zeros((), image.dtype)),
                    tf.where(pixels, valid, tf.zeros((), valid.dtype)),
                ),
                tf.where(there, label, empty),
            )

        return _finished(
            tf.data.Dataset.range(self.validation_steps * here).map(part, num_parallel_calls=tf.data.AUTOTUNE)
        )

    def chosen(self, step: int) -> Array:
        """Positions in the training split of the patches of a batch.

        Args:
            step: Number of the step, counted over all epochs.
        """
        epoch, inside = divmod(step, self.steps)
        order: Array = self._order(epoch)
        return order[inside * self.batch : (inside + 1) * self.batch]

    def _shuffled(self, epoch: int) -> Array:
        return np.random.default_rng((self._train.seed, epoch)).permutation(self.count)

    def _parts_of(self, epoch: Any) -> Array:
        """Positions of the patches of this machine's parts in an epoch, (steps * devices here, patches)."""
        places = self._order(int(epoch))[: self.steps * self.batch].reshape(self.steps, self._parts.total, self._rows)
        return places[:, self._parts.first : self._parts.first + self._parts.here].reshape(-1, self._rows)

    def _read(self, kept: Kept, places: Any) -> augmentation.Patches:
        """The patches of a part of a batch.

        Args:
            kept: Of the split.
            places: int64 (patches,), positions in it.
        """
        manifest = self._store.manifest
        (height, width), bands = manifest.patch_shape, len(manifest.bands)
        if kept.tensors:
            found = [tf.gather(tensor, places) for tensor in kept.tensors]
        else:
            types = (tf.as_dtype(manifest.data_type), tf.uint8, tf.as_dtype(manifest.label_type))
            found = tf.numpy_function(partial(_from_disk, kept), [places], types, stateful=False)
        shapes = ((height, width, bands), (height, width, 1), (height, width))
        image, valid, label = (
            tf.ensure_shape(each, (self._rows, *shape)) for each, shape in zip(found, shapes, strict=True)
        )
        return image, valid, label

    def _changed(self, number: Any, patches: augmentation.Patches) -> tuple[tuple[Any, Any], Any]:
        train, parts = self._train, self._parts
        step = number // parts.here
        draws = Draws(
            epoch=step // self.steps * _PRIME + train.seed,
            step=step % self.steps,
            first=(parts.first + number % parts.here) * self._rows,
            count=self._rows,
            total=self.batch,
        )
        if train.crop_shape:
            patches = augmentation.cropped(patches, draws, train.crop_shape)
        if train.augment:
            patches = augmentation.turned(patches, draws)
        if train.cutmix:
            patches = augmentation.pasted(patches, draws, train.cutmix)
        if train.mask_share:
            patches = masking.masked(patches, draws, train.mask_share)
        image, valid, label = patches
        if train.band_jitter:
            image = augmentation.jittered(image, draws, train.band_jitter, self._mean, self._std)
        if train.band_dropout:
            image = augmentation.without_bands(image, draws, train.band_dropout, self._mean)
        return (image, valid), label


def _from_disk(kept: Kept, places: Array) -> tuple[Array, Array, Array]:
    image, valid, label = (np.asarray(each[places]) for each in (kept.image, kept.valid, kept.label))
    return image, valid, label


def _finished(elements: Any) -> Any:
    options = tf.data.Options()
    options.deterministic = True
    return elements.with_options(options).prefetch(tf.data.AUTOTUNE)
