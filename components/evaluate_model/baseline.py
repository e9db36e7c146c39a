"""The baselines: what learns from each pixel with what lies around it, and what does not look at all."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter
from threadpoolctl import threadpool_limits

from earthline.config import Evaluate
from earthline.patches import Patches
from earthline.task import Task

Array = np.ndarray[Any, Any]

_logger = logging.getLogger(__name__)

MAX_PIXELS = 20_000
"""Training pixels that are drawn at most: with twice as many the forests took twice as long and gained nothing."""
_BATCH = 16
"""Patches whose features are held at once."""


def context(image: Array, valid: Array, side: int) -> Array:
    """The bands of each pixel's window, as (patches, height, width, side * side * bands).

    Windows at a patch's edge repeat its outermost pixels; where a neighbour is masked the pixel itself stands in.

    Args:
        image: (patches, height, width, bands).
        valid: bool (patches, height, width).
        side: Side of the window in pixels; odd.
    """
    half = side // 2
    height, width = image.shape[1:3]
    padded = np.pad(image, ((0, 0), (half, half), (half, half), (0, 0)), mode="edge")
    seen = np.pad(valid, ((0, 0), (half, half), (half, half)), mode="edge")
    shifted = []
    for row in range(side):
        for column in range(side):
            there = seen[:, row : row + height, column : column + width, np.newaxis]
            shifted.append(np.where(there, padded[:, row : row + height, column : column + width], image))
    return np.concatenate(shifted, axis=-1)


def surroundings(image: Array, valid: Array, side: int) -> Array:
    """Mean and std of each band over a window, as (patches, height, width, 2 * bands), float32.

    Masked pixels, and what lies outside the patch, are left out of the window.

    Args:
        image: (patches, height, width, bands).
        valid: bool (patches, height, width).
        side: Side of the window in pixels; odd.
    """
    size = (1, side, side, 1)
    shares = uniform_filter(valid[..., np.newaxis].astype(np.float64), size, mode="constant")
    shares = np.maximum(shares, 0.5 / side**2)
    # About the mean of all, so that squares of large numbers lose no digits.
    seen = valid[..., np.newaxis]
    middle = image[valid].mean(axis=0, dtype=np.float64) if valid.any() else 0.0
    values = np.where(seen, image - middle, 0.0)
    mean = uniform_filter(values, size, mode="constant") / shares
    square = uniform_filter(values**2, size, mode="constant") / shares
    std = np.sqrt(np.maximum(square - mean**2, 0.0))
    return np.concatenate([mean + middle, std], axis=-1).astype(np.float32)


@dataclass(frozen=True)
class Learner:
    """What learns from single pixels and what lies around them.

    Attributes:
        name: Short, for tables.
        description: What it is and sees.
        estimator: Of scikit-learn.
        seen: How many of the features it sees, from the first one; 0 where it looks at none.
    """

    name: str
    description: str
    estimator: Any
    seen: int


class Sight:
    """The features of pixels: the bands of a window, then mean and std over further windows."""

    def __init__(self, section: Evaluate, bands: int) -> None:
        """Makes it.

        Args:
            section: The config's section, which says how large windows are.
            bands: Number of bands.
        """
        self._side = section.baseline_context
        self._windows = section.baseline_windows
        self.near = self._side**2 * bands
        self.all = self.near + 2 * len(self._windows) * bands

    def of(self, patches: Patches, chosen: Array) -> Array:
        """Features (pixels, features) of chosen pixels, in their order.

        Args:
            patches: The patches.
            chosen: bool (patches, height, width).
        """
        return np.concatenate([part for _, part in self.by_batch(patches, chosen)], axis=0)

    def by_batch(self, patches: Patches, chosen: Array) -> Iterator[tuple[slice, Array]]:
        """The same, a few patches at once, each with their places; batches without a chosen pixel are left out.

        Args:
            patches: The patches.
            chosen: bool (patches, height, width).
        """
        for start in range(0, len(chosen), _BATCH):
            batch = slice(start, start + _BATCH)
            if not chosen[batch].any():
                continue
            image, valid = patches.image[batch], patches.valid[batch]
            parts = [context(image, valid, self._side), *(surroundings(image, valid, side) for side in self._windows)]
            yield batch, np.concatenate([part[chosen[batch]] for part in parts], axis=-1, dtype=np.float32)


@dataclass(frozen=True)
class Pixels:
    """Training pixels.

    Attributes:
        features: (pixels, features).
        label: (pixels,).
        patch: Place of each one's patch, (pixels,).
        row: Its row on the grid, (pixels,).
        column: Its column, (pixels,).
    """

    features: Array
    label: Array
    patch: Array
    row: Array
    column: Array


def drawn(patches: Patches, sight: Sight, seed: int) -> Pixels:
    """Labelled pixels, at most `MAX_PIXELS` of them, drawn at random.

    Args:
        patches: Of the training split.
        sight: Which features they have.
        seed: Of the draw.

    Raises:
        ValueError: No pixel is labelled.
    """
    places = np.flatnonzero(patches.labelled)
    if len(places) == 0:
        raise ValueError("no training pixel has a label, so there is no baseline to compare with")
    chosen = np.zeros(patches.label.shape, bool)
    chosen.flat[np.random.default_rng(seed).permutation(places)[:MAX_PIXELS]] = True
    patch, row, column = np.nonzero(chosen)
    return Pixels(
        sight.of(patches, chosen),
        patches.label[chosen],
        patch,
        patches.corner[patch, 0] + row,
        patches.corner[patch, 1] + column,
    )


def learners(task: Task, section: Evaluate, sight: Sight, pixels: Pixels) -> list[Learner]:
    """Trains what a model has to beat: from what needs no image at all to what sees most.

    Args:
        task: What is learned.
        section: The config's section.
        sight: Which features the pixels have.
        pixels: To learn from.
    """
    trees, side, seed = section.baseline_trees, section.baseline_context, section.seed
    near, forest = f"the bands of {side} x {side} pixels", f"random forest {side} x {side}"
    windows = " and ".join(f"{each} x {each}" for each in section.baseline_windows)
    wide = f"{near} and their mean and std over {windows}" if windows else near
    also = " and windows" if windows else ""
    name, told = task.simplest
    count = f"{len(pixels.label):,} training pixels"
    found = [
        Learner(name, told, task.constant(), 0),
        Learner(forest, f"{trees} trees that see {near}; {count}", task.estimator(trees, seed), sight.near),
    ]
    if windows:
        described = f"{trees} trees that see {wide}; {count}"
        found.append(Learner(f"{forest} and windows", described, task.estimator(trees, seed), sight.all))
    boosted = f"gradient boosting {side} x {side}{also}"
    boosting = task.boosting(len(pixels.label), seed)
    found.append(Learner(boosted, f"boosted trees that see {wide}; {count}", boosting, sight.all))
    for learner in found:
        _logger.info("evaluate_model: the baseline '%s' learns from %d pixels", learner.name, len(pixels.label))
        fit(learner, pixels.features, pixels.label)
    return found


def fit(learner: Learner, features: Array, label: Array) -> None:
    """Trains one.

    Args:
        learner: It.
        features: (pixels, features).
        label: (pixels,).
    """
    # Threads of boosting wait for each other by spinning: on a machine with other work they took twenty times as long.
    with threadpool_limits(1, user_api="openmp"):
        learner.estimator.fit(features[:, : learner.seen], label)


def predict(learners: Sequence[Learner], sight: Sight, patches: Patches, data_type: str) -> list[Array]:
    """Map values (pixels,) by each, of the pixels that count, in the order of `label[labelled]`.

    Args:
        learners: Trained.
        sight: Which features they saw.
        patches: The patches.
        data_type: Of map values.
    """
    parts: list[list[Array]] = [[] for _ in learners]
    with threadpool_limits(1, user_api="openmp"):
        for _, features in sight.by_batch(patches, patches.labelled):
            for found, learner in zip(parts, learners, strict=True):
                found.append(learner.estimator.predict(features[:, : learner.seen]))
    return [np.concatenate(found).astype(data_type) for found in parts]
