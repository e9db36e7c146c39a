"""Patches a second: from shards, from where they are kept, and in the way that Earth Engine's documents show.

The documents' way is float lists, one feature per band, parsed example by example and stacked:
https://developers.google.com/earth-engine/guides/tfrecord and the notebooks that it links.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import made_examples
from benchmarks.measurements import Measurement
from earthline.config import Train
from trainer.input.feed import Feed, Parts
from trainer.input.store import Store
from trainer.statistics import Statistics

_BATCH = 16


def measure(*, patches: int = 800, side: int = 128, bands: int = 10, rounds: int = 3) -> list[Measurement]:
    """Both ways in turn, the median of some rounds.

    Args:
        patches: Read in each round.
        side: Height and width of a patch in pixels.
        bands: Number of bands.
        rounds: How often each is measured.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        manifest = made_examples.write(folder, (patches, 1, 1), side, bands)
        documented = folder / "documented.tfrecord"
        _write_documented(documented, patches, side, bands)
        train = Train(batch_size=_BATCH, epochs=2, augment=False, mask_share=0)
        store = Store(folder, manifest, 0.9)
        feed = Feed(store, train, Statistics((0.0,) * bands, (1.0,) * bands, 1), Parts())
        ways: dict[str, Callable[[], int]] = {
            "documented": lambda: _drained(_documented(documented, side, bands)),
            "shards": lambda: len(Store(folder, manifest, 0.9).train),
            "kept": lambda: _drained(feed.training(feed.steps)),
        }
        assert store.train is not None  # read before it is timed
        speeds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                began = time.perf_counter()
                count = way()
                speeds[name].append(count / (time.perf_counter() - began))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    beside = "one float list per band, parsed one by one"
    return [
        Measurement("patches read from shards", medians["shards"], beside, medians["documented"], "patches/s"),
        Measurement("patches of a later epoch", medians["kept"], beside, medians["documented"], "patches/s"),
    ]


def _drained(batches: Any) -> int:
    return sum(int(label.shape[0]) for _, label in batches)


def _write_documented(path: Path, patches: int, side: int, bands: int) -> None:
    random = np.random.default_rng(0)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _ in range(patches):
            feature = {
                f"band_{number}": tf.train.Feature(float_list=tf.train.FloatList(value=values))
                for number, values in enumerate(random.integers(0, 10_000, (bands + 1, side * side)).astype(np.float32))
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def _documented(path: Path, side: int, bands: int) -> Any:
    names = [f"band_{number}" for number in range(bands + 1)]
    features = {name: tf.io.FixedLenFeature((side, side), tf.float32) for name in names}

    def parsed(record: Any) -> tuple[Any, Any]:
        found = tf.io.parse_single_example(record, features)
        stacked = tf.transpose(tf.stack([found[name] for name in names], axis=0), [1, 2, 0])
        return stacked[..., :bands], stacked[..., bands:]

    return tf.data.TFRecordDataset(str(path)).map(parsed, num_parallel_calls=5).batch(_BATCH)
