"""Which runtime computes a model, and what was measured when it was chosen."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

RuntimeName = Literal["tensorflow", "openvino"]


class RuntimeFigures(BaseModel):
    """What was measured of one runtime, on tiles of the plan's shape made of real patches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: RuntimeName = Field(description="Of the runtime.")
    version: str = Field(description="Of its library.")
    batch: int = Field(gt=0, description="Tiles in a call at which it was fastest.")
    processor_milliseconds: float = Field(
        gt=0, description="Processor time of a tile, with as many calls at once as use all processors: the least seen."
    )
    tiles_per_second: float = Field(
        gt=0, description="By the clock, likewise: the most seen. Other programs on the machine make it less."
    )
    load_seconds: float = Field(gt=0, description="From the first import to the first answer.")
    max_difference: float = Field(
        ge=0, description="Largest difference of an output to TensorFlow's, as a share of the largest output above 1."
    )


class RuntimeRecord(BaseModel):
    """The chosen runtime and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: RuntimeName = Field(default="tensorflow", description="The runtime that computes this model.")
    batch: int = Field(default=8, gt=0, description="Most tiles in a call of it.")
    reason: str = Field(default="nothing was measured", description="Why it was chosen.")
    processors: float = Field(default=0.0, ge=0, description="Processors of the machine that measured.")
    figures: tuple[RuntimeFigures, ...] = Field(default=(), description="Of each runtime that could compute the model.")
