"""Shows what a rejected model would have given: that is when people need to look."""

import logging
import math
from pathlib import Path

from kfp import dsl

from components.preview_map import tiles, window
from earthline.config import Data, Predict, Region
from earthline.earth_engine import imagery
from earthline.earth_engine.connection import connect
from earthline.earth_engine.pixels import fetch
from earthline.earth_engine.tiles import ATTEMPTS
from earthline.entry_point import entry_point
from earthline.formats.manifest import Manifest
from earthline.formats.served.contract import VALID_BAND
from earthline.grid import Grid
from earthline.reports.maps.files import Files
from earthline.reports.maps.report import Subject
from earthline.task import task_of
from trainer import saved_network
from trainer.description import CURVES, Description

MOST_PIXELS = 2048
"""Most pixels a side of a preview: some minutes on two cores."""
_CELLS = 256
"""Most cells a side in which the imagery's validity is looked at."""

_logger = logging.getLogger(__name__)


@entry_point
def run(
    *,
    name: str,
    data: Data,
    predict: Predict,
    project: str,
    examples: dsl.Dataset,
    model: dsl.Model,
    evaluation: dsl.Artifact,
    preview: dsl.Artifact,
    report_file: dsl.HTML,
) -> None:
    """Predicts the preview and writes the report.

    Args:
        name: The workflow's name.
        data: The config's section.
        predict: The config's section.
        project: Google Cloud project that the requests count against.
        examples: Folder of shards and manifest.
        model: Folder that the trainer wrote.
        evaluation: Folder of `evaluation.json`.
        preview: Folder to write `preview.tif` and `preview.png` into.
        report_file: HTML file to write.

    Raises:
        ImageryError: The region lies outside the imagery.
        MapError: Nothing can be mapped.
        PixelsError: Earth Engine does not answer.
    """
    manifest = Manifest.read(Path(examples.path))
    description = Description.read(Path(model.path))
    network = saved_network.read(Path(model.path))

    connect(project, predict.concurrency)
    whole = imagery.map_grid(data, predict.region)
    grid = chosen_part(data, whole, predict.region)
    share = math.prod(grid.shape) / math.prod(whole.shape)
    tile, margin = tiles.sides(description.margin, description.stride, len(data.imagery.band_names))
    task = task_of(data)
    blocks = tiles.predict(network, data, task, grid, tile, margin, predict.concurrency, predict.region)
    subject = Subject(
        name=name,
        data=data,
        grid=grid,
        task=task,
        predicted="Preview, predicted in the pipeline's own step",
        region=predict.region,
        rows={
            "model": description.told,
            "tile, context": f"{tile[0]} x {tile[1]}, {margin[0]} x {margin[1]} pixels at each side",
        },
        preview_of=share,
    )
    tags = {"title": f"{name}: preview of a model that was not deployed", "source": manifest.attribution}
    files = Files(Path(preview.path), "preview", Path(report_file.path), f"{name}: preview, not deployed", tags)
    files.write(blocks, subject, manifest, Path(evaluation.path), Path(model.path) / CURVES)
    preview.metadata.update(crs=grid.crs, height=grid.shape[0], width=grid.shape[1], share=share)
    _logger.info("preview_map: %d x %d pixels in %s", *grid.shape, f"{preview.uri}/{files.raster.name}")


def chosen_part(data: Data, whole: Grid, region: Region | None = None) -> Grid:
    """The part that is shown: all of a small region, else where most imagery is valid; asks Earth Engine.

    Args:
        data: The section.
        whole: Grid of the region.
        region: `predict.region`; None for the section's own.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    if max(whole.shape) <= MOST_PIXELS:
        return whole
    # A power of two divides the largest side.
    step = 2 ** max(0, math.ceil(math.log2(max(whole.shape) / _CELLS)))
    valid = imagery.valid(data).updateMask(imagery.inside(data, whole, region)).unmask(0, False)
    seen = fetch(valid, whole.coarser(step), ATTEMPTS, "where the imagery is valid")[VALID_BAND]
    row, column, shape = window.choose(seen, step, whole.shape, MOST_PIXELS)
    return whole.window(row, column, shape)
