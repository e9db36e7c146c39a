"""A throw-away task: one number for each pixel, such as the height of trees."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import ee
import numpy as np
from pydantic import Field

from earthline.config import Labels, RasterLabels, VectorLabels
from earthline.config.section import Number, Section
from earthline.config.sections.loss import Loss
from earthline.formats.evaluations import Measure, Metric, Scores
from earthline.label_features.files import is_empty
from earthline.task.labels import LabelError, LabelFindings, LabelStatistics
from earthline.task.maps import MISSING_COLOR, Coverage, Legend
from earthline.task.task import Task


class Value(Section):
    """What the numbers are."""

    name: str = Field(description="Name.")
    unit: str = Field(default="", description="Unit.")
    low: Number = Field(description="Value that is drawn black.")
    high: Number = Field(description="Value that is drawn white.")


class Valued(Labels):
    """Ground truth: a number for each pixel."""

    task: ClassVar[str] = "regression"
    KEY: ClassVar[str] = "value"
    KIND: ClassVar[str] = "values"

    value: Value = Field(description="What the numbers are.")

    @property
    def entries(self):
        return (self.value.name,)


class ValueLabels(RasterLabels, Valued):
    """Numbers of a raster."""


class ValuePoints(VectorLabels, Valued):
    """Numbers at points and polygons."""

    def meaning(self, values):
        return [None if is_empty(value) else float(value) for value in values]


class HuberLoss(Loss):
    """Huber's loss."""

    name: Literal["throw_away_huber"] = Field(default="throw_away_huber", description="Huber's loss.")


class ValueStatistics(LabelStatistics):
    def __init__(self, count, total):
        self.count, self.total = count, total

    @property
    def pixels(self):
        return self.count

    @property
    def by_stratum(self):
        return (self.count,)

    def __add__(self, other):
        return ValueStatistics(self.count + other.count, self.total + other.total)

    def to_json(self):
        return {"pixels": self.count, "mean": self.total / self.count if self.count else None}

    def differences(self, claimed):
        said = claimed.get("pixels", 0)
        return [] if self.count == said else [f"{self.count} values, the manifest says {said}"]


class ValueCoverage(Coverage):
    problem = ""

    def __init__(self, no_data):
        self._no_data, self._ground, self._sum = no_data, 0.0, 0.0

    def add(self, values, hectares):
        there = values != self._no_data
        self._ground += float(hectares[there].sum())
        self._sum += float((values * hectares)[there].sum())

    def shown(self):
        return {"mean": self._sum / self._ground, "hectares": self._ground}


