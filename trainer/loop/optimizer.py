"""AdamW, whose learning rate climbs, then falls along a cosine."""

from typing import Any

import keras

from earthline.config import Train

WARM_UP_SHARE = 0.05
"""Share of all steps in which the learning rate climbs; then it falls along a cosine."""
FINAL_SHARE = 0.01
"""Learning rate at the end, as a share of its peak."""
LARGEST_NORM = 1.0
"""Norm of the gradient of all weights together, above which it is scaled down."""


class Summed(keras.optimizers.AdamW):  # type: ignore[misc]  # Keras publishes no types
    """AdamW for gradients that are summed over all devices already.

    They are summed before they are clipped, so that clipping does not depend on the number of devices.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars


def optimizer(train: Train, steps: int) -> Any:
    """The optimizer of a run.

    Args:
        train: Section `train` of the config.
        steps: Steps of all epochs together.
    """
    warm_up = max(1, round(steps * WARM_UP_SHARE))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=train.learning_rate / 25,
        decay_steps=max(1, steps - warm_up),
        alpha=FINAL_SHARE,
        warmup_target=train.learning_rate,
        warmup_steps=warm_up,
    )
    made = Summed(schedule, weight_decay=train.weight_decay)
    # Offsets and scales of normalization are not shrunk: that would pull every map to zero.
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made
