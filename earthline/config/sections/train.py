"""The section `train`: the model and how it learns."""

from typing import Self

from pydantic import Field, model_validator

from earthline.config.model import AnyModel, default
from earthline.config.section import MOST_SEED, Number, Section, WholeNumber
from earthline.config.sections.environment import Image
from earthline.config.sections.loss import AnyLoss, Loss
from earthline.config.sections.loss import default as default_loss


class Train(Section):
    """The model and how it learns."""

    model: AnyModel = Field(
        default_factory=default,
        description="Architecture by its `name`, and its own options; left out, a U-Net with its defaults.",
    )
    epochs: WholeNumber = Field(default=40, ge=1, le=10_000, description="Most passes over the training examples.")
    patience: WholeNumber = Field(
        default=10, ge=1, description="Epochs without a better validation loss before stopping."
    )
    batch_size: WholeNumber = Field(default=16, ge=1, le=4096, description="Patches per step over all replicas.")
    learning_rate: Number = Field(default=1e-3, gt=0, lt=1, description="Peak learning rate of AdamW.")
    weight_decay: Number = Field(default=1e-4, ge=0, lt=1, description="Decoupled weight decay.")
    loss: AnyLoss | None = Field(
        default=None,
        description="What training makes small, by its `name`, and its own options; left out, the default of the "
        "labels' task.",
    )
    augment: bool = Field(default=True, description="Random flips and quarter turns.")
    mask_share: Number = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of training patches of which a part is masked at random: the model learns to map the edges "
        "of clouds, gaps and scenes.",
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
    replicas: WholeNumber = Field(default=1, ge=1, description="Machines that train together; one is supported.")

    def loss_of(self, task: str) -> Loss:
        """The loss, or a task's default where none is given.

        Args:
            task: Name of the labels' task.
        """
        return self.loss if self.loss is not None else default_loss(task)

    @model_validator(mode="after")
    def _has_whole_accelerators(self) -> Self:
        if (self.accelerator_type is None) != (self.accelerator_count == 0):
            raise ValueError("`accelerator_type` and a positive `accelerator_count` go together; give both or neither")
        return self

    @model_validator(mode="after")
    def _trains_on_one_machine(self) -> Self:
        if self.replicas > 1:
            raise ValueError(
                f"replicas {self.replicas} is not supported: Keras 3 cannot train on several machines (its `fit` fails "
                "under MultiWorkerMirroredStrategy, github.com/keras-team/keras/issues/20585); use 1, and for more "
                "speed several accelerators of one machine (accelerator_count) or a larger machine_type"
            )
        return self
