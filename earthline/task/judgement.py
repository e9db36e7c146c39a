"""The judge's side of a task: which metrics count, what they mean, and what is shown beside them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earthline.formats.evaluations import Evaluation, Interval, Measure, Scores

if TYPE_CHECKING:  # statistics take a second to load, and the config's schema needs none
    from earthline.accuracy.patch_sample import PatchSample
    from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]


class JudgementSide(ABC):
    """What a task knows of metrics.

    Everything rests on a tally: what each block of ground adds to all metrics, so that blocks can be resampled.
    """

    gate_metric: ClassVar[str]
    """Name of the metric that a model must be better in to be deployed, where the config names none."""
    part_title: ClassVar[str] = ""
    """What `parts` tells of each part; empty where a task has no parts."""
    simplest: ClassVar[tuple[str, str]]
    """Short name of what `constant` does, and a description."""

    @property
    @abstractmethod
    def measures(self) -> Mapping[str, Measure]:
        """What each metric means, by its name; the most important first."""

    @abstractmethod
    def tally(self, labels: Array, predicted: Array, blocks: Array) -> Array:
        """What each block adds to all metrics, (blocks, ...).

        Args:
            labels: Of the pixels that count, (pixels,).
            predicted: Map values, (pixels,).
            blocks: Number of each pixel's block, (pixels,); from 0, without gaps.

        Raises:
            ValueError: There is no pixel, or one without a prediction.
        """

    @abstractmethod
    def scores(self, tally: Array, bootstrap: "Bootstrap") -> Scores:
        """Every metric of `measures` with its interval, and the task's own details.

        Args:
            tally: As `tally` gives it.
            bootstrap: Of as many blocks.
        """

    @abstractmethod
    def gate_sums(self, tally: Array) -> Array:
        """What each block adds to the metrics of `measures`, (blocks, sums): a few numbers that can be added up.

        Args:
            tally: As `tally` gives it.
        """

    @abstractmethod
    def gate_figure(self, sums: Array, metric: str) -> Array:
        """A metric of `measures`, (...).

        Args:
            sums: What `gate_sums` gives, added up over blocks, (..., sums).
            metric: Its name.
        """

    def gate_value(self, tally: Array, metric: str) -> float:
        """A metric over all blocks."""
        return float(self.gate_figure(self.gate_sums(tally).sum(axis=0), metric))

    def gain(self, sums: Array, other: Array, metric: str) -> Array:
        """How much better one is than another in a metric, (...); below 0 it is worse.

        Of a relative measure it is a share of the other's value: 0.1 where an error is a tenth smaller.

        Args:
            sums: As `gate_figure` takes them.
            other: The other's.
            metric: Name of the metric.
        """
        measure = self.measures[metric]
        mine, theirs = self.gate_figure(sums, metric), self.gate_figure(other, metric)
        gained = (1 if measure.larger_is_better else -1) * (mine - theirs)
        if measure.relative:
            # Whoever errs where the other does not is as bad as can be.
            whole = np.where(theirs > 0, theirs, np.where(mine > 0, mine, 1.0))
            gained = gained / whole
        # A gain of exactly what is asked for must not pass because of the last digit of a difference.
        return np.round(gained, 12)

    def parts(self, scores: Scores) -> Mapping[str, float | None]:
        """How well a model does in each part for which the config may ask a least value, by name.

        Args:
            scores: Of the model.

        Returns:
            Shares of 1; None where nothing was there to judge by.
        """
        return {}

    def test_details(self, tally: Array) -> dict[str, Any]:
        """What a reader must know of the test labels, as plain values.

        Args:
            tally: As `tally` gives it.
        """
        return {}

    def further_details(
        self, labels: Array, outputs: Array, names: Sequence[str], blocks: Array, bootstrap: "Bootstrap"
    ) -> dict[str, Any]:
        """What a model's outputs after the entries are worth, as plain values beside those of `test_details`.

        Args:
            labels: Of the pixels that count, (pixels,).
            outputs: (pixels, names).
            names: Of these outputs, as the loss gave them; may be none.
            blocks: Number of each pixel's block, (pixels,); from 0, without gaps.
            bootstrap: Of as many blocks.
        """
        return {}

    def certainty(self, outputs: Array) -> Array | None:
        """Probability that a model gives the map's value, float32 (...); None where its outputs tell no such thing.

        Args:
            outputs: As `decoded` takes them.
        """
        return None

    def slices(self, label: Array) -> Mapping[str, Mapping[str, Array]]:
        """Parts of the ground in which models differ, by what divides it and the name of the part.

        Args:
            label: (patches, height, width).

        Returns:
            bool, of the same shape.
        """
        return {}

    def estimates(self, sample: "PatchSample", labels: Array, mapped: Array) -> dict[str, Any]:
        """What a model's map is worth on all ground, as plain values beside the details of `scores`.

        Args:
            sample: Of the test ground.
            labels: Of its pixels, (pixels,).
            mapped: Map values, (pixels,).
        """
        return {}

    @abstractmethod
    def estimator(self, trees: int, seed: int) -> Any:
        """A random forest of scikit-learn for this task, not trained yet.

        Args:
            trees: Number of trees.
            seed: Its seed.
        """

    @abstractmethod
    def boosting(self, pixels: int, seed: int) -> Any:
        """Gradient boosting of scikit-learn for this task, not trained yet.

        Args:
            pixels: Number of training pixels.
            seed: Its seed.
        """

    @abstractmethod
    def constant(self) -> Any:
        """An estimator of scikit-learn that gives the same everywhere: what is reached without a look at the image."""

    def table_lines(self, evaluation: Evaluation) -> list[str]:
        """Lines of the log below the table of metrics."""
        return []

    def draw(self, evaluation: Evaluation, folder: Path) -> tuple[str, ...]:
        """Draws the figures of the task into the evaluation's folder; gives their file names."""
        return ()

    def log(self, scores: Scores, artifact: Any) -> bool:
        """Logs into a `system.ClassificationMetrics` what Vertex AI's console draws of it.

        Args:
            scores: Of the model.
            artifact: KFP's.

        Returns:
            False where the task has nothing that fits.
        """
        return False

    def vertex_metrics(self, scores: Scores) -> tuple[str, dict[str, Any]] | None:
        """Metrics as Vertex AI's model registry takes them.

        Args:
            scores: Of the model.

        Returns:
            The address of Google's schema and metrics by its names; None where none of Google's schemas fits.
        """
        return None

    def shown(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """What the macro `judged` of the task's template shows.

        Raises:
            ValueError: The details are not those of this task.
        """
        return {}

    def corrected(self, mapped: Mapping[str, Any], evaluation: Evaluation) -> Mapping[str, Any]:
        """What the macro `mapped` shows besides, of a map whose errors are known.

        Args:
            mapped: As the coverage of the map gives it.
            evaluation: Of the model.
        """
        return {}

    def card_lines(self, evaluation: Evaluation, mapped: Mapping[str, Any]) -> list[str]:
        """What the card of a map says of the task's own accuracy, as lines of Markdown.

        Args:
            evaluation: Of the model.
            mapped: As the coverage of the map gives it, with what `corrected` gives.
        """
        return []


def with_interval(value: float | None, interval: Interval | None) -> str:
    """A number of a table, with its interval where there is one."""
    return number(value) if interval is None else f"{number(value)} [{interval.low:.3f}, {interval.high:.3f}]"


def number(value: float | None) -> str:
    """A number of a table."""
    return "-" if value is None else f"{value:.3f}"


L2 = 1.0
"""Penalty on the square of a leaf's answer in boosting, as in XGBoost."""


def smallest_leaf(pixels: int, most: int = 20) -> int:
    """Training pixels that a leaf of boosted trees holds at least: fewer than usual where there are only some dozens.

    With scikit-learn's 20, trees of 40 points can hardly split.

    Args:
        pixels: Number of training pixels.
        most: As many as there should be where there are enough.
    """
    return max(1, min(most, pixels // 20))


def boosting_options(pixels: int, seed: int) -> dict[str, Any]:
    """Options of scikit-learn's boosting over histograms, which are the same for every task.

    The number of rounds is fixed: to stop early it would have to judge by neighbours of the pixels it learns from.

    Args:
        pixels: Number of training pixels.
        seed: Its seed.
    """
    return {
        "max_iter": 100,
        "learning_rate": 0.1,
        "max_leaf_nodes": 31,
        "min_samples_leaf": smallest_leaf(pixels),
        # Without it a leaf on which the model is sure divides by nearly nothing, and with rare classes the loss of the
        # very pixels that it learns from grows from round to round.
        "l2_regularization": L2,
        "early_stopping": False,
        "random_state": seed,
    }
