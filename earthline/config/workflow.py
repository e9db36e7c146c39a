"""The whole config, and what only the whole can check."""

from typing import Self

from pydantic import Field, model_validator

from earthline.config.data import Data
from earthline.config.section import Section
from earthline.config.steps import Environment, Evaluate, Export, Predict, Schedule, Serving, Train

FLOAT_BYTES = 4
BASE64_GROWTH = 4 / 3
BYTES_PER_BAND_OVERHEAD = 128
"""Tensor header, JSON key and quotes of one band in a request, in bytes, rounded up."""


class Config(Section):
    """One workflow."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9\-]{1,40}[a-z0-9]$",
        description="Name of the workflow: of its pipeline, endpoint and schedule. Lower case, digits, dashes.",
    )
    environment: Environment = Field(default_factory=Environment, description="Where the pipeline runs.")
    data: Data = Field(description="Imagery, labels, region and grid.")
    export: Export = Field(default_factory=Export, description="Which patches are taken, and how.")
    train: Train = Field(default_factory=Train, description="The model and how it learns.")
    evaluate: Evaluate = Field(default_factory=Evaluate, description="What a model must show to be deployed.")
    serving: Serving = Field(default_factory=Serving, description="The endpoint, and how Earth Engine calls it.")
    predict: Predict = Field(default_factory=Predict, description="The map.")
    schedule: Schedule = Field(default_factory=Schedule, description="When the pipeline runs again.")

    @property
    def endpoint_name(self) -> str:
        """Display name of the endpoint."""
        return self.serving.endpoint or self.name

    @property
    def payload_bytes(self) -> int:
        """Bytes of one tile's request to the endpoint, by arithmetic: float32 tensors in base64, one per band."""
        height, width = (
            tile + overlap for tile, overlap in zip(self.serving.tile_shape, self.serving.overlap, strict=True)
        )
        band = height * width * FLOAT_BYTES * BASE64_GROWTH + BYTES_PER_BAND_OVERHEAD
        return int(band * len(self.data.imagery.bands))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [*self._stride_problems(), *self._payload_problems()]
        if self.environment.target == "cloud" and "/" not in self.environment.image:
            problems.append(
                f"environment.image: '{self.environment.image}' names no registry, so Vertex AI cannot pull it; give "
                "the whole name, such as us-central1-docker.pkg.dev/PROJECT/earthline/earthline:0.1.0"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _stride_problems(self) -> list[str]:
        stride = self.train.stride
        problems = []
        for key, shape in (("export.patch_shape", self.export.patch_shape),):
            if any(pixels % stride for pixels in shape):
                fitting = [max(stride, round(pixels / stride) * stride) for pixels in shape]
                problems.append(
                    f"{key}: {list(shape)} does not divide by the model's stride {stride} (2**train.depth); "
                    f"use {fitting}, or a smaller train.depth"
                )
        return problems

    def _payload_problems(self) -> list[str]:
        if self.payload_bytes <= self.serving.max_payload_bytes:
            return []
        bands = len(self.data.imagery.bands)
        side = int(
            ((self.serving.max_payload_bytes / bands - BYTES_PER_BAND_OVERHEAD) / FLOAT_BYTES / BASE64_GROWTH) ** 0.5
        )
        return [
            f"serving.tile_shape: a tile of {list(self.serving.tile_shape)} with overlap {list(self.serving.overlap)} "
            f"and {bands} bands makes a request of {self.payload_bytes:,} bytes, over serving.max_payload_bytes "
            f"{self.serving.max_payload_bytes:,}; tile and overlap together may span at most {side} pixels a side"
        ]
