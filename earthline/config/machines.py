"""The `steps` section: the machine of each step that is no job of its own, and how often it is tried again."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from earthline.config.section import Section, WholeNumber

BACK_OFF_SECONDS = 15
BACK_OFF_FACTOR = 4.0
"""Waits of 15 s, 1 min and 4 min: a machine that was lost is replaced at once, an outage takes minutes."""
LONGEST_BACK_OFF_SECONDS = 600


def _has_unit(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit; write {value}G")
    return value


Memory = Annotated[str, BeforeValidator(_has_unit), Field(pattern=r"^[1-9]\d*(\.\d+)?(M|Mi|G|Gi)$")]
"""An amount as Kubernetes and KFP write it: M and G are powers of 1000, Mi and Gi of 1024."""


class Machine(Section):
    """What a step runs on. Vertex AI takes the smallest machine that has both."""

    cpu: WholeNumber = Field(default=4, ge=1, le=96, description="Processors.")
    memory: Memory = Field(default="16G", description="Memory with its unit, such as 16G or 512M.")


class Step(Machine):
    """A step that may be done twice: machine and tries."""

    retries: WholeNumber = Field(
        default=1,
        ge=0,
        le=10,
        description=f"Further tries after a failure, the first {BACK_OFF_SECONDS} s later, each next wait "
        f"{BACK_OFF_FACTOR:g} times as long, at most {LONGEST_BACK_OFF_SECONDS} s.",
    )


class LargeStep(Step):
    """A step that holds whole splits in memory."""

    cpu: WholeNumber = Field(default=8, ge=1, le=96, description="Processors.")
    memory: Memory = Field(default="32G", description="Memory with its unit, such as 16G or 512M.")


class Steps(Section):
    """Machine and tries of each step. The machine of the training is in `train`, as it is a job of its own."""

    detect_changes: Step = Field(
        default_factory=Step, description="Compares imagery, labels, settings and drift with the last accepted run."
    )
    export_examples: Step = Field(default_factory=Step, description="Fetches the patches, or waits for Dataflow.")
    validate_examples: Step = Field(default_factory=Step, description="Reads every example.")
    evaluate_model: LargeStep = Field(
        default_factory=LargeStep,
        description="Holds the training and test patches in memory, and grows a random forest on all processors.",
    )
    prepare_saved_model: Step = Field(default_factory=Step, description="Wraps the model and proves the contract.")
    deploy_model: Machine = Field(
        default_factory=Machine,
        description="Waits for the endpoint. It is never tried again: that would register and deploy a second time.",
    )
    register_ee_model: Step = Field(default_factory=Step, description="Asks Earth Engine for a tile.")
    predict_map: Step = Field(default_factory=Step, description="Writes the map tile by tile.")
    preview_map: Step = Field(
        default_factory=Step, description="Predicts a rejected model's map on its own processors, without an endpoint."
    )
