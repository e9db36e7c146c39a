"""What lies in a trained model's folder, and what the model takes and gives."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from earthline.config import Data
from earthline.formats.certainty import Certainty
from earthline.formats.manifest import Manifest
from earthline.formats.task_record import TaskRecord
from earthline.task import task_of

KERAS_MODEL = "model.keras"
SAVED_MODEL = "saved_model"
HISTORY = "history.json"
CURVES = "learning_curves.png"
LOGS = "logs"
"""Folder for TensorBoard."""
DESCRIPTION = "description.json"


class Description(BaseModel):
    """The part of a trained model that its weights do not tell, as `description.json` beside them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: tuple[str, ...] = Field(description="Bands in the order of the model's last input axis.")
    data_type: str = Field(description="NumPy name of the type in which training values were stored.")
    task: TaskRecord = Field(description="What it gives, with the names along its output's last axis.")
    further: tuple[str, ...] = Field(default=(), description="Names of what it gives after the task's entries.")
    certainty: Certainty = Field(
        default_factory=Certainty, description="Limits by which the outputs tell how far the map can be believed."
    )
    labels: dict[str, Any] = Field(default={}, description="Statistics of the training labels, by the task's names.")
    stride: int = Field(gt=0, description="Height and width of the input divide by it.")
    receptive_field: int = Field(
        default=0, description="Side in pixels of the ground on which one pixel's output rests; 0 where unknown."
    )
    reach: int | None = Field(
        default=None,
        ge=0,
        description="Pixels on each side of a tile that its outputs may rest on, masked ones too; None where unknown.",
    )
    patch_shape: tuple[int, int] = Field(description="Shape of training patches in pixels (height, width).")
    mean: tuple[float, ...] = Field(description="Mean of each band over valid training pixels.")
    std: tuple[float, ...] = Field(description="Standard deviation of each band, likewise.")
    parameters: int = Field(description="Number of weights.")
    model: dict[str, Any] = Field(default={}, description="Section `train.model`; of several, the one that was chosen.")
    of_trees: bool = Field(
        default=False, description="Whether it is a forest or boosted trees, as the stronger baselines are."
    )
    expression_hash: str = Field(description="SHA-256 of the expression graphs that the examples came from.")
    modules: tuple[str, ...] = Field(
        default=(), description="Modules to import before the Keras model is read, as they hold layers of it."
    )

    @property
    def margin(self) -> int:
        """Pixels on each side of a tile that it takes for its outputs to be those of the whole image."""
        return self.receptive_field // 2 if self.reach is None else self.reach

    @property
    def told(self) -> str:
        """The kind of model with its options, and how much it has learned, for reports."""
        options = [
            f"{key} {' and '.join(map(str, value)) if isinstance(value, list) else value}"
            for key, value in self.model.items()
            if key != "name"
            and not isinstance(value, dict)
            and value not in (None, "", [], False)
            # Members of an ensemble have options of their own.
            and not (isinstance(value, list) and isinstance(value[0], dict))
        ]
        members = [str(each["name"]) for each in self.model.get("members", ()) if isinstance(each, dict)]
        parts = [f"of {' and '.join(members)}"] if members else []
        told = ", ".join([*parts, *options, f"{self.parameters:,} numbers"])
        return f"{self.model.get('name', 'of an earlier version')}: {told}"

    def write(self, folder: Path) -> None:
        """Writes it into a model's folder."""
        (folder / DESCRIPTION).write_text(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Description":
        """Reads it from a model's folder. Raises FileNotFoundError or pydantic's ValueError."""
        return cls.model_validate_json((folder / DESCRIPTION).read_text())


def require_match(data: Data, manifest: Manifest) -> None:
    """Checks that examples were exported for this config.

    Args:
        data: The config's section.
        manifest: Of the examples.

    Raises:
        ValueError: Bands or labels differ.
    """
    asked, found = data.imagery.band_names, manifest.bands
    if asked != found:
        raise ValueError(_other("data.imagery.bands", ", ".join(asked), ", ".join(found)))
    record = task_of(data).record
    if record != manifest.task:
        raise ValueError(_other(f"data.labels.{data.labels.KEY}", record.told, manifest.task.told))


def _other(key: str, asked: str, found: str) -> str:
    return f"{key}: the config has {asked}, the examples have {found}; export them again"
