"""What of a task needs Keras: the last layers, the loss and what is measured while training. One module per task."""

from functools import cache
from importlib.metadata import entry_points
from pkgutil import resolve_name

from trainer.heads.head import Head

GROUP = "earthline.heads"
HEADS = {
    "classification": "trainer.heads.classification:ClassificationHead",
    "regression": "trainer.heads.regression:RegressionHead",
}
"""By the task's name, as `module:class`. The entry point `earthline.heads` names it; other packages may add theirs."""

__all__ = ["HEADS", "Head", "find"]


@cache
def find(name: str) -> type[Head]:
    """The head of a task.

    Args:
        name: Of the task.

    Raises:
        ValueError: There is none of this name.
    """
    entries = sorted(entry_points(group=GROUP), key=lambda entry: (entry.value, entry.name))
    places = {task: place for entry in entries for task, place in entry.load().items()}
    if name not in places:
        raise ValueError(f"the task '{name}' has no head; known here: {', '.join(places) or 'none'}")
    found: type[Head] = resolve_name(places[name])
    return found
