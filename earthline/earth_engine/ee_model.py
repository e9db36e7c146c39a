"""A served model as Earth Engine sees it: described once, stored as an asset, applied by anybody in one line.

The asset holds the description in three forms: `earthline_arguments`, JSON to be read by people;
`ee_model`, an expression of the `ee.Model`; and `ee_map`, an expression of the function from an image with the config's
bands to the map. The last two need nothing but an Earth Engine client, see `snippets`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ee
import numpy as np

from earthline.config import Imagery
from earthline.earth_engine import ee_assets, imagery
from earthline.earth_engine.predictions import Predictions
from earthline.earth_engine.retry import ask
from earthline.formats.served.contract import VALID_BAND, Contract
from earthline.formats.served.outputs import ServedOutput, pixel_bytes
from earthline.grid import Grid
from earthline.task import Task

ARGUMENTS_PROPERTY = "earthline_arguments"
EXPRESSION_PROPERTY = "ee_model"
MAP_PROPERTY = "ee_map"
_PRECISIONS = {"float32": "float", "uint8": "uint8", "int16": "int16", "uint16": "uint16"}


class RegistrationError(ValueError):
    """An asset that holds something else than a model's description; the text says what to do."""


def arguments(endpoint: str, contract: Contract, grid: Grid) -> dict[str, Any]:
    """The arguments of `ee.Model.fromVertexAi` as plain values, for people to read; `build` makes the model of them.

    Args:
        endpoint: Resource name of the Vertex AI endpoint.
        contract: What the model takes and gives.
        grid: Of the training region: the model predicts on its pixels, whatever the map's own projection.
    """
    height, width = contract.tile_shape
    rows, columns = contract.plan.told_overlap
    types = {name: contract.types.get(name, "float32") for name in contract.inputs}
    growth = pixel_bytes(contract.outputs) / sum(np.dtype(kind).itemsize for kind in types.values())
    return {
        "endpoint": endpoint,
        "inputTypeOverride": {name: _pixel_type_of(kind) for name, kind in types.items()},
        "proj": {"crs": grid.crs, "transform": list(grid.transform)},
        # A convolution means something only at the scale it was trained at.
        "fixInputProj": True,
        "inputTileSize": [width, height],
        "inputOverlapSize": [columns, rows],
        "outputBands": {output.name: _output_band(output) for output in contract.outputs},
        # Earth Engine asks for it only where a model gives more than it takes, and refuses less than 1.
        **({"outputMultiplier": math.ceil(growth * 100) / 100} if growth > 1 else {}),
        "maxPayloadBytes": contract.max_payload_bytes,
        "payloadFormat": contract.payload_format,
    }


def build(described: Mapping[str, Any]) -> Any:
    """The `ee.Model` of `arguments`."""
    keywords = dict(described)
    projection = keywords.pop("proj")
    types = keywords.pop("inputTypeOverride")
    bands = keywords.pop("outputBands")
    return ee.Model.fromVertexAi(
        **keywords,
        proj=ee.Projection(projection["crs"], projection["transform"]),
        inputTypeOverride={band: _pixel_type(kind) for band, kind in types.items()},
        outputBands={name: {**about, "type": _pixel_type(about["type"])} for name, about in bands.items()},
    )


def mapped(given: Predictions, image: Any, task: Task) -> Any:
    """The map: the one band of the task, masked where any input band is and where the model gives no number.

    Args:
        given: What the model gives for the image.
        image: Which it was given.
        task: What the outputs mean.

    Raises:
        ValueError: Nothing is served that a map could be made of.
    """
    return _map(given, task).updateMask(image.select([VALID_BAND]))


def _map(given: Predictions, task: Task) -> Any:
    band = given.band(task.map_output.name) if task.map_output is not None else None
    if band is not None:
        return task.map_of_band(band)
    entries = given.array(0, len(task.entries))
    if entries is None:
        served = ", ".join(output.name for output in given.outputs)
        raise ValueError(f"the model serves {served}, of which no map can be made; set serving.outputs: auto")
    return task.mapped(entries)


