"""What two sections of the config have to say to each other: one line for each pair that does not fit together."""

import json
import re
from pkgutil import resolve_name
from typing import Any

from earthline.config.answers import APPLICABILITY
from earthline.config.model import Compound, Finished, Fitted
from earthline.config.model_file import ModelFile
from earthline.config.section import Section
from earthline.config.sections.data import Data
from earthline.config.sections.environment import Environment
from earthline.config.sections.evaluate import Evaluate
from earthline.config.sections.export import Export
from earthline.config.sections.labels import VectorLabels, installed
from earthline.config.sections.predict import Predict
from earthline.config.sections.train import Train
from earthline.config.sections.train.loss import names as loss_names

STEP_BYTES = 120_000
"""Most bytes of settings that travel to a step. They are one argument of its process, for which Linux has 131,072
(MAX_ARG_STRLEN, man 2 execve); the addresses of the step's artifacts need a part of that."""
_WRITABLE = re.compile(r"(projects/[^/]+/assets|users)/.")
"""Asset ids that somebody can own; what begins otherwise is the public catalogue."""


def of_loss(data: Data, train: Train) -> list[str]:
    """Whether the loss suits what labels tell."""
    task, loss = data.labels.task, train.loss
    if loss is None or loss.name in loss_names(task):
        return []
    return [
        f"train.loss: {loss.name} is no loss for {data.labels.KIND}, which data.labels names; use one of "
        f"{', '.join(loss_names(task))}"
    ]


def of_design(data: Data, export: Export) -> list[str]:
    """Whether labels can be drawn by the design."""
    labels = data.labels
    if isinstance(labels, VectorLabels) and (export.design, export.allocation) != ("stratified", "equal"):
        key = "design" if export.design != "stratified" else "allocation"
        return [
            f"export.{key}: {getattr(export, key)} draws from the pixels of a label raster, and data.labels holds "
            "points and polygons, whose places somebody chose; remove it"
        ]
    if export.allocation != "neyman":
        return []
    task: Any = resolve_name(installed()[labels.task].task).of_labels(labels)
    strata = ", ".join(task.strata)
    if export.stds is None and task.spread is None:
        return [
            f"export.stds: allocation neyman needs one for each of {strata}; give them, such as "
            "sqrt(u * (1 - u)) for an expected user's accuracy u, or use allocation: proportional"
        ]
    wrong = sorted(set(export.stds or task.strata) ^ set(task.strata))
    if wrong:
        return [f"export.stds: {', '.join(wrong)}: give one number for each of {strata}, and for nothing else"]
    return []


def of_metrics(data: Data, evaluate: Evaluate) -> list[str]:
    """Whether metric and floors are of what labels tell, and slices of what the imagery has."""
    labels, metric, floors = data.labels, evaluate.metric, evaluate.floors
    bands = data.imagery.band_names
    problems = [
        f"evaluate.slices: '{band}' is no band of data.imagery; use one of {', '.join(bands)}"
        for band in evaluate.slices
        if band not in bands
    ]
    if metric is None and not floors:
        return problems
    # A task takes half a second to load; most configs leave both to it.
    task: Any = resolve_name(installed()[labels.task].task).of_labels(labels)
    if metric is not None and metric not in task.measures:
        problems.append(
            f"evaluate.metric: '{metric}' is no metric of {labels.KIND}, which data.labels names; use one of "
            f"{', '.join(task.measures)}"
        )
    known = labels.entries if task.part_title else ()
    for name in floors:
        if name not in known:
            fix = f"use one of {', '.join(known)}" if known else f"remove it: {labels.KIND} have no floors"
            problems.append(f"evaluate.floors: '{name}' is none of the {labels.KIND} in data.labels; {fix}")
    return problems


def of_bands(data: Data, train: Train, predict: Predict) -> list[str]:
    """Whether the map's further bands are given by the model."""
    labels, asked = data.labels, predict.bands
    learned = train.loss_of(labels.task).further
    parts = train.model.parts if isinstance(train.model, Compound) else (train.model,)
    without = ", ".join(dict.fromkeys(part.name for part in parts if not part.gives_further))
    further = () if without else learned
    known = (*labels.CONFIDENCE, *further)
    found = []
    for name in asked:
        if name in APPLICABILITY:
            if not train.certainty.applicability:
                found.append(f"predict.bands: '{name}' needs `train.certainty: {{applicability: true}}`")
        elif name in learned and without:
            found.append(
                f"predict.bands: '{name}' is an end of the interval, and {without} of train.model gives none; leave it "
                f"out of train.model, or '{name}' out of predict.bands"
            )
        elif name not in known:
            found.append(
                f"predict.bands: '{name}' is no further band of a map of {labels.summary} with this "
                f"train.model and train.loss; use {', '.join((*known, *APPLICABILITY))}"
            )
    if len(set(asked)) < len(asked):
        found.append(f"predict.bands: {', '.join(asked)}: a name stands twice; keep one")
    return found


def of_model(environment: Environment, data: Data, train: Train) -> list[str]:
    """Whether the model takes the bands, and can be read where it runs."""
    try:
        train.model.suited(data.imagery.band_names)
    except ValueError as error:
        return [f"train.model: {error}"]
    if train.init is not None and isinstance(train.model, Compound | Fitted | Finished):
        return [
            f"train.init: '{train.model.name}' is no network that could begin at the weights of a file; "
            "remove `init`, or use another train.model"
        ]
    model = train.model
    parts = model.parts if isinstance(model, Compound) else ()
    files = {"train.model.file": model, "train.init.file": train.init}
    files |= {f"train.model: part {place}, file": part for place, part in enumerate(parts, start=1)}
    return [
        f"{key}: {named.file} is on this machine, where a run on Google Cloud cannot read it; copy it by `gcloud "
        f"storage cp` to gs://{environment.bucket}/models/ and name it there{_to_declare(named)}"
        for key, named in files.items()
        if isinstance(named, ModelFile) and named.local and environment.target == "cloud"
    ]


