"""The whole config, and what only the whole can check."""

import json
import re
from pkgutil import resolve_name
from typing import Any, Self

from pydantic import Field, model_validator

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

FLOAT_BYTES = 4
BASE64_GROWTH = 4 / 3
BYTES_PER_TENSOR = 128
"""Header of a tensor, its JSON key and quotes, in bytes, rounded up."""
RESPONSE_BYTES = 1024
"""What Vertex AI writes around the predictions of an answer (names of model and endpoint), in bytes, rounded up."""


STEP_BYTES = 120_000
"""Most bytes of settings that travel to a step. They are one argument of its process, for which Linux has 131,072
(MAX_ARG_STRLEN, man 2 execve); the addresses of the step's artifacts need a part of that."""
APPLICABILITY = ("dissimilarity", "applicable")
"""Further bands of a map that rest on `train.certainty.applicability`."""
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
    def sent_shape(self) -> tuple[int, int]:
        """Pixels (height, width) of the largest tile that Earth Engine may send.

        Google's texts say of the overlap both that it is the total per dimension and that it lies along each edge: a
        plan has to fit either way.
        """
        height, width = (
            tile + 2 * overlap for tile, overlap in zip(self.serving.tile_shape, self.serving.overlap, strict=True)
        )
        return height, width

    @property
    def payload_bytes(self) -> int:
        """Bytes of one tile's request to the endpoint, by arithmetic: a float32 tensor in base64 for each input."""
        height, width = self.sent_shape
        return _request_bytes(height * width, self._inputs)

    @property
    def response_bytes(self) -> int:
        """Bytes of the answer to it: one float32 tensor in base64 with a number for each pixel and entry."""
        height, width = self.sent_shape
        return _response_bytes(height * width, self._outputs)

    @property
    def largest_side(self) -> int:
        """Pixels of the side of the largest square tile, overlap at both edges included, that fits both ways."""
        limit, entries, side = self.serving.max_payload_bytes, self._outputs, 0
        while (
            _request_bytes((side + 1) ** 2, self._inputs) <= limit
            and _response_bytes((side + 1) ** 2, entries) <= limit
        ):
            side += 1
        return side

    @property
    def _inputs(self) -> int:
        """Tensors of a request: one for each band, and one that says where the imagery is valid."""
        return len(self.data.imagery.band_names) + 1

    @property
    def _outputs(self) -> int:
        """Numbers that a model gives for each pixel."""
        # The most that any part of the model may give.
        further = self.train.loss_of(self.data.labels.task).further
        return len(self.data.labels.entries) + len(further) + int(self.train.certainty.applicability)

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
            *self._model_problems(),
            *self._stride_problems(),
            *self._payload_problems(),
            *self._asset_problems(),
            *self._size_problems(),
        ]
        for key, image in (("environment.image", self.environment.image), ("train.image", self.train.image)):
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
            f"storage cp` to gs://{self.environment.bucket}/models/ and name it there"
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

    def _payload_problems(self) -> list[str]:
        limit, bands, labels = self.serving.max_payload_bytes, len(self.data.imagery.band_names), self.data.labels
        too_large = []
        if self.payload_bytes > limit:
            too_large.append(f"a request of {self.payload_bytes:,} bytes ({bands} bands and the mask)")
        if self.response_bytes > limit:
            too_large.append(f"an answer of {self.response_bytes:,} bytes ({labels.summary})")
        if not too_large:
            return []
        side = self.largest_side
        fitting = [max(0, side - 2 * overlap) for overlap in self.serving.overlap]
        less = f"use less overlap, bands or {labels.KIND}"
        change = f"use at most {fitting}, or less overlap" if all(fitting) else less
        return [
            f"serving.tile_shape: a tile of {list(self.serving.tile_shape)} with overlap {list(self.serving.overlap)} "
            f"makes {' and '.join(too_large)}, over serving.max_payload_bytes {limit:,}; tile and twice the overlap "
            f"may span at most {side} pixels a side (Google's texts leave open whether the overlap is the total or "
            f"lies at each edge): {change}"
        ]


def _travelling_bytes(section: Section) -> int:
    """Size of a section in a step's argument: its JSON stands in there as a JSON string."""
    return len(json.dumps(section.model_dump_json()))


def _plain_id(asset: str) -> str:
    """An asset's id without the ways to write the same one: developers.google.com/earth-engine/guides/asset_manager."""
    plain = asset.strip("/")
    for root in ("projects/earthengine-legacy/assets/", "projects/earthengine-public/assets/"):
        plain = plain.removeprefix(root)
    return plain


def _request_bytes(pixels: int, inputs: int) -> int:
    return int((pixels * FLOAT_BYTES * BASE64_GROWTH + BYTES_PER_TENSOR) * inputs)


def _response_bytes(pixels: int, entries: int) -> int:
    return int(pixels * entries * FLOAT_BYTES * BASE64_GROWTH) + BYTES_PER_TENSOR + RESPONSE_BYTES
