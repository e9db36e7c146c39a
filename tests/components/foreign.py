"""TFRecords as others write them, by TensorFlow's own classes: a bright square on a dark ground."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

SIDE = 8
BANDS = ("swir", "nir", "red")
CLASSES = (
    {"name": "dark", "color": "#303030", "values": [3]},
    {"name": "bright", "color": "#f0f0a0", "values": [7]},
)


def picture(seed: int) -> dict[str, np.ndarray]:
    """Bands and label of one patch, (SIDE, SIDE) each."""
    random = np.random.default_rng(seed)
    bright = np.zeros((SIDE, SIDE), bool)
    top, left = random.integers(0, SIDE // 2, 2)
    bright[top : top + SIDE // 2, left : left + SIDE // 2] = True
    bands = {band: np.where(bright, 3000, 1000) + random.integers(0, 900, bright.shape) for band in BANDS}
    return {**bands, "cover": np.where(bright, 7, 3)}


def example(values: Mapping[str, Any], kinds: Mapping[str, str] | None = None) -> bytes:
    """One record: a list of floats for each feature, or of what `kinds` says."""
    made = {}
    for name, value in values.items():
        kind = (kinds or {}).get(name, "float")
        if kind == "bytes":
            content = value if isinstance(value, bytes) else np.asarray(value, np.uint8).tobytes()
            made[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[content]))
        elif kind == "int":
            made[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=np.ravel(value).astype(int).tolist()))
        else:
            made[name] = tf.train.Feature(float_list=tf.train.FloatList(value=np.ravel(value).astype(float).tolist()))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def write(path: Path, records: Sequence[bytes], *, packed: bool = False) -> None:
    """A TFRecord file."""
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="GZIP" if packed else "")) as file:
        for record in records:
            file.write(record)


def data(**examples: Any) -> dict[str, Any]:
    """The section `data` of such records."""
    return {
        "imagery": {"image": "projects/p/assets/image", "bands": list(BANDS), "data_type": "uint16"},
        "labels": {"feature": "cover", "classes": list(CLASSES)},
        "examples": examples,
    }
