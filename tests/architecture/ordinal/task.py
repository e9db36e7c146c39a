"""A throw-away task: grades in an order, such as how badly a forest is damaged, learned as one number."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import ee
import numpy as np
from pydantic import Field

from earthline.config import Labels, RasterLabels, VectorLabels
from earthline.config.sections.train.loss import Loss
from earthline.formats.evaluations import Measure, Metric, Scores
from earthline.label_features.files import is_empty
from earthline.task.labels import LabelError, LabelFindings, LabelStatistics
from earthline.task.maps import MISSING_COLOR, Coverage, Legend
from earthline.task.task import Task


class Graded(Labels):
    """Ground truth: a grade for each pixel."""

    task: ClassVar[str] = "ordinal"
    KEY: ClassVar[str] = "grades"
    KIND: ClassVar[str] = "grades"

    grades: tuple[str, ...] = Field(min_length=2, max_length=9, description="Names of the grades 0, 1, 2 and so on.")

    @property
    def entries(self):
        return ("grade",)


class GradeRaster(RasterLabels, Graded):
    """Grades of a raster."""


class GradePoints(VectorLabels, Graded):
    """Grades of points and polygons."""

    def meaning(self, values):
        return [None if is_empty(value) else int(value) for value in values]


class HuberLoss(Loss):
    """Huber's loss of grades."""

    name: Literal["throw_away_huber"] = Field(default="throw_away_huber", description="Huber's loss.")


class GradeCounts(LabelStatistics):
    def __init__(self, counts):
        self.counts = counts

    @property
    def pixels(self):
        return int(self.counts.sum())

    @property
    def by_stratum(self):
        return tuple(self.counts.tolist())

    def __add__(self, other):
        return GradeCounts(self.counts + other.counts)

    def to_json(self):
        mean = float(np.average(np.arange(len(self.counts)), weights=self.counts)) if self.pixels else None
        return {"pixels": self.pixels, "mean": mean}

    def differences(self, claimed):
        said = claimed.get("pixels", 0)
        return [] if self.pixels == said else [f"{self.pixels} grades, the manifest says {said}"]


class GradeCoverage(Coverage):
    problem = ""

    def __init__(self, no_data):
        self._no_data, self._ground, self._sum = no_data, 0.0, 0.0

    def add(self, values, hectares):
        there = values != self._no_data
        self._ground += float(hectares[there].sum())
        self._sum += float((values * hectares)[there].sum())

    def shown(self):
        return {"mean": self._sum / self._ground, "hectares": self._ground}


