"""What a map tells: classes, or a continuous value. Each task is a room here; nothing else asks which one it is.

The config reads this list to know the keys of `data.labels`, so that importing it must cost nothing: a task's own code
is loaded when it is first needed.
"""

from collections.abc import Iterable
from pkgutil import resolve_name

from earthline.config import Data, Labels
from earthline.config.sections.labels import Parts
from earthline.formats.task_record import TaskRecord
from earthline.task.maps import Legend
from earthline.task.task import Task

TASKS = {
    "classification": Parts(
        labels=(
            "earthline.config.sections.labels:RasterClassLabels",
            "earthline.config.sections.labels:VectorClassLabels",
            "earthline.config.sections.labels:ExampleClassLabels",
        ),
        task="earthline.task.classification.task:Classification",
        losses=("earthline.task.classification.losses:CrossEntropy",),
    ),
    "regression": Parts(
        labels=(
            "earthline.config.sections.labels:ValueRaster",
            "earthline.config.sections.labels:ValueFeatures",
            "earthline.config.sections.labels:ValueExamples",
        ),
        task="earthline.task.regression.task:Regression",
        losses=(
            "earthline.task.regression.losses:Huber",
            "earthline.task.regression.losses:SquaredError",
            "earthline.task.regression.losses:AbsoluteError",
            "earthline.task.regression.losses:Quantile",
        ),
    ),
}
"""By name: where a task's sections `data.labels` and `train.loss` are, and the task itself, each as `module:class`."""

__all__ = ["TASKS", "Legend", "Task", "find", "known", "task_of", "task_of_labels", "task_of_record"]


def find(name: str) -> type[Task]:
    """The class of a task.

    Args:
        name: As in `TASKS`.

    Raises:
        ValueError: There is none of this name.
    """
    if name not in TASKS:
        raise ValueError(f"'{name}' is no task; known here: {', '.join(TASKS)}")
    found: type[Task] = resolve_name(TASKS[name].task)
    return found


def known() -> Iterable[type[Task]]:
    """Every task."""
    return [find(name) for name in TASKS]


def task_of(data: Data) -> Task:
    """The task that a config asks for.

    Args:
        data: Section `data` of the config.
    """
    return task_of_labels(data.labels)


def task_of_labels(labels: Labels) -> Task:
    """The task that a config's labels are of.

    Args:
        labels: Section `data.labels` of the config.
    """
    return find(labels.task).of_labels(labels)


def task_of_record(record: TaskRecord) -> Task:
    """The task of examples or of a trained model: enough to learn and to judge, not to draw.

    Args:
        record: As a manifest, a description or a contract holds it.

    Raises:
        ValueError: There is no such task, or the record is not what it writes.
    """
    return find(record.name).of_record(record)
