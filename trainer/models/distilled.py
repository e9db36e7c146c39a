"""A small network that learns from larger ones: it costs what it costs alone, and is often nearly as good as they."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from earthline.config.model import AnyPart, Compound, Model, Network
from earthline.config.section import Number


class Distilled(Compound):
    """A student that learns from labels and from what the average of its teachers gives."""

    name: Literal["distilled"] = Field(default="distilled", description="Architecture.")
    student: AnyPart = Field(description="Network that makes the map, such as a unet, with its own options.")
    teachers: tuple[AnyPart, ...] = Field(
        min_length=1,
        max_length=16,
        description="Models whose average the student follows on every valid pixel, labelled or not. They learn first, "
        "each as it would alone; equal ones begin at other random weights.",
    )
    share: Number = Field(
        default=0.5, gt=0, le=1, description="Share of the loss that the teachers have; labels have the rest."
    )

    @property
    def parts(self) -> tuple[Model, ...]:
        """Teachers and student."""
        return (*self.teachers, self.student)

    @property
    def stride(self) -> int:
        """The student's: the teachers make no map."""
        return self.student.stride

    @property
    def receptive_field(self) -> int:
        """Likewise."""
        return self.student.receptive_field

    @property
    def reach(self) -> int:
        """Likewise."""
        return self.student.reach

    @property
    def gives_further(self) -> bool:
        """Likewise."""
        return self.student.gives_further

    @property
    def of_trees(self) -> bool:
        """A network is none."""
        return False

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether teachers and student can."""
        return all(part.takes(shape) for part in self.parts)

    def shrunk(self) -> Self:
        """Of the same models, shrunk."""
        teachers = tuple(teacher.shrunk() for teacher in self.teachers)
        return self.model_copy(update={"student": self.student.shrunk(), "teachers": teachers})

    @model_validator(mode="after")
    def _has_a_network_as_student(self) -> Self:
        if not isinstance(self.student, Network):
            raise ValueError(
                f"student: '{self.student.name}' does not learn step by step, so that it cannot follow teachers; take "
                "a network, such as unet"
            )
        return self
