"""The section `train`: the model and how it learns."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from earthline.config.model import AnyModel, default
from earthline.config.section import MOST_SEED, Number, Section, WholeNumber
from earthline.config.sections.environment import Image
from earthline.config.sections.train.certainty import Certainty
from earthline.config.sections.train.init import AnyInit
from earthline.config.sections.train.loss import AnyLoss, Loss
from earthline.config.sections.train.loss import default as default_loss
from earthline.config.sections.train.prior import Prior
from earthline.config.sections.train.tune import Range, Tune

USUAL_STEPS = 1_000
"""Steps of a training whose epochs were left out (benchmarks/accuracy/README.md says how they were found)."""
LEAST_EPOCHS, MOST_EPOCHS, LEAST_PATIENCE = 40, 150, 10


class Train(Section):
    """The model and how it learns."""

    model: AnyModel = Field(
        default_factory=default,
        description="Architecture by its `name`, and its own options; left out, a U-Net with its defaults.",
    )
    init: AnyInit | None = Field(
        default=None,
        description="Trained model whose weights the training begins with, to tune it to the examples: a .keras file.",
    )
    epochs: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description=f"Most passes over the training examples; left out, as many as make {USUAL_STEPS:,} steps, but at "
        f"least {LEAST_EPOCHS} and at most {MOST_EPOCHS}.",
    )
    patience: WholeNumber | None = Field(
        default=None,
        ge=1,
        description="Epochs without a better validation (see `watch`) before stopping; left out, a quarter of the "
        f"epochs, but at least {LEAST_PATIENCE}.",
    )
    watch: str = Field(
        default="loss",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="What of the validation tells which epoch is better: `loss`, or a metric of the task that the "
        "training's log shows, such as `accuracy`.",
    )
    smoothing: Number = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the epochs before in what `watch` compares: 0 takes each epoch alone, 0.7 lets chance in "
        "a small validation split weigh less.",
    )
    keep: Literal["best", "last"] = Field(
        default="best", description="Epoch whose weights become the model: the best one by `watch`, or the last one."
    )
    average: Literal["none", "ema"] = Field(
        default="none",
        description="Weights that are validated and kept: those of the last step, or their exponential moving average "
        "over all steps.",
    )
    average_decay: Number = Field(
        default=0.999,
        gt=0,
        lt=1,
        description="Share of the average that stays in each step with `average: ema`; less in the first steps.",
    )
    batch_size: WholeNumber = Field(default=16, ge=1, le=4096, description="Patches per step over all replicas.")
    learning_rate: Number = Field(default=1e-3, gt=0, lt=1, description="Peak learning rate of AdamW.")
    weight_decay: Number = Field(default=1e-4, ge=0, lt=1, description="Decoupled weight decay.")
    loss: AnyLoss | None = Field(
        default=None,
        description="What training makes small, by its `name`, and its own options; left out, the default of the "
        "labels' task.",
    )
    prior: Prior | None = Field(
        default=None,
        description="How often classes are taken to be on the ground; left out, as often as they are among the "
        "training pixels.",
    )
    augment: bool = Field(default=True, description="Random flips and quarter turns.")
    mask_share: Number = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of training patches of which a part is masked at random: the model learns to map the edges "
        "of clouds, gaps and scenes.",
    )
    crop_shape: tuple[Annotated[WholeNumber, Field(ge=1)], Annotated[WholeNumber, Field(ge=1)]] | None = Field(
        default=None,
        description="Shape in pixels (height, width) of the windows that are cut out of the training patches at "
        "random, anew each epoch; left out, whole patches. Validation sees whole patches.",
    )
    cutmix: Number = Field(
        default=0.0, ge=0, le=1, description="Share of training patches with a rectangle of another one in it."
    )
    band_jitter: Number = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Std of random changes to each band of a training patch: its brightness in std of the band, and "
        "its spread as a share.",
    )
    band_dropout: Number = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Probability that a band of a training patch is replaced by its mean.",
    )
    certainty: Certainty = Field(
        default_factory=Certainty,
        description="What is learned beside the map, so that a map can say where it is to be believed.",
    )
    seed: WholeNumber = Field(default=0, ge=0, le=MOST_SEED, description="Seed of weights, order and augmentation.")
    image: Image | None = Field(
        default=None,
        description="Container image of the training; left out, `environment.image`. An accelerator needs one that was "
        "built with TENSORFLOW=gpu, whose tag ends with -gpu.",
    )
    machine_type: str = Field(default="n1-standard-8", description="Vertex AI machine type.")
    accelerator_type: str | None = Field(
        default=None,
        pattern=r"^NVIDIA_[A-Z0-9_]+$",
        description="GPU, such as NVIDIA_TESLA_T4; none for processors. TPUs are not supported.",
    )
    accelerator_count: WholeNumber = Field(default=0, ge=0, le=16, description="Accelerators of the machine.")
    replicas: WholeNumber = Field(
        default=1, ge=1, le=1000, description="Machines that train together, each with the accelerators above."
    )
    speed: Literal["auto", "plain", "xla", "bfloat16", "xla_bfloat16"] = Field(
        default="auto",
        description="How a step is computed: `plain` by TensorFlow's graph, `xla` compiled for the machine, `bfloat16` "
        "in half precision (weights stay float32). `auto` tries them at the start of a run that is long enough to pay "
        "for it, takes the fastest and logs which.",
    )
    memory_share: Number = Field(
        default=0.4,
        ge=0,
        le=0.9,
        description="Share of the machine's free memory that decoded patches may take; more lie on its local disk.",
    )
    checkpoint_minutes: Number = Field(
        default=10.0,
        ge=0,
        description="Minutes between checkpoints within an epoch, from which an interrupted run goes on; each epoch "
        "ends with one. 0: after each call of the step.",
    )

    tune: Tune | None = Field(
        default=None, description="Settings that are tried before the training; left out, those of the config are used."
    )

    @property
    def devices(self) -> int:
        """Parts that each batch is cut into: one for each accelerator, or each machine without one."""
        return self.replicas * max(1, self.accelerator_count)

    def epochs_for(self, examples: int) -> int:
        """`epochs`, or what stands for it where it was left out.

        Few examples make few steps an epoch, so that a number of epochs alone would leave a network half trained.

        Args:
            examples: Training patches.
        """
        if self.epochs is not None:
            return self.epochs
        steps_of_epoch = max(1, examples // self.batch_size)
        return min(MOST_EPOCHS, max(LEAST_EPOCHS, math.ceil(USUAL_STEPS / steps_of_epoch)))

    def patience_for(self, epochs: int) -> int:
        """`patience`, or what stands for it where it was left out.

        Args:
            epochs: Most passes over the training examples.
        """
        return self.patience if self.patience is not None else max(LEAST_PATIENCE, epochs // 4)

    def loss_of(self, task: str) -> Loss:
        """The loss, or a task's default where none is given.

        Args:
            task: Name of the labels' task.
        """
        return self.loss if self.loss is not None else default_loss(task)

    def changed(self, settings: Mapping[str, Any]) -> Self:
        """The section with other settings, and nothing to try any more.

        Args:
            settings: By key below `train`, such as `model.filters`.

        Raises:
            ValueError: A key leads nowhere, or a value is refused.
        """
        content = self.model_dump(mode="json") | {"tune": None}
        for key, value in settings.items():
            *outer, last = key.split(".")
            place: Any = content
            for name in outer:
                place = place.get(name) if isinstance(place, dict) else None
            if not isinstance(place, dict) or last not in place:
                hint = (
                    f"known there: {', '.join(place)}" if isinstance(place, dict) else f"write out `{outer[0]}` first"
                )
                raise ValueError(f"'{key}' is no key of `train`; {hint}")
            place[last] = value
        return type(self).model_validate(content)

    @model_validator(mode="after")
    def _can_try(self) -> Self:
        for key, choices in self.tune.over.items() if self.tune else ():
            if key.split(".")[0] in ("epochs", "seed", "tune"):
                raise ValueError(f"tune.over: '{key}' is the same for all trials; leave it out")
            for value in (choices.low, choices.high) if isinstance(choices, Range) else choices:
                try:
                    other = self.changed({key: value}).model
                except ValueError as error:
                    raise ValueError(f"tune.over: {key}: {value} cannot be tried: {error}") from error
                if (other.stride, other.receptive_field) != (self.model.stride, self.model.receptive_field):
                    raise ValueError(
                        f"tune.over: {key}: {value} gives the model a stride of {other.stride} px and a receptive "
                        f"field of {other.receptive_field} px instead of {self.model.stride} and "
                        f"{self.model.receptive_field}, which tiles are made for; leave it out"
                    )
        return self

    @model_validator(mode="after")
    def _has_whole_accelerators(self) -> Self:
        if (self.accelerator_type is None) != (self.accelerator_count == 0):
            raise ValueError("`accelerator_type` and a positive `accelerator_count` go together; give both or neither")
        return self

    @model_validator(mode="after")
    def _cuts_batches_evenly(self) -> Self:
        if self.batch_size % self.devices:
            fitting = max(1, round(self.batch_size / self.devices)) * self.devices
            raise ValueError(
                f"batch_size {self.batch_size} cannot be shared evenly by {self.replicas} machine(s) with "
                f"{max(1, self.accelerator_count)} device(s) each; use {fitting}, or another number of `replicas` or "
                "`accelerator_count`"
            )
        return self
