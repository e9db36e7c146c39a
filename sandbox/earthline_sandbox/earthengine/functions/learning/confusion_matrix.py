"""Confusion matrices: counted from two columns or given, and what follows from them.

Rows are actual classes and columns predicted ones, so that a consumer's accuracy belongs to a column, and a
producer's to a row (https://developers.google.com/earth-engine/apidocs/ee-confusionmatrix).
"""

from typing import Any

import numpy as np

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.learning.learners import ConfusionMatrix
from earthline_sandbox.earthengine.learning.samples import number_of
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.values.values import ArrayValue, Collection
from earthline_sandbox.errors import invalid

_MOST_CLASSES = 4_000


def counted(actual: Array, predicted: Array, order: list[int] | None) -> ConfusionMatrix:
    """Counts pairs of classes.

    Args:
        actual: Shape `(samples,)`, whole numbers.
        predicted: The same.
        order: Classes to count; by default all from 0 to the greatest.

    Raises:
        ApiError: INVALID_ARGUMENT where a class is negative or too large to do without an order.
    """
    if order is None:
        low = min(actual.min(initial=0), predicted.min(initial=0))
        high = max(actual.max(initial=0), predicted.max(initial=0))
        if low < 0 or high >= _MOST_CLASSES:
            wrong = low if low < 0 else high
            raise invalid(f"Class {wrong} is not between 0 and {_MOST_CLASSES - 1}; give the classes as 'order'.")
        order = list(range(int(high) + 1))
    checked = _checked(order)
    places = np.asarray(checked)
    sorting = np.argsort(places)

    def placed(values: Array) -> Array:
        if not len(places):
            return np.full(len(values), -1)
        found = sorting[np.clip(np.searchsorted(places, values, sorter=sorting), 0, len(places) - 1)]
        return np.where(places[found] == values, found, -1)

    rows, columns = placed(actual), placed(predicted)
    known = (rows >= 0) & (columns >= 0)
    matrix = np.zeros((len(places), len(places)), dtype=np.int64)
    np.add.at(matrix, (rows[known], columns[known]), 1)
    return ConfusionMatrix(matrix, checked)


def _checked(order: list[int]) -> tuple[int, ...]:
    if len(set(order)) != len(order):
        raise invalid(f"'order' names a class twice: {order[:50]}.")
    if len(order) > _MOST_CLASSES:
        raise invalid(f"'order' has {len(order)} classes; at most {_MOST_CLASSES} can be counted.")
    return tuple(order)


@function("Collection.errorMatrix")
def error_matrix(collection: Collection, actual: str, predicted: str, order: list[int] | None) -> ConfusionMatrix:
    """Counts how often each actual class was predicted as each other."""
    pairs = [(number_of(member, actual), number_of(member, predicted)) for member in collection]
    table = _whole(np.asarray(pairs, dtype="float64").reshape(-1, 2))
    return counted(table[:, 0], table[:, 1], order)


@function("ConfusionMatrix")
def confusion_matrix(array: Any, order: list[int] | None) -> ConfusionMatrix:
    """A confusion matrix of given numbers."""
    if not isinstance(array, ArrayValue):
        raise invalid("'array' must be an ee.Array; lists are not taken.")
    data = array.data
    if data.ndim != 2 or data.shape[0] != data.shape[1]:
        raise invalid(f"'array' must be square, but its shape is {list(data.shape)}.")
    checked = _checked(list(range(len(data))) if order is None else order)
    if len(checked) != len(data):
        raise invalid(f"'order' has {len(checked)} classes, but the array {len(data)} rows.")
    return ConfusionMatrix(_whole(data), checked)


@function("ConfusionMatrix.array")
def array(confusion_matrix: ConfusionMatrix) -> ArrayValue:
    """The numbers."""
    return ArrayValue(confusion_matrix.data)


@function("ConfusionMatrix.order")
def order(confusion_matrix: ConfusionMatrix) -> list[int]:
    """The class of each row and column."""
    return list(confusion_matrix.order)


@function("ConfusionMatrix.accuracy")
def accuracy(confusion_matrix: ConfusionMatrix) -> float:
    """Correct ones among all."""
    return float(_ratio(np.trace(confusion_matrix.data), confusion_matrix.data.sum()))


@function("ConfusionMatrix.consumersAccuracy")
def consumers_accuracy(confusion_matrix: ConfusionMatrix) -> ArrayValue:
    """Correct ones among those predicted as each class: one row."""
    return ArrayValue(_consumers(confusion_matrix)[None, :])


@function("ConfusionMatrix.producersAccuracy")
def producers_accuracy(confusion_matrix: ConfusionMatrix) -> ArrayValue:
    """Correct ones among those that are each class: one column."""
    return ArrayValue(_producers(confusion_matrix)[:, None])


@function("ConfusionMatrix.fscore")
def fscore(confusion_matrix: ConfusionMatrix, beta: float) -> ArrayValue:
    """The weighted harmonic mean of consumer's (precision) and producer's accuracy (recall), by class."""
    precision, recall, weight = _consumers(confusion_matrix), _producers(confusion_matrix), beta**2
    return ArrayValue(_ratio((1 + weight) * precision * recall, weight * precision + recall))


@function("ConfusionMatrix.kappa")
def kappa(confusion_matrix: ConfusionMatrix) -> float:
    """Agreement beyond what chance would give (Cohen 1960)."""
    data = confusion_matrix.data.astype("float64")
    total = data.sum()
    observed = _ratio(np.trace(data), total)
    expected = _ratio(data.sum(axis=0) @ data.sum(axis=1), total**2)
    return float(_ratio(observed - expected, 1 - expected))


def _whole(numbers: Array) -> Array:
    return np.asarray(np.clip(np.nan_to_num(numbers), -(2.0**62), 2.0**62).astype(np.int64))


def _consumers(matrix: ConfusionMatrix) -> Array:
    return _ratio(np.diagonal(matrix.data), matrix.data.sum(axis=0))


def _producers(matrix: ConfusionMatrix) -> Array:
    return _ratio(np.diagonal(matrix.data), matrix.data.sum(axis=1))


def _ratio(part: Any, whole: Any) -> Array:
    """Part by whole, and 0 where the whole is 0: a class that does not occur has no accuracy."""
    part, whole = np.asarray(part, dtype="float64"), np.asarray(whole, dtype="float64")
    out = np.zeros(np.broadcast_shapes(part.shape, whole.shape))
    return np.asarray(np.divide(part, whole, out=out, where=whole != 0))
