"""Models hosted on Vertex AI."""

from collections.abc import Mapping
from typing import Any

from earthline_sandbox.earthengine.language.registry import Context, function, signatures
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.pixels.pixels import PixelType
from earthline_sandbox.earthengine.values.values import Collection, Image, Model
from earthline_sandbox.errors import invalid


@function("Model.fromVertexAi")
def from_vertex_ai(
    endpoint: str,
    input_properties: list[str] | None,
    input_type_override: Mapping[str, PixelType] | None,
    input_shapes: Mapping[str, list[int]] | None,
    proj: Projection | None,
    fix_input_proj: bool | None,
    input_tile_size: list[int] | None,
    input_overlap_size: list[int] | None,
    output_tile_size: list[int] | None,
    output_bands: Mapping[str, Mapping[str, Any]] | None,
    output_properties: Mapping[str, Mapping[str, Any]] | None,
    output_multiplier: float | None,
    max_payload_bytes: int | None,
    payload_format: str | None,
) -> Model:
    """A model behind an endpoint; nothing is asked of it yet."""
    for name, value in (
        ("inputTileSize", input_tile_size),
        ("inputOverlapSize", input_overlap_size),
        ("outputTileSize", output_tile_size),
    ):
        if value is not None and (len(value) != 2 or min(value) < 0):
            raise invalid(f"Model.fromVertexAi: '{name}' must be two numbers, [width, height], got {value}.")
    return Model(
        endpoint=endpoint,
        input_properties=input_properties,
        input_type_override=input_type_override,
        input_shapes=input_shapes,
        proj=proj,
        fix_input_proj=fix_input_proj,
        input_tile_size=input_tile_size,
        input_overlap_size=input_overlap_size,
        output_tile_size=output_tile_size,
        output_bands=output_bands,
        output_properties=output_properties,
        output_multiplier=output_multiplier,
        max_payload_bytes=max_payload_bytes,
        payload_format=payload_format,
    )


_GONE = [parameter.name for parameter in signatures()["Model.fromAiPlatformPredictor"].parameters]


@function("Model.fromAiPlatformPredictor", ignores=_GONE)
def from_ai_platform_predictor() -> Model:
    """Refuses: there is nothing left behind it."""
    raise invalid(
        "Model.fromAiPlatformPredictor: AI Platform, its backend, was shut down on 2025-01-31. "
        "Deploy the model to a Vertex AI endpoint and use Model.fromVertexAi."
    )


@function("Model.predictImage")
def predict_image(context: Context, model: Model, image: Image) -> Image:
    """The model's output bands, asked for tile by tile when pixels are needed."""
    # Imported here, as only this function needs the HTTP client behind it.
    from earthline_sandbox.earthengine.models.prediction import predict_image as predict

    if context.predictions is None:
        raise invalid("Model.predictImage: this evaluation has no way to reach Vertex AI endpoints.")
    result: Image = predict(model, image, context.predictions, context.readings)
    return result


@function("Model.predictProperties")
def predict_properties(context: Context, model: Model, collection: Collection) -> Collection:
    """The features with the model's output properties."""
    from earthline_sandbox.earthengine.models.property_prediction import predict_properties as predict

    if context.predictions is None:
        raise invalid("Model.predictProperties: this evaluation has no way to reach Vertex AI endpoints.")
    result: Collection = predict(model, collection, context.predictions)
    return result
