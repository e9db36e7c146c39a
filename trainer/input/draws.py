"""Random numbers for the patches of a batch, the same however many machines and accelerators share the batch."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

_PURPOSES = 16
"""More than are drawn for in a step, so that no two seeds are equal."""


@dataclass(frozen=True)
class Draws:
    """Random numbers for one part of one batch.

    They are drawn for the whole batch, and those of the part are taken.

    Attributes:
        epoch: Seed that the whole epoch has in common.
        step: Number of the step; with `epoch` it is the seed.
        first: Position in the batch of the part's first patch.
        count: Patches of the part.
        total: Patches of the whole batch.
    """

    epoch: Any
    step: Any
    first: Any
    count: int
    total: int

    def uniform(self, purpose: int, *shape: int) -> Any:
        """float32 (*shape, count) from 0 to 1.

        Args:
            purpose: What they are for, from 0 to 15: equal ones get equal numbers.
            shape: Numbers of each patch.
        """
        return self._part(tf.random.stateless_uniform((*shape, self.total), self._seed(purpose)))

    def normal(self, purpose: int, *shape: int) -> Any:
        """float32 (*shape, count) of mean 0 and std 1; arguments as of `uniform`."""
        return self._part(tf.random.stateless_normal((*shape, self.total), self._seed(purpose)))

    def _seed(self, purpose: int) -> Any:
        return tf.stack([tf.cast(self.epoch, tf.int64), tf.cast(self.step, tf.int64) * _PURPOSES + purpose])

    def _part(self, drawn: Any) -> Any:
        part = drawn[..., self.first : self.first + self.count]
        return tf.ensure_shape(part, (*drawn.shape[:-1], self.count))
