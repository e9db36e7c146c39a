"""How a classifier is judged: macro-F1 decides unless the config says otherwise; more is told of every class."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earthline.formats.evaluations import Evaluation, Measure, Scores
from earthline.task.classification import accuracy
from earthline.task.classification.accuracy import ClassDetails
from earthline.task.classification.areas import ground_areas
from earthline.task.classification.card import card_lines
from earthline.task.classification.classes import UNLABELLED, Classes
from earthline.task.classification.estimates import Estimate, MapAccuracy, estimated
from earthline.task.judgement import JudgementSide, boosting_options, number, with_interval

if TYPE_CHECKING:
    from earthline.accuracy.patch_sample import PatchSample
    from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]

CONFUSION = "confusion.png"
SCHEMA = "gs://google-cloud-aiplatform/schema/modelevaluation/classification_metrics_1.0.0.yaml"
"""Google's schema of such metrics."""
NEAR = 2
"""Pixels from a boundary within which a label may be of the next class: one pixel off, and one that is mixed."""


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

    def certainty(self, outputs: Array) -> Array:
        """The probability of the most probable class."""
        return np.asarray(np.nan_to_num(outputs[..., : len(self.names)]).max(axis=-1), np.float32)

    def slices(self, label: Array) -> Mapping[str, Mapping[str, Array]]:
        """Pixels near to another class, whose labels and images are mixed, and those inside of their class.

        Of a pixel with unlabelled ground around it, such as a point, nobody knows which of the two it is.
        """
        near = near_another(label)
        known = ~near & ~near_unlabelled(label)
        if not (near | known).any():
            return {}
        return {
            "distance to another class": {
                f"at most {NEAR} px": near,
                f"over {NEAR} px": known,
                f"not known: ground within {NEAR} px has no label": ~near & ~known,
            }
        }

    def estimates(self, sample: "PatchSample", labels: Array, mapped: Array) -> dict[str, Any]:
        """Overall, user's and producer's accuracy, and areas."""
        return {"estimated": estimated(sample, labels, mapped, self.names).model_dump(mode="json")}

    def estimator(self, trees: int, seed: int) -> Any:
        """A forest of classification trees."""
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(
            n_estimators=trees, min_samples_leaf=3, max_features="sqrt", n_jobs=-1, random_state=seed
        )

    def boosting(self, pixels: int, seed: int) -> Any:
        """Histogram-based boosting."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(**boosting_options(pixels, seed))

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
        return lines + _estimate_lines(ClassDetails.of(evaluation.model).estimated)

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

    def vertex_metrics(self, scores: Scores) -> tuple[str, dict[str, Any]]:
        """Accuracy, macro-F1 and the confusion matrix."""
        details = ClassDetails.of(scores)
        overall, macro = (scores.metrics[name].value for name in (accuracy.OVERALL, accuracy.MACRO_F1))
        # Of one class for each pixel, precision and recall over all pixels are both the share that is right.
        counted = {"precision": overall, "recall": overall, "f1Score": overall, "f1ScoreMicro": overall}
        return SCHEMA, {
            "confidenceMetrics": [{"confidenceThreshold": 0.0, **counted, "f1ScoreMacro": macro}],
            "confusionMatrix": {
                "annotationSpecs": [
                    {"id": str(class_id), "displayName": each.name} for class_id, each in enumerate(details.classes)
                ],
                "rows": [list(row) for row in details.confusion],
            },
        }

    def shown(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """Accuracy by class, also of the baselines, and the confusion matrix."""
        model = ClassDetails.of(evaluation.model)
        return {
            "classes": model.classes,
            "estimated": model.estimated,
            "confusion": model.confusion,
            "baselines": [(each.name, ClassDetails.of(each.scores).classes) for each in evaluation.baselines],
            "labelled": evaluation.test.details["classes"],
            "absent": evaluation.test.details["absent"],
        }

    def corrected(self, mapped: Mapping[str, Any], evaluation: Evaluation) -> Mapping[str, Any]:
        """Areas of classes without the map's errors, `ground`; empty where these are unknown."""
        return {"ground": ground_areas(mapped["areas"], ClassDetails.of(evaluation.model).estimated)}

    def card_lines(self, evaluation: Evaluation, mapped: Mapping[str, Any]) -> list[str]:
        """Accuracy and area of each class."""
        return card_lines(ClassDetails.of(evaluation.model), mapped)


def _estimate_lines(found: MapAccuracy | None) -> list[str]:
    """What is true of all ground, as text for the log."""
    if found is None:
        return ["how right the map is on all ground is unknown, since nobody knows with what chance patches were drawn"]
    overall, users, producers = found.overall, "user's accuracy", "producer's accuracy"
    lines = [
        f"on all ground, each pixel counted for what it stands for, with {100 * found.confidence:g} % intervals:",
        f"overall accuracy {_with_interval(overall)}",
        f"{'class':<16} {users:<22} {producers:<22} share of ground",
    ]
    for each in found.classes:
        cells = (_with_interval(figure) for figure in (each.user, each.producer, each.area))
        lines.append(f"{each.name:<16} " + " ".join(f"{text:<22}" for text in cells).rstrip())
    return lines


def _with_interval(estimate: Estimate | None) -> str:
    return "-" if estimate is None else with_interval(estimate.value, estimate.interval)


def near_unlabelled(label: Array) -> Array:
    """True where a pixel without a label lies at most `NEAR` pixels away, or where there is none.

    Args:
        label: Class ids, (patches, height, width). What lies outside of a patch is taken to be labelled.
    """
    from scipy.ndimage import maximum_filter  # not needed where a config is read

    return np.asarray(maximum_filter(label == UNLABELLED, (1, 2 * NEAR + 1, 2 * NEAR + 1), mode="nearest"))


def near_another(label: Array) -> Array:
    """True where another class lies at most `NEAR` pixels away, along rows, columns or diagonals.

    Args:
        label: Class ids, (patches, height, width). What has no label, or lies outside of a patch, is no other class.
    """
    from scipy.ndimage import maximum_filter, minimum_filter  # not needed where a config is read

    size, none = (1, 2 * NEAR + 1, 2 * NEAR + 1), label == UNLABELLED
    ids = label.astype(np.int16)
    highest = maximum_filter(np.where(none, -1, ids), size, mode="nearest")
    lowest = minimum_filter(np.where(none, UNLABELLED, ids), size, mode="nearest")
    return np.asarray((highest > lowest) & ~none)
