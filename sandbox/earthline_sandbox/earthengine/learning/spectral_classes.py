"""Classifiers that are geometry in the space of the bands: nearest class means, and a polygon."""

from collections.abc import Sequence

import numpy as np
import shapely

from earthline_sandbox.earthengine.learning.estimators import Options, classes_of
from earthline_sandbox.earthengine.learning.learners import CLASSIFICATION, RAW, Fitted
from earthline_sandbox.earthengine.learning.samples import Samples
from earthline_sandbox.earthengine.pixels.indexed_shapes import indexed
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.errors import invalid

METRICS = ("euclidean", "cosine", "mahalanobis", "manhattan")


class ClassMeans:
    """Class means and the distance to them (`learners.Fitted`).

    Mahalanobis distances are by each class's own covariance, whose pseudo-inverse stands in where it is singular.
    Source: https://developers.google.com/earth-engine/apidocs/ee-classifier-minimumdistance.
    """

    def __init__(self, metric: str, nearest: int, classes: Array, inputs: Array) -> None:
        """Computes the means.

        Args:
            metric: One of `METRICS`.
            nearest: How many classes an answer names.
            classes: Class of each sample.
            inputs: Shape `(samples, inputs)`.
        """
        self._metric = metric
        self._classes = np.unique(classes)
        self._nearest = min(nearest, len(self._classes))
        members = [inputs[classes == value] for value in self._classes]
        self._means = np.stack([rows.mean(axis=0) for rows in members])
        self._inverses: list[Array] = []
        if metric == "mahalanobis":
            size = inputs.shape[1]
            self._inverses = [
                np.linalg.pinv(np.cov(rows.T).reshape(size, size)) if len(rows) > 1 else np.eye(size)
                for rows in members
            ]
        self.cost = self._means.nbytes * (1 + inputs.shape[1])

    def usable(self, inputs: Array) -> Array:
        """All rows can be predicted."""
        return np.ones(len(inputs), dtype=bool)

    def predict(self, inputs: Array, mode: str) -> Array:
        """The nearest class, its distance, or the distances to all."""
        distances = np.stack([self._distance(inputs, place) for place in range(len(self._classes))], axis=1)
        if mode == RAW:
            return distances
        order = np.argsort(distances, axis=1, kind="stable")[:, : self._nearest]
        found = self._classes[order] if mode == CLASSIFICATION else np.take_along_axis(distances, order, axis=1)
        return np.asarray(found if self._nearest > 1 else found[:, 0])

    def _distance(self, inputs: Array, place: int) -> Array:
        mean = self._means[place]
        away = inputs - mean
        if self._metric == "manhattan":
            return np.asarray(np.abs(away).sum(axis=1))
        if self._metric == "cosine":
            lengths = np.linalg.norm(inputs, axis=1) * np.linalg.norm(mean)
            with np.errstate(invalid="ignore", divide="ignore"):
                cosine = np.where(lengths > 0, inputs @ mean / lengths, 0.0)
            return np.asarray(np.arccos(np.clip(cosine, -1, 1)))
        if self._metric == "mahalanobis":
            return np.asarray(np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", away, self._inverses[place], away), 0)))
        return np.asarray(np.linalg.norm(away, axis=1))


def minimum_distance(options: Options, samples: Samples, variant: str) -> Fitted:
    """`Classifier.minimumDistance`."""
    return ClassMeans(options["metric"], options["kNearest"], classes_of(samples), samples.inputs)


class SpectralRegion:
    """1 where two inputs lie within a polygon, else 0 (`learners.Fitted`)."""

    cost = 0

    def __init__(self, rings: Sequence[Sequence[float]]) -> None:
        """Takes rings of alternating coordinates; raises ApiError INVALID_ARGUMENT where one is none."""
        region: shapely.Geometry = shapely.Polygon()
        for ring in rings:
            if len(ring) < 6 or len(ring) % 2 or not np.isfinite(ring).all():
                raise invalid(f"A ring of 'coordinates' must be at least three pairs of finite numbers, got {ring}.")
            # A point is inside where an odd number of rings contain it.
            region = shapely.symmetric_difference(region, shapely.Polygon(np.reshape(ring, (-1, 2))))
        if region.is_empty:
            raise invalid("'coordinates' must have at least one ring that has an area.")
        self._region = region

    def usable(self, inputs: Array) -> Array:
        """All rows can be predicted."""
        return np.ones(len(inputs), dtype=bool)

    def predict(self, inputs: Array, mode: str) -> Array:
        """1 or 0."""
        return indexed(self._region).contains(inputs[:, 0], inputs[:, 1]).astype(np.int64)
