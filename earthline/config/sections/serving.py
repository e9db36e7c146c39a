"""The section `serving`: the endpoint, and how Earth Engine calls it."""

from typing import Self

from pydantic import Field, model_validator

from earthline.config.section import Section, Shape, WholeNumber

SHARED_ENDPOINT_BYTES = 1_500_000
"""https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type."""


class Serving(Section):
    """The endpoint, and how Earth Engine calls it."""

    endpoint: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="Display name of the endpoint; left out, the workflow's name.",
    )
    machine_type: str = Field(default="n1-standard-4", description="Vertex AI machine type of each replica.")
    min_replicas: WholeNumber = Field(default=1, ge=1, description="Replicas that always run (and cost).")
    max_replicas: WholeNumber = Field(default=1, ge=1, description="Most replicas under load.")
    traffic_percent: WholeNumber = Field(
        default=100, ge=1, le=100, description="Traffic that a new model gets, in percent."
    )
    keep_previous: WholeNumber = Field(
        default=1,
        ge=0,
        le=5,
        description="Former champions that stay deployed without traffic, so that `earthline rollback` is a matter of "
        "seconds; each costs its replicas. With 0 a rollback deploys the former champion again.",
    )
    tile_shape: Shape = Field(
        default=(80, 80),
        description="Pixels of each tile that Earth Engine predicts, (height, width), without overlap.",
    )
    overlap: Shape = Field(
        default=(32, 32),
        description="Pixels of context in total per dimension (height, width), half on each side, trimmed afterwards.",
    )
    max_payload_bytes: WholeNumber = Field(
        default=SHARED_ENDPOINT_BYTES,
        gt=0,
        description="Largest request and largest answer in bytes; Vertex AI's shared endpoints take 1,500,000.",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.max_payload_bytes > SHARED_ENDPOINT_BYTES:
            raise ValueError(
                f"max_payload_bytes {self.max_payload_bytes:,} is more than {SHARED_ENDPOINT_BYTES:,}, the most that "
                "Vertex AI's shared endpoints take, which models are deployed on; leave it out"
            )
        if self.max_replicas < self.min_replicas:
            raise ValueError(f"max_replicas {self.max_replicas} is below min_replicas {self.min_replicas}")
        if any(pixels % 2 for pixels in self.overlap):
            raise ValueError(f"overlap {list(self.overlap)} must be even: half of it lies on each side")
        return self
