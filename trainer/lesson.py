"""One architecture learns from one dataset: what it is given, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from earthline.config import Train
from earthline.config.model import Model, Network
from earthline.formats.manifest import Manifest
from trainer.heads import Head
from trainer.history import State
from trainer.statistics import Statistics

TEACHERS: Mapping[type, str] = {
    Network: "trainer.loop.teacher:teach",
}
"""Who trains what, as `module:function` by a class of architectures; the nearest class of an architecture counts.

Such a function takes the architecture's section and a `Lesson`, and gives `Learned`.
"""


@dataclass(frozen=True)
class Lesson:
    """All that an architecture learns from.

    Attributes:
        train: Section `train` of the config. Its `model` is what the run is for; what learns here may be a part of it.
        examples: Folder of the dataset.
        manifest: What lies there.
        measured: Mean and std of every band over the training patches.
        head: The task's last layers, loss and metrics.
        checkpoint: Folder for what an interrupted run goes on from; nothing else lies there.
    """

    train: Train
    examples: Path
    manifest: Manifest
    measured: Statistics
    head: Head
    checkpoint: Path

    def part(self, name: str) -> "Lesson":
        """The same lesson with a checkpoint folder of its own, for one of several models that learn in a run.

        Args:
            name: Of the folder, unlike that of every other part.
        """
        return replace(self, checkpoint=self.checkpoint / name)


@dataclass(frozen=True)
class Learned:
    """What came of it.

    Attributes:
        network: Keras model from image and mask to the task's output (see `trainer.network.build`).
        state: Metrics of every epoch, and which one the network is of. What learns in one pass has one epoch.
    """

    network: Any
    state: State


def learn(model: Model, lesson: Lesson) -> Learned:
    """Trains one architecture. Nothing is saved but the checkpoint.

    Args:
        model: Section `train.model` of the config, or one like it.
        lesson: What it learns from.

    Raises:
        ValueError: The architecture cannot learn from these examples.
    """
    model = model.suited(lesson.manifest.bands)
    nearest = next(kind for kind in type(model).__mro__ if kind in TEACHERS)
    learned: Learned = resolve_name(TEACHERS[nearest])(model, lesson)
    return learned
