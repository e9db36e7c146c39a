"""The classifiers that learn, by scikit-learn, which is imported when the first of them does.

Google's are Smile, libsvm and its own; the arguments mean the same, the random numbers differ.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.learning.decision_trees import render, winning
from earthline_sandbox.earthengine.learning.learners import (
    CLASSIFICATION,
    MULTIPROBABILITY,
    RAW,
    RAW_REGRESSION,
    REGRESSION,
    Fitted,
)
from earthline_sandbox.earthengine.learning.samples import Samples
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.errors import invalid

Options = Mapping[str, Any]

# A tree keeps a node per sample at worst; beyond this, a forest would take gigabytes.
_MOST_TREE_SAMPLES = 20_000_000
_NODE_BYTES = 80
# scikit-learn's parallel helper swaps the warning filters of the process for each of its tasks; two threads that did so
# at once would leave them swapped.
_ALONE = threading.RLock()


class Estimator:
    """A fitted estimator of scikit-learn (`learners.Fitted`)."""

    def __init__(self, model: Any, cost: int) -> None:
        """Wraps it; `cost` is in bytes."""
        self.model = model
        self.cost = cost

    def usable(self, inputs: Array) -> Array:
        """All rows can be predicted."""
        return np.ones(len(inputs), dtype=bool)

    def predict(self, inputs: Array, mode: str) -> Array:
        """See `learners.Fitted`."""
        if mode in (CLASSIFICATION, REGRESSION):
            return np.asarray(self.model.predict(inputs))
        shares = np.asarray(self.model.predict_proba(inputs))
        return shares if mode == MULTIPROBABILITY else winning(shares)

    def explain(self, samples: Samples) -> dict[str, Any]:
        """What there is to say of it."""
        return {"classes": self.model.classes_.tolist()} if hasattr(self.model, "classes_") else {}


class TreeModel(Estimator):
    """One decision tree."""

    def explain(self, samples: Samples) -> dict[str, Any]:
        """Importance of each input, and the tree as text."""
        text = render(self.model.tree_, samples.names, _values(self.model, getattr(self.model, "classes_", None)))
        return {**super().explain(samples), "importance": _importance([self.model], samples), "tree": text}


class Forest(Estimator):
    """Many trees, each grown on a random part of the samples."""

    def predict(self, inputs: Array, mode: str) -> Array:
        """See `learners.Fitted`; RAW gives every tree's vote.

        Trees are asked one by one, as the forest itself would: its helper for threads is not for many at once.
        """
        trees, rows = self.model.estimators_, np.ascontiguousarray(inputs, dtype="float32")
        if mode == RAW:
            votes = [tree.predict(rows, check_input=False).astype(np.intp) for tree in trees]
            return np.stack([self.model.classes_[vote] for vote in votes], axis=1)
        if mode == RAW_REGRESSION:
            return np.stack([tree.predict(rows, check_input=False) for tree in trees], axis=1)
        total: Array = np.zeros(())
        for tree in trees:
            total = total + (tree.predict if mode == REGRESSION else tree.predict_proba)(rows, check_input=False)
        total = total / len(trees)
        if mode in (REGRESSION, MULTIPROBABILITY):
            return total
        return np.asarray(self.model.classes_[total.argmax(axis=1)]) if mode == CLASSIFICATION else winning(total)

    def explain(self, samples: Samples) -> dict[str, Any]:
        """Importance of each input, the error on samples that a tree has not seen, and the trees as text."""
        classes = getattr(self.model, "classes_", None)
        trees = [render(tree.tree_, samples.names, _values(tree, classes)) for tree in self.model.estimators_]
        return {
            **super().explain(samples),
            "importance": _importance(self.model.estimators_, samples),
            "outOfBagErrorEstimate": self._out_of_bag(samples),
            "trees": trees,
        }

    def _out_of_bag(self, samples: Samples) -> float | None:
        """Share of wrong classes, or root of the mean squared error, by the trees that did not see a sample."""
        assert samples.labels is not None
        classes = getattr(self.model, "classes_", None)
        total = np.zeros((len(samples.inputs), 1 if classes is None else len(classes)))
        count = np.zeros(len(samples.inputs))
        for tree, seen in zip(self.model.estimators_, self.model.estimators_samples_, strict=True):
            unseen = np.ones(len(count), dtype=bool)
            unseen[seen] = False
            if unseen.any():
                inputs = samples.inputs[unseen]
                total[unseen] += tree.predict(inputs)[:, None] if classes is None else tree.predict_proba(inputs)
                count[unseen] += 1
        judged = count > 0
        if not judged.any():
            return None
        if classes is None:
            errors = total[judged, 0] / count[judged] - samples.labels[judged]
            return float(np.sqrt(np.mean(errors**2)))
        return float(np.mean(classes[total[judged].argmax(axis=1)] != samples.labels[judged]))


class Boosted(Estimator):
    """Trees that each correct those before."""

    def explain(self, samples: Samples) -> dict[str, Any]:
        """Importance of each input."""
        importance = dict(zip(samples.names, self.model.feature_importances_.tolist(), strict=True))
        return {**super().explain(samples), "importance": importance}


class Neighbors(Estimator):
    """The nearest samples."""

    def predict(self, inputs: Array, mode: str) -> Array:
        """See `learners.Fitted`."""
        with _ALONE:
            return super().predict(inputs, mode)


class Counts(Estimator):
    """Naive Bayes over counts, which has no answer for negative ones."""

    def usable(self, inputs: Array) -> Array:
        """Rows without a negative number."""
        return np.asarray((inputs >= 0).all(axis=1))


class SupportVectors(Estimator):
    """A support vector machine, whose probabilities are fitted when somebody asks for them."""

    def __init__(self, model: Any, cost: int, samples: Samples) -> None:
        """Keeps the samples for the second fit."""
        super().__init__(model, cost)
        self._samples = samples
        self._calibrated: Any = None
        self._lock = threading.Lock()

    def predict(self, inputs: Array, mode: str) -> Array:
        """See `learners.Fitted`; probabilities are Platt's, as libsvm's are."""
        if mode in (CLASSIFICATION, REGRESSION):
            return super().predict(inputs, mode)
        with self._lock:
            if self._calibrated is None:
                self._calibrated = self._fit()
        shares = np.asarray(self._calibrated.predict_proba(inputs))
        return shares if mode == MULTIPROBABILITY else winning(shares)

    def _fit(self) -> Any:
        from sklearn.base import clone
        from sklearn.calibration import CalibratedClassifierCV

        assert self._samples.labels is not None
        least = int(np.unique(self._samples.labels, return_counts=True)[1].min())
        if least < 2:
            raise invalid("Probabilities of a support vector machine need two samples of every class.")
        folds = CalibratedClassifierCV(clone(self.model), cv=min(5, least), ensemble=False)
        with _ALONE:
            return folds.fit(self._samples.inputs, self._samples.labels.astype(np.int64))


class OneClass(Estimator):
    """A support vector machine that tells what is like its samples: class `inside`, and the other of 0 and 1."""

    def __init__(self, model: Any, cost: int, inside: int) -> None:
        """Takes the class of its samples."""
        super().__init__(model, cost)
        self._inside = inside

    def predict(self, inputs: Array, mode: str) -> Array:
        """See `learners.Fitted`."""
        return np.where(self.model.predict(inputs) > 0, self._inside, 1 - self._inside)


def classes_of(samples: Samples) -> Array:
    """The labels as whole numbers.

    Raises:
        ApiError: INVALID_ARGUMENT where they are not, or are all the same.
    """
    assert samples.labels is not None
    if not np.array_equal(samples.labels, np.trunc(samples.labels)):
        raise invalid("Classes must be whole numbers; use setOutputMode('REGRESSION') to learn a continuous property.")
    if np.abs(samples.labels).max() >= 2**31:
        raise invalid("Classes must be whole numbers of 32 bits.")
    found = samples.labels.astype(np.int64)
    if (found == found[0]).all():
        raise invalid("Only one class.")
    return found


def _fitted(model: Any, samples: Samples, variant: str) -> Any:
    labels = samples.labels if variant == REGRESSION else classes_of(samples)
    with _ALONE:
        return model.fit(samples.inputs, labels)


def _values(model: Any, classes: Array | None) -> Array:
    """The answer of every node of a tree."""
    found = model.tree_.value[:, 0]
    return np.asarray(found[:, 0] if classes is None else classes[found.argmax(axis=1)])


def _importance(trees: Any, samples: Samples) -> dict[str, float]:
    """How much the splits by each input lower the impurity, in all trees together, weighted by their samples."""
    total = np.zeros(len(samples.names))
    for model in trees:
        weight = model.tree_.weighted_n_node_samples[0]
        total += model.tree_.compute_feature_importances(normalize=False) * weight
    return dict(zip(samples.names, total.tolist(), strict=True))


def _grown(count: int, samples: Samples) -> None:
    if count * len(samples.inputs) > _MOST_TREE_SAMPLES:
        raise invalid(
            f"User memory limit exceeded. {count} trees of {len(samples.inputs)} samples are more than the sandbox "
            f"grows ({_MOST_TREE_SAMPLES} in all); use fewer trees, or fewer samples."
        )


def _nodes(trees: Any) -> int:
    return sum(tree.tree_.node_count * (_NODE_BYTES + 8 * tree.tree_.value.shape[2]) for tree in trees)


def _limits(options: Options) -> dict[str, Any]:
    return {"max_leaf_nodes": options["maxNodes"], "min_samples_leaf": options.get("minLeafPopulation", 1)}


def random_forest(options: Options, samples: Samples, variant: str) -> Fitted:
    """`Classifier.smileRandomForest`."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    _grown(options["numberOfTrees"], samples)
    make: Callable[..., Any] = RandomForestRegressor if variant == REGRESSION else RandomForestClassifier
    per_split, share = options["variablesPerSplit"], options["bagFraction"]
    model = make(
        options["numberOfTrees"],
        max_features=min(per_split, len(samples.names)) if per_split else "sqrt",
        max_samples=share if share < 1 else None,
        random_state=options["seed"] % 2**32,
        **_limits(options),
    )
    _fitted(model, samples, variant)
    return Forest(model, _nodes(model.estimators_))


