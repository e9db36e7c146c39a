"""What a random split would have made of accuracy: the same forest on the same pixels, split in two ways.

Pixels of one place resemble each other. Where pixels to judge by lie beside those to learn from, a model is asked what
it has seen. Splits by blocks ask it about ground that it does not know, as the map will (Roberts et al. 2017,
Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic structure, Ecography 40).
"""

import logging
from typing import Any

import numpy as np

from components.evaluate_model.baseline import Pixels
from earthline import blocks
from earthline.formats.evaluations import Metric, SplitEffect
from earthline.formats.manifest import Manifest
from earthline.task import Task
from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]

FOLDS = 3
TREES = 40
MAX_PIXELS = 6_000
"""Six forests are grown: smaller ones differ as much between the two splits."""

_logger = logging.getLogger(__name__)


def measured(task: Task, manifest: Manifest, pixels: Pixels, confidence: float, seed: int) -> SplitEffect | None:
    """Cross-validates a forest on training pixels, once with random patches left out and once with whole blocks.

    Args:
        task: What is learned.
        manifest: Of the dataset.
        pixels: Of the training split.
        confidence: Of the intervals, 0 to 1.
        seed: Of folds and forests.

    Returns:
        None where there are too few blocks or patches to split, or nobody knows where patches lie.
    """
    if not manifest.placed:
        return None
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(len(pixels.label))[:MAX_PIXELS])
    whole: tuple[int, int] = (manifest.grid["shape"][0], manifest.grid["shape"][1])
    ground = blocks.number(pixels.row[chosen], pixels.column[chosen], whole, manifest.block_shape)
    block, patch = (np.unique(each, return_inverse=True)[1] for each in (ground, pixels.patch[chosen]))
    count = int(block.max()) + 1
    if min(count, int(patch.max()) + 1) < FOLDS:
        return None
    _logger.info("evaluate_model: the forest is cross-validated by random patches and by %d blocks", count)
    bootstrap = Bootstrap(count, confidence, seed)
    tallies: list[Array] = []
    for group in (patch, block):
        folds = random.permutation(int(group.max()) + 1)[group] % FOLDS
        predicted = np.empty_like(pixels.label[chosen])
        for fold in range(FOLDS):
            learned = chosen[folds != fold]
            forest = task.estimator(TREES, seed)
            forest.fit(pixels.features[learned], pixels.label[learned])
            predicted[folds == fold] = forest.predict(pixels.features[chosen[folds == fold]])
        tallies.append(task.tally(pixels.label[chosen], predicted, block))
    found = [task.scores(tally, bootstrap).metrics for tally in tallies]
    return SplitEffect(
        forest=f"{TREES} trees, {FOLDS} folds",
        pixels=len(chosen),
        blocks=count,
        random=found[0],
        blocked=found[1],
        gains={metric: _gain(task, tallies, metric, bootstrap) for metric in task.measures},
    )


def _gain(task: Task, tallies: list[Array], metric: str, bootstrap: Bootstrap) -> Metric:
    """How much better the first of two looks, on the same pixels."""
    one, other = (task.gate_sums(tally) for tally in tallies)
    drawn = task.gain(bootstrap.totals(one), bootstrap.totals(other), metric)
    value = float(task.gain(one.sum(axis=0), other.sum(axis=0), metric))
    return Metric(value=value, interval=bootstrap.interval(drawn, paired=True))
