"""Describes the served model to Earth Engine, and proves that Earth Engine can use it."""

import json
import logging
from pathlib import Path

from kfp import dsl

from earthline import finding
from earthline.config import Data, Serving
from earthline.earth_engine import same_pixels
from earthline.earth_engine.connection import connect
from earthline.earth_engine.registration import REGISTRATION, register
from earthline.entry_point import entry_point
from earthline.formats.placed_patches import PlacedPatches
from earthline.formats.served.contract import Contract

_logger = logging.getLogger(__name__)


@entry_point
def run(
    *,
    name: str,
    data: Data,
    serving: Serving,
    project: str,
    location: str,
    prepared: dsl.Artifact,
    vertex_endpoint: dsl.Artifact,
    registration: dsl.Artifact,
) -> None:
    """Registers the model.

    Args:
        name: The workflow's name; the last part of the asset's id.
        data: The config's section.
        serving: The config's section.
        project: Google Cloud project.
        location: Vertex AI location.
        prepared: SavedModel and contract.
        vertex_endpoint: The endpoint, by its metadata.
        registration: Folder to write `ee_model.json` into.

    Raises:
        OtherPixelsError: Predictions would see other pixels than the training did.
        SmokeTestError: Earth Engine's answer is no map of the task.
        PixelsError: Earth Engine refuses the prediction or the asset.
        RegistrationError: The asset is something else.
    """
    contract = Contract.read(Path(prepared.path)).model_copy(update={"max_payload_bytes": serving.payload_limit})
    endpoint = vertex_endpoint.metadata["resourceName"]
    connect(project)
    found = same_pixels.findings(data, contract, endpoint, PlacedPatches.read(Path(prepared.path)))
    finding.log(found, "register_ee_model")
    registration.metadata["same_pixels"] = finding.shown(found)
    same_pixels.require(found)
    content = register(name, data, contract, project, location, endpoint)
    folder = Path(registration.path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REGISTRATION).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    registration.metadata["asset"] = content["asset"]
    _logger.info("register_ee_model: anybody who may read %s applies the model by:", content["asset"])
    for line in content["python"].splitlines():
        _logger.info("  %s", line)