class Ordinal(Task):
    name: ClassVar[str] = "ordinal"
    output: ClassVar[str] = "estimate"
    kind: ClassVar[str] = "grades"
    data_type: ClassVar[str] = "uint8"
    map_band: ClassVar[str] = "grade"
    map_mark: ClassVar[str] = "grade_names"
    map_variable: ClassVar[str] = "grades"
    template: ClassVar[Path] = Path(__file__).with_name("ordinal.html.j2")
    measures: ClassVar[dict[str, Measure]] = {
        "distance": Measure(title="mean distance", short="distance", larger_is_better=False, unit="grades"),
        "bias": Measure(title="bias", short="bias", larger_is_better=False, unit="grades"),
    }
    gate_metric: ClassVar[str] = "distance"
    simplest = ("median", "the median of the training pixels everywhere")
    stratum_word: ClassVar[str] = "grade"
    pyramiding_policy = "MODE"

    def __init__(self, grades) -> None:
        self.grades = tuple(grades)

    @classmethod
    def of_labels(cls, labels):
        return cls(labels.grades)

    @classmethod
    def of_record(cls, record):
        return cls(record.options["grades"])

    entries = ("grade",)

    @property
    def options(self):
        return {"grades": list(self.grades)}

    # Labels.

    def encoded(self, values, band):
        return values.reduceResolution(ee.Reducer.median(), False, 65_536).rename([band]).toUint8()

    def survey(self, values, over, draw):
        return values.rename(["value"]).reduceRegion(reducer=ee.Reducer.minMax(), **over)

    def surveyed(self, answer, labels):
        if answer["value_min"] is None:
            raise LabelError(f"data.labels: {labels.asset} has no value in the region")
        return f"grades from {answer['value_min']:g} to {answer['value_max']:g}"

    @property
    def strata(self):
        return self.grades

    def stratum(self, labels):
        return labels

    def strata_of(self, labels):
        return np.asarray(labels, np.int64)

    def label_problem(self, label):
        wrong = label[(label >= len(self.grades)) & (label != self.no_data)]
        return f"the grade {wrong[0]}" if len(wrong) else ""

    def statistics(self, labels):
        return GradeCounts(np.bincount(labels, minlength=len(self.grades))[: len(self.grades)])

    def label_findings(self, ground, features=None, ways=None):
        return LabelFindings(
            warnings=tuple(f"{split} has few labels" for split, of in ground.items() if of.pixels < 99)
        )

    # Maps.

    def mapped(self, outputs):
        return outputs.arrayGet([0]).round().clamp(0, len(self.grades) - 1).rename([self.map_band]).toUint8()

    def decoded(self, outputs):
        values = outputs[..., 0]
        grades = np.clip(np.rint(np.nan_to_num(values)), 0, len(self.grades) - 1)
        return np.where(np.isfinite(values), grades, self.no_data).astype(np.uint8)

    def map_problem(self, values):
        return "no grades" if (values == self.no_data).any() else ""

    def colors_of(self, values):
        shades = np.linspace(0, 255, len(self.grades))
        shade = shades[np.minimum(values, len(self.grades) - 1)]
        picture = np.repeat(shade[..., np.newaxis], 3, axis=-1).astype(np.uint8)
        picture[values == self.no_data] = MISSING_COLOR
        return picture

    @property
    def stratum_colors(self):
        return tuple(f"#{round(shade):02x}{round(shade):02x}{round(shade):02x}" for shade in self._shades)

    @property
    def _shades(self):
        return np.linspace(0, 255, len(self.grades)).tolist()

    @property
    def legend(self):
        return Legend(self.grades, self.stratum_colors, "grade")

    def coverage(self, measured):
        return GradeCoverage(self.no_data)

    def asset_properties(self):
        return {self.map_mark: list(self.grades)}

    def model_properties(self):
        return {"grades": ",".join(self.grades)}

    # Judgement: of each block the pixels, and the sums of distances and of errors.

    def tally(self, labels, predicted, blocks):
        errors = predicted.astype(np.float64) - labels
        return np.stack([np.bincount(blocks, weights=each) for each in (np.ones(len(errors)), abs(errors), errors)], 1)

    def scores(self, tally, bootstrap):
        drawn, whole = bootstrap.totals(tally), tally.sum(axis=0)
        metrics = {
            name: Metric(
                value=float(whole[place] / whole[0]), interval=bootstrap.interval(drawn[:, place] / drawn[:, 0])
            )
            for place, name in ((1, "distance"), (2, "bias"))
        }
        return Scores(metrics=metrics, details={"pixels": int(whole[0])})

    def gate_sums(self, tally):
        return tally

    def gate_figure(self, sums, metric):
        place = {"distance": 1, "bias": 2}[metric]
        return np.abs(sums[..., place]) / sums[..., 0]

    def estimator(self, trees, seed):
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(n_estimators=trees, random_state=seed)

    def boosting(self, pixels, seed):
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(max_iter=20, random_state=seed)

    def constant(self):
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="most_frequent")

    def draw(self, evaluation, folder):
        from matplotlib.figure import Figure

        figure = Figure()
        figure.add_subplot().bar(
            list(evaluation.columns), [each.metrics["distance"].value for each in evaluation.columns.values()]
        )
        figure.savefig(folder / "distances.png")
        return ("distances.png",)

    def shown(self, evaluation) -> Any:
        return {"pixels": evaluation.model.details["pixels"]}