def cart(options: Options, samples: Samples, variant: str) -> Fitted:
    """`Classifier.smileCart`."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    make: Callable[..., Any] = DecisionTreeRegressor if variant == REGRESSION else DecisionTreeClassifier
    model = _fitted(make(random_state=0, **_limits(options)), samples, variant)
    return TreeModel(model, _nodes([model]))


#: Loss functions by Earth Engine's name.
LOSSES = {"LeastSquares": "squared_error", "LeastAbsoluteDeviation": "absolute_error", "Huber": "huber"}


def gradient_tree_boost(options: Options, samples: Samples, variant: str) -> Fitted:
    """`Classifier.smileGradientTreeBoost`."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    _grown(options["numberOfTrees"], samples)
    common = {
        "n_estimators": options["numberOfTrees"],
        "learning_rate": options["shrinkage"],
        "subsample": options["samplingRate"],
        # scikit-learn would stop at depth 3; Earth Engine's only limit is the number of leaves.
        "max_depth": None,
        "max_leaf_nodes": options["maxNodes"],
        "random_state": options["seed"] % 2**32,
    }
    if variant == REGRESSION:
        model = GradientBoostingRegressor(loss=LOSSES[options["loss"]], **common)
    else:
        model = GradientBoostingClassifier(**common)
    _fitted(model, samples, variant)
    return Boosted(model, _nodes(model.estimators_.ravel()))


