"""The record of an evaluation, and the gate's decision."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from components.evaluate_model.accuracy import Accuracy

EVALUATION = "evaluation.json"
BLESSED = "blessed"
REJECTED = "rejected"


class Gate(BaseModel):
    """Whether the model may be deployed."""

    model_config = ConfigDict(frozen=True)

    blessed: bool = Field(description="True where it may.")
    compared_with: str = Field(description="`baseline`, or the champion's resource name.")
    gain: float = Field(description="Difference in overall accuracy to it.")
    min_gain: float = Field(description="What the config asks for.")
    reason: str = Field(description="One sentence for people.")


class Evaluation(BaseModel):
    """Everything that an evaluation found, as `evaluation.json`."""

    model_config = ConfigDict(frozen=True)

    model: Accuracy = Field(description="The new model on the test pixels.")
    baseline: Accuracy = Field(description="The random forest on the same pixels.")
    baseline_description: str = Field(description="What the baseline is.")
    champion: Accuracy | None = Field(default=None, description="The deployed model on the same pixels.")
    champion_name: str = Field(default="", description="Its resource name; empty where nothing is deployed.")
    gate: Gate = Field(description="The decision.")

    def write(self, folder: Path) -> None:
        """Writes `evaluation.json`."""
        (folder / EVALUATION).write_text(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Evaluation":
        """Reads `evaluation.json`. Raises FileNotFoundError or pydantic's ValueError."""
        return cls.model_validate_json((folder / EVALUATION).read_text())


def decide(
    model: float, baseline: float, min_gain: float, champion: float | None, champion_name: str, note: str = ""
) -> Gate:
    """The gate.

    With a champion the model must be at least `min_gain` better than it; with none it must be better than the
    baseline by more than `min_gain`.

    Args:
        model: Overall accuracy of the new model, 0 to 1.
        baseline: Overall accuracy of the baseline.
        min_gain: As in the config.
        champion: Overall accuracy of the champion; None where there is none or it cannot be scored.
        champion_name: Resource name of the champion.
        note: What whoever reads the figures must know of the champion, such as why it does not count.
    """
    if champion is not None:
        gain, compared, shown = model - champion, champion_name, "the champion"
        blessed = gain >= min_gain
    else:
        gain, compared, shown = model - baseline, "baseline", "the random-forest baseline"
        blessed = gain > min_gain
    reason = (
        f"overall accuracy {model:.4f} against {model - gain:.4f} of {shown}: a gain of {gain:+.4f}, "
        f"{'enough' if blessed else 'too little'} where evaluate.min_gain is {min_gain:g}"
    )
    return Gate(
        blessed=blessed,
        compared_with=compared,
        gain=gain,
        min_gain=min_gain,
        reason=f"{reason} ({note})" if note else reason,
    )
