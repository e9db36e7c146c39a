"""Patches a second: from shards, from where they are kept, and in the way that Earth Engine's documents show.

The documents' way is float lists, one feature per band, parsed example by example, on five threads, and stacked:
https://developers.google.com/earth-engine/guides/tfrecord and the notebooks that it links. It keeps nothing; where it
is told to (`cache()`), its first epoch keeps what it reads, as reading from shards always does. What memory costs that
a process has not had before depends on the machine, a virtual one above all: so both are compared with their like.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import made_examples
from benchmarks.measurements import Measurement, in_turn
from earthline.config import Train
from earthline.formats import shards
from earthline.formats.examples import Patch
from earthline.formats.manifest import Manifest
from trainer.input.feed import Feed, Parts
from trainer.input.store import Store
from trainer.statistics import Statistics

_BATCH = 16
_SHARDS = 4


def measure(*, patches: int = 800, side: int = 128, bands: int = 10, rounds: int = 5) -> list[Measurement]:
    """All ways in turn, the median of some rounds.

    Args:
        patches: Read in each round.
        side: Height and width of a patch in pixels.
        bands: Number of bands.
        rounds: How often each is measured.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        manifest = made_examples.write(folder, (patches, 1, 1), side, bands, shards=_SHARDS)
        documented = [folder / f"documented-{number}.tfrecord" for number in range(_SHARDS)]
        for number, path in enumerate(documented):
            _write_documented(path, len(range(number, patches, _SHARDS)), side, bands)
        train = Train(batch_size=_BATCH, epochs=10_000, augment=False, mask_share=0)
        store = Store(folder, manifest, 0.9)
        feed = Feed(store, train, Statistics((0.0,) * bands, (1.0,) * bands, 1), Parts())
        image = store.train.image  # read before it is timed
        order = np.random.default_rng(0).permutation(patches)
        batches = iter(feed.training(0))
        ways: dict[str, Callable[[], object]] = {
            "documented": lambda: _drained(iter(_documented(documented, side, bands)), patches // _BATCH),
            "serial": lambda: _drained(iter(_documented(documented, side, bands, 1)), patches // _BATCH),
            "streamed": lambda: _streamed(folder, manifest),
            "documented, kept": lambda: _drained(
                iter(_documented(documented, side, bands, kept=True)), patches // _BATCH
            ),
            "shards": lambda: len(Store(folder, manifest, 0.9).train),
            "kept": lambda: _drained(batches, patches // _BATCH),
            "copied": lambda: _copied(image, order),
        }
        taken = in_turn(ways, rounds)
    beside = "one float list per band, parsed one by one on several threads"
    serial = "one float list per band, parsed one by one on one thread"
    found = []
    for where, seconds in (
        ("", {name: each.seconds for name, each in taken.items()}),
        (", in processor time", {name: each.processor for name, each in taken.items()}),
    ):
        speed = {name: patches / each for name, each in seconds.items()}
        found += [
            Measurement(f"patches read, none kept{where}", speed["streamed"], beside, speed["documented"], "patches/s"),
            Measurement(f"patches read, none kept{where}", speed["streamed"], serial, speed["serial"], "patches/s"),
            Measurement(
                f"patches read and kept{where}",
                speed["shards"],
                f"{beside}, and kept",
                speed["documented, kept"],
                "patches/s",
            ),
            Measurement(
                f"patches read and kept{where}",
                speed["shards"],
                f"{beside}, none kept",
                speed["documented"],
                "patches/s",
            ),
            Measurement(f"patches of a later epoch{where}", speed["kept"], beside, speed["documented"], "patches/s"),
            Measurement(
                f"patches of a later epoch{where}",
                speed["kept"],
                "each copied once to its place in a batch",
                speed["copied"],
                "patches/s",
            ),
        ]
    return found


@tf.function  # type: ignore[untyped-decorator]  # TensorFlow publishes no types
def _drained(batches: Any, count: Any) -> Any:
    """As a training takes them: within a graph, where no batch goes through Python."""
    patches = tf.constant(0)
    for _ in tf.range(count):
        _, label = next(batches)
        patches += tf.shape(label)[0]
    return patches


def _copied(image: Any, order: Any) -> None:
    """What nobody who shuffles patches can do without."""
    batch = np.empty((_BATCH, *image.shape[1:]), image.dtype)
    for first in range(0, len(order) - _BATCH + 1, _BATCH):
        np.take(image, order[first : first + _BATCH], axis=0, out=batch, mode="clip")


def _streamed(folder: Path, manifest: Manifest) -> None:
    """Batches on one thread, each in the memory of the one before it."""
    bands = len(manifest.bands)
    image = np.empty((_BATCH, *manifest.patch_shape, bands), manifest.data_type)
    label = np.empty((_BATCH, *manifest.patch_shape), manifest.label_type)
    records = (record for path in manifest.shards(folder, "train") for record in shards.read(path))
    for number, record in enumerate(records):
        patch = Patch.decode(record, manifest.patch_shape, bands, manifest.data_type, manifest.label_type)
        image[number % _BATCH], label[number % _BATCH] = patch.image, patch.label


def _write_documented(path: Path, patches: int, side: int, bands: int) -> None:
    random = np.random.default_rng(0)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _ in range(patches):
            feature = {
                f"band_{number}": tf.train.Feature(float_list=tf.train.FloatList(value=values))
                for number, values in enumerate(random.integers(0, 10_000, (bands + 1, side * side)).astype(np.float32))
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def _documented(paths: list[Path], side: int, bands: int, threads: int = 5, *, kept: bool = False) -> Any:
    names = [f"band_{number}" for number in range(bands + 1)]
    features = {name: tf.io.FixedLenFeature((side, side), tf.float32) for name in names}

    def parsed(record: Any) -> tuple[Any, Any]:
        found = tf.io.parse_single_example(record, features)
        stacked = tf.transpose(tf.stack([found[name] for name in names], axis=0), [1, 2, 0])
        return stacked[..., :bands], stacked[..., bands:]

    read = tf.data.TFRecordDataset([str(path) for path in paths]).map(parsed, num_parallel_calls=threads)
    return (read.cache() if kept else read).batch(_BATCH)