def nearest_neighbors(options: Options, samples: Samples, variant: str) -> Fitted:
    """`Classifier.smileKNN`."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    method, metric, extra = options["searchMethod"], options["metric"].lower(), None
    if method == "AUTO":
        method = "KD_TREE" if len(samples.names) < 10 else "COVER_TREE"
    if method == "KD_TREE":
        # Earth Engine says so: a k-d tree does not use the metric.
        metric = "euclidean"
    if metric == "mahalanobis":
        method, extra = "LINEAR_SEARCH", {"VI": np.linalg.pinv(np.atleast_2d(np.cov(samples.inputs.T)))}
    make: Callable[..., Any] = KNeighborsRegressor if variant == REGRESSION else KNeighborsClassifier
    model = make(
        min(options["k"], len(samples.inputs)),
        algorithm={"KD_TREE": "kd_tree", "COVER_TREE": "ball_tree", "LINEAR_SEARCH": "brute"}[method],
        metric=metric,
        metric_params=extra,
    )
    return Neighbors(_fitted(model, samples, variant), 3 * samples.inputs.nbytes)


def naive_bayes(options: Options, samples: Samples, variant: str) -> Fitted:
    """`Classifier.smileNaiveBayes`: multinomial, on samples without negative numbers."""
    from sklearn.naive_bayes import MultinomialNB

    assert samples.labels is not None
    kept = (samples.inputs >= 0).all(axis=1)
    if not kept.any():
        raise invalid("Every training sample has a negative number; naive Bayes takes counts.")
    rest = Samples(samples.names, samples.inputs[kept], samples.labels[kept])
    return Counts(_fitted(MultinomialNB(alpha=options["lambda"]), rest, variant), 10_000)


def support_vectors(options: Options, samples: Samples, variant: str) -> Fitted:
    """`Classifier.libsvm`, which is the library behind scikit-learn's as well."""
    from sklearn import svm

    def given(name: str, default: Any) -> Any:
        return default if options[name] is None else options[name]

    common = {
        "kernel": options["kernelType"].lower(),
        "degree": given("degree", 3),
        "gamma": given("gamma", "auto"),
        "coef0": given("coef0", 0.0),
        "tol": given("terminationEpsilon", 0.001),
        "shrinking": options["shrinking"],
    }
    kind, cost = options["svmType"], 2 * samples.inputs.nbytes
    if kind == "ONE_CLASS":
        assert samples.labels is not None
        inside = given("oneClass", 0)
        chosen = samples.inputs[samples.labels == inside]
        if not len(chosen):
            raise invalid(f"There are no training samples of class {inside}, which 'oneClass' names.")
        with _ALONE:
            return OneClass(svm.OneClassSVM(nu=given("nu", 0.5), **common).fit(chosen), cost, inside)
    if kind == "EPSILON_SVR":
        model = svm.SVR(C=given("cost", 1.0), epsilon=given("lossEpsilon", 0.1), **common)
    elif kind == "NU_SVR":
        model = svm.NuSVR(C=given("cost", 1.0), nu=given("nu", 0.5), **common)
    else:
        # Pairs of classes vote; their margins decide between classes of as many votes where asked for.
        margin = options["decisionProcedure"] == "Margin"
        common |= {"decision_function_shape": "ovr", "break_ties": margin}
        if kind == "C_SVC":
            model = svm.SVC(C=given("cost", 1.0), **common)
        else:
            model = svm.NuSVC(nu=given("nu", 0.5), **common)
    return SupportVectors(_fitted(model, samples, variant), cost, samples)
