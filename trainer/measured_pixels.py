"""Pixels on which finished networks are measured and compared, and what each network gives for them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import tensorflow as tf

from earthline.task import Task
from trainer.input.drawn_pixels import Draw, drawn
from trainer.input.store import Kept

Array = np.ndarray[Any, Any]

MOST = 500_000
"""Pixels of a split at most, so that what a network gives for them fits into memory however large the split is."""
_AT_ONCE = 1 << 18
"""Pixels that are predicted at once, labelled or not; at least a patch."""


@dataclass(frozen=True, eq=False)
class Given:
    """What a network gives.

    Attributes:
        outputs: float32 (pixels, outputs).
        map_seconds: Seconds for a million pixels of a map.
    """

    outputs: Array
    map_seconds: float


class MeasuredPixels:
    """Labelled pixels of a split, none of the ground twice: all of them, or as many drawn at random as may be.

    A network predicts them once, whoever asks, for as long as it is there.
    """

    def __init__(self, kept: Callable[[], Kept], task: Task, seed: int) -> None:
        """Nothing is read yet.

        Args:
            kept: Gives the split's patches.
            task: Which knows the strata of a draw.
            seed: Seed of the draw.
        """
        self._kept, self._task, self._seed = kept, task, seed
        self._given: WeakKeyDictionary[Any, Given] = WeakKeyDictionary()

    @cached_property
    def label(self) -> Array:
        """As examples hold them, (pixels,)."""
        found: Array = self._kept().label[self._draw.chosen]
        return found

    @cached_property
    def ground(self) -> tuple[Array, Array]:
        """Row and column of each pixel on the manifest's grid, (pixels,) each."""
        patch, row, column = np.nonzero(self._draw.chosen)
        corner = self._kept().corner[patch]
        return corner[:, 0] + row, corner[:, 1] + column

    def given(self, network: Any) -> Given:
        """What a network gives for the pixels, in the order of `label`.

        Args:
            network: Keras model from image and mask to (patches, height, width, outputs), which learns no more.
        """
        if network not in self._given:
            self._given[network] = self._predicted(network)
        return self._given[network]

    @cached_property
    def _draw(self) -> Draw:
        kept = self._kept()
        return drawn(kept.label, kept.corner, self._task, most=MOST, balance=0.0, seed=self._seed)

    def _predicted(self, network: Any) -> Given:
        kept, chosen = self._kept(), self._draw.chosen
        specs = [tf.TensorSpec((None, *each.shape[1:]), tf.float32) for each in (kept.image, kept.valid)]
        call = tf.function(lambda image, valid: network([image, valid], training=False), input_signature=specs)
        # One graph. TensorFlow would warn of a function that is traced again for every network.
        call = call.get_concrete_function()
        patches = np.flatnonzero(chosen.any(axis=(1, 2)))
        size = max(1, _AT_ONCE // int(np.prod(chosen.shape[1:])))
        parts, seconds, pixels = [], 0.0, 0
        for first in range(0, len(patches), size):
            some = patches[first : first + size]
            image, valid = (tf.constant(each[some].astype(np.float32)) for each in (kept.image, kept.valid))
            began = time.monotonic()
            outputs = call(image, valid).numpy()
            # The first call builds the graph; where it is the only one, it is timed all the same.
            if first or len(patches) <= size:
                seconds, pixels = seconds + time.monotonic() - began, pixels + chosen[some].size
            parts.append(outputs[chosen[some]])
        return Given(np.concatenate(parts), 1e6 * seconds / pixels)
