"""Maps the region through Earth Engine and tells how good the map is."""

import json
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kfp import dsl

from components.predict_map import asset, tiles
from earthline.config import Data, Predict
from earthline.earth_engine import confidence, ee_model, imagery
from earthline.earth_engine.connection import connect
from earthline.earth_engine.predictions import Predictions
from earthline.earth_engine.registration import REGISTRATION
from earthline.entry_point import entry_point
from earthline.formats.certainty import Certainty
from earthline.formats.manifest import Manifest
from earthline.formats.served.outputs import ServedOutput
from earthline.reports.maps.confidence import NO_DATA, ConfidenceRaster
from earthline.reports.maps.files import Files
from earthline.reports.maps.report import Subject
from earthline.task import task_of
from trainer.description import CURVES, Description

CONFIDENCE = "confidence.tif"
"""File beside the map, where the config asks for further bands."""

_logger = logging.getLogger(__name__)


@entry_point
def run(
    *,
    name: str,
    data: Data,
    predict: Predict,
    project: str,
    registration: dsl.Artifact,
    examples: dsl.Dataset,
    model: dsl.Model,
    evaluation: dsl.Artifact,
    map: dsl.Artifact,
    report_file: dsl.HTML,
) -> None:
    """Predicts the map and writes the report.

    Args:
        name: The workflow's name.
        data: The config's section.
        predict: The config's section.
        project: Google Cloud project that the requests count against.
        registration: Folder of `ee_model.json`.
        examples: Folder of shards and manifest.
        model: The trained model.
        evaluation: Folder of `evaluation.json`.
        map: Folder to write `map.tif`, `map.png` and, with `predict.bands`, `confidence.tif` into.
        report_file: HTML file to write.

    Raises:
        ImageryError: The region lies outside the imagery, or `predict.asset` is something else already.
        MapError: Nothing can be mapped, or the import as an asset failed.
        PixelsError: Earth Engine does not answer.
        ValueError: The registration is of an earlier version.
    """
    registered = json.loads((Path(registration.path) / REGISTRATION).read_text(encoding="utf-8"))
    described = registered["arguments"]
    manifest = Manifest.read(Path(examples.path))

    connect(project, predict.concurrency)
    grid = imagery.map_grid(data, predict.region)
    if predict.asset is not None:
        # Before the hours that a large map takes, not after them.
        asset.require_writable(predict.asset)
    task = task_of(data)
    taken = imagery.network_input(data)
    served = tuple(ServedOutput.model_validate(each) for each in _outputs(registered))
    given = Predictions.of(ee_model.build(described), taken, served)
    wide, tall = described["inputTileSize"]
    shape = tiles.request_shape(predict.tile_shape, (tall, wide))
    image = task.unmasked(imagery.clipped(ee_model.mapped(given, taken, task), data, grid, predict.region))
    tags = {"title": name, "source": manifest.attribution, "ee_model": registered["asset"]}
    files = Files(Path(map.path), "map", Path(report_file.path), name, tags)
    further, certainty = registered["further"], Certainty.model_validate(registered["certainty"])
    with ExitStack() as stack:
        aside: ConfidenceRaster | None = None
        if predict.bands:
            asked = confidence.bands(given, predict.bands, task, further, certainty)
            image = image.addBands(asked.unmask(NO_DATA, False))
            told = confidence.titles(task, further)
            titles = {band: told[band] for band in predict.bands}
            aside = stack.enter_context(ConfidenceRaster(files.folder / CONFIDENCE, grid, titles, tags))
        outline = imagery.in_pixels(data, grid, predict.region)
        blocks = tiles.predict(image, task, grid, shape, predict.concurrency, outline, aside)
        subject = Subject(
            name=name,
            data=data,
            grid=grid,
            task=task,
            predicted="Map, predicted through Earth Engine",
            region=predict.region,
            rows={
                "model": Description.read(Path(model.path)).told,
                "Earth Engine model": registered["asset"],
                "endpoint": described["endpoint"],
                "tile, overlap": f"{_by(described['inputTileSize'])}, {_by(described['inputOverlapSize'])} pixels "
                "(width x height)",
            },
        )
        files.write(blocks, subject, manifest, Path(evaluation.path), Path(model.path) / CURVES)
    map.metadata.update(crs=grid.crs, height=grid.shape[0], width=grid.shape[1])
    uri = f"{map.uri}/{files.raster.name}"
    _logger.info("predict_map: %d x %d pixels in %s", *grid.shape, uri)
    if predict.asset is not None:
        # Last: whatever becomes of the import, GeoTIFF and report are there.
        beside = f"{map.uri}/{CONFIDENCE}" if predict.bands else None
        map.metadata["task"] = asset.ingest(uri, predict.asset, task, tags, files.folder, beside, predict.bands)
        map.metadata["asset"] = predict.asset


def _outputs(registered: dict[str, Any]) -> list[Any]:
    if "outputs" not in registered:
        raise ValueError(f"{REGISTRATION} is of an earlier version and names no outputs; run the workflow again")
    found: list[Any] = registered["outputs"]
    return found


def _by(sides: list[int]) -> str:
    return " x ".join(str(side) for side in sides)
