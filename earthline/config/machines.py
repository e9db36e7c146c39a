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
