"""A model that has learned already is taken as it is, and measured."""

import time

from earthline.config.model import Finished
from trainer import measurement
from trainer.lesson import Learned, Lesson


def take(model: Finished, lesson: Lesson) -> Learned:
    """Reads a finished model and measures it; nothing is trained.

    Args:
        model: Section `train.model` of the config, or one like it.
        lesson: What it is measured on.

    Raises:
        ValueError: It cannot be read, or fits neither bands nor labels.
    """
    began, entries = time.monotonic(), len(lesson.manifest.task.entries)
    network = model.network(lesson.measured.mean, lesson.measured.std, (entries, entries + len(lesson.head.further)))
    print(f"{model.name}: {network.count_params():,} parameters, which are taken as they are", flush=True)
    return Learned(network, measurement.state(network, lesson, time.monotonic() - began))
