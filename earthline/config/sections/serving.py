"""The section `serving`: the endpoint, and how Earth Engine calls it."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from earthline.config.section import Section, Shape, WholeNumber
from earthline.config.sections.outputs import Outputs

AUTO: Literal["auto"] = "auto"
ENDPOINT_BYTES = {"shared": 1_500_000, "dedicated": 10_000_000}
"""Most bytes of a request, and of an answer: https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type."""


def _shape_of(least: int) -> Callable[[Any], Any]:
    def shape(value: Any) -> Any:
        """`auto`, or a shape; says what is wrong once, where a union would say it for each of its kinds."""
        sides = value if isinstance(value, list | tuple) else ()
        whole = all(isinstance(side, int) and not isinstance(side, bool) and side >= least for side in sides)
        if value == AUTO or (whole and len(sides) == 2):
            return value
        raise ValueError(
            f"{value!r} is neither `auto` nor a height and a width in pixels, {least} at least; write them such as "
            "[96, 96]"
        )

    return shape


AutoShape = Annotated[Literal["auto"] | Shape, BeforeValidator(_shape_of(1))]
"""(height, width) in pixels, or `auto`."""
AutoMargins = Annotated[
    Literal["auto"] | tuple[Annotated[WholeNumber, Field(ge=0)], Annotated[WholeNumber, Field(ge=0)]],
    BeforeValidator(_shape_of(0)),
]
"""The same, where 0 makes sense."""


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
        description="Former champions that stay deployed without traffic, so that `earthline rollback` need not deploy "
        "them beside what serves, and `--at-once` is a matter of seconds; each costs its replicas. With 0 a rollback "
        "deploys the former champion again.",
    )
    tile_shape: AutoShape = Field(
        default=AUTO,
        description="Pixels of each tile that Earth Engine predicts, (height, width), without overlap; `auto` is the "
        "largest whose request and answer fit.",
    )
    overlap: AutoMargins = Field(
        default=AUTO,
        description="Pixels of context in total per dimension (height, width), half on each side, trimmed afterwards; "
        "`auto` is as much as the model sees.",
    )
    overlap_reading: Literal["either", "total", "each_edge"] = Field(
        default="either",
        description="How Earth Engine counts its inputOverlapSize: as the `total` per dimension, or along `each_edge`. "
        "Google's texts say both. `either` is right both ways, at the price of smaller tiles; `earthline canary` finds "
        "out which is true.",
    )
    input_types: Literal["auto", "float32"] = Field(
        default=AUTO,
        description="Types in which Earth Engine sends bands: `auto` takes data.imagery.data_type where that is one of "
        "whole numbers, so that requests are two to four times smaller; `float32` is what every server understands.",
    )
    seams: Literal["refused", "allowed"] = Field(
        default="refused",
        description="Whether the edges of tiles may show in the map. They do not where overlap is as wide as what the "
        "model sees, which is proved before a model is deployed; `allowed` takes smaller overlap, and says how much "
        "shows.",
    )
    endpoint_kind: Literal["shared", "dedicated"] = Field(
        default="shared",
        description="Kind of the Vertex AI endpoint: `shared` takes 1.5 MB and answers within 60 s, `dedicated` takes "
        "10 MB. Whether Earth Engine reaches dedicated ones is not documented: try it by `earthline canary`.",
    )
    outputs: Outputs = Field(
        default="auto",
        description="What the endpoint answers for each pixel, and so how large its answers are: `auto`, which is what "
        "the map and `predict.bands` need, or a list of names, each with a `type` if need be, such as [class_id, "
        "{name: probabilities, type: uint8}].",
    )
    payload_format: Literal["SERIALIZED_TF_TENSORS", "GRPC_TF_TENSORS", "GRPC_SERIALIZED_TF_TENSORS"] = Field(
        default="SERIALIZED_TF_TENSORS",
        description="How Earth Engine sends tiles: `SERIALIZED_TF_TENSORS` over HTTP, or by gRPC to a second port of "
        "the container. Google calls that faster, and experimental; how tiles lie in such a request is not documented.",
    )
    max_payload_bytes: WholeNumber | None = Field(
        default=None,
        gt=0,
        description="Largest request and largest answer in bytes; left out, what the kind of endpoint takes.",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        most = ENDPOINT_BYTES[self.endpoint_kind]
        if self.payload_limit > most:
            raise ValueError(
                f"max_payload_bytes {self.payload_limit:,} is more than {most:,}, the most that Vertex AI's "
                f"{self.endpoint_kind} endpoints take; leave it out"
            )
        if self.max_replicas < self.min_replicas:
            raise ValueError(f"max_replicas {self.max_replicas} is below min_replicas {self.min_replicas}")
        if self.overlap != AUTO and any(pixels % 2 for pixels in self.overlap):
            raise ValueError(f"overlap {list(self.overlap)} must be even: half of it lies on each side")
        return self

    @property
    def payload_limit(self) -> int:
        """Most bytes of a request, and of an answer."""
        return self.max_payload_bytes or ENDPOINT_BYTES[self.endpoint_kind]
