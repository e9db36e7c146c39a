"""Clusterers that learn, by scikit-learn where it has what Weka has.

As Weka's distances do, these see every input scaled to the range that it has in the samples.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.learning.estimators import Options
from earthline_sandbox.earthengine.learning.learners import Fitted
from earthline_sandbox.earthengine.learning.samples import Samples
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.errors import invalid

#: Ways to begin k-means, by Earth Engine's number.
STARTS = {0: "random", 1: "k-means++", 3: "farthest first"}
_ITERATIONS = 500
_DISTANCES = 16_000_000


class Centres:
    """Cluster centres (`learners.Fitted`): a row belongs to the nearest."""

    def __init__(self, low: Array, extent: Array, centres: Array) -> None:
        """Takes centres among inputs that had `low` subtracted and were divided by `extent`."""
        self._low, self._extent, self._centres = low, extent, centres
        self.cost = centres.nbytes

    def usable(self, inputs: Array) -> Array:
        """All rows have a nearest centre."""
        return np.ones(len(inputs), dtype=bool)

    def predict(self, inputs: Array, mode: str) -> Array:
        """Clusters, from 0."""
        return nearest((inputs - self._low) / self._extent, self._centres)


def nearest(points: Array, centres: Array) -> Array:
    """Index of the nearest centre of each point; of several, the first."""
    step = max(1, _DISTANCES // max(1, centres.size))
    parts = []
    for start in range(0, len(points), step):
        away = points[start : start + step, None, :] - centres[None]
        parts.append(np.einsum("ijk,ijk->ij", away, away).argmin(axis=1))
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.intp)


def _scaled(samples: Samples) -> tuple[Array, Array, Array]:
    low = samples.inputs.min(axis=0)
    extent = samples.inputs.max(axis=0) - low
    extent[extent == 0] = 1
    return low, extent, (samples.inputs - low) / extent


def _k_means(points: Array, count: int, start: Any, iterations: int, seed: int, tries: int = 1) -> Any:
    from sklearn.cluster import KMeans

    count = min(count, len(np.unique(points, axis=0)))
    starts = start[:count] if isinstance(start, np.ndarray) else start
    return KMeans(count, init=starts, n_init=tries, max_iter=iterations, random_state=seed % 2**32).fit(points)


def _farthest_first(points: Array, count: int, seed: int) -> Array:
    """A random point, and then always the point farthest from those chosen."""
    chosen = [int(np.random.default_rng(seed % 2**32).integers(len(points)))]
    away = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < min(count, len(points)) and away.max() > 0:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return points[chosen]


def k_means(options: Options, samples: Samples) -> Fitted:
    """`Clusterer.wekaKMeans`."""
    low, extent, points = _scaled(samples)
    count, seed = options["nClusters"], options["seed"]
    name = STARTS[options["init"]]
    start: Any = _farthest_first(points, count, seed) if name == "farthest first" else name
    model = _k_means(points, count, start, options["maxIterations"] or _ITERATIONS, seed)
    return Centres(low, extent, model.cluster_centers_)


def cascade_k_means(options: Options, samples: Samples) -> Fitted:
    """`Clusterer.wekaCascadeKMeans`: as many clusters as the criterion of Calinski and Harabasz likes best."""
    from sklearn.metrics import calinski_harabasz_score

    low, extent, points = _scaled(samples)
    best: tuple[float, Array] | None = None
    distinct = len(np.unique(points, axis=0))
    for count in range(options["minClusters"], min(options["maxClusters"], distinct - 1) + 1):
        start = "k-means++" if options["init"] else "random"
        iterations = options["maxIterations"] or _ITERATIONS
        model = _k_means(points, count, start, iterations, 0, max(1, options["restarts"]))
        score = float(calinski_harabasz_score(points, model.labels_)) if count > 1 else 0.0
        if best is None or score > best[0]:
            best = score, model.cluster_centers_
    if best is None:
        raise invalid(f"There are {distinct} different samples: too few for {options['minClusters']} clusters.")
    return Centres(low, extent, best[1])


def x_means(options: Options, samples: Samples) -> Fitted:
    """`Clusterer.wekaXMeans`: clusters are split in two while the Bayesian information criterion gains by it.

    Source: Pelleg and Moore, X-means, ICML 2000.
    """
    low, extent, points = _scaled(samples)
    iterations, seed, most = options["maxKMeans"], options["seed"], options["maxClusters"]
    centres = _k_means(points, options["minClusters"], "random", iterations, seed).cluster_centers_
    for _ in range(options["maxIterations"]):
        labels, kept = nearest(points, centres), []
        room = most - len(centres)
        for number, centre in enumerate(centres):
            members = points[labels == number]
            if room > 0 and len(np.unique(members, axis=0)) > 2:
                halves = _k_means(members, 2, "k-means++", options["maxForChildren"], seed)
                if _bic(members, halves.cluster_centers_, halves.labels_) > _bic(
                    members, centre[None], np.zeros(len(members), dtype=np.intp)
                ):
                    kept.extend(halves.cluster_centers_)
                    room -= 1
                    continue
            kept.append(centre)
        if len(kept) == len(centres):
            break
        centres = _k_means(points, len(kept), np.array(kept), iterations, seed).cluster_centers_
    return Centres(low, extent, centres)


def _bic(points: Array, centres: Array, labels: Array) -> float:
    """Log-likelihood of equal, round normal clusters, less half the logarithm of the samples for each parameter."""
    total, size = map(int, points.shape)
    count = len(centres)
    if total <= count:
        return -math.inf
    variance: float = max(float(((points - centres[labels]) ** 2).sum()) / (size * (total - count)), 1e-12)
    members = np.bincount(labels, minlength=count).astype("float64")
    members = members[members > 0]
    likelihood: float = float((members * np.log(members / total)).sum()) - size * (total - count) / 2
    likelihood -= total * size / 2 * math.log(2 * math.pi * variance)
    return likelihood - (count + count * size) / 2 * math.log(total)


def learning_vector_quantization(options: Options, samples: Samples) -> Fitted:
    """`Clusterer.wekaLVQ`: centres move to the samples nearest to them, ever less far.

    Each epoch moves every centre towards the mean of its samples at once, where Kohonen moves it sample by sample.
    """
    low, extent, points = _scaled(samples)
    if options["normalizeInput"]:
        # Earth Engine describes it so: true skips the scaling.
        low, extent, points = np.zeros_like(low), np.ones_like(extent), samples.inputs
    centres = _farthest_first(points, options["numClusters"], 0).copy()
    epochs, rate = options["epochs"], options["learningRate"]
    for epoch in range(epochs):
        labels = nearest(points, centres)
        members = np.bincount(labels, minlength=len(centres))
        sums = np.stack([np.bincount(labels, column, len(centres)) for column in points.T], axis=1)
        moved = centres.copy()
        some = members > 0
        moved[some] += rate * (1 - epoch / epochs) * (sums[some] / members[some, None] - centres[some])
        if np.abs(moved - centres).max() < 1e-9:
            break
        centres = moved
    return Centres(low, extent, centres)


Fit = Callable[[Options, Samples], Fitted]
