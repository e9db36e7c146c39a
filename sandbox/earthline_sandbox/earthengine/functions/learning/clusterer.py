"""Clusterers: made, trained, and applied to images and features."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from earthline_sandbox.earthengine.functions.learning.options import share
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.learning import clusters
from earthline_sandbox.earthengine.learning.learners import Clusterer, features_of, image_of
from earthline_sandbox.earthengine.learning.samples import Once, collect, input_names
from earthline_sandbox.earthengine.values.values import Collection, Image
from earthline_sandbox.errors import invalid

#: Arguments that only make Weka quicker, or choose among its implementations.
_SPEED = ("canopies", "maxCandidates", "periodicPruning", "minDensity", "t1", "t2", "preserveOrder", "fast")


def _made(name: str, fit: clusters.Fit, options: Mapping[str, Any]) -> Clusterer:
    distance = options.get("distanceFunction", "Euclidean")
    if distance != "Euclidean":
        raise invalid(f"The sandbox clusters by Euclidean distance only, not by '{distance}'.")
    return Clusterer(kind=f"Clusterer.{name}", options=options, fit=lambda samples, variant: fit(options, samples))


def _positive(**values: int | None) -> None:
    for name, value in values.items():
        if value is not None and value < 1:
            raise invalid(f"'{name}' must be at least 1, got {value}.")


def _range(low: int, high: int) -> None:
    _positive(minClusters=low)
    if high < low:
        raise invalid(f"'maxClusters' ({high}) must not be less than 'minClusters' ({low}).")


@function("Clusterer.wekaKMeans", ignores=_SPEED)
def weka_k_means(
    n_clusters: int, init: int, distance_function: str, max_iterations: int | None, seed: int
) -> Clusterer:
    """k-means."""
    _positive(nClusters=n_clusters, maxIterations=max_iterations)
    if init not in clusters.STARTS:
        raise invalid(f"'init' must be 0 (random), 1 (k-means++) or 3 (farthest first) in the sandbox, got {init}.")
    options = {
        "nClusters": n_clusters,
        "init": init,
        "distanceFunction": distance_function,
        "maxIterations": max_iterations,
        "seed": seed,
    }
    return _made("wekaKMeans", clusters.k_means, options)


@function("Clusterer.wekaXMeans", ignores=("useKD", "cutoffFactor"))
def weka_x_means(
    min_clusters: int,
    max_clusters: int,
    max_iterations: int,
    max_kMeans: int,
    max_for_children: int,
    distance_function: str,
    seed: int,
) -> Clusterer:
    """k-means that finds the number of clusters."""
    _range(min_clusters, max_clusters)
    _positive(maxIterations=max_iterations, maxKMeans=max_kMeans, maxForChildren=max_for_children)
    options = {
        "minClusters": min_clusters,
        "maxClusters": max_clusters,
        "maxIterations": max_iterations,
        "maxKMeans": max_kMeans,
        "maxForChildren": max_for_children,
        "distanceFunction": distance_function,
        "seed": seed,
    }
    return _made("wekaXMeans", clusters.x_means, options)


@function("Clusterer.wekaCascadeKMeans", ignores=("manual",))
def weka_cascade_k_means(
    min_clusters: int,
    max_clusters: int,
    restarts: int,
    init: bool,
    distance_function: str,
    max_iterations: int | None,
) -> Clusterer:
    """k-means for every number of clusters, of which the best is kept."""
    _range(min_clusters, max_clusters)
    _positive(maxIterations=max_iterations)
    options = {
        "minClusters": min_clusters,
        "maxClusters": max_clusters,
        "restarts": restarts,
        "init": init,
        "distanceFunction": distance_function,
        "maxIterations": max_iterations,
    }
    return _made("wekaCascadeKMeans", clusters.cascade_k_means, options)


@function("Clusterer.wekaLVQ")
def weka_lvq(num_clusters: int, learning_rate: float, epochs: int, normalize_input: bool) -> Clusterer:
    """Learning vector quantization."""
    _positive(numClusters=num_clusters, epochs=epochs)
    share("learningRate", learning_rate)
    options = {
        "numClusters": num_clusters,
        "learningRate": learning_rate,
        "epochs": epochs,
        "normalizeInput": normalize_input,
    }
    return _made("wekaLVQ", clusters.learning_vector_quantization, options)


@function("Clusterer.train")
def train(
    clusterer: Clusterer,
    features: Collection,
    input_properties: list[str] | None,
    subsampling: float,
    subsampling_seed: int,
) -> Clusterer:
    """The clusterer with what it is to learn from; it learns when an answer needs it."""
    share("subsampling", subsampling)
    names = input_names(features, input_properties)
    samples = Once(lambda: collect(features, names, None, subsampling, subsampling_seed))
    return replace(clusterer, names=names, training=samples)


@function("Clusterer.schema")
def schema(clusterer: Clusterer) -> list[str] | None:
    """Names of the inputs."""
    return None if clusterer.names is None else list(clusterer.names)


@function("Image.cluster")
def cluster_image(image: Image, clusterer: Clusterer, output_name: str) -> Image:
    """The cluster of every pixel."""
    return image_of("Image.cluster", image, clusterer, output_name)


@function("FeatureCollection.cluster")
def cluster_features(features: Collection, clusterer: Clusterer, output_name: str) -> Collection:
    """The cluster of every feature."""
    return features_of("FeatureCollection.cluster", features, clusterer, output_name)
