"""Maps the region through Earth Engine and tells how good the map is."""

import json
import logging
from pathlib import Path

import ee
import numpy as np
from kfp import dsl

from components.evaluate_model.accuracy import area_adjusted
from components.evaluate_model.evaluation import Evaluation
from components.evaluate_model.figures import CURVES
from components.predict_map import areas, asset, figure, mapping, scene
from components.predict_map.mapping import Legend
from components.register_ee_model.run import REGISTRATION
from earthline import ee_model, imagery, pictures
from earthline.config import Data, Predict, Serving
from earthline.examples import Manifest
from earthline.grid import Grid
from earthline.pixels import connect
from earthline.reports import render

MAP = "map.tif"
PICTURE = "map.png"
PICTURE_PIXELS = 1400
"""Most pixels a side of the PNG's map."""
REPORT_PIXELS = 700
"""Most pixels a side of the report's pictures."""

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
    report: dsl.HTML,
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
        report: HTML file to write.

    Raises:
        ImageryError: The region lies outside the imagery.
        MapError: Nothing can be mapped.
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
    grid = imagery.grid(section, asked.region)
    classes = ee_model.predict(ee_model.build(registered["arguments"]), imagery.image(section), registered["output"])
    source = "; ".join(dict.fromkeys(each.attribution for each in manifest.sources if each.attribution))
    tags = {"title": name, "source": source, "ee_model": registered["asset"]}
    shape = mapping.request_shape(asked.tile_shape, tile)
    counts = mapping.write(ee_model.unmasked(classes), grid, shape, asked.concurrency, legend, folder / MAP, tags)
    figure.write(folder / PICTURE, mapping.preview(folder / MAP, legend, PICTURE_PIXELS), grid, legend, name, source)
    map.metadata.update(crs=grid.crs, height=grid.shape[0], width=grid.shape[1])
    if asked.asset is not None:
        asset.ingest(f"{map.uri}/{MAP}", asked.asset, legend, tags)
        map.metadata["asset"] = asked.asset
    page = _report(name, section, grid, counts, registered, manifest, Path(evaluation.path), folder, legend)
    Path(report.path).write_text(page, encoding="utf-8")
    _logger.info("predict_map: %d x %d pixels in %s", *grid.shape, f"{map.uri}/{MAP}")


def _report(
    name: str,
    data: Data,
    grid: Grid,
    counts: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    registered: dict[str, object],
    manifest: Manifest,
    evaluation: Path,
    folder: Path,
    legend: Legend,
) -> str:
    result = Evaluation.read(evaluation)
    curves = evaluation / CURVES
    return render(
        Path(__file__).with_name("map.html.j2"),
        {
            "name": name,
            "grid": grid,
            "data": data,
            "evaluation": result,
            "adjusted": area_adjusted(np.array(result.model.confusion), counts, legend.names),
            "areas": areas.class_areas(counts, legend.names, legend.colors, grid),
            "manifest": manifest,
            "registered": registered,
            "image": pictures.data_uri(scene.imagery_picture(data, grid, REPORT_PIXELS)),
            "labels": pictures.data_uri(scene.label_picture(data, grid, legend, REPORT_PIXELS)),
            "prediction": pictures.data_uri(mapping.preview(folder / MAP, legend, REPORT_PIXELS)),
            "curves": pictures.png_uri(curves.read_bytes()) if curves.exists() else "",
            "client": ee.__version__,
        },
    )
