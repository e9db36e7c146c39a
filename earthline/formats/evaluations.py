"""What is known of a model's accuracy, as `evaluation.json`: written by evaluate_model, read by the steps after it.

The core is the same for every task: metrics by name for the model and for what it is compared with, and the gate.
`details` are a task's own; only the task writes and reads them.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from earthline.formats.task_record import TaskRecord

EVALUATION = "evaluation.json"
CHOICE = "choice.json"
BLESSED = "blessed"
REJECTED = "rejected"
NO_EXPERIMENT = "-"
"""Stands for the id of an experiment where none gets a run: no id can begin so."""


class EvaluationError(ValueError):
    """An `evaluation.json` of another version; the text says what to do."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Record):
    """Where a metric lies with the evaluation's confidence, were other blocks drawn for testing."""

    low: float = Field(description="Lower bound.")
    high: float = Field(description="Upper bound.")


class Measure(_Record):
    """What a metric means, the same for every column."""

    title: str = Field(description="Its name in reports.")
    short: str = Field(description="Its name where there is little room.")
    larger_is_better: bool = Field(default=True, description="False for an error.")
    share: bool = Field(default=False, description="True where it is a share of 1, which reports show in percent.")
    unit: str = Field(default="", description="Unit of its values, where they have one.")
    relative: bool = Field(
        default=False, description="True where a gain is a share of the other's value, as of an error in a unit."
    )


class Metric(_Record):
    """A metric of one column."""

    value: float = Field(description="Over all of the column's test pixels.")
    interval: Interval | None = Field(default=None, description="None with too few blocks.")


class Scores(_Record):
    """How well one column does: the new model, a baseline or the champion."""

    metrics: dict[str, Metric] = Field(description="By the names in the evaluation's `measures`.")
    details: dict[str, Any] = Field(default={}, description="The task's own.")


class TestGround(_Record):
    """What the metrics rest on."""

    __test__ = False  # no test of pytest's, whatever its name

    pixels: int = Field(description="Labelled test pixels, each pixel of the ground counted once.")
    patches: int = Field(description="Test patches; they may overlap.")
    blocks: int = Field(description="Test blocks that hold these pixels: the observations of every interval.")
    confidence: float = Field(description="Confidence of every interval, 0 to 1.")
    details: dict[str, Any] = Field(default={}, description="The task's own, such as what has no test label.")


class Baseline(_Record):
    """What a network has to beat."""

    name: str = Field(description="Short name, for tables.")
    description: str = Field(description="What it is.")
    scores: Scores = Field(description="On the same pixels.")


class Champion(_Record):
    """The deployed model."""

    name: str = Field(description="Resource name with version.")
    scores: Scores | None = Field(default=None, description="On the test pixels that it cannot have learned from.")
    pixels: int = Field(default=0, description="Number of those pixels.")
    note: str = Field(default="", description="Why it does not count, or what its metrics rest on; may be empty.")


class Gate(_Record):
    """Whether the model may be deployed."""

    metric: str = Field(description="Name of the metric that decides.")
    blessed: bool = Field(description="True where it may.")
    compared_with: str = Field(description="Name of the baseline, or the champion's resource name.")
    gain: float = Field(
        description="How much better the metric is than its, on the same pixels; below 0 it is worse. Of a relative "
        "measure the share of the other's value."
    )
    gain_interval: Interval | None = Field(description="Of the gain, by resampling blocks; None with too few blocks.")
    min_gain: float = Field(description="What the config asks for.")
    reason: str = Field(description="One sentence for people.")


class ReliabilityBin(_Record):
    """Pixels of which the model is about as sure."""

    low: float = Field(description="Least certainty, 0 to 1.")
    high: float = Field(description="Largest certainty.")
    pixels: int = Field(description="Test pixels.")
    certainty: float | None = Field(description="Mean certainty; None without pixels.")
    right: float | None = Field(description="Share that is right; None without pixels.")


class Calibration(_Record):
    """How far the model's certainty can be believed."""

    bins: tuple[ReliabilityBin, ...] = Field(description="By certainty.")
    error: Metric = Field(
        description="Expected calibration error of the test pixels: the mean distance of certainty and share right."
    )
    ground: Metric | None = Field(
        default=None,
        description="The same where each pixel counts for the ground that it stands for; None where nobody knows that.",
    )


class PredictionSets(_Record):
    """Whether the sets of classes that cannot be ruled out are what they promise."""

    coverage: float = Field(description="Share of pixels whose label their set should hold, 0 to 1.")
    held: Metric = Field(description="Share of test pixels whose label it holds.")
    size: Metric = Field(description="Mean number of entries of a set.")
    ground: Metric | None = Field(
        default=None,
        description="As `held`, where each pixel counts for the ground that it stands for; None where that is unknown.",
    )
    by_label: dict[str, Metric] = Field(
        default={}, description="As `held`, of the test pixels of each label that has some, by its name."
    )


class Slice(_Record):
    """Metrics of a part of the test ground."""

    kind: str = Field(description="What divides the ground.")
    name: str = Field(description="Which part.")
    pixels: int = Field(description="Its test pixels.")
    blocks: int = Field(description="Blocks that they lie in.")
    metrics: dict[str, dict[str, Metric]] = Field(description="By the names of column and metric.")


