"""A run of `auto` trains every candidate: each of them has a result of its own, so that none is trained twice."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import models
from earthline.config import Train
from earthline.config.model import Model
from trainer.history import State


@dataclass(frozen=True)
class Candidate:
    """A model that has learned.

    Attributes:
        name: In models.yaml.
        train: Its section `train`.
        network: Keras model from image and mask to the task's output.
        state: Metrics of its epochs.
        seconds: Of its training.
        chosen: Name of the architecture that was chosen; empty where it is itself a candidate.
    """

    name: str
    train: Train
    network: Any
    state: State
    seconds: float
    chosen: str = ""


def learned(name: str, train: Train, examples: Path, *, others: bool) -> Iterator[Candidate]:
    """Trains all candidates; gives the chosen one, under the name of the run, and then those that models.yaml has too.

    Args:
        name: Of the run in models.yaml.
        train: Its section `train`, with a model that chooses among several.
        examples: Folder of the dataset.
        others: False for the chosen one alone.

    Raises:
        ValueError: No candidate can learn from the set.
    """
    # Seconds to load.
    import tensorflow as tf

    from trainer.lesson import Lesson
    from trainer.models.auto import Auto
    from trainer.several import choosing, finished

    assert isinstance(train.model, Auto), "callers ask first"
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        lesson = Lesson.prepared(
            train,
            examples,
            strategy=tf.distribute.get_strategy(),
            checkpoint=Path(folder) / "checkpoint",
            logs=Path(folder) / "logs",
        )
        began = time.monotonic()
        choice = choosing.choose(train.model, lesson)
        chosen = choice.model.name if choice.model else ""
        yield Candidate(name, train, choice.network, choice.state, time.monotonic() - began, chosen)
        if not others:
            return
        of_name = {
            each: models.section(each, {}, train.seed) for each in models.names() if models.baseline(each) is None
        }
        faults = {place for place, each in enumerate(choice.choice.candidates) if each.fault} if choice.choice else {}
        for place, model in enumerate(train.model.candidates):
            known = _name(model, of_name)
            if known is not None and place not in faults:
                # It has learned already and is read back.
                part = finished.learned(model, lesson, choosing.folder(place, model))
                yield Candidate(known, of_name[known], part.network, part.state, part.seconds)


def _name(model: Model, of_name: dict[str, Train]) -> str | None:
    return next((name for name, train in of_name.items() if train.model == model), None)
