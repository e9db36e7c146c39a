"""A served model tried through Earth Engine, and described on an asset where anybody finds it."""

import json
import logging
from typing import Any

import ee
import numpy as np

from earthline.config import Data
from earthline.earth_engine import ee_model, imagery
from earthline.earth_engine.pixels import fetch
from earthline.formats.served.contract import VALID_BAND, Contract
from earthline.grid import Grid
from earthline.task import task_of

REGISTRATION = "ee_model.json"
FOLDER = "earthline"
"""Folder of the project's assets that holds registered models."""
ATTEMPTS = 5
TILES_TRIED = 16
"""Tiles that are looked at for valid imagery before the smoke test gives up."""
OVERVIEW_PIXELS = 4096
"""Pixels of the thinned out imagery that shows where to look."""

_logger = logging.getLogger(__name__)


class SmokeTestError(RuntimeError):
    """Earth Engine does not get a usable answer from the model; the text says what came instead."""


def register(name: str, data: Data, contract: Contract, project: str, location: str, endpoint: str) -> dict[str, Any]:
    """Tries a served model through Earth Engine, and describes it on an asset.

    Args:
        name: The workflow's name; the last part of the asset's id.
        data: The config's section.
        contract: Of the served model.
        project: Google Cloud project; `connection.connect` came before.
        location: Vertex AI location.
        endpoint: Resource name of the endpoint.

    Returns:
        What `ee_model.json` holds: `asset`, `arguments`, the `outputs`, what the model has after the task's entries
        (`further`), the limits of `certainty`, the expressions `ee_model` and `ee_map`, and the lines `python` and
        `javascript` that apply them.

    Raises:
        SmokeTestError: Earth Engine's answer is no map of the task.
        PixelsError: Earth Engine refuses the prediction or the asset.
        RegistrationError: The asset is something else.
    """
    grid, task = imagery.grid(data), task_of(data)
    described = ee_model.arguments(endpoint, contract, grid)
    expressions = ee_model.expressions(described, contract.outputs, data.imagery, task)
    _smoke_test(data, contract, grid, expressions[ee_model.MAP_PROPERTY])
    asset = f"projects/{project}/assets/{FOLDER}/{name}"
    lines = ee_model.snippets(asset, contract.bands, task.map_variable)
    properties = {
        "description": f"Model of the Earthline workflow {name}. {lines['python'].replace(chr(10), '  ')}",
        "bands": ",".join(contract.bands),
        "outputs": ",".join(output.name for output in contract.outputs),
        **task.model_properties(),
        "location": location,
        ee_model.ARGUMENTS_PROPERTY: json.dumps(described),
        **expressions,
    }
    ee_model.store(asset, properties)
    return {
        "asset": asset,
        "arguments": described,
        "outputs": [output.model_dump() for output in contract.outputs],
        "further": list(contract.further),
        "certainty": contract.certainty.model_dump(),
        **lines,
        **expressions,
    }


def _smoke_test(data: Data, contract: Contract, grid: Grid, to_map: str) -> None:
    """Predicts one tile through Earth Engine, by the function that is about to be stored."""
    image, task = imagery.measured(data), task_of(data)
    predicted = task.unmasked(ee.Image(ee.deserializer.fromJSON(to_map).call(image)))
    for row, column, shape in _tiles(data, grid, contract.tile_shape):
        window, place = grid.window(row, column, shape), f"tile at row {row}, column {column}"
        valid = fetch(imagery.valid(data), window, ATTEMPTS, place)[VALID_BAND] > 0
        if not valid.any():
            continue
        found = fetch(predicted, window, ATTEMPTS, f"prediction of the {place}")[task.map_band]
        problem = task.map_problem(found[valid])
        if problem:
            raise SmokeTestError(
                f"{place}: Earth Engine got {problem}. Compare the outputs of the endpoint with the contract"
            )
        _logger.info("register_ee_model: Earth Engine predicted %d pixels of the %s", int(valid.sum()), place)
        return
    raise SmokeTestError(
        f"no valid imagery in the {TILES_TRIED} tiles of the region that were looked at: is it all masked?"
    )


def _tiles(data: Data, grid: Grid, shape: tuple[int, int]) -> list[tuple[int, int, tuple[int, int]]]:
    """Tiles to look at: those in which thinned out imagery is valid first, then from the middle of the region on."""
    overview = grid.thinned(OVERVIEW_PIXELS)
    seen = fetch(imagery.valid(data), overview, ATTEMPTS, "overview of the imagery")[VALID_BAND] > 0
    step = round(overview.transform[0] / grid.transform[0]) if grid.transform[0] else 1
    rows, columns = np.nonzero(seen)
    held = {
        (int(row) // shape[0] * shape[0], int(column) // shape[1] * shape[1])
        for row, column in zip((rows + 0.5) * step, (columns + 0.5) * step, strict=True)
    }
    middle = grid.shape[0] / 2, grid.shape[1] / 2
    tiles = list(grid.tiles(shape))
    tiles.sort(key=lambda tile: ((tile[0], tile[1]) not in held, abs(tile[0] - middle[0]) + abs(tile[1] - middle[1])))
    return tiles[:TILES_TRIED]
