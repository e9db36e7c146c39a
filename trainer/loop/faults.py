"""What goes wrong in the middle of a training, as one line that says what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from earthline.config import Train
from trainer.input.feed import Feed
from trainer.input.store import Array, Store

_MOST_PLACES = 8
_OF_MEMORY = re.compile(
    # oneDNN's kernels abort with the second one, XLA's and NVIDIA's fail inside with the others.
    r"\bOOM\b|could not create a memory object|out of memory|bad_alloc|failed to allocate",
    re.IGNORECASE,
)


class OutOfMemory(RuntimeError):
    """A step needs more memory than there is; the text says which setting to lower."""


class NotFinite(ValueError):
    """The loss is NaN or infinite; the text says where."""


@contextmanager
def explained(train: Train) -> Iterator[None]:
    """Turns TensorFlow's error about memory into one that names settings.

    Args:
        train: Section `train` of the config.

    Raises:
        OutOfMemory: In place of it.
    """
    try:
        yield
    except (tf.errors.OpError, MemoryError) as error:
        if not _is_of_memory(error):
            raise
        part = train.batch_size // train.devices
        raise OutOfMemory(
            f"out of memory in the training: lower train.batch_size ({train.batch_size}, {part} patches on each "
            f"device), the options of train.model ({train.model.name}) that make it wide or deep, or "
            f"export.patch_shape or train.crop_shape; or take a larger machine ({_told(error)})"
        ) from error


def _is_of_memory(error: Exception) -> bool:
    """Whether an error says that there is no memory: libraries below TensorFlow have no error of their own for that."""
    kinds = (MemoryError, tf.errors.ResourceExhaustedError)
    return isinstance(error, kinds) or _OF_MEMORY.search(str(error)) is not None


def _told(error: Exception) -> str:
    """The line that says what could not be had: of an error in a graph the first lines are of the graph."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no memory"]
    return next((line for line in lines if _OF_MEMORY.search(line)), lines[0])[:200]


def require_finite(losses: Array, step: int, feed: Feed, store: Store, kept: str) -> None:
    """Checks the losses of some steps.

    Args:
        losses: (steps,).
        step: Number of the first of them, counted over all epochs.
        feed: The batches.
        store: The patches.
        kept: What is left of the run, as a part of a sentence.

    Raises:
        NotFinite: One is not finite.
    """
    wrong = np.flatnonzero(~np.isfinite(losses))
    if len(wrong) == 0:
        return
    first = step + int(wrong[0])
    places = sorted(store.place("train", int(index)) for index in feed.chosen(first))
    more = f" and {len(places) - _MOST_PLACES} more" if len(places) > _MOST_PLACES else ""
    raise NotFinite(
        f"epoch {first // feed.steps + 1}, step {first % feed.steps + 1}: the loss is {losses[wrong[0]]}, with the "
        f"batch of {'; '.join(places[:_MOST_PLACES])}{more}; lower train.learning_rate, or look at these patches; "
        f"{kept}"
    )
