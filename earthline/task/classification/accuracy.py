"""Accuracy from confusion matrices of blocks, as map users read it."""

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from earthline.formats.evaluations import Interval, Metric, Scores
from earthline.task.classification.estimates import MapAccuracy

if TYPE_CHECKING:
    from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]

OVERALL, MACRO_F1, MEAN_IOU = "accuracy", "macro_f1", "mean_iou"
"""Names of the metrics."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassAccuracy(_Record):
    """Accuracy of one class; a share is None where nothing is there to take it of."""

    name: str = Field(description="Class name.")
    pixels: int = Field(description="Test pixels that have this label.")
    blocks: int = Field(description="Test blocks with such a pixel.")
    precision: float | None = Field(description="Share of pixels mapped as this class that are it (user's accuracy).")
    recall: float | None = Field(description="Share of pixels of this class that are mapped as it (producer's).")
    f1: float | None = Field(description="Harmonic mean of both; None for a class without test labels.")
    iou: float | None = Field(description="Intersection over union; None for a class without test labels.")
    precision_interval: Interval | None = Field(default=None, description="Of the precision; None with too few blocks.")
    recall_interval: Interval | None = Field(default=None, description="Of the recall; None with too few blocks.")
    f1_interval: Interval | None = Field(default=None, description="Of F1; None with too few blocks.")
    iou_interval: Interval | None = Field(default=None, description="Of IoU; None with too few blocks.")


class ClassDetails(_Record):
    """What `evaluation.json` holds of a classifier besides its metrics, as `details` of its scores."""

    classes: tuple[ClassAccuracy, ...] = Field(description="By class id.")
    confusion: tuple[tuple[int, ...], ...] = Field(description="Rows are labels, columns are predictions.")
    estimated: MapAccuracy | None = Field(
        default=None,
        description="Of the model on all ground; None for others, and where nobody knows how patches were drawn.",
    )

    @classmethod
    def of(cls, scores: Scores) -> "ClassDetails":
        """Those of a column. Raises pydantic's ValueError where they are another task's."""
        return cls.model_validate(scores.details)


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


def accuracy(by_block: Array, names: tuple[str, ...], bootstrap: "Bootstrap") -> Scores:
    """All metrics of one classifier, with its `ClassDetails`.

    Means are over the classes that have test labels, whatever the classifier predicts: so every column of a table
    averages the same classes. A labelled class that is never predicted counts as 0. One without labels that is
    predicted counts against the classes whose pixels it took.

    Args:
        by_block: Counts as `confusion` gives them.
        names: Class names by class id.
        bootstrap: Of as many blocks.
    """
    matrix = by_block.sum(axis=0)
    right, labelled, mapped = margins(matrix)
    precision, recall, f1, iou = _shares(right, labelled, mapped)
    whole = summary(right, labelled, mapped)

    drawn = [bootstrap.totals(each) for each in margins(by_block)]
    drawn_precision, drawn_recall, drawn_f1, drawn_iou = _shares(*drawn)
    # Blocks that have the label, and those where the classifier shows it.
    holding, showing = ((by_block.sum(axis=axis) > 0).sum(axis=0) for axis in (2, 1))
    classes = tuple(
        ClassAccuracy(
            name=name,
            pixels=int(labelled[index]),
            blocks=int(holding[index]),
            precision=_or_none(precision[index]),
            recall=_or_none(recall[index]),
            f1=_or_none(f1[index]),
            iou=_or_none(iou[index]),
            precision_interval=bootstrap.interval(drawn_precision[:, index], int(showing[index])),
            recall_interval=bootstrap.interval(drawn_recall[:, index], int(holding[index])),
            f1_interval=bootstrap.interval(drawn_f1[:, index], int(holding[index])),
            iou_interval=bootstrap.interval(drawn_iou[:, index], int(holding[index])),
        )
        for index, name in enumerate(names)
    )
    resampled = summary(*drawn)
    return Scores(
        metrics={
            name: Metric(value=float(value), interval=bootstrap.interval(resampled[name]))
            for name, value in whole.items()
        },
        details=ClassDetails(
            classes=classes, confusion=tuple(tuple(int(count) for count in row) for row in matrix)
        ).model_dump(mode="json"),
    )


def margins(matrix: Array) -> tuple[Array, Array, Array]:
    """Pixels by class that are right, that have the label, and that are mapped as it, each (..., classes).

    Args:
        matrix: Counts by label and prediction, (..., classes, classes).
    """
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


def summary(right: Array, labelled: Array, mapped: Array) -> dict[str, Array]:
    """Overall accuracy, macro-F1 and mean IoU over the last axis, by name.

    Args:
        right: Pixels by class that are right, (..., classes).
        labelled: Pixels by class that have the label.
        mapped: Pixels by class that are mapped as it.
    """
    _, _, f1, iou = _shares(right, labelled, mapped)
    return {
        OVERALL: _divided(right.sum(axis=-1), labelled.sum(axis=-1)),
        MACRO_F1: np.nanmean(f1, axis=-1),
        MEAN_IOU: np.nanmean(iou, axis=-1),
    }


def _divided(part: Array, whole: Array) -> Array:
    whole = np.asarray(whole, np.float64)
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
