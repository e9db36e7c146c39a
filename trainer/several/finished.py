"""A part of a compound model that has learned is kept, so that an interrupted run does not train it again."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import keras
from pydantic import BaseModel, Field

import trainer.layers as _registered  # noqa: F401  # Keras finds a layer of ours once its module is imported
from earthline.config.model import Model
from earthline.config.section import MOST_SEED
from trainer import distribution
from trainer.history import State
from trainer.lesson import Lesson, learn
from trainer.loop.checkpoint import settings_of

_RECORD = "finished.json"
_NETWORK = "finished.keras"


@dataclass(frozen=True)
class Part:
    """A model that has learned.

    Attributes:
        model: Its section of the config.
        network: Keras model from image and mask to the task's output.
        state: Metrics of its epochs.
        seconds: Duration of its training in seconds.
    """

    model: Model
    network: Any
    state: State
    seconds: float


class _Record(BaseModel):
    """What lies beside the network."""

    settings: dict[str, Any] = Field(description="What it depends on: model, settings of training, examples.")
    state: State = Field(description="Its epochs.")
    seconds: float = Field(description="Duration of its training in seconds.")


def apart(models: Sequence[Model], lesson: Lesson) -> list[Lesson]:
    """A lesson for each of several models: equal ones begin at other random weights, or they would be one model.

    Args:
        models: Their sections.
        lesson: Of the whole.
    """
    seeds = [lesson.train.seed + list(models[:place]).count(model) for place, model in enumerate(models)]
    return [replace(lesson, train=lesson.train.model_copy(update={"seed": seed % (MOST_SEED + 1)})) for seed in seeds]


def learned(model: Model, lesson: Lesson, name: str) -> Part:
    """Trains a part, or takes it from an interrupted run.

    Args:
        model: The part's section.
        lesson: Of the whole.
        name: Of the part's folder below the whole's checkpoint.

    Raises:
        ValueError: It cannot learn from these examples.
    """
    lesson = lesson.part(name)
    folder, settings = lesson.checkpoint, settings_of(model, lesson)
    if (folder / _RECORD).is_file():
        record = _Record.model_validate_json((folder / _RECORD).read_text())
        # Settings went through JSON, which knows no tuples.
        if record.settings == json.loads(json.dumps(settings)):
            for module in model.modules:
                import_module(module)
            network = keras.models.load_model(folder / _NETWORK, compile=False)
            print(f"{name}: finished in an earlier try", flush=True)
            return Part(model, network, record.state, record.seconds)
    began = time.monotonic()
    found = learn(model, lesson)
    seconds = time.monotonic() - began
    if distribution.is_chief():
        folder.mkdir(parents=True, exist_ok=True)
        # The record says that the network is whole, so it comes last and in one go.
        found.network.save(folder / _NETWORK)
        partial = folder / f"{_RECORD}.partial"
        partial.write_text(_Record(settings=settings, state=found.state, seconds=seconds).model_dump_json())
        os.replace(partial, folder / _RECORD)
    return Part(model, found.network, found.state, seconds)
