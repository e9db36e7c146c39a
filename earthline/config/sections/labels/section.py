"""What labels from every source and of every task have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from earthline.config.section import Section, WholeNumber
from earthline.config.sections.outputs import OutputType


class Labels(Section, ABC):
    """Ground truth."""

    task: ClassVar[str]
    """Name of the task."""
    KEY: ClassVar[str]
    """The required key that no other task has."""
    KIND: ClassVar[str]
    """What `entries` are, as a plural, for messages."""
    CONFIDENCE: ClassVar[tuple[str, ...]] = ()
    """Bands of a map that tell how far it can be believed, see `predict.bands`."""
    OUTPUTS: ClassVar[Mapping[str, tuple[OutputType, ...]]] = {}
    """What an endpoint can be asked for, by name, and the types that it may travel in, the usual one first. Empty where
    all that a model gives is served, and the map is made of it in Earth Engine."""
    MAP_BAND: ClassVar[str] = ""
    """That of them which is the map."""
    ARRAY: ClassVar[str] = ""
    """That of them which has a value for each entry; empty where none has."""

    offset: tuple[WholeNumber, WholeNumber] = Field(
        default=(0, 0),
        description="Known misregistration of the labels in pixels (rows, columns): the label of imagery pixel "
        "(r, c) is read at (r + rows, c + columns).",
    )

    @property
    @abstractmethod
    def asset(self) -> str:
        """Id of the asset that holds them; empty where none does."""

    @property
    @abstractmethod
    def told(self) -> str:
        """Where they come from, in a few words."""

    @property
    @abstractmethod
    def entries(self) -> tuple[str, ...]:
        """Names of the numbers that a model gives for each pixel."""

    @property
    def summary(self) -> str:
        """What the map tells, in two words."""
        return f"{len(self.entries)} {self.KIND}"
