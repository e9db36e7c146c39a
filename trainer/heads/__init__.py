"""What of a task needs Keras: the last layers, the loss and what is measured while training. One module per task."""

from trainer.heads.classification import ClassificationHead
from trainer.heads.head import Head

HEADS: dict[str, type[Head]] = {"classification": ClassificationHead}
"""By the task's name."""

__all__ = ["HEADS", "ClassificationHead", "Head"]
