"""The judge's side of a task: which metrics count, what they mean, and what is shown beside them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earthline.formats.evaluations import Evaluation, Interval, Measure, Scores

if TYPE_CHECKING:  # statistics take a second to load, and the config's schema needs none
    from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]


class JudgementSide(ABC):
    """What a task knows of metrics.

    Everything rests on a tally: what each block of ground adds to all metrics, so that blocks can be resampled.
    """

    measures: ClassVar[Mapping[str, Measure]]
    """What each metric means, by its name; the most important first."""
    gate_metric: ClassVar[str]
    """Name of the metric that a model must be better in to be deployed."""

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
        """What each block adds to the metric of the gate, (blocks, sums): a few numbers that can be added up.

        Args:
            tally: As `tally` gives it.
        """

    @abstractmethod
    def gate_figure(self, sums: Array) -> Array:
        """The metric of the gate, (...).

        Args:
            sums: What `gate_sums` gives, added up over blocks, (..., sums).
        """

    def gate_value(self, tally: Array) -> float:
        """The metric of the gate over all blocks."""
        return float(self.gate_figure(self.gate_sums(tally).sum(axis=0)))

    def gain(self, sums: Array, other: Array) -> Array:
        """How much better one is than another in the metric of the gate, (...); below 0 it is worse.

        Args:
            sums: As `gate_figure` takes them.
            other: The other's.
        """
        sign = 1 if self.measures[self.gate_metric].larger_is_better else -1
        # A gain of exactly what is asked for must not pass because of the last digit of a difference.
        return np.round(sign * (self.gate_figure(sums) - self.gate_figure(other)), 12)

    def test_details(self, tally: Array) -> dict[str, Any]:
        """What a reader must know of the test labels, as plain values.

        Args:
            tally: As `tally` gives it.
        """
        return {}

    @abstractmethod
    def estimator(self, trees: int, seed: int) -> Any:
        """A random forest of scikit-learn for this task, not trained yet.

        Args:
            trees: Number of trees.
            seed: Its seed.
        """

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

    def shown(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """What the macro `judged` of the task's template shows.

        Raises:
            ValueError: The details are not those of this task.
        """
        return {}


def with_interval(value: float | None, interval: Interval | None) -> str:
    """A number of a table, with its interval where there is one."""
    return number(value) if interval is None else f"{number(value)} [{interval.low:.3f}, {interval.high:.3f}]"


def number(value: float | None) -> str:
    """A number of a table."""
    return "-" if value is None else f"{value:.3f}"
