"""Accuracy from confusion matrices of blocks, as map users read it."""

from typing import Any

import numpy as np

from earthline.formats.evaluations import Accuracy, ClassAccuracy
from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]


def confusion(labels: Array, predictions: Array, blocks: Array, classes: int) -> Array:
    """Counts of pixels by block, label and prediction.

    Args:
        labels: Class ids of labelled pixels, (pixels,).
        predictions: Class ids, (pixels,).
        blocks: Number of each pixel's block, (pixels,); from 0, without gaps.
        classes: Number of classes.

    Returns:
        int64 (blocks, classes, classes).

    Raises:
        ValueError: There is no pixel.
    """
    if not len(labels):
        raise ValueError("no labelled test pixel; give the test split a larger share or check the labels there")
    count = int(blocks.max()) + 1
    flat = (blocks.astype(np.int64) * classes + labels) * classes + predictions
    return np.bincount(flat, minlength=count * classes**2).reshape(count, classes, classes)


def accuracy(by_block: Array, names: tuple[str, ...], bootstrap: Bootstrap) -> Accuracy:
    """All metrics of one classifier.

    Means are over the classes that have test labels, whatever the classifier predicts: so every column of a table
    averages the same classes. A labelled class that is never predicted counts as 0. One without labels that is
    predicted counts against the classes whose pixels it took.

    Args:
        by_block: Counts as `confusion` gives them.
        names: Class names by class id.
        bootstrap: Of as many blocks.
    """
    matrix = by_block.sum(axis=0)
    right, labelled, mapped = _margins(matrix)
    precision, recall, f1, iou = _shares(right, labelled, mapped)
    overall, macro_f1, mean_iou = _summary(right, labelled, mapped)

    drawn = [bootstrap.totals(each) for each in _margins(by_block)]
    _, drawn_recall, drawn_f1, drawn_iou = _shares(*drawn)
    holding = (by_block.sum(axis=2) > 0).sum(axis=0)
    classes = tuple(
        ClassAccuracy(
            name=name,
            pixels=int(labelled[index]),
            blocks=int(holding[index]),
            precision=_or_none(precision[index]),
            recall=_or_none(recall[index]),
            f1=_or_none(f1[index]),
            iou=_or_none(iou[index]),
            recall_interval=bootstrap.interval(drawn_recall[:, index], int(holding[index])),
            f1_interval=bootstrap.interval(drawn_f1[:, index], int(holding[index])),
            iou_interval=bootstrap.interval(drawn_iou[:, index], int(holding[index])),
        )
        for index, name in enumerate(names)
    )
    overall_drawn, macro_f1_drawn, mean_iou_drawn = _summary(*drawn)
    return Accuracy(
        overall=float(overall),
        macro_f1=float(macro_f1),
        mean_iou=float(mean_iou),
        overall_interval=bootstrap.interval(overall_drawn),
        macro_f1_interval=bootstrap.interval(macro_f1_drawn),
        mean_iou_interval=bootstrap.interval(mean_iou_drawn),
        classes=classes,
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def _margins(matrix: Array) -> tuple[Array, Array, Array]:
    """Pixels by class that are right, that have the label, and that are mapped as it."""
    return np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1), matrix.sum(axis=-2)


def _shares(right: Array, labelled: Array, mapped: Array) -> tuple[Array, Array, Array, Array]:
    """Precision, recall, F1 and IoU by class; not a number where there is nothing to take a share of."""
    known = np.where(labelled > 0, right, np.nan)
    return (
        _divided(right, mapped),
        _divided(right, labelled),
        _divided(2 * known, labelled + mapped),
        _divided(known, labelled + mapped - right),
    )


def _summary(right: Array, labelled: Array, mapped: Array) -> tuple[Array, Array, Array]:
    """Overall accuracy, macro-F1 and mean IoU over the last axis."""
    _, _, f1, iou = _shares(right, labelled, mapped)
    return _divided(right.sum(axis=-1), labelled.sum(axis=-1)), np.nanmean(f1, axis=-1), np.nanmean(iou, axis=-1)


def _divided(part: Array, whole: Array) -> Array:
    whole = np.asarray(whole, np.float64)
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
