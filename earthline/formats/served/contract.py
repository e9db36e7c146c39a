"""What a served model takes and gives: written beside its SavedModel, read by whoever calls or runs it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from earthline import tile_plan, versions
from earthline.formats.certainty import Certainty
from earthline.formats.learned_ground import LearnedGround
from earthline.formats.served.outputs import ServedOutput
from earthline.formats.served.runtime_record import RuntimeRecord
from earthline.formats.task_record import TaskRecord
from earthline.tile_plan import Plan, Readings, Wire

Value = TypeVar("Value")
Array = np.ndarray[Any, Any]
WireType = Literal["uint8", "int16", "uint16", "float32"]

VALID_BAND = "earthline_valid"
"""Band, and input of a served model: 1 where every band of the imagery is valid, 0 where one is masked."""
CONTRACT = "contract.json"
_REMEDY = (
    "What prepared the model and what reads it are of different versions: use images of one version "
    "(environment.image, environment.serving_image), or prepare the model again"
)
TENSOR_SIGNATURE = "serving_default"
"""Signature whose inputs and outputs are web-safe base64 texts of TensorProtos, one string per tile and band."""
ARRAY_SIGNATURE = "arrays"
"""Signature that takes one float32 array (tiles, height, width) per input and gives all entries as floats."""
EXAMPLE_SIGNATURE = "serialized_examples"
"""Signature that takes one string per tile, a serialized tf.Example with a float list per input."""
EXAMPLE_INPUT = "input"
"""Its one input, by the name that Earth Engine gives it."""

PayloadFormat = Literal["SERIALIZED_TF_TENSORS", "GRPC_TF_TENSORS", "GRPC_SERIALIZED_TF_TENSORS"]
"""Earth Engine's payload formats whose requests are as long as a plan of tiles assumes, or shorter."""


def _whole_array(given: dict[str, Any]) -> tuple[ServedOutput, ...]:
    """All entries as floats, which is what models gave whose contract says nothing of outputs."""
    if "task" not in given:
        return ()  # which is said already
    task: TaskRecord = given["task"]
    count = len(task.entries) + len(given.get("further", ()))
    return (ServedOutput(name=task.output, entries=count, used=count),)


