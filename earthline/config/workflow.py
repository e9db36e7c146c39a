"""The whole config, and what only the whole can check."""

from typing import Self

from pydantic import Field, model_validator

from earthline.config import problems, tiling
from earthline.config.answers import Answers
from earthline.config.section import Section
from earthline.config.sections.budget import Budget
from earthline.config.sections.data import Data
from earthline.config.sections.environment import Environment
from earthline.config.sections.evaluate import Evaluate
from earthline.config.sections.export import Export
from earthline.config.sections.labels import VectorLabels
from earthline.config.sections.predict import Predict
from earthline.config.sections.schedule import Schedule
from earthline.config.sections.serving import Serving
from earthline.config.sections.train import Train
from earthline.config.sections.validation import Validation
from earthline.config.step import AnySteps, default
from earthline.config.tiling import NoPlanError
from earthline.tile_plan import Plan, Sight, Wire


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
        environment, data, export, train = self.environment, self.data, self.export, self.train
        found = [
            *problems.of_loss(data, train),
            *problems.of_design(data, export),
            *problems.of_metrics(data, self.evaluate),
            *problems.of_bands(data, train, self.predict),
            *self.answers.problems(self.serving.outputs, self.data.imagery.band_names),
            *problems.of_model(environment, data, train),
            *(problems.of_shapes(data, export, train) or self._tile_problems()),
            *problems.of_asset(self.name, environment, data, self.predict),
            *problems.of_sizes(data, self.predict),
            *problems.of_places(environment, data, train),
        ]
        if found:
            raise ValueError("\n".join(found))
        return self

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
