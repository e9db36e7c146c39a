"""The map's side of a task: what outputs become, how a map is stored and drawn, and what a report says of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from earthline.formats.served.outputs import ServedOutput
from earthline.task.labels import LabelSide

Array = np.ndarray[Any, Any]

MISSING_COLOR = (235, 235, 235)
"""RGB of pixels without imagery or value."""


@dataclass(frozen=True)
class Legend:
    """What a map's colours mean.

    Attributes:
        names: Words for each entry.
        colors: Its colour, #rrggbb.
        word: What an entry is, in one word; with its number it stands for a name that no font can draw.
        ramp: What a continuous value is, with its unit; then colours run into each other, and the names are values
            along them: both are evenly spaced from one end to the other. Empty where each entry has its own colour.
    """

    names: tuple[str, ...]
    colors: tuple[str, ...]
    word: str = "entry"
    ramp: str = ""


class Coverage(ABC):
    """What a map shows, counted block after block."""

    @abstractmethod
    def add(self, values: Array, hectares: Array) -> None:
        """Counts a block.

        Args:
            values: Of the map, (height, width); `no_data` where there is none.
            hectares: Ground of each pixel, (height, width); 1 each where the ground is not known.
        """

    @property
    @abstractmethod
    def problem(self) -> str:
        """Why this is no map of the task; empty where it is one."""

    @abstractmethod
    def shown(self) -> Mapping[str, Any]:
        """What the macro `mapped` of the task's template shows."""


class MapSide(LabelSide):
    """What a task knows of maps. A map tells what a label would, so it has the labels' type."""

    map_band: ClassVar[str]
    """Band of the map."""
    map_mark: ClassVar[str]
    """Property by which the asset of a map is known as one."""
    map_variable: ClassVar[str]
    """Name of the map in the lines of code that apply a registered model."""
    template: ClassVar[Path]
    """Jinja file with the task's parts of reports, four macros: `labels`, `caveat`, `mapped` and `judged`."""

    @abstractmethod
    def mapped(self, outputs: Any) -> Any:
        """A model's outputs as the map, in Earth Engine.

        Args:
            outputs: `ee.Image` of one band that holds an array per pixel.

        Returns:
            `ee.Image` of the band `map_band`; masked where the model gives no number.
        """

    @property
    def map_output(self) -> ServedOutput | None:
        """What a server gives as the map, so that no more need travel; None where `mapped` makes it of all entries."""
        return None

    def map_of_band(self, band: Any) -> Any:
        """The map of what is served as `map_output`, in Earth Engine.

        Args:
            band: `ee.Image` of one band.

        Returns:
            `ee.Image` of the band `map_band`; masked where there is no number.
        """
        raise ValueError(f"{type(self).__name__} serves no map by itself")

    @abstractmethod
    def decoded(self, outputs: Array) -> Array:
        """A model's outputs as the map, here.

        Args:
            outputs: (..., entries).

        Returns:
            `data_type` (...); `no_data` where an output is no finite number.
        """

    @abstractmethod
    def map_problem(self, values: Array) -> str:
        """What is wrong with predicted values where the imagery is valid, in a few words; empty where nothing is.

        Args:
            values: (pixels,) of a map.
        """

    @abstractmethod
    def colors_of(self, values: Array) -> Array:
        """A map or a label as people see it.

        Args:
            values: (height, width).

        Returns:
            uint8 (height, width, 3).
        """

    @property
    @abstractmethod
    def legend(self) -> Legend:
        """Entries of a legend."""

    def colored(self, colors: Sequence[str]) -> Self:
        """The same task with colours, for one of a record, which has none.

        Args:
            colors: Of the legend, #rrggbb in its order; empty or too few where they are not known, and then the task
                chooses.
        """
        return self

    @property
    @abstractmethod
    def stratum_colors(self) -> tuple[str, ...]:
        """The colour of each of the task's strata, #rrggbb."""

    @abstractmethod
    def coverage(self, measured: bool) -> Coverage:
        """A count of what a map shows, with nothing in it yet.

        Args:
            measured: False where the ground of pixels is not known.
        """

    def colormap(self) -> Mapping[int, tuple[int, int, int, int]]:
        """Red, green, blue and opacity by value, for the GeoTIFF; empty where it has none."""
        return {}

    @property
    def map_unit(self) -> str:
        """Unit of the map's values; empty where they have none."""
        return ""

    def band_tags(self) -> Mapping[str, str]:
        """What the values of the map's GeoTIFF mean, as texts for its tags."""
        return {}

    @abstractmethod
    def asset_properties(self) -> Mapping[str, Any]:
        """Properties of a map's asset, `map_mark` among them, from which Earth Engine draws it."""

    @property
    @abstractmethod
    def pyramiding_policy(self) -> str:
        """How Earth Engine makes the coarser levels of a map."""

    @abstractmethod
    def model_properties(self) -> Mapping[str, str]:
        """Properties of a registered model that tell what its outputs are."""