class Contract(BaseModel):
    """The terms between a SavedModel and its callers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: tuple[str, ...] = Field(
        min_length=1, description="Imagery bands that the model takes; one tensor (height, width, 1) each."
    )
    valid: str = Field(
        default=VALID_BAND,
        description="Name of the validity input, a tensor (height, width, 1): 1 where every band is valid, else 0.",
    )
    types: dict[str, WireType] = Field(
        default={}, description="Type of each input's tensor on the wire; those that are not named are float32."
    )
    arguments: dict[str, str] = Field(
        default={},
        description="Inputs whose name a SavedModel's signatures cannot have, such as `0_B2`, and the name that they "
        "have there instead; all others keep theirs. Requests are by the inputs' own names.",
    )
    task: TaskRecord = Field(
        description="What it was trained for, with the name of its one output and the names along that one's last axis."
    )
    further: tuple[str, ...] = Field(
        default=(), description="Names of what the output holds after the task's entries, such as bounds of them."
    )
    outputs: tuple[ServedOutput, ...] = Field(
        default_factory=_whole_array,
        description="What is served, in the order of answers; left out, all entries as float32 by the task's output.",
    )
    colors: tuple[str, ...] = Field(
        default=(), description="Colours of the map's legend in its order, #rrggbb; empty where unknown."
    )
    certainty: Certainty = Field(
        default_factory=Certainty, description="Limits by which the outputs tell how far the map can be believed."
    )
    tile_shape: tuple[int, int] = Field(description="Tile in pixels (height, width), without overlap.")
    overlap: tuple[int, int] = Field(
        description="Context in pixels per dimension (height, width) in total; callers trim half on each side."
    )
    overlap_reading: Readings = Field(
        default="either",
        description="How Earth Engine counts its inputOverlapSize; where nobody knows, `either`: tiles may come "
        "with the overlap at each edge.",
    )
    reach: int | None = Field(
        default=None, ge=0, description="Pixels around a pixel that its outputs may rest on; None where unknown."
    )
    seams_allowed: bool = Field(default=False, description="Whether edges of tiles may show in a map.")
    stride: int = Field(gt=0, description="Stride of the network; other tile sizes are padded inside the graph.")
    max_payload_bytes: int = Field(gt=0, description="Largest request in bytes.")
    payload_format: PayloadFormat = Field(
        default="SERIALIZED_TF_TENSORS", description="How Earth Engine sends tiles; a server reads all formats."
    )
    split_hash: str = Field(default="", description="Of the examples it learned from; empty where unknown.")
    learned_ground: LearnedGround | None = Field(
        default=None, description="Where its training and validation patches lay; None where unknown."
    )
    max_difference: float | None = Field(
        default=None, description="Largest difference to the trained model that the proof found."
    )
    runtime: RuntimeRecord = Field(
        default_factory=RuntimeRecord, description="What computes it, and what was measured when that was chosen."
    )

    @model_validator(mode="after")
    def _outputs_are_made_of_entries(self) -> Self:
        names = [output.name for output in self.outputs]
        if not names:
            raise ValueError("outputs: none is served")
        if len(set(names)) < len(names):
            raise ValueError(f"outputs: {', '.join(names)}: a name stands twice")
        for output in self.outputs:
            if output.last > self.entries:
                raise ValueError(
                    f"outputs: {output.name} is made of the entries {output.first} to {output.last - 1}; the model "
                    f"has {self.entries}"
                )
        return self

    @property
    def output(self) -> str:
        """Name of what `arrays` gives, a float32 tensor (tiles, height, width, entries)."""
        return self.task.output

    @property
    def entries(self) -> int:
        """Numbers that the model gives for each pixel, whatever is served of them."""
        return len(self.task.entries) + len(self.further)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of all inputs: the bands in their order, then the validity."""
        return (*self.bands, self.valid)

    @property
    def sent_shape(self) -> tuple[int, int]:
        """Pixels (height, width) of the largest tile that callers may send, with its margins."""
        return self.plan.largest

    @property
    def plan(self) -> Plan:
        """The tiles that Earth Engine sends, and how many of them fit into a request."""
        inputs = [np.dtype(self.types.get(name, "float32")).itemsize for name in self.inputs]
        outputs = [output.pixel_bytes for output in self.outputs]
        wire = Wire(tuple(inputs), tuple(outputs), self.max_payload_bytes)
        return tile_plan.of(self.tile_shape, self.overlap, wire, self.overlap_reading)

    def typed(self, name: str, values: Array) -> Array:
        """Values as they are sent.

        Args:
            name: Of the input.
            values: Any shape.

        Returns:
            Of the input's type on the wire.
        """
        sent: Array = np.asarray(values).astype(self.types.get(name, "float32"), copy=False)
        return sent

    @property
    def warm_shapes(self) -> tuple[tuple[int, int], ...]:
        """Pixels (height, width) of the tiles that callers send, by each reading of the overlap that may be true."""
        return tuple(dict.fromkeys(self.plan.sent(reading) for reading in self.plan.readings))

    def named(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Values by input, by the names that the SavedModel's signatures have for them."""
        return {self.arguments.get(name, name): value for name, value in values.items()}

    def write(self, folder: Path) -> None:
        """Writes `contract.json` into a SavedModel's folder."""
        (folder / CONTRACT).write_text(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Contract":
        """Reads `contract.json`. Raises FileNotFoundError, or ValueError: damaged, or of another version."""
        return versions.read(cls, (folder / CONTRACT).read_text(), CONTRACT, _REMEDY)
