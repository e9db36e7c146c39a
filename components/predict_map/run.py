"""Maps the region through Earth Engine and tells how good the map is."""

import json
import logging
from pathlib import Path

from kfp import dsl

from components.predict_map import asset, tiles
from earthline.config import Data, Predict, Serving
from earthline.earth_engine import ee_model, imagery
from earthline.earth_engine.connection import connect
from earthline.earth_engine.registration import REGISTRATION
from earthline.entry_point import entry_point
from earthline.formats.manifest import Manifest
from earthline.reports.maps.files import Files
from earthline.reports.maps.report import Subject
from earthline.task import task_of
from trainer.description import CURVES

_logger = logging.getLogger(__name__)


@entry_point
def run(
    *,
    name: str,
    data: Data,
    predict: Predict,
    serving: Serving,
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
        serving: The config's section.
        project: Google Cloud project that the requests count against.
        registration: Folder of `ee_model.json`.
        examples: Folder of shards and manifest.
        model: The trained model.
        evaluation: Folder of `evaluation.json`.
        map: Folder to write `map.tif` and `map.png` into.
        report_file: HTML file to write.

    Raises:
        ImageryError: The region lies outside the imagery, or `predict.asset` is something else already.
        MapError: Nothing can be mapped, or the import as an asset failed.
        PixelsError: Earth Engine does not answer.
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
    predicted = ee_model.predict(ee_model.build(described), imagery.network_input(data), registered["output"], task)
    shape = tiles.request_shape(predict.tile_shape, serving.tile_shape)
    cut = task.unmasked(imagery.clipped(predicted, data, grid, predict.region))
    outline = imagery.in_pixels(data, grid, predict.region)
    blocks = tiles.predict(cut, task, grid, shape, predict.concurrency, outline)
    subject = Subject(
        name=name,
        data=data,
        grid=grid,
        task=task,
        predicted="Map, predicted through Earth Engine",
        region=predict.region,
        rows={
            "Earth Engine model": registered["asset"],
            "endpoint": described["endpoint"],
            "tile, overlap": f"{_by(described['inputTileSize'])}, {_by(described['inputOverlapSize'])} pixels "
            "(width x height)",
        },
    )
    tags = {"title": name, "source": manifest.attribution, "ee_model": registered["asset"]}
    files = Files(Path(map.path), "map", Path(report_file.path), name, tags)
    files.write(blocks, subject, manifest, Path(evaluation.path), Path(model.path) / CURVES)
    map.metadata.update(crs=grid.crs, height=grid.shape[0], width=grid.shape[1])
    uri = f"{map.uri}/{files.raster.name}"
    _logger.info("predict_map: %d x %d pixels in %s", *grid.shape, uri)
    if predict.asset is not None:
        # Last: whatever becomes of the import, GeoTIFF and report are there.
        map.metadata["task"] = asset.ingest(uri, predict.asset, task, tags, files.folder)
        map.metadata["asset"] = predict.asset


def _by(sides: list[int]) -> str:
    return " x ".join(str(side) for side in sides)
