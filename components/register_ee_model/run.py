"""Describes the served model to Earth Engine, and proves that Earth Engine can use it."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from kfp import dsl

from earthline import ee_model, imagery
from earthline.config import Data, Serving
from earthline.contract import Contract
from earthline.examples import UNLABELLED
from earthline.grid import Grid
from earthline.pixels import ask, connect, fetch

REGISTRATION = "ee_model.json"
FOLDER = "earthline"
"""Folder of the project's assets that holds registered models."""
ATTEMPTS = 5
TILES_TRIED = 16
"""Tiles that are looked at for valid imagery before the smoke test gives up."""

_logger = logging.getLogger(__name__)


class SmokeTestError(RuntimeError):
    """Earth Engine does not get a usable answer from the model; the text says what came instead."""


def run(
    *,
    name: str,
    data: str,
    serving: str,
    project: str,
    location: str,
    prepared: dsl.Artifact,
    vertex_endpoint: dsl.Artifact,
    registration: dsl.Artifact,
) -> None:
    """Registers the model.

    Args:
        name: The workflow's name; the last part of the asset's id.
        data: The config's section, as JSON.
        serving: The config's section, as JSON.
        project: Google Cloud project.
        location: Vertex AI location.
        prepared: SavedModel and contract.
        vertex_endpoint: The endpoint, by its metadata.
        registration: Folder to write `ee_model.json` into.

    Raises:
        SmokeTestError: Earth Engine's answer is not a map of the contract's classes.
        PixelsError: Earth Engine refuses the prediction.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    section, limits = Data.model_validate_json(data), Serving.model_validate_json(serving)
    contract = Contract.read(Path(prepared.path))
    connect(project)
    grid = imagery.grid(section)
    described = ee_model.arguments(vertex_endpoint.metadata["resourceName"], contract, grid) | {
        "maxPayloadBytes": limits.max_payload_bytes
    }
    _smoke_test(section, contract, grid, described)
    asset = f"projects/{project}/assets/{FOLDER}/{name}"
    about = {
        "description": f"Model of the Earthline workflow {name}; rebuild it with earthline.ee_model.load",
        "bands": ",".join(contract.bands),
        "class_names": ",".join(contract.class_names),
        "class_colors": ",".join(section.labels.colors),
        "location": location,
    }
    ask(lambda: ee_model.store(asset, described, about), ATTEMPTS, asset)
    folder = Path(registration.path)
    folder.mkdir(parents=True, exist_ok=True)
    content = {"asset": asset, "arguments": described, "output": contract.output}
    (folder / REGISTRATION).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    registration.metadata["asset"] = asset
    _logger.info("register_ee_model: ee_model.load(%r) gives the model to any user of the project", asset)


def _smoke_test(data: Data, contract: Contract, grid: Grid, described: dict[str, Any]) -> None:
    """Predicts one tile through Earth Engine."""
    image = imagery.image(data)
    seen = image.select([0]).mask().gt(0).unmask(0, False).toUint8().rename(["seen"])
    classes = ee_model.unmasked(ee_model.predict(ee_model.build(described), image, contract.output))
    tiles = list(grid.tiles(contract.tile_shape))
    # From the middle outwards: the edges of scenes are where masks are.
    tiles.sort(key=lambda tile: abs(tile[0] - grid.shape[0] / 2) + abs(tile[1] - grid.shape[1] / 2))
    for row, column, shape in tiles[:TILES_TRIED]:
        window, place = grid.window(row, column, shape), f"tile at row {row}, column {column}"
        valid = fetch(seen, window, ATTEMPTS, place)["seen"] > 0
        if not valid.any():
            continue
        found = fetch(classes, window, ATTEMPTS, f"prediction of the {place}")[ee_model.CLASS_BAND]
        wrong = np.unique(found[valid & (found >= len(contract.class_names))])
        if len(wrong):
            meaning = " (no prediction)" if UNLABELLED in wrong else ""
            raise SmokeTestError(
                f"{place}: Earth Engine got the class ids {wrong.tolist()}{meaning} where the imagery is valid; known "
                f"are 0 to {len(contract.class_names) - 1}. Compare the outputs of the endpoint with the contract"
            )
        _logger.info("register_ee_model: Earth Engine predicted %d pixels of the %s", int(valid.sum()), place)
        return
    raise SmokeTestError(f"no valid imagery in {min(TILES_TRIED, len(tiles))} tiles around the middle of the region")
