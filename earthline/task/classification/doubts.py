"""Class labels that are likely wrong, by confident learning (Northcutt, Jiang and Chuang 2021)."""

from typing import Any

import numpy as np

from earthline.task.classification.classes import Classes
from earthline.task.doubts import DoubtSide

Array = np.ndarray[Any, Any]

LEAST_MARGIN = 0.5
"""Least difference of two probabilities that is a doubt: where classes look alike, smaller ones are everywhere."""


class ClassDoubtSide(Classes, DoubtSide):
    """What classification knows of doubtful labels."""

    def label_name(self, value: float) -> str:
        """The class's name."""
        return self.names[int(value)]

    def beliefs(self, forest: Any, features: Array) -> Array:
        """The probability of each class, (pixels, classes); 0 of one that the forest did not see."""
        found = np.zeros((len(features), len(self.names)))
        found[:, forest.classes_.astype(int)] = forest.predict_proba(features)
        return found

    def skill(self, labels: Array, beliefs: Array) -> float:
        """Mean recall of the classes that there are, beyond what guessing gives."""
        classes = beliefs.shape[1]
        counts = np.bincount(labels, minlength=classes)
        right = np.bincount(labels[beliefs.argmax(axis=1) == labels], minlength=classes)
        there = counts > 0
        guessed = 1 / there.sum()
        return float(((right[there] / counts[there]).mean() - guessed) / (1 - guessed)) if there.sum() > 1 else 0.0

    def doubts(self, labels: Array, beliefs: Array) -> tuple[Array, Array]:
        """How much likelier another class is, where the forest is sure of it.

        It is sure of a class where it gives it at least what it gives on average to pixels that have it as their label.
        So a class that looks much like another, of which it is never as sure, is not doubted for that.
        """
        classes, pixels = beliefs.shape[1], np.arange(len(labels))
        counts = np.bincount(labels, minlength=classes)
        mine = np.bincount(labels, weights=beliefs[pixels, labels], minlength=classes)
        # A class that no pixel has as its label cannot be what a pixel should have had.
        limits = np.where(counts > 0, mine / np.maximum(counts, 1), np.inf)
        sure = np.where(beliefs >= limits, beliefs, -1.0)
        likely = sure.argmax(axis=1)
        apart = beliefs[pixels, likely] - beliefs[pixels, labels]
        doubted = (sure[pixels, likely] >= 0) & (likely != labels) & (apart >= LEAST_MARGIN)
        return np.where(doubted, apart, 0.0), np.where(doubted, likely, labels).astype(labels.dtype)
