"""Shows what a rejected model would have given: that is when people need to look."""

import logging
import math
from pathlib import Path

import keras
from kfp import dsl

import trainer.losses  # noqa: F401  # registers the loss and metrics that a saved model names
from components.preview_map import tiles, window
from earthline.config import Data, Predict, Serving
from earthline.earth_engine import imagery
from earthline.earth_engine.connection import connect
from earthline.earth_engine.pixels import fetch
from earthline.formats.contract import VALID_BAND
from earthline.formats.manifest import Manifest
from earthline.grid import Grid
from earthline.reports.maps import figure, raster, report
from earthline.reports.maps.raster import Legend
from trainer.description import CURVES, KERAS_MODEL, Description

MAP = "preview.tif"
PICTURE = "preview.png"
PICTURE_PIXELS = 1400
"""Most pixels a side of the PNG's map."""
MOST_PIXELS = 2048
"""Most pixels a side of a preview: some minutes on two cores."""
_CELLS = 256
"""Most cells a side in which the imagery's validity is looked at."""

_logger = logging.getLogger(__name__)


def run(
    *,
    name: str,
    data: str,
    predict: str,
    serving: str,
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
        data: The config's section, as JSON.
        predict: The config's section, as JSON.
        serving: The config's section, as JSON.
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
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    section, asked = Data.model_validate_json(data), Predict.model_validate_json(predict)
    overlap = Serving.model_validate_json(serving).overlap
    manifest = Manifest.read(Path(examples.path))
    description = Description.read(Path(model.path))
    network = keras.models.load_model(Path(model.path) / KERAS_MODEL, compile=False)
    legend = Legend(section.labels.class_names, section.labels.colors)
    folder = Path(preview.path)
    folder.mkdir(parents=True, exist_ok=True)

    connect(project, asked.concurrency)
    whole = imagery.grid(section, asked.region, "predict.region" if asked.region is not None else "data.region")
    grid = chosen_part(section, whole)
    share = math.prod(grid.shape) / math.prod(whole.shape)
    tile, margin = tiles.sides(overlap, description.stride, len(section.imagery.bands))
    source = "; ".join(dict.fromkeys(each.attribution for each in manifest.sources if each.attribution))
    tags = {"title": f"{name}: preview of a model that was not deployed", "source": source}
    blocks = tiles.predict(network, section, grid, tile, margin, asked.concurrency)
    coverage = raster.write(blocks, grid, legend, folder / MAP, tags)
    title = f"{name}: preview, not deployed"
    figure.write(folder / PICTURE, raster.picture(folder / MAP, legend, PICTURE_PIXELS), grid, legend, title, source)
    preview.metadata.update(crs=grid.crs, height=grid.shape[0], width=grid.shape[1], share=share)
    subject = report.Subject(
        name=name,
        data=section,
        grid=grid,
        legend=legend,
        coverage=coverage,
        map=folder / MAP,
        predicted="Preview, predicted in the pipeline's own step",
        rows={"tile, context": f"{tile[0]} x {tile[1]}, {margin[0]} x {margin[1]} pixels at each side"},
        preview_of=share,
    )
    report.write(Path(report_file.path), subject, manifest, Path(evaluation.path), Path(model.path) / CURVES)
    _logger.info("preview_map: %d x %d pixels in %s", *grid.shape, f"{preview.uri}/{MAP}")


def chosen_part(data: Data, whole: Grid) -> Grid:
    """The part that is shown: all of a small region, else where most imagery is valid; asks Earth Engine.

    Args:
        data: The section.
        whole: Grid of the region.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    if max(whole.shape) <= MOST_PIXELS:
        return whole
    # A power of two divides the largest side.
    step = 2 ** max(0, math.ceil(math.log2(max(whole.shape) / _CELLS)))
    a, b, c, d, e, f = whole.transform
    cells = (-(-whole.shape[0] // step), -(-whole.shape[1] // step))
    coarse = Grid(whole.crs, (a * step, b * step, c, d * step, e * step, f), cells)
    seen = fetch(imagery.valid(data), coarse, tiles.ATTEMPTS, "where the imagery is valid")[VALID_BAND]
    row, column, shape = window.choose(seen, step, whole.shape, MOST_PIXELS)
    return whole.window(row, column, shape)
