"""Classifiers by kind: each with its options, not yet trained."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from earthline_sandbox.earthengine.functions.learning.options import at_least, one_of, share
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.learning import decision_trees, estimators, maxent, spectral_classes
from earthline_sandbox.earthengine.learning.learners import (
    CLASSIFICATION,
    MODES,
    MULTIPROBABILITY,
    PROBABILITY,
    RAW,
    REGRESSION,
    Classifier,
    Fitted,
)
from earthline_sandbox.earthengine.learning.samples import Samples
from earthline_sandbox.errors import invalid

_PROBABLE = (CLASSIFICATION, PROBABILITY, MULTIPROBABILITY)
_GENERAL = (CLASSIFICATION, REGRESSION, PROBABILITY, MULTIPROBABILITY)

Fit = Callable[[estimators.Options, Samples, str], Fitted]


def _made(
    name: str, fit: Fit, modes: Sequence[str], options: estimators.Options, *, several: bool = False
) -> Classifier:
    return Classifier(
        kind=f"Classifier.{name}",
        options=options,
        fit=lambda samples, variant: fit(options, samples, variant),
        modes=modes,
        several=several,
    )


def _ready(name: str, fitted: Fitted, modes: Sequence[str], names: Sequence[str], **options: Any) -> Classifier:
    """A classifier that needs no training."""
    return Classifier(
        kind=f"Classifier.{name}",
        options=options,
        fit=lambda samples, variant: fitted,
        modes=modes,
        names=tuple(names),
    )


@function("Classifier.smileRandomForest")
def smile_random_forest(
    number_of_trees: int,
    variables_per_split: int | None,
    min_leaf_population: int,
    bag_fraction: float,
    max_nodes: int | None,
    seed: int,
) -> Classifier:
    """A random forest."""
    at_least("numberOfTrees", number_of_trees, 1)
    at_least("variablesPerSplit", variables_per_split, 0)
    at_least("minLeafPopulation", min_leaf_population, 1)
    at_least("maxNodes", max_nodes, 2)
    share("bagFraction", bag_fraction)
    options = {
        "numberOfTrees": number_of_trees,
        "variablesPerSplit": variables_per_split,
        "minLeafPopulation": min_leaf_population,
        "bagFraction": bag_fraction,
        "maxNodes": max_nodes,
        "seed": seed,
    }
    return _made("smileRandomForest", estimators.random_forest, MODES, options)


@function("Classifier.smileCart")
def smile_cart(max_nodes: int | None, min_leaf_population: int) -> Classifier:
    """A decision tree."""
    at_least("minLeafPopulation", min_leaf_population, 1)
    at_least("maxNodes", max_nodes, 2)
    options = {"maxNodes": max_nodes, "minLeafPopulation": min_leaf_population}
    return _made("smileCart", estimators.cart, _GENERAL, options)


@function("Classifier.smileGradientTreeBoost")
def smile_gradient_tree_boost(
    number_of_trees: int, shrinkage: float, sampling_rate: float, max_nodes: int | None, loss: str, seed: int
) -> Classifier:
    """Trees that each correct those before."""
    at_least("numberOfTrees", number_of_trees, 1)
    at_least("maxNodes", max_nodes, 2)
    share("shrinkage", shrinkage)
    share("samplingRate", sampling_rate)
    one_of("loss", loss, tuple(estimators.LOSSES))
    options = {
        "numberOfTrees": number_of_trees,
        "shrinkage": shrinkage,
        "samplingRate": sampling_rate,
        "maxNodes": max_nodes,
        "loss": loss,
        "seed": seed,
    }
    return _made("smileGradientTreeBoost", estimators.gradient_tree_boost, _GENERAL, options)


@function("Classifier.smileKNN")
def smile_knn(k: int, search_method: str, metric: str) -> Classifier:
    """The nearest neighbours' vote."""
    at_least("k", k, 1)
    one_of("searchMethod", search_method, ("AUTO", "LINEAR_SEARCH", "KD_TREE", "COVER_TREE"))
    one_of("metric", metric, ("EUCLIDEAN", "MAHALANOBIS", "MANHATTAN", "BRAYCURTIS"))
    options = {"k": k, "searchMethod": search_method, "metric": metric}
    return _made("smileKNN", estimators.nearest_neighbors, _GENERAL, options)


@function("Classifier.smileNaiveBayes")
def smile_naive_bayes(lambda_: float) -> Classifier:
    """Naive Bayes over counts."""
    at_least("lambda", lambda_, 0)
    return _made("smileNaiveBayes", estimators.naive_bayes, _PROBABLE, {"lambda": lambda_})


