"""Classifiers that Google has removed: calls of them say so, and which one does the same."""

from typing import Any

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.learning.learners import Classifier
from earthline_sandbox.errors import ApiError, invalid


def _removed(successor: str | None) -> ApiError:
    advice = f" Use ee.Classifier.{successor}." if successor else ""
    return invalid(
        f"This classifier has been removed. For more information see: https://goo.gle/deprecated-classifiers.{advice}"
    )


@function("Classifier.cart")
def removed_cart(**arguments: Any) -> Classifier:
    """A decision tree."""
    raise _removed("smileCart")


@function("Classifier.randomForest")
def removed_random_forest(**arguments: Any) -> Classifier:
    """A random forest."""
    raise _removed("smileRandomForest")


@function("Classifier.naiveBayes", "Classifier.continuousNaiveBayes")
def removed_naive_bayes(**arguments: Any) -> Classifier:
    """Naive Bayes."""
    raise _removed("smileNaiveBayes")


@function("Classifier.gmoMaxEnt")
def removed_maxent(**arguments: Any) -> Classifier:
    """Maximum entropy."""
    raise _removed("amnhMaxent")


@function(
    "Classifier.svm",
    "Classifier.ikpamir",
    "Classifier.pegasos",
    "Classifier.pegasosGaussian",
    "Classifier.pegasosLinear",
    "Classifier.pegasosPolynomial",
)
def removed_support_vectors(**arguments: Any) -> Classifier:
    """Support vector machines, and kernels like theirs."""
    raise _removed("libsvm")


@function("Classifier.gmoLinearRegression", "Classifier.perceptron", "Classifier.winnow")
def removed_linear(**arguments: Any) -> Classifier:
    """Linear classifiers, which have no successor."""
    raise _removed(None)
