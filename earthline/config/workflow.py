"""The whole config, and what only the whole can check."""

import json
import re
from pkgutil import resolve_name
from typing import Any, Self

from pydantic import Field, model_validator

from earthline.config import tiling
from earthline.config.answers import APPLICABILITY, Answers
from earthline.config.model import Compound, Finished, Fitted
from earthline.config.model_file import ModelFile
from earthline.config.section import Section
from earthline.config.sections.budget import Budget
from earthline.config.sections.data import Data
from earthline.config.sections.environment import Environment
from earthline.config.sections.evaluate import Evaluate
from earthline.config.sections.export import Export
from earthline.config.sections.labels import VectorLabels, installed
from earthline.config.sections.predict import Predict
from earthline.config.sections.schedule import Schedule
from earthline.config.sections.serving import Serving
from earthline.config.sections.train import Train
from earthline.config.sections.train.loss import names as loss_names
from earthline.config.sections.validation import Validation
from earthline.config.step import AnySteps, default
from earthline.config.tiling import NoPlanError
from earthline.tile_plan import Plan, Sight, Wire

STEP_BYTES = 120_000
"""Most bytes of settings that travel to a step. They are one argument of its process, for which Linux has 131,072
(MAX_ARG_STRLEN, man 2 execve); the addresses of the step's artifacts need a part of that."""
_WRITABLE = re.compile(r"(projects/[^/]+/assets|users)/.")
"""Asset ids that somebody can own; what begins otherwise is the public catalogue."""


