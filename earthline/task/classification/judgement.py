"""How a classifier is judged: overall accuracy decides; macro-F1, mean IoU and the confusion matrix tell more."""

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
    gate_metric: ClassVar[str] = accuracy.OVERALL

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
        """Pixels that are right, and all pixels."""
        return np.stack([np.trace(tally, axis1=1, axis2=2), tally.sum(axis=(1, 2))], axis=-1)

    def gate_figure(self, sums: Array) -> Array:
        """The share that is right."""
        return np.asarray(sums[..., 0] / sums[..., 1])

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
