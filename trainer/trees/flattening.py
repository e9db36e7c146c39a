"""Trees that scikit-learn has learned, as arrays that give what its own prediction gives."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.layers.small_trees import MOST_LEAVES, SmallTrees
from trainer.layers.tree_ensemble import FlatTrees, TreeEnsemble
from trainer.layers.tree_sum import Link
from trainer.models.parts.quantiles import Quantiles

Array = np.ndarray[Any, Any]


def layer(estimator: Any, name: str, classes: int | None = None) -> SmallTrees | TreeEnsemble:
    """A trained estimator as a layer.

    Args:
        estimator: A random forest or histogram-based boosting of scikit-learn, trained on float32 features; for classes
            or for one number. Or several of these for quantiles.
        name: Keras' name of the layer.
        classes: Number of classes, where it learned class ids; it may have seen fewer.

    Returns:
        Gives float32 (..., classes) probabilities, (..., 1) numbers, or (..., quantiles).

    Raises:
        TypeError: An estimator of another kind, or one that learned from categories or links otherwise.
    """
    if hasattr(estimator, "estimators_") and hasattr(estimator, "n_features_in_"):
        return _fastest(forest(estimator, classes), "identity", name, estimator)
    if isinstance(estimator, Quantiles):
        return _fastest(side_by_side([boosted(part) for part in estimator.parts]), "identity", name, estimator)
    if hasattr(estimator, "_predictors"):
        link: Link = "identity" if classes is None else "softmax"
        return _fastest(boosted(estimator, classes), link, name, estimator)
    raise TypeError(f"{type(estimator).__name__} has no trees that are known here; use a random forest or boosting")


def shortened(estimator: Any) -> Any:
    """Boosting without the rounds after the one that did best on its validation pixels; else as it was.

    scikit-learn stops when nothing got better for some rounds, and keeps these.

    Args:
        estimator: As `layer` takes it; it is changed.
    """
    if isinstance(estimator, Quantiles):
        return Quantiles(tuple(shortened(part) for part in estimator.parts))
    scores = getattr(estimator, "validation_score_", ())
    if len(scores):
        # The first score is that of no round.
        best = max(1, int(np.argmax(scores)))
        estimator._predictors = estimator._predictors[:best]
    return estimator


def told(estimator: Any) -> str:
    """How many trees it has and how large they are, for people.

    Args:
        estimator: As `layer` takes it.
    """
    leaves = _leaves(estimator)
    return f"{len(leaves)} trees with {sum(leaves):,} leaves"


def _leaves(estimator: Any) -> list[int]:
    """Number of leaves of each tree."""
    if isinstance(estimator, Quantiles):
        return [leaves for part in estimator.parts for leaves in _leaves(part)]
    if hasattr(estimator, "estimators_"):
        return [int(each.tree_.n_leaves) for each in estimator.estimators_]
    return [int(each.nodes["is_leaf"].sum()) for round_ in estimator._predictors for each in round_]


def _fastest(trees: FlatTrees, link: Link, name: str, estimator: Any) -> SmallTrees | TreeEnsemble:
    if max(_leaves(estimator)) <= MOST_LEAVES:
        return SmallTrees.of(trees, link, name=name)
    return TreeEnsemble.of(trees, link, name=name)


def forest(estimator: Any, classes: int | None = None) -> FlatTrees:
    """A random forest, whose trees' answers are averaged.

    Args:
        estimator: As `layer` takes it.
        classes: Likewise.
    """
    trees = [each.tree_ for each in estimator.estimators_]
    parts = []
    for tree in trees:
        value = tree.value[:, 0, :] / len(trees)
        if classes is not None:
            value = spread(value, estimator.classes_, classes)
        low, high = tree.children_left, tree.children_right
        parts.append((tree.feature, tree.threshold, low, high, low < 0, value))
    return _joined(parts, np.zeros(parts[0][-1].shape[1]))


def boosted(estimator: Any, classes: int | None = None) -> FlatTrees:
    """Histogram-based boosting, whose trees' answers are added up.

    Its trees lie in private attributes of scikit-learn, which names no public way to them. Whoever calls this compares
    the answers.

    Args:
        estimator: As `layer` takes it.
        classes: Likewise; outputs are what softmax is taken of.

    Raises:
        TypeError: It learned from categories, or with another link.
    """
    link = type(estimator._loss.link).__name__
    if link not in ("IdentityLink", "LogitLink", "MultinomialLogit"):
        raise TypeError(f"boosting with {link} is not known here")
    rounds = estimator._predictors
    base = np.ravel(estimator._baseline_prediction).astype(np.float64)
    found = None if classes is None else estimator.classes_
    parts = []
    for round_ in rounds:
        for place, predictor in enumerate(round_):
            nodes = predictor.nodes
            if nodes["is_categorical"].any():
                raise TypeError("boosting on categories is not known here")
            value = nodes["value"][:, np.newaxis]
            if found is not None:
                # One number is the logit of the second of two classes.
                column = found[-1] if len(round_) == 1 else found[place]
                value = spread(value, [column], classes or 0)
            low, high = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
            leaf = nodes["is_leaf"].astype(bool)
            parts.append((nodes["feature_idx"].astype(np.int64), nodes["num_threshold"], low, high, leaf, value))
    if found is not None:
        columns = found[-1:] if len(base) == 1 else found
        # A class that was never seen has probability 0.
        base = np.where(np.isin(np.arange(classes or 0), found), spread(base, columns, classes or 0), -np.inf)
    return _joined(parts, base)


def side_by_side(parts: Sequence[FlatTrees]) -> FlatTrees:
    """Trees for one number each as trees for several numbers.

    Args:
        parts: For the first number, the second, and so on.
    """
    nodes, leaves, roots = [], [], []
    inner_before = leaves_before = 0
    for column, part in enumerate(parts):
        # Children that are leaves are counted down from -1, inner nodes up from 0.
        moved = part.nodes.copy()
        for child in (2, 3):
            moved[:, child] += np.where(moved[:, child] < 0, -leaves_before, inner_before).astype(np.int32)
        nodes.append(moved)
        leaves.append(spread(part.leaves, [column], len(parts)))
        roots.append(part.roots + np.where(part.roots < 0, -leaves_before, inner_before).astype(np.int32))
        inner_before, leaves_before = inner_before + len(part.nodes), leaves_before + len(part.leaves)
    base = np.concatenate([part.base for part in parts])
    return FlatTrees(
        np.concatenate(nodes),
        np.concatenate(leaves).astype(np.float32),
        np.concatenate(roots).astype(np.int32),
        base.astype(np.float32),
    )


def spread(values: Array, columns: Sequence[int] | Array, count: int) -> Array:
    """Values of some classes among those of all.

    Args:
        values: (..., columns).
        columns: Class id of each.
        count: Number of all classes.

    Returns:
        (..., count), 0 where there is no column.
    """
    found = np.zeros((*values.shape[:-1], count))
    found[..., np.asarray(columns, np.int64)] = values
    return found


def _joined(parts: Sequence[tuple[Array, Array, Array, Array, Array, Array]], base: Array) -> FlatTrees:
    """All trees together; of each: feature, threshold, low and high child, whether a leaf, and value, by node."""
    nodes, leaves, roots = [], [], []
    inner_before = leaves_before = 0
    for feature, threshold, low, high, is_leaf, value in parts:
        inner = ~is_leaf
        number = np.where(is_leaf, -(leaves_before + np.cumsum(is_leaf)), inner_before + np.cumsum(inner) - 1)
        nodes.append(
            np.stack(
                [
                    feature[inner].astype(np.int32),
                    at_most(threshold[inner]).view(np.int32),
                    number[low[inner]].astype(np.int32),
                    number[high[inner]].astype(np.int32),
                ],
                axis=1,
            )
        )
        leaves.append(value[is_leaf].astype(np.float32))
        roots.append(number[0])
        inner_before, leaves_before = inner_before + int(inner.sum()), leaves_before + int(is_leaf.sum())
    return FlatTrees(np.concatenate(nodes), np.concatenate(leaves), np.array(roots, np.int32), base.astype(np.float32))


def at_most(threshold: Array) -> Array:
    """The largest float32 at or below each float64: a float32 lies at or below both or neither.

    Args:
        threshold: float64, any shape.
    """
    found = threshold.astype(np.float32)
    below = np.nextafter(found, np.float32(-np.inf))
    return np.where(found.astype(np.float64) > threshold, below, found).astype(np.float32)
