"""Where a network's weights begin: at those of a trained model, layer by layer."""

from difflib import SequenceMatcher
from functools import cache
from typing import Any

import keras
import numpy as np

from earthline.config.sections.train.init import Init
from trainer import model_file
from trainer.heads import Head
from trainer.statistics import Statistics


def statistics(section: Init, measured: Statistics) -> Statistics:
    """What bands are normalized by: as in the file, so that its weights see what they learned from.

    Args:
        section: The config's section.
        measured: Of the training patches, for a model that normalizes in no layer of its own or in several.
    """
    found = [
        layer for layer in model_file.layers(model_file.read(section)) if isinstance(layer, keras.layers.Normalization)
    ]
    if len(found) != 1 or np.size(found[0].mean) != len(measured.mean):
        return measured
    mean, variance = (np.asarray(each, np.float64).reshape(-1) for each in (found[0].mean, found[0].variance))
    return Statistics(tuple(mean.tolist()), tuple(np.sqrt(variance).tolist()), measured.pixels)


def begin(network: Any, section: Init, head: Head) -> None:
    """Gives a network the weights of a file wherever its layers match in kind, shape and order, and says how many.

    Args:
        network: Keras model that `trainer.network.build` built.
        section: The config's section.
        head: The task's last layers.

    Raises:
        ValueError: Bands or outputs differ, or no layer matches.
    """
    model, file = model_file.read(section), section.file
    wanted, found = int(network.inputs[0].shape[-1]), model_file.bands(model, file)
    if found != wanted:
        raise ValueError(
            f"train.init: {file} takes {found} bands, the imagery has {wanted}; fine-tuning needs the bands that it "
            "was trained on, in their order"
        )
    wanted, found = int(network.outputs[0].shape[-1]), int(model.outputs[0].shape[-1])
    if section.head == "keep" and found != wanted:
        raise ValueError(
            f"train.init: {file} gives {found} values for each pixel, data.labels has {wanted}; write `init: {{file: "
            f"{file}, head: new}}` to begin with a new last layer"
        )
    mine, theirs = ([layer for layer in model_file.layers(each) if layer.weights] for each in (network, model))
    if section.head == "new":
        mine = mine[: len(mine) - _weighted_layers(head)]
    pairs = SequenceMatcher(None, [_kind(layer) for layer in mine], [_kind(layer) for layer in theirs], autojunk=False)
    taken = 0
    for block in pairs.get_matching_blocks():
        for one, other in zip(mine[block.a :][: block.size], theirs[block.b :][: block.size], strict=True):
            one.set_weights(other.get_weights())
        taken += block.size
    if taken == 0:
        raise ValueError(
            f"train.init: no layer of train.model fits one of {file}; use the model and the options that it was "
            "trained with"
        )
    learned = sum(1 for layer in model_file.layers(network) if layer.weights)
    _tell(f"{taken} of {learned} layers begin at the weights of {file}")


@cache
def _tell(line: str) -> None:
    """Once in a process: a run builds its network several times."""
    print(line, flush=True)


def _kind(layer: Any) -> tuple[str, tuple[tuple[int, ...], ...]]:
    return type(layer).__name__, tuple(tuple(weight.shape) for weight in layer.weights)


def _weighted_layers(head: Head) -> int:
    features = keras.Input((None, None, 1))
    return sum(1 for layer in model_file.layers(keras.Model(features, head.outputs(features))) if layer.weights)
