"""Accuracy from a confusion matrix, as map users read it."""

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

Matrix = np.ndarray[Any, Any]


class ClassAccuracy(BaseModel):
    """Accuracy of one class; a share is None where nothing is there to take it of."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="Class name.")
    pixels: int = Field(description="Test pixels that have this label.")
    precision: float | None = Field(description="Share of pixels mapped as this class that are it (user's accuracy).")
    recall: float | None = Field(description="Share of pixels of this class that are mapped as it (producer's).")
    f1: float | None = Field(description="Harmonic mean of precision and recall.")
    iou: float | None = Field(description="Intersection over union.")


class AreaAdjusted(BaseModel):
    """Accuracy and areas as estimated for the whole map from the test pixels (Olofsson et al. 2014)."""

    model_config = ConfigDict(frozen=True)

    overall: float = Field(description="Overall accuracy, weighted by the map's areas.")
    overall_error: float = Field(description="Its standard error, as if test pixels were independent.")
    area_shares: dict[str, float] = Field(description="Estimated share of area of each class.")
    area_errors: dict[str, float] = Field(description="Their standard errors.")


class Accuracy(BaseModel):
    """How well a classifier does on labelled test pixels."""

    model_config = ConfigDict(frozen=True)

    overall: float = Field(description="Share of test pixels that are right.")
    mean_iou: float = Field(description="Mean intersection over union of the classes that are there.")
    macro_f1: float = Field(description="Mean F1 of the classes that are there.")
    pixels: int = Field(description="Number of test pixels.")
    classes: tuple[ClassAccuracy, ...] = Field(description="By class id.")
    confusion: tuple[tuple[int, ...], ...] = Field(description="Rows are labels, columns are predictions.")


def confusion(labels: Matrix, predictions: Matrix, classes: int) -> Matrix:
    """Counts of pixels, rows by label and columns by prediction.

    Args:
        labels: Class ids of labelled pixels.
        predictions: Class ids, of the same shape.
        classes: Number of classes.
    """
    flat = labels.astype(np.int64).ravel() * classes + predictions.astype(np.int64).ravel()
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def accuracy(matrix: Matrix, names: tuple[str, ...]) -> Accuracy:
    """All figures of one confusion matrix.

    Args:
        matrix: Counts as `confusion` gives them.
        names: Class names by class id.

    Raises:
        ValueError: There is no test pixel.
    """
    total = int(matrix.sum())
    if total == 0:
        raise ValueError("no labelled test pixel; give the test split a larger share or check the labels there")
    classes = []
    for index, name in enumerate(names):
        right, labelled = int(matrix[index, index]), int(matrix[index].sum())
        mapped = int(matrix[:, index].sum())
        classes.append(
            ClassAccuracy(
                name=name,
                pixels=labelled,
                precision=_share(right, mapped),
                recall=_share(right, labelled),
                f1=_share(2 * right, labelled + mapped),
                iou=_share(right, labelled + mapped - right),
            )
        )
    return Accuracy(
        overall=float(np.trace(matrix) / total),
        mean_iou=_mean([each.iou for each in classes]),
        macro_f1=_mean([each.f1 for each in classes]),
        pixels=total,
        classes=tuple(classes),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def area_adjusted(matrix: Matrix, mapped: Matrix, names: tuple[str, ...]) -> AreaAdjusted | None:
    """Estimates for the whole map: test pixels are strata by mapped class, weighted by the map's own shares.

    Args:
        matrix: Counts as `confusion` gives them.
        mapped: Pixels of each mapped class over the area of interest, by class id.
        names: Class names by class id.

    Returns:
        None where a mapped class has fewer than two test pixels, so that its stratum has no variance.
    """
    sampled = matrix.sum(axis=0).astype(float)
    present = mapped > 0
    if (sampled[present] < 2).any():
        return None
    weights = np.where(present, mapped / mapped.sum(), 0.0)
    sampled = np.where(present, sampled, 2.0)
    # shares[label, stratum]: the share of a mapped class that has each label.
    shares = np.where(present, matrix / sampled, 0.0)
    right = np.diag(shares)
    variance = weights**2 * right * (1 - right) / (sampled - 1)
    areas = shares @ weights
    area_variance = (weights**2 * shares * (1 - shares) / (sampled - 1)).sum(axis=1)
    return AreaAdjusted(
        overall=float(weights @ right),
        overall_error=float(np.sqrt(variance.sum())),
        area_shares=dict(zip(names, areas.tolist(), strict=True)),
        area_errors=dict(zip(names, np.sqrt(area_variance).tolist(), strict=True)),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: list[float | None]) -> float:
    there = [value for value in values if value is not None]
    return float(np.mean(there))
