"""A served model as Earth Engine sees it: described once, stored as an asset, rebuilt by anybody in one call.

The asset holds the description twice: as `earthline_arguments`, JSON to be read by people and by `load`, and as
`ee_model`, an expression that needs nothing but the Earth Engine client:

    ee.Model(ee.deserializer.fromJSON(ee.data.getAsset(ASSET)["properties"]["ee_model"]))
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import ee

from earthline.contract import VALID_BAND, Contract
from earthline.examples import UNLABELLED
from earthline.grid import Grid

ARGUMENTS_PROPERTY = "earthline_arguments"
EXPRESSION_PROPERTY = "ee_model"
CLASS_BAND = "class_id"
"""Band of the map that `predict` gives."""
_FLOAT = {"type": "PixelType", "precision": "float"}


class RegistrationError(ValueError):
    """An asset that does not describe a model; the text says what to do."""


def arguments(endpoint: str, contract: Contract, grid: Grid) -> dict[str, Any]:
    """The arguments of `ee.Model.fromVertexAi`, as plain values.

    Args:
        endpoint: Resource name of the Vertex AI endpoint.
        contract: What the model takes and gives.
        grid: Of the training region: the model predicts on its pixels, whatever the map's own projection.
    """
    height, width = contract.tile_shape
    rows, columns = contract.overlap
    return {
        "endpoint": endpoint,
        "inputTypeOverride": {name: _FLOAT for name in contract.inputs},
        "proj": {"crs": grid.crs, "transform": list(grid.transform)},
        # A convolution means something only at the scale it was trained at.
        "fixInputProj": True,
        "inputTileSize": [width, height],
        "inputOverlapSize": [columns, rows],
        "outputBands": {contract.output: {"type": _FLOAT, "dimensions": 1}},
        "maxPayloadBytes": contract.max_payload_bytes,
        "payloadFormat": "SERIALIZED_TF_TENSORS",
    }


def build(described: Mapping[str, Any]) -> Any:
    """The `ee.Model` of `arguments`."""
    keywords = dict(described)
    projection = keywords.pop("proj")
    types = keywords.pop("inputTypeOverride")
    outputs = keywords.pop("outputBands")
    return ee.Model.fromVertexAi(
        **keywords,
        proj=ee.Projection(projection["crs"], projection["transform"]),
        inputTypeOverride={band: _pixel_type(kind) for band, kind in types.items()},
        outputBands={name: {**about, "type": _pixel_type(about["type"])} for name, about in outputs.items()},
    )


def predict(model: Any, image: Any, output: str) -> Any:
    """The map: one uint8 band of class ids, masked where any input band is.

    Args:
        model: The `ee.Model`.
        image: What `imagery.network_input` gives: the bands that the model was trained on and their validity.
        output: Name of the output with one probability per class.
    """
    # Google's texts differ on whether the input's bands come along; selecting the output is right either way.
    probabilities = model.predictImage(image.toFloat()).select([output])
    classes = probabilities.arrayArgmax().arrayGet([0]).rename([CLASS_BAND]).toUint8()
    return classes.updateMask(image.select([VALID_BAND]))


def unmasked(classes: Any) -> Any:
    """Class ids with `UNLABELLED` where there are none: what a file without a mask can hold."""
    return classes.unmask(UNLABELLED, False).toUint8()


def store(asset: str, described: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Writes a model's description to an asset, made with its parent folders where it is not there.

    Args:
        asset: Id, such as `projects/PROJECT/assets/earthline/NAME`.
        described: From `arguments`.
        about: Further properties, numbers or texts.
    """
    properties = {
        **about,
        ARGUMENTS_PROPERTY: json.dumps(described),
        EXPRESSION_PROPERTY: ee.serializer.toJSON(build(described)),
    }
    # An image collection is the one asset of Earth Engine that carries properties and needs no pixels.
    if not _create(asset, "IMAGE_COLLECTION", properties):
        ee.data.updateAsset(asset, {"properties": properties}, [f"properties.{key}" for key in properties])


def load(asset: str) -> Any:
    """The registered `ee.Model`.

    Args:
        asset: Id, such as `projects/PROJECT/assets/earthline/NAME`.

    Raises:
        RegistrationError: The asset describes no model.
        ee.EEException: There is no such asset, or it may not be read.
    """
    properties = ee.data.getAsset(asset).get("properties", {})
    if ARGUMENTS_PROPERTY not in properties:
        raise RegistrationError(f"{asset} describes no model; give the id that the step register_ee_model printed")
    return build(json.loads(properties[ARGUMENTS_PROPERTY]))


def _create(asset: str, kind: str, properties: Mapping[str, Any] | None = None) -> bool:
    """Makes an asset and the folders above it; False where it is there already."""
    if ee.data.getInfo(asset) is not None:
        return False
    parent = asset.rpartition("/")[0]
    if not parent.endswith("/assets"):
        _create(parent, "FOLDER")
    ee.data.createAsset({"type": kind, "properties": dict(properties or {})}, asset)
    return True


def _pixel_type(described: Mapping[str, Any]) -> Any:
    make: Callable[[], Any] = getattr(ee.PixelType, described["precision"])
    return make()
