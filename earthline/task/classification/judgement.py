"""How a classifier is judged: macro-F1 decides unless the config says otherwise; more is told of every class."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earthline.formats.evaluations import Evaluation, Measure, Scores
from earthline.task.classification import accuracy
from earthline.task.classification.accuracy import ClassDetails
from earthline.task.classification.classes import UNLABELLED, Classes
from earthline.task.judgement import JudgementSide, number, with_interval

if TYPE_CHECKING:
    from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]

CONFUSION = "confusion.png"


class ClassJudgementSide(Classes, JudgementSide):
    """What classification knows of metrics."""

    measures: ClassVar[Mapping[str, Measure]] = {
        accuracy.OVERALL: Measure(title="overall accuracy", short="accuracy", share=True),
        accuracy.MACRO_F1: Measure(title="macro-F1", short="macro-F1", share=True),
        accuracy.MEAN_IOU: Measure(title="mean IoU", short="mean IoU", share=True),
    }
    # Of unbalanced classes overall accuracy tells next to nothing about the rare ones.
    gate_metric: ClassVar[str] = accuracy.MACRO_F1
    part_title: ClassVar[str] = "F1"
    simplest: ClassVar[tuple[str, str]] = ("majority", "the most frequent class of the training pixels everywhere")

    def tally(self, labels: Array, predicted: Array, blocks: Array) -> Array:
        """Confusion matrices, (blocks, classes, classes)."""
        nothing = int((predicted == UNLABELLED).sum())
        if nothing:
            raise ValueError(
                f"the model gives no finite number for {nothing:,} of {len(predicted):,} test pixels; lower "
                "train.learning_rate and train it again"
            )
        return accuracy.confusion(labels, predicted, blocks, len(self.names))

    def scores(self, tally: Array, bootstrap: "Bootstrap") -> Scores:
        """Overall accuracy, macro-F1, mean IoU, and those of each class."""
        return accuracy.accuracy(tally, self.names, bootstrap)

    def gate_sums(self, tally: Array) -> Array:
        """By class, one after the other: pixels that are right, that have the label, and that are mapped as it."""
        return np.concatenate(accuracy.margins(tally), axis=-1)

    def gate_figure(self, sums: Array, metric: str) -> Array:
        """Overall accuracy, macro-F1 or mean IoU."""
        right, labelled, mapped = np.split(sums, 3, axis=-1)
        return accuracy.summary(right, labelled, mapped)[metric]

    def parts(self, scores: Scores) -> Mapping[str, float | None]:
        """F1 by class."""
        return {each.name: each.f1 for each in ClassDetails.of(scores).classes}

    def test_details(self, tally: Array) -> dict[str, Any]:
        """Which classes have test labels: means are over these, in every column; and which have none."""
        labelled = tally.sum(axis=(0, 2)) > 0
        return {
            "classes": [name for name, there in zip(self.names, labelled, strict=True) if there],
            "absent": [name for name, there in zip(self.names, labelled, strict=True) if not there],
        }

    def estimator(self, trees: int, seed: int) -> Any:
        """A forest of classification trees."""
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(
            n_estimators=trees, min_samples_leaf=3, max_features="sqrt", n_jobs=-1, random_state=seed
        )

    def boosting(self, seed: int) -> Any:
        """Histogram-based boosting."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        # A fixed number of rounds: to stop early it would have to judge by neighbours of the pixels it learns from.
        return HistGradientBoostingClassifier(
            max_iter=100,
            learning_rate=0.1,
            max_leaf_nodes=31,
            min_samples_leaf=20,
            early_stopping=False,
            random_state=seed,
        )

    def constant(self) -> Any:
        """The most frequent class."""
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="most_frequent")

    def table_lines(self, evaluation: Evaluation) -> list[str]:
        """Classes without test labels, and the accuracy of each class."""
        absent = evaluation.test.details["absent"]
        lines = [f"without test labels, in no mean: {', '.join(absent)}"] if absent else []
        lines.append(f"{'class':<16} {'pixels':>8} {'blocks':>6} precision recall F1")
        for mine in ClassDetails.of(evaluation.model).classes:
            lines.append(
                f"{mine.name:<16} {mine.pixels:>8} {mine.blocks:>6} {number(mine.precision):>9} "
                f"{number(mine.recall):>6} {with_interval(mine.f1, mine.f1_interval)}"
            )
        return lines

    def draw(self, evaluation: Evaluation, folder: Path) -> tuple[str, ...]:
        """The confusion matrix."""
        from earthline.task.classification import figures  # loads matplotlib

        overall = evaluation.model.metrics[accuracy.OVERALL].value
        figures.confusion(ClassDetails.of(evaluation.model), overall, folder / CONFUSION)
        return (CONFUSION,)

    def log(self, scores: Scores, artifact: Any) -> bool:
        """The confusion matrix."""
        details = ClassDetails.of(scores)
        artifact.log_confusion_matrix([each.name for each in details.classes], [list(row) for row in details.confusion])
        return True

    def shown(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """Accuracy by class, also of the baselines, and the confusion matrix."""
        model = ClassDetails.of(evaluation.model)
        return {
            "classes": model.classes,
            "confusion": model.confusion,
            "baselines": [(each.name, ClassDetails.of(each.scores).classes) for each in evaluation.baselines],
            "labelled": evaluation.test.details["classes"],
            "absent": evaluation.test.details["absent"],
        }