def of_shapes(data: Data, export: Export, train: Train) -> list[str]:
    """Whether patches divide by the model's stride."""
    model, stride = train.model, train.model.stride
    option = f"a smaller train.model.{model.STRIDE_OPTION}" if model.STRIDE_OPTION else "another train.model"
    problems = []
    crop, patch = train.crop_shape, export.patch_shape
    for key, shape in (("export.patch_shape", patch), ("train.crop_shape", crop)):
        if shape and not model.takes(shape):
            fitting = [max(stride, round(pixels / stride) * stride) for pixels in shape]
            problems.append(
                f"{key}: {list(shape)} does not divide by the model's stride {stride}; use {fitting}, or {option}"
            )
    # Examples made elsewhere have a shape of their own, which the training compares.
    if crop and not data.examples and any(one > other for one, other in zip(crop, patch, strict=True)):
        problems.append(
            f"train.crop_shape: {list(crop)} does not fit into patches of {list(patch)} px; use a smaller one, or "
            "a larger export.patch_shape"
        )
    return problems


def of_asset(name: str, environment: Environment, data: Data, predict: Predict) -> list[str]:
    """What `predict.asset` must not be: it is written, so it is nothing that is read."""
    if predict.asset is None:
        return []
    asset = _plain_id(predict.asset)
    if not _WRITABLE.match(asset):
        return [
            f"predict.asset: '{predict.asset}' is in no project; give an id such as "
            f"projects/{environment.project}/assets/maps/{name}"
        ]
    model = f"projects/{environment.project}/assets/earthline/{name}"
    read = {
        **data.imagery.asset_keys,
        "data.labels": data.labels.asset,
        "the model that register_ee_model writes": model,
    }
    problems = []
    for what, other in read.items():
        plain = _plain_id(other)
        relation = (
            "is"
            if asset == plain
            else "lies inside"
            if asset.startswith(f"{plain}/")
            else "is a folder that holds"
            if plain.startswith(f"{asset}/")
            else ""
        )
        if relation:
            problems.append(
                f"predict.asset: '{predict.asset}' {relation} {what} ({other}), which the map would replace "
                "or add to; give an id of its own"
            )
    return problems


def of_sizes(data: Data, predict: Predict) -> list[str]:
    """Whether a step can be started with all that it is told."""
    imagery, labels = data.imagery, data.labels
    parts: dict[str, Section | None] = {
        "data.region": data.region,
        "data.labels": labels,
        "data.imagery": imagery,
        "predict.region": predict.region,
    }
    sizes = {key: _travelling_bytes(part) for key, part in parts.items() if part is not None}
    if sum(sizes.values()) <= STEP_BYTES:
        return []
    largest = max(sizes, key=lambda key: sizes[key])
    shown = ", ".join(f"{key} {size:,}" for key, size in sizes.items() if size > STEP_BYTES / 100)
    ways = {
        "data.region": "give it a larger `simplify` (metres by which the outline may move), or upload the file as "
        "a table and name that by `table`",
        "data.labels": "upload them as a table and name that by `table`",
        "data.imagery": "build a smaller image in the function, such as one that loads an asset you exported",
    }
    ways["predict.region"] = ways["data.region"]
    return [
        f"{largest}: what travels to each step would have {sum(sizes.values()):,} bytes, and at most "
        f"{STEP_BYTES:,} fit ({shown}); {ways[largest]}"
    ]


def of_places(environment: Environment, data: Data, train: Train) -> list[str]:
    """Whether Google Cloud reaches images and examples."""
    problems = []
    images = {
        "environment.image": environment.image,
        "environment.serving_image": environment.serving_image,
        "train.image": train.image,
    }
    for key, image in images.items():
        if environment.target == "cloud" and image is not None and "/" not in image:
            problems.append(
                f"{key}: '{image}' names no registry, so Vertex AI cannot pull it; give the whole name, such as "
                "us-central1-docker.pkg.dev/PROJECT/earthline/earthline:0.1.0"
            )
    local = data.examples.local if data.examples is not None else ()
    if environment.target == "cloud" and local:
        problems.append(
            f"data.examples: {local[0]} is on this machine, where a run on Google Cloud cannot read it; copy it by "
            f"`gcloud storage cp` to gs://{environment.bucket}/examples/ and name it there"
        )
    return problems


def _to_declare(named: ModelFile) -> str:
    """What a model's section must say too, once its file is no longer at hand."""
    if not isinstance(named, Finished):
        return ""
    return f", with `declares: {{stride: {named.stride}, receptive_field: {named.receptive_field}}}`"


def _travelling_bytes(section: Section) -> int:
    """Size of a section in a step's argument: its JSON stands in there as a JSON string."""
    return len(json.dumps(section.model_dump_json()))


def _plain_id(asset: str) -> str:
    """An asset's id without the ways to write the same one: developers.google.com/earth-engine/guides/asset_manager."""
    plain = asset.strip("/")
    for root in ("projects/earthengine-legacy/assets/", "projects/earthengine-public/assets/"):
        plain = plain.removeprefix(root)
    return plain