class SplitEffect(_Record):
    """How much better a forest looks where it is judged beside the ground that it learned from."""

    forest: str = Field(description="What it is, in a few words.")
    pixels: int = Field(description="Training pixels, cross-validated.")
    blocks: int = Field(description="Blocks that they lie in: the observations of the intervals.")
    random: dict[str, Metric] = Field(description="Metrics where random patches were left out, by name.")
    blocked: dict[str, Metric] = Field(description="Metrics where whole blocks were left out, by name.")
    gains: dict[str, Metric] = Field(
        default={},
        description="How much better random patches make them, on the same pixels, by name; of a relative measure as a "
        "share. Intervals are of the difference.",
    )

    def told(self, metric: str) -> str:
        """What a random split would have shown, in a few words, as far as it can be told from chance.

        Args:
            metric: Name of the metric.
        """
        gain = self.gains.get(metric)
        if gain is None or gain.interval is None or gain.interval.low <= 0 <= gain.interval.high:
            return "Whether a random split would have shown more than there is cannot be told from chance here"
        more = "more than there is" if gain.value > 0 else "less than there is"
        return f"A random split would have shown {more}"


class Candidate(_Record):
    """One of several models that were trained to choose among them."""

    name: str = Field(description="Of its architecture; that of an average names its members.")
    options: dict[str, Any] = Field(description="Its section of the config.")
    value: float | None = Field(default=None, description="The metric on the validation pixels; None if it failed.")
    interval: Interval | None = Field(default=None, description="Of the value; None with too few blocks.")
    gain: float | None = Field(default=None, description="How much better it is than the best; at most 0.")
    gain_interval: Interval | None = Field(default=None, description="Of the gain, on the same pixels.")
    seconds: float = Field(default=0.0, description="Duration of its training in seconds.")
    map_seconds: float | None = Field(
        default=None, description="Seconds a million validation pixels took, on the machine that trained."
    )
    parameters: int = Field(default=0, description="Number of weights.")
    fault: str = Field(default="", description="Why it could not be trained; else empty.")


class Choice(_Record):
    """How a model was chosen among several, as `choice.json` in the model's folder."""

    metric: str = Field(description="Name of the metric that was compared.")
    measure: Measure = Field(description="What it means.")
    candidates: tuple[Candidate, ...] = Field(min_length=1, description="From cheap to dear.")
    chosen: int = Field(ge=0, description="Place of the one that was taken, from 0.")
    pixels: int = Field(description="Labelled validation pixels, each pixel of the ground counted once.")
    blocks: int = Field(description="Blocks that they lie in: the observations of the intervals.")
    confidence: float = Field(description="Confidence of the intervals, 0 to 1.")
    reason: str = Field(description="One sentence for people.")

    def write(self, folder: Path) -> None:
        """Writes `choice.json`."""
        (folder / CHOICE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def found(cls, folder: Path) -> "Choice | None":
        """Reads `choice.json`; None where a model was not chosen among several."""
        path = folder / CHOICE
        return cls.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


class Evaluation(_Record):
    """Everything that an evaluation found."""

    task: TaskRecord = Field(description="What was learned.")
    measures: dict[str, Measure] = Field(description="What each metric means, by its name, the most important first.")
    model: Scores = Field(description="The new model on the test pixels.")
    baselines: tuple[Baseline, ...] = Field(min_length=1, description="On the same pixels.")
    champion: Champion | None = Field(default=None, description="The deployed model, where there is one.")
    test: TestGround = Field(description="What the metrics rest on.")
    calibration: Calibration | None = Field(
        default=None, description="Of the model's certainty; None where a task knows none."
    )
    sets: PredictionSets | None = Field(
        default=None, description="Of the model's sets of classes; None where a task knows none."
    )
    slices: tuple[Slice, ...] = Field(default=(), description="The model and the better baseline, part by part.")
    split_effect: SplitEffect | None = Field(
        default=None, description="What a random split would have made of accuracy; None where it cannot be told."
    )
    gate: Gate = Field(description="The decision.")
    choice: Choice | None = Field(default=None, description="How the model was chosen, where it was one of several.")

    @property
    def measure(self) -> Measure:
        """What the gate's metric means."""
        return self.measures[self.gate.metric]

    @property
    def columns(self) -> dict[str, Scores]:
        """Scores by the name of their column: the model, the baselines, and the champion where it counts."""
        found = {"model": self.model} | {each.name: each.scores for each in self.baselines}
        if self.champion is not None and self.champion.scores is not None:
            found["champion"] = self.champion.scores
        return found

    @property
    def best_baseline(self) -> Baseline:
        """The baseline that is best by the gate's metric: the one that the gate compares with."""
        sign = 1 if self.measure.larger_is_better else -1
        return max(self.baselines, key=lambda baseline: sign * self.gated(baseline.scores).value)

    @property
    def headline(self) -> str:
        """The model's metric of the gate in words: its title, its value and its unit."""
        unit = f" {self.measure.unit}" if self.measure.unit else ""
        return f"{self.measure.title} {self.gated(self.model).value:.3f}{unit}"

    def gated(self, scores: Scores) -> Metric:
        """The gate's metric of a column."""
        return scores.metrics[self.gate.metric]

    def write(self, folder: Path) -> None:
        """Writes `evaluation.json`."""
        (folder / EVALUATION).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Evaluation":
        """Reads `evaluation.json`.

        Raises:
            FileNotFoundError: There is none.
            EvaluationError: It was written by a version that knew no tasks.
            ValueError: pydantic's, or JSON's.
        """
        content = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
        if isinstance(content, dict) and "task" not in content:
            raise EvaluationError(
                f"{folder / EVALUATION} names no task: it was written by an older version; run evaluate_model again"
            )
        return cls.model_validate(content)