@function("Classifier.libsvm")
def libsvm(
    decision_procedure: str,
    svm_type: str,
    kernel_type: str,
    shrinking: bool,
    degree: int | None,
    gamma: float | None,
    coef0: float | None,
    cost: float | None,
    nu: float | None,
    termination_epsilon: float | None,
    loss_epsilon: float | None,
    one_class: int | None,
) -> Classifier:
    """A support vector machine."""
    modes = {
        "C_SVC": _PROBABLE,
        "NU_SVC": _PROBABLE,
        "ONE_CLASS": (CLASSIFICATION,),
        "EPSILON_SVR": (REGRESSION,),
        "NU_SVR": (REGRESSION,),
    }
    one_of("decisionProcedure", decision_procedure, ("Voting", "Margin"))
    one_of("svmType", svm_type, tuple(modes))
    one_of("kernelType", kernel_type, ("LINEAR", "POLY", "RBF", "SIGMOID"))
    if one_class not in (None, 0, 1):
        raise invalid(f"'oneClass' must be 0 or 1, got {one_class}.")
    options = {
        "decisionProcedure": decision_procedure,
        "svmType": svm_type,
        "kernelType": kernel_type,
        "shrinking": shrinking,
        "degree": degree,
        "gamma": gamma,
        "coef0": coef0,
        "cost": cost,
        "nu": nu,
        "terminationEpsilon": termination_epsilon,
        "lossEpsilon": loss_epsilon,
        "oneClass": one_class,
    }
    return _made("libsvm", estimators.support_vectors, modes[svm_type], options)


@function("Classifier.minimumDistance")
def minimum_distance(metric: str, k_nearest: int) -> Classifier:
    """The class whose mean is nearest."""
    one_of("metric", metric, spectral_classes.METRICS)
    at_least("kNearest", k_nearest, 1)
    modes = (CLASSIFICATION, REGRESSION, RAW)
    options = {"metric": metric, "kNearest": k_nearest}
    fit = spectral_classes.minimum_distance
    return _made("minimumDistance", fit, modes, options, several=k_nearest > 1)


@function("Classifier.spectralRegion")
def spectral_region(coordinates: list[list[float]], schema: list[str] | None) -> Classifier:
    """Whether two inputs lie within a polygon."""
    names = schema or ["u", "v"]
    if len(names) != 2:
        raise invalid(f"'schema' must name two inputs, got {names}.")
    region = spectral_classes.SpectralRegion(coordinates)
    return _ready("spectralRegion", region, (CLASSIFICATION,), names, coordinates=coordinates, schema=names)


@function("Classifier.amnhMaxent", ignores=("randomTestPoints", "seed"))
def amnh_maxent(
    categorical_names: list[str] | None,
    output_format: str,
    auto_feature: bool,
    linear: bool,
    quadratic: bool,
    product: bool,
    threshold: bool,
    hinge: bool,
    hinge_threshold: int,
    l2lq_threshold: int,
    lq2lqpt_threshold: int,
    add_samples_to_background: bool,
    add_all_samples_to_background: bool,
    beta_multiplier: float,
    beta_hinge: float,
    beta_lqp: float,
    beta_categorical: float,
    beta_threshold: float,
    extrapolate: bool,
    do_clamp: bool,
    write_clamp_grid: bool,
) -> Classifier:
    """A model of maximum entropy of where a species lives."""
    one_of("outputFormat", output_format, maxent.OUTPUTS)
    at_least("betaMultiplier", beta_multiplier, 0)
    options = {
        "categoricalNames": categorical_names,
        "outputFormat": output_format,
        "autoFeature": auto_feature,
        "linear": linear,
        "quadratic": quadratic,
        "product": product,
        "threshold": threshold,
        "hinge": hinge,
        "hingeThreshold": hinge_threshold,
        "l2lqThreshold": l2lq_threshold,
        "lq2lqptThreshold": lq2lqpt_threshold,
        "addSamplesToBackground": add_samples_to_background,
        "addAllSamplesToBackground": add_all_samples_to_background,
        "betaMultiplier": beta_multiplier,
        "betaHinge": beta_hinge,
        "betaLqp": beta_lqp,
        "betaCategorical": beta_categorical,
        "betaThreshold": beta_threshold,
        "extrapolate": extrapolate,
        "doClamp": do_clamp,
        "writeClampGrid": write_clamp_grid,
    }
    outputs = ("probability", "clamp") if write_clamp_grid else ("probability",)
    made = _made("amnhMaxent", maxent.maxent, (CLASSIFICATION, PROBABILITY), options)
    return replace(made, outputs=outputs)


@function("Classifier.decisionTree")
def decision_tree(tree_string: str) -> Classifier:
    """A tree that was grown elsewhere."""
    trees = decision_trees.parse([tree_string])
    return _ready("decisionTree", trees, MODES, trees.names, treeString=tree_string)


@function("Classifier.decisionTreeEnsemble")
def decision_tree_ensemble(tree_strings: list[str]) -> Classifier:
    """Trees that were grown elsewhere."""
    trees = decision_trees.parse(tree_strings)
    return _ready("decisionTreeEnsemble", trees, MODES, trees.names, treeStrings=tree_strings)