class Config(Section):
    """One workflow."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9\-]{1,40}[a-z0-9]$",
        description="Name of the workflow: of its pipeline, endpoint and schedule. Lower case, digits, dashes.",
    )
    environment: Environment = Field(default_factory=Environment, description="Where the pipeline runs.")
    data: Data = Field(description="Imagery, labels, region and grid.")
    export: Export = Field(default_factory=Export, description="Which patches are taken, and how.")
    validation: Validation = Field(
        default_factory=Validation, description="What examples must hold, and how closely labels are looked at."
    )
    train: Train = Field(default_factory=Train, description="The model and how it learns.")
    evaluate: Evaluate = Field(default_factory=Evaluate, description="What a model must show to be deployed.")
    serving: Serving = Field(default_factory=Serving, description="The endpoint, and how Earth Engine calls it.")
    predict: Predict = Field(default_factory=Predict, description="The map.")
    schedule: Schedule = Field(default_factory=Schedule, description="When the pipeline runs again.")
    budget: Budget = Field(default_factory=Budget, description="What a run may cost at most.")
    steps: AnySteps = Field(default_factory=default, description="Machine and tries of each step.")

    @property
    def endpoint_name(self) -> str:
        """Display name of the endpoint."""
        return self.serving.endpoint or self.name

    @property
    def train_image(self) -> str:
        """Container image of the training."""
        return self.train.image or self.environment.image

    @property
    def tile_plan(self) -> Plan:
        """The tiles that Earth Engine sends.

        Raises:
            NoPlanError: None fit, which a config that was loaded has ruled out.
        """
        return tiling.plan(self.serving, self.sight, self.wire)

    @property
    def sight(self) -> Sight:
        """What the model needs to see."""
        return Sight(self.train.model.stride, self.train.model.reach)

    @property
    def wire(self) -> Wire:
        """What a pixel weighs on its way to the endpoint and back."""
        imagery = self.data.imagery
        types = tiling.input_types(self.serving, imagery.data_type)
        return tiling.wire(self.serving, types, len(imagery.band_names), self.answer_pixel_bytes)

    @property
    def payload_bytes(self) -> int:
        """Bytes of one tile's request to the endpoint, by arithmetic: a tensor in base64 for each input."""
        return self.wire.request_bytes(self.tile_plan.largest)

    @property
    def response_bytes(self) -> int:
        """Bytes of the answer to it: a tensor in base64 for each of `serving.outputs`."""
        return self.wire.answer_bytes(self.tile_plan.largest)

    @property
    def answers(self) -> Answers:
        """What can be asked of the endpoint for each pixel."""
        train, labels = self.train, self.data.labels
        further = train.loss_of(labels.task).further if train.model.gives_further else ()
        return Answers(labels, further, train.certainty.applicability, self.predict.bands)

    @property
    def settled_serving(self) -> Serving:
        """The section `serving` as steps get it: what is asked for by itself is named."""
        plan, outputs = self.tile_plan, self.answers.settled(self.serving.outputs)
        settled = {"tile_shape": plan.tile, "overlap": plan.overlap}
        return self.serving.model_copy(update=settled if outputs is None else settled | {"outputs": outputs})

    @property
    def answer_pixel_bytes(self) -> tuple[int, ...]:
        """Bytes of a pixel in each tensor of an answer, before base64."""
        return tuple(each.pixel_bytes for each in self.answers.tensors(self.serving.outputs))

    @model_validator(mode="after")
    def _labels_have_a_table(self) -> Self:
        if isinstance(self.data.labels, VectorLabels):
            self.data.labels.settle(self.environment.project)
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [
            *self._loss_problems(),
            *self._design_problems(),
            *self._evaluate_problems(),
            *self._band_problems(),
            *self.answers.problems(self.serving.outputs, self.data.imagery.band_names),
            *self._model_problems(),
            *(self._stride_problems() or self._tile_problems()),
            *self._asset_problems(),
            *self._size_problems(),
        ]
        images = {
            "environment.image": self.environment.image,
            "environment.serving_image": self.environment.serving_image,
            "train.image": self.train.image,
        }
        for key, image in images.items():
            if self.environment.target == "cloud" and image is not None and "/" not in image:
                problems.append(
                    f"{key}: '{image}' names no registry, so Vertex AI cannot pull it; give the whole name, such as "
                    "us-central1-docker.pkg.dev/PROJECT/earthline/earthline:0.1.0"
                )
        local = self.data.examples.local if self.data.examples is not None else ()
        if self.environment.target == "cloud" and local:
            problems.append(
                f"data.examples: {local[0]} is on this machine, where a run on Google Cloud cannot read it; copy it by "
                f"`gcloud storage cp` to gs://{self.environment.bucket}/examples/ and name it there"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _loss_problems(self) -> list[str]:
        task, loss = self.data.labels.task, self.train.loss
        if loss is None or loss.name in loss_names(task):
            return []
        return [
            f"train.loss: {loss.name} is no loss for {self.data.labels.KIND}, which data.labels names; use one of "
            f"{', '.join(loss_names(task))}"
        ]

    def _design_problems(self) -> list[str]:
        export, labels = self.export, self.data.labels
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

    def _evaluate_problems(self) -> list[str]:
        labels, metric, floors = self.data.labels, self.evaluate.metric, self.evaluate.floors
        if metric is None and not floors:
            return []
        # A task takes half a second to load; most configs leave both to it.
        task: Any = resolve_name(installed()[labels.task].task).of_labels(labels)
        problems = []
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

    def _band_problems(self) -> list[str]:
        labels, asked = self.data.labels, self.predict.bands
        further = self.train.loss_of(labels.task).further if self.train.model.gives_further else ()
        known = (*labels.CONFIDENCE, *further)
        found = []
        for name in asked:
            if name in APPLICABILITY:
                if not self.train.certainty.applicability:
                    found.append(f"predict.bands: '{name}' needs `train.certainty: {{applicability: true}}`")
            elif name not in known:
                found.append(
                    f"predict.bands: '{name}' is no further band of a map of {labels.summary} with this "
                    f"train.model and train.loss; use {', '.join((*known, *APPLICABILITY))}"
                )
        if len(set(asked)) < len(asked):
            found.append(f"predict.bands: {', '.join(asked)}: a name stands twice; keep one")
        return found

    def _model_problems(self) -> list[str]:
        try:
            self.train.model.suited(self.data.imagery.band_names)
        except ValueError as error:
            return [f"train.model: {error}"]
        if self.train.init is not None and isinstance(self.train.model, Compound | Fitted | Finished):
            return [
                f"train.init: '{self.train.model.name}' is no network that could begin at the weights of a file; "
                "remove `init`, or use another train.model"
            ]
        model = self.train.model
        parts = model.parts if isinstance(model, Compound) else ()
        files = {"train.model.file": model, "train.init.file": self.train.init}
        files |= {f"train.model: part {place}, file": part for place, part in enumerate(parts, start=1)}
        return [
            f"{key}: {named.file} is on this machine, where a run on Google Cloud cannot read it; copy it by `gcloud "
            f"storage cp` to gs://{self.environment.bucket}/models/ and name it there{_to_declare(named)}"
            for key, named in files.items()
            if isinstance(named, ModelFile) and named.local and self.environment.target == "cloud"
        ]

    def _stride_problems(self) -> list[str]:
        model, stride = self.train.model, self.train.model.stride
        option = f"a smaller train.model.{model.STRIDE_OPTION}" if model.STRIDE_OPTION else "another train.model"
        problems = []
        crop, patch = self.train.crop_shape, self.export.patch_shape
        for key, shape in (("export.patch_shape", patch), ("train.crop_shape", crop)):
            if shape and not model.takes(shape):
                fitting = [max(stride, round(pixels / stride) * stride) for pixels in shape]
                problems.append(
                    f"{key}: {list(shape)} does not divide by the model's stride {stride}; use {fitting}, or {option}"
                )
        # Examples made elsewhere have a shape of their own, which the training compares.
        if crop and not self.data.examples and any(one > other for one, other in zip(crop, patch, strict=True)):
            problems.append(
                f"train.crop_shape: {list(crop)} does not fit into patches of {list(patch)} px; use a smaller one, or "
                "a larger export.patch_shape"
            )
        return problems

    def _asset_problems(self) -> list[str]:
        """What `predict.asset` must not be: it is written, so it is nothing that is read."""
        if self.predict.asset is None:
            return []
        asset = _plain_id(self.predict.asset)
        if not _WRITABLE.match(asset):
            return [
                f"predict.asset: '{self.predict.asset}' is in no project; give an id such as "
                f"projects/{self.environment.project}/assets/maps/{self.name}"
            ]
        model = f"projects/{self.environment.project}/assets/earthline/{self.name}"
        read = {
            **self.data.imagery.asset_keys,
            "data.labels": self.data.labels.asset,
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
                    f"predict.asset: '{self.predict.asset}' {relation} {what} ({other}), which the map would replace "
                    "or add to; give an id of its own"
                )
        return problems

    def _size_problems(self) -> list[str]:
        """Whether a step can be started with all that it is told."""
        imagery, labels = self.data.imagery, self.data.labels
        parts: dict[str, Section | None] = {
            "data.region": self.data.region,
            "data.labels": labels,
            "data.imagery": imagery,
            "predict.region": self.predict.region,
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

    def _tile_problems(self) -> list[str]:
        try:
            tiling.plan(self.serving, self.sight, self.wire, self._shallower())
        except NoPlanError as error:
            return str(error).splitlines()
        return []

    def _shallower(self) -> list[tuple[str, Sight]]:
        """What the model would see with less of its option that sets the stride."""
        model = self.train.model
        option = model.STRIDE_OPTION
        smaller = [model.model_copy(update={option: value}) for value in range(getattr(model, option, 1) - 1, 0, -1)]
        return [(f"train.model.{option}: {getattr(each, option)}", Sight(each.stride, each.reach)) for each in smaller]


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
