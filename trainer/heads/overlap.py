"""How far mapped and labelled ground of each class lie over each other, as losses: a rare class counts as a common one.

Mean over the classes that a batch has labels of. Unlike cross-entropy they are no sums over pixels: several devices
each take that of their own part of a batch.
"""

from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

_SMALL = 1e-6


def dice(given: Any, target: Any, labelled: Any) -> Any:
    """One less the soft Dice coefficient (Milletari, Navab and Ahmadi 2016, "V-Net").

    Args:
        given: Probabilities, (pixels, classes).
        target: 1 for the class of the label, else 0; 0 of all where there is none, (pixels, classes).
        labelled: 1 where there is a label, else 0, (pixels,).
    """
    mapped = ops.sum(given * labelled[:, None], axis=0)
    held = ops.sum(target, axis=0)
    both = ops.sum(given * target, axis=0)
    return _of_present(1 - (2 * both + _SMALL) / (mapped + held + _SMALL), held)


def lovasz(given: Any, target: Any, labelled: Any) -> Any:
    """The Lovász extension of one less the intersection over union (Berman, Triki and Blaschko 2018).

    Args:
        given: As of `dice`.
        target: Likewise.
        labelled: Likewise.
    """
    # Without a label there is no error: such pixels stand last, where they change nothing.
    errors = ops.abs(target - given) * labelled[:, None]
    order = ops.stop_gradient(ops.flip(ops.argsort(errors, axis=0), axis=0))
    errors = ops.take_along_axis(errors, order, axis=0)
    here = ops.take_along_axis(target, order, axis=0)
    other = ops.take_along_axis(labelled[:, None] - target, order, axis=0)
    held = ops.sum(target, axis=0)
    left = held - ops.cumsum(here, axis=0)
    union = ops.maximum(held + ops.cumsum(other, axis=0), _SMALL)
    lost = 1 - left / union
    steps = ops.concatenate([lost[:1], lost[1:] - lost[:-1]], axis=0)
    return _of_present(ops.sum(errors * ops.stop_gradient(steps), axis=0), held)


def _of_present(losses: Any, held: Any) -> Any:
    there = ops.cast(ops.greater(held, 0), losses.dtype)
    return ops.sum(losses * there) / ops.maximum(ops.sum(there), 1.0)


OVERLAPS: Mapping[str, Callable[[Any, Any, Any], Any]] = {"dice": dice, "lovasz": lovasz}
"""By the name in `train.loss.overlap`."""
