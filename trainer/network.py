"""A whole network: normalization, an architecture's layers, and the head of the task."""

import re
from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from earthline.config.model import Network
from earthline.formats.examples import IMAGE, VALID
from trainer.statistics import Statistics


def build(
    architecture: Network, statistics: Statistics, head: Callable[[Any], Any], *, synchronized: bool = False
) -> Any:
    """Puts a network together.

    Normalization is part of the model, so that nothing else ever needs the statistics. Masked pixels have the value 0
    behind it, whatever value they came with.

    Args:
        architecture: Section `train.model` of the config.
        statistics: Mean and std of every band.
        head: The task's last layers, from features (patches, height, width, features) to the output.
        synchronized: Batch statistics over all replicas of a distributed run.

    Returns:
        A Keras model from `image` (patches, height, width, bands) and `valid` (patches, height, width, 1), 1 where the
        image is valid and 0 where it is masked, to the head's output (patches, height, width, outputs), for any height
        and width that divide by the architecture's stride.
    """
    bands = len(statistics.mean)
    image = keras.Input((None, None, bands), name=IMAGE)
    valid = keras.Input((None, None, 1), name=VALID)
    # Chosen, not multiplied: 0 times NaN is NaN.
    known = ops.where(ops.greater(valid, 0.5), image, ops.convert_to_tensor(statistics.mean, dtype="float32"))
    normalized = layers.Normalization(
        mean=list(statistics.mean), variance=[std**2 for std in statistics.std], dtype="float32"
    )(known)
    features = architecture.features(normalized, valid, synchronized=synchronized)
    return keras.Model([image, valid], head(features), name=re.sub(r"\W", "_", architecture.name))
