"""What a map tells: classes today. Each task is a module of this room; nothing else asks which one it is."""

from earthline.config import Data
from earthline.task.classification import Classification
from earthline.task.task import Legend, Task

TASKS: tuple[type[Task], ...] = (Classification,)

__all__ = ["TASKS", "Classification", "Legend", "Task", "task_of", "task_of_names"]


def task_of(data: Data) -> Task:
    """The task that a config asks for.

    Args:
        data: Section `data` of the config.
    """
    labels = data.labels
    return Classification(labels.class_names, labels.colors, labels.numbers)


def task_of_names(names: tuple[str, ...]) -> Task:
    """The task of examples or of a trained model: enough to learn and to judge, not to draw.

    Args:
        names: Names of the model's outputs, as manifest, description and contract hold them.
    """
    return Classification(names)
