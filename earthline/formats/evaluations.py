"""What is known of a model's accuracy, as `evaluation.json`: written by evaluate_model, read by the steps after it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

EVALUATION = "evaluation.json"
CONFUSION = "confusion.png"
BLESSED = "blessed"
REJECTED = "rejected"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Record):
    """Where a metric lies with the evaluation's confidence, were other blocks drawn for testing."""

    low: float = Field(description="Lower bound.")
    high: float = Field(description="Upper bound.")


class ClassAccuracy(_Record):
    """Accuracy of one class; a share is None where nothing is there to take it of."""

    name: str = Field(description="Class name.")
    pixels: int = Field(description="Test pixels that have this label.")
    blocks: int = Field(description="Test blocks with such a pixel.")
    precision: float | None = Field(description="Share of pixels mapped as this class that are it (user's accuracy).")
    recall: float | None = Field(description="Share of pixels of this class that are mapped as it (producer's).")
    f1: float | None = Field(description="Harmonic mean of both; None for a class without test labels.")
    iou: float | None = Field(description="Intersection over union; None for a class without test labels.")
    recall_interval: Interval | None = Field(default=None, description="Of the recall; None with too few blocks.")
    f1_interval: Interval | None = Field(default=None, description="Of F1; None with too few blocks.")
    iou_interval: Interval | None = Field(default=None, description="Of IoU; None with too few blocks.")


class Accuracy(_Record):
    """How well a classifier does on the labelled test pixels."""

    overall: float = Field(description="Share of test pixels that are right.")
    macro_f1: float = Field(description="Mean F1 of the classes that have test labels.")
    mean_iou: float = Field(description="Mean intersection over union of the classes that have test labels.")
    overall_interval: Interval | None = Field(default=None, description="None with too few blocks.")
    macro_f1_interval: Interval | None = Field(default=None, description="None with too few blocks.")
    mean_iou_interval: Interval | None = Field(default=None, description="None with too few blocks.")
    classes: tuple[ClassAccuracy, ...] = Field(description="By class id.")
    confusion: tuple[tuple[int, ...], ...] = Field(description="Rows are labels, columns are predictions.")


class TestGround(_Record):
    """What the metrics rest on."""

    __test__ = False  # no test of pytest's, whatever its name

    pixels: int = Field(description="Labelled test pixels, each pixel of the ground counted once.")
    patches: int = Field(description="Test patches; they may overlap.")
    blocks: int = Field(description="Test blocks that hold these pixels: the observations of every interval.")
    confidence: float = Field(description="Confidence of every interval, 0 to 1.")
    classes: tuple[str, ...] = Field(description="Classes with test labels: means are over these, in every column.")
    absent: tuple[str, ...] = Field(description="Classes without test labels; no mean counts them.")


class Baseline(_Record):
    """A classifier that a network has to beat."""

    name: str = Field(description="Short name, for tables.")
    description: str = Field(description="What it is.")
    accuracy: Accuracy = Field(description="Its accuracy on the same pixels.")


class Champion(_Record):
    """The deployed model."""

    name: str = Field(description="Resource name with version.")
    accuracy: Accuracy | None = Field(default=None, description="On the test pixels that it cannot have learned from.")
    pixels: int = Field(default=0, description="Number of those pixels.")
    note: str = Field(default="", description="Why it does not count, or what its metrics rest on; may be empty.")


class Gate(_Record):
    """Whether the model may be deployed."""

    blessed: bool = Field(description="True where it may.")
    compared_with: str = Field(description="Name of the baseline, or the champion's resource name.")
    gain: float = Field(description="Difference in overall accuracy to it, on the same pixels.")
    gain_interval: Interval | None = Field(description="Of the gain, by resampling blocks; None with too few blocks.")
    min_gain: float = Field(description="What the config asks for.")
    reason: str = Field(description="One sentence for people.")


class Evaluation(_Record):
    """Everything that an evaluation found."""

    model: Accuracy = Field(description="The new model on the test pixels.")
    baselines: tuple[Baseline, ...] = Field(min_length=1, description="Random forests on the same pixels.")
    champion: Champion | None = Field(default=None, description="The deployed model, where there is one.")
    test: TestGround = Field(description="What the metrics rest on.")
    gate: Gate = Field(description="The decision.")

    @property
    def best_baseline(self) -> Baseline:
        """The baseline with the highest overall accuracy: the one that the gate compares with."""
        return max(self.baselines, key=lambda baseline: baseline.accuracy.overall)

    def write(self, folder: Path) -> None:
        """Writes `evaluation.json`."""
        (folder / EVALUATION).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Evaluation":
        """Reads `evaluation.json`. Raises FileNotFoundError or pydantic's ValueError."""
        return cls.model_validate_json((folder / EVALUATION).read_text(encoding="utf-8"))
