"""What goes wrong in the middle of a training, as one line that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from earthline.config import Train
from trainer.input.feed import Feed
from trainer.input.store import Array, Store

_MOST_PLACES = 8


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
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        part = train.batch_size // train.devices
        raise OutOfMemory(
            f"out of memory in a training step: lower train.batch_size ({train.batch_size}, {part} patches on each "
            f"device), the options of train.model ({train.model.name}) that make it wide or deep, or "
            f"export.patch_shape or train.crop_shape; or take a larger machine ({str(error).splitlines()[0][:200]})"
        ) from error


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
