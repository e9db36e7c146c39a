"""Runs the pipeline's steps on the throw-away task, from a config to a map with its report; prints what came of it."""

import json
import sys
from pathlib import Path

import ee
import numpy as np
import rasterio
from google_cloud_pipeline_components.types.artifact_types import UnmanagedContainerModel
from kfp import dsl

import earthline
from components.evaluate_model.run import run as evaluate
from components.export_examples.run import run as export
from components.prepare_saved_model.run import run as prepare
from components.preview_map.run import run as preview
from components.train_model.run import run as train
from components.validate_examples.run import run as validate
from earthline.config import ConfigError, load, parse
from earthline.earth_engine import ee_model, imagery
from earthline.earth_engine.pixels import fetch
from earthline.formats.evaluations import Evaluation
from earthline.formats.examples import Patch, labelled
from earthline.formats.manifest import Manifest
from earthline.formats.served.contract import Contract
from earthline.formats.shards import read
from earthline.grid import Grid
from earthline.task import task_of

case = json.load(open(sys.argv[1]))
folder = Path(case["folder"])
config = parse(case["config"], "x")
data, told = config.data.model_dump_json(), {"place": earthline.__file__, "config": config.data.labels.summary}
try:
    parse({**case["config"], "data": {**case["config"]["data"], "labels": case["both"]}}, "x")
except ConfigError as error:
    told["both"] = str(error)


def artifact(kind, name):
    return kind(uri=str(folder / name), metadata={})


examples, model, evaluation = (
    artifact(kind, name)
    for kind, name in ((dsl.Dataset, "examples"), (dsl.Model, "model"), (dsl.Artifact, "evaluation"))
)
export(data=data, export=config.export.model_dump_json(), project="sandbox", temp_location="", examples=examples)
manifest = Manifest.read(Path(examples.path))
patches = [
    Patch.decode(record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type)
    for path in manifest.shards(Path(examples.path), "train")
    for record in read(path)
]
with rasterio.open(case["labels"]) as file:
    values = file.read(1)
wrong = 0
for patch in patches:
    window = values[patch.row : patch.row + patch.label.shape[0], patch.column : patch.column + patch.label.shape[1]]
    wrong += int(
        (patch.label != np.where(patch.valid & (window != case["none"]), window, task_of(config.data).no_data)).sum()
    )
told["labels"] = [patches[0].label.dtype.name, wrong, manifest.splits["train"].labels]

report = artifact(dsl.HTML, "validation.html")
validate(data=data, examples=examples, statistics=artifact(dsl.Artifact, "statistics"), report=report)
told["statistics"] = json.loads((folder / "statistics" / "statistics.json").read_text())["splits"]["train"]["labels"]
told["validation"] = Path(report.path).read_text()

metrics = dsl.Metrics()
train(data=data, train=config.train.model_dump_json(), examples=examples, model=model, metrics=metrics)
told["trained"] = metrics.metadata
metrics, matrix = dsl.Metrics(), dsl.ClassificationMetrics()
told["verdict"] = evaluate(
    data=data,
    evaluate=config.evaluate.model_dump_json(),
    project="sandbox",
    location="us-central1",
    champion_name="none",
    examples=examples,
    model=model,
    metrics=metrics,
    matrix=matrix,
    evaluation=evaluation,
)
found = Evaluation.read(Path(evaluation.path))
told["evaluation"] = [
    metrics.metadata,
    matrix.metadata,
    found.headline,
    found.gate.model_dump(),
    found.best_baseline.name,
]
told["figures"] = sorted(path.name for path in Path(evaluation.path).iterdir())

prepared = UnmanagedContainerModel(uri=str(folder / "prepared"), metadata={})
prepare(
    data=data,
    serving=config.settled_serving.model_dump_json(),
    image="x",
    serving_image="x",
    examples=examples,
    model=model,
    prepared=prepared,
)
contract = Contract.read(Path(prepared.path))
told["contract"] = [contract.output, contract.entries, contract.max_difference]
arguments = ee_model.arguments("e", contract, Grid.from_json(manifest.grid))
told["outputs"] = list(arguments["outputBands"])

shown, page = artifact(dsl.Artifact, "preview"), artifact(dsl.HTML, "report.html")
preview(
    name="grades",
    data=data,
    predict=config.predict.model_dump_json(),
    project="sandbox",
    examples=examples,
    model=model,
    evaluation=evaluation,
    preview=shown,
    report_file=page,
)
with rasterio.open(Path(shown.path) / "preview.tif") as file:
    mapped = file.read(1)
    told["map"] = [file.dtypes[0], file.nodata == task_of(config.data).no_data, file.descriptions[0]]
there = (values != case["none"]) & (mapped != task_of(config.data).no_data)
told["error"] = float(np.sqrt(((mapped.astype(float) - values)[there] ** 2).mean()))
told["report"] = Path(page.path).read_text()

# Points of a file, each with its number.
points = load(Path(case["points"])).data
examples = artifact(dsl.Dataset, "point_examples")
export(
    data=points.model_dump_json(),
    export=config.export.model_dump_json(),
    project="sandbox",
    temp_location="",
    examples=examples,
)
manifest = Manifest.read(Path(examples.path))
labels = [
    Patch.decode(record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type).label
    for path in manifest.shards(Path(examples.path), "train")
    for record in read(path)
]
report = artifact(dsl.HTML, "points.html")
validate(
    data=points.model_dump_json(), examples=examples, statistics=artifact(dsl.Artifact, "of_points"), report=report
)
told["points"] = {
    "values": sorted({float(value) for label in labels for value in label[labelled(label)]}),
    "features": json.loads((folder / "of_points" / "statistics.json").read_text())["features"],
    "said": points.labels.told,
}

# The same in Earth Engine: an array for each pixel becomes the map's band.
task = task_of(config.data)
outputs = imagery.image(config.data).select([0]).mod(4).toFloat().toArray()
grid = Grid.from_json(manifest.grid).window(0, 0, (4, 4))
in_earth_engine = fetch(task.unmasked(task.mapped(outputs)), grid, 3, "map")["grade"]
first = fetch(imagery.image(config.data).select([0]).mod(4).unmask(0, False), grid, 3, "band")[
    config.data.imagery.bands[0]
]
told["mapped"] = bool((in_earth_engine == first).all())
assert ee.__version__
print("OUTCOME" + json.dumps(told))