def map_function(described: Mapping[str, Any], outputs: Sequence[ServedOutput], section: Imagery, task: Task) -> Any:
    """The function from an `ee.Image` with the section's bands to its map, as an `ee.Function`.

    Args:
        described: From `arguments`.
        outputs: What the model serves.
        section: The imagery that the model was trained on.
        task: What the outputs mean.
    """

    def to_map(image: Any) -> Any:
        taken = imagery.network_input_of(ee.Image(image), section)
        return mapped(Predictions.of(build(described), taken, outputs), taken, task)

    return ee.CustomFunction.create(to_map, "Image", ["Image"])


def snippets(asset: str, bands: Sequence[str], variable: str) -> dict[str, str]:
    """The lines that apply a registered model, by client: `python` (earthengine-api) and `javascript` (Code Editor).

    They need no Earthline. Each takes a variable `image` and leaves the model in `model`.

    Args:
        asset: Id, as `store` was given it.
        bands: Names of the bands that `image` must have.
        variable: Name of the variable that gets the map.
    """
    listed = ", ".join(bands)
    python = f'ee.data.getAsset("{asset}")["properties"]'
    javascript = f"ee.data.getAsset('{asset}').properties"
    return {
        "python": f"# image: an ee.Image with the bands {listed}\n"
        f'{variable} = ee.Image(ee.deserializer.fromJSON({python}["{MAP_PROPERTY}"]).call(image))\n'
        f'model = ee.Model(ee.deserializer.fromJSON({python}["{EXPRESSION_PROPERTY}"]))\n',
        "javascript": f"// image: an ee.Image with the bands {listed}\n"
        f"var {variable} = ee.Image(ee.Deserializer.fromJSON({javascript}.{MAP_PROPERTY}).call(image));\n"
        f"var model = ee.Deserializer.fromJSON({javascript}.{EXPRESSION_PROPERTY});\n",
    }


def expressions(
    described: Mapping[str, Any], outputs: Sequence[ServedOutput], section: Imagery, task: Task
) -> dict[str, str]:
    """Model and map function as Earth Engine's clients serialize them, by the asset's property.

    Args:
        described: From `arguments`.
        outputs: What the model serves.
        section: The imagery that the model was trained on.
        task: What the outputs mean.
    """
    return {
        EXPRESSION_PROPERTY: ee.serializer.toJSON(build(described)),
        MAP_PROPERTY: ee.serializer.toJSON(map_function(described, outputs, section, task)),
    }


def store(asset: str, properties: Mapping[str, Any]) -> None:
    """Writes a model's description to an asset, made with its parent folders where it is not there.

    Args:
        asset: Id, such as `projects/PROJECT/assets/earthline/NAME`.
        properties: Numbers and texts; `earthline_arguments` and those of `expressions` among them.

    Raises:
        RegistrationError: The asset is there and holds something else.
        PixelsError: Earth Engine refuses, or does not answer.
    """
    # An image collection is the one asset of Earth Engine that carries properties and needs no pixels.
    if ee_assets.create(asset, "IMAGE_COLLECTION", properties):
        return
    found = ee_assets.info(asset) or {}
    if ARGUMENTS_PROPERTY not in found.get("properties", {}):
        raise RegistrationError(
            f"{asset} is there already, of the type {found.get('type', 'unknown')}, and describes no model: move or "
            "delete it, or give the workflow another name"
        )
    changed = [f"properties.{key}" for key in properties]
    ask(
        lambda: ee.data.updateAsset(asset, {"properties": dict(properties)}, changed),
        ee_assets.ATTEMPTS,
        f"changing {asset}",
    )


def _output_band(output: ServedOutput) -> dict[str, Any]:
    dimensions = {"dimensions": 1} if output.entries else {}
    return {"type": _pixel_type_of(output.type), **dimensions}


def _pixel_type_of(kind: str) -> dict[str, str]:
    return {"type": "PixelType", "precision": _PRECISIONS[kind]}


def _pixel_type(described: Mapping[str, Any]) -> Any:
    make: Callable[[], Any] = getattr(ee.PixelType, described["precision"])
    return make()