class Regression(Task):
    name: ClassVar[str] = "regression"
    output: ClassVar[str] = "estimate"
    kind: ClassVar[str] = "values"
    data_type: ClassVar[str] = "float32"
    map_band: ClassVar[str] = "value"
    map_mark: ClassVar[str] = "value_unit"
    map_variable: ClassVar[str] = "values"
    template: ClassVar[Path] = Path(__file__).with_name("regression.html.j2")
    measures: ClassVar[dict[str, Measure]] = {
        "rmse": Measure(title="root mean square error", short="RMSE", larger_is_better=False, unit="m"),
        "bias": Measure(title="bias", short="bias", larger_is_better=False, unit="m"),
    }
    gate_metric: ClassVar[str] = "rmse"
    stratum_word: ClassVar[str] = "kind"
    strata = ("all",)
    pyramiding_policy = "MEAN"

    def __init__(self, value: Value) -> None:
        self.value = value

    @classmethod
    def of_labels(cls, labels):
        return cls(labels.value)

    @classmethod
    def of_record(cls, record):
        return cls(Value.model_validate(record.options))

    @property
    def entries(self):
        return (self.value.name,)

    @property
    def options(self):
        return self.value.model_dump()

    # Labels.

    def encoded(self, values, band):
        return values.reduceResolution(ee.Reducer.mean(), False, 65_536).rename([band]).toFloat()

    def survey(self, values, over, draw):
        return values.rename(["value"]).reduceRegion(reducer=ee.Reducer.minMax(), **over)

    def surveyed(self, answer, labels):
        if answer["value_min"] is None:
            raise LabelError(f"data.labels: {labels.asset} has no value in the region")
        return f"values from {answer['value_min']:g} to {answer['value_max']:g}"

    def stratum(self, labels):
        return labels.multiply(0).toUint8()

    def strata_of(self, labels):
        return np.zeros(np.shape(labels), np.int64)

    def label_problem(self, label):
        return "" if np.isfinite(label).all() else "values that are no numbers"

    def statistics(self, labels):
        return ValueStatistics(len(labels), float(labels.sum(dtype=np.float64)))

    def label_findings(self, ground, sparse):
        return LabelFindings(
            warnings=tuple(f"{split} has few labels" for split, of in ground.items() if of.pixels < 99)
        )

    # Maps.

    def mapped(self, outputs):
        return outputs.arrayGet([0]).rename([self.map_band]).toFloat()

    def decoded(self, outputs):
        values = outputs[..., 0]
        return np.where(np.isfinite(values), values, self.no_data).astype(np.float32)

    def map_problem(self, values):
        return "no numbers" if (values == self.no_data).any() else ""

    def colors_of(self, values):
        shade = np.clip((values - self.value.low) / (self.value.high - self.value.low), 0, 1) * 255
        picture = np.repeat(shade[..., np.newaxis], 3, axis=-1).astype(np.uint8)
        picture[values == self.no_data] = MISSING_COLOR
        return picture

    @property
    def legend(self):
        ends = (self.value.low, self.value.high)
        return Legend(tuple(f"{end:g} {self.value.unit}" for end in ends), ("#000000", "#ffffff"), "value")

    def coverage(self, measured):
        return ValueCoverage(self.no_data)

    def asset_properties(self):
        return {self.map_mark: self.value.unit}

    def model_properties(self):
        return {"value": self.value.name}

    # Judgement: of each block the pixels, and the sums of errors and of their squares.

    def tally(self, labels, predicted, blocks):
        errors = predicted.astype(np.float64) - labels
        return np.stack([np.bincount(blocks, weights=each) for each in (np.ones(len(errors)), errors, errors**2)], 1)

    def scores(self, tally, bootstrap):
        drawn, whole = bootstrap.totals(tally), tally.sum(axis=0)
        metrics = {
            "rmse": Metric(value=float(self._rmse(whole)), interval=bootstrap.interval(self._rmse(drawn))),
            "bias": Metric(value=whole[1] / whole[0], interval=bootstrap.interval(drawn[:, 1] / drawn[:, 0])),
        }
        return Scores(metrics=metrics, details={"pixels": int(whole[0])})

    def gate_sums(self, tally):
        return tally

    def gate_figure(self, sums, metric):
        return self._rmse(sums) if metric == "rmse" else np.abs(sums[..., 1] / sums[..., 0])

    def _rmse(self, sums):
        return np.sqrt(sums[..., 2] / sums[..., 0])

    simplest = ("mean", "the mean of the training pixels everywhere")

    def boosting(self, seed):
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(max_iter=20, random_state=seed)

    def constant(self):
        from sklearn.dummy import DummyRegressor

        return DummyRegressor()

    def estimator(self, trees, seed):
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(n_estimators=trees, random_state=seed)

    def draw(self, evaluation, folder):
        from matplotlib.figure import Figure

        figure = Figure()
        figure.add_subplot().bar(
            list(evaluation.columns), [each.metrics["rmse"].value for each in evaluation.columns.values()]
        )
        figure.savefig(folder / "errors.png")
        return ("errors.png",)

    def shown(self, evaluation) -> Any:
        return {"pixels": evaluation.model.details["pixels"]}
