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
from earthline.formats.manifest import Manifest
from earthline.reports.maps import figure, raster, report
from earthline.reports.maps.raster import Legend
from trainer.description import CURVES

MAP = "map.tif"
PICTURE = "map.png"
PICTURE_PIXELS = 1400
"""Most pixels a side of the PNG's map."""

_logger = logging.getLogger(__name__)


def run(
    *,
    name: str,
    data: str,
    predict: str,
    serving: str,
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
        data: The config's section, as JSON.
        predict: The config's section, as JSON.
        serving: The config's section, as JSON.
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
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    section, asked = Data.model_validate_json(data), Predict.model_validate_json(predict)
    tile = Serving.model_validate_json(serving).tile_shape
    registered = json.loads((Path(registration.path) / REGISTRATION).read_text(encoding="utf-8"))
    manifest = Manifest.read(Path(examples.path))
    legend = Legend(section.labels.class_names, section.labels.colors)
    folder = Path(map.path)
    folder.mkdir(parents=True, exist_ok=True)

    connect(project, asked.concurrency)
    grid = imagery.grid(section, asked.region, "predict.region" if asked.region is not None else "data.region")
    if asked.asset is not None:
        # Before the hours that a large map takes, not after them.
        asset.require_writable(asked.asset)
    described = registered["arguments"]
    classes = ee_model.predict(ee_model.build(described), imagery.network_input(section), registered["output"])
    source = "; ".join(dict.fromkeys(each.attribution for each in manifest.sources if each.attribution))
    tags = {"title": name, "source": source, "ee_model": registered["asset"]}
    shape = tiles.request_shape(asked.tile_shape, tile)
    blocks = tiles.predict(ee_model.unmasked(classes), grid, shape, asked.concurrency)
    coverage = raster.write(blocks, grid, legend, folder / MAP, tags)
    figure.write(folder / PICTURE, raster.picture(folder / MAP, legend, PICTURE_PIXELS), grid, legend, name, source)
    map.metadata.update(crs=grid.crs, height=grid.shape[0], width=grid.shape[1])
    subject = report.Subject(
        name=name,
        data=section,
        grid=grid,
        legend=legend,
        coverage=coverage,
        map=folder / MAP,
        predicted="Map, predicted through Earth Engine",
        rows={
            "Earth Engine model": registered["asset"],
            "endpoint": described["endpoint"],
            "tile, overlap": f"{_by(described['inputTileSize'])}, {_by(described['inputOverlapSize'])} pixels "
            "(width x height)",
        },
    )
    report.write(Path(report_file.path), subject, manifest, Path(evaluation.path), Path(model.path) / CURVES)
    _logger.info("predict_map: %d x %d pixels in %s", *grid.shape, f"{map.uri}/{MAP}")
    if asked.asset is not None:
        # Last: whatever becomes of the import, GeoTIFF and report are there.
        map.metadata["task"] = asset.ingest(f"{map.uri}/{MAP}", asked.asset, legend, tags, folder)
        map.metadata["asset"] = asked.asset


def _by(sides: list[int]) -> str:
    return " x ".join(str(side) for side in sides)
