"""What every task knows, and nothing outside a task does."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earthline.formats.evaluations import Accuracy
from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]


MISSING_COLOR = (235, 235, 235)
"""RGB of pixels without imagery or value."""


@dataclass(frozen=True)
class Legend:
    """What a map's colours mean.

    Attributes:
        names: Words for each entry.
        colors: Its colour, #rrggbb.
    """

    names: tuple[str, ...]
    colors: tuple[str, ...]


class Task(ABC):
    """How labels are encoded, what is learned and judged, and what a map looks like."""

    name: ClassVar[str]
    """Key of `trainer.heads.HEADS`."""
    watched: ClassVar[Mapping[str, str]]
    """What a training's log and curves show besides the loss: the words by Keras' name of the metric."""
    gate_metric: ClassVar[str]
    """What a model must be better in to be deployed, in words."""
    map_band: ClassVar[str]
    """Band of the map."""
    map_mark: ClassVar[str]
    """Property by which the asset of a map is known as one."""
    map_type: ClassVar[str]
    """NumPy name of the map's type."""
    no_data: ClassVar[int]
    """Value of a map where it tells nothing, and of a label where there is none."""

    @abstractmethod
    def encoded(self, values: Any, band: str) -> Any:
        """Labels as examples hold them.

        Args:
            values: `ee.Image` of the label raster's own values.
            band: Name of the band to give.

        Returns:
            `ee.Image` of one band of `map_type`; masked where there is no label. On a coarser grid a pixel has the
            value that stands for all of it.
        """

    @abstractmethod
    def label_problem(self, label: Array) -> str:
        """What is wrong with a label, in a few words; empty where nothing is.

        Args:
            label: (height, width).
        """

    @abstractmethod
    def mapped(self, outputs: Any) -> Any:
        """A model's outputs as the map, in Earth Engine.

        Args:
            outputs: `ee.Image` of one band that holds an array per pixel.

        Returns:
            `ee.Image` of the band `map_band`; masked where the model gives no number.
        """

    @abstractmethod
    def decoded(self, outputs: Array) -> Array:
        """A model's outputs as the map, here.

        Args:
            outputs: (..., outputs).

        Returns:
            `map_type` (...); `no_data` where an output is no finite number.
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

    @abstractmethod
    def colormap(self) -> Mapping[int, tuple[int, int, int, int]]:
        """Red, green, blue and opacity by value, for the GeoTIFF; empty where it has none."""

    @abstractmethod
    def band_tags(self) -> Mapping[str, str]:
        """What the values of the map's GeoTIFF mean, as texts for its tags."""

    @abstractmethod
    def asset_properties(self) -> Mapping[str, Any]:
        """Properties of a map's asset from which Earth Engine draws it."""

    @property
    @abstractmethod
    def pyramiding_policy(self) -> str:
        """How Earth Engine makes the coarser levels of a map."""

    @abstractmethod
    def model_properties(self) -> Mapping[str, str]:
        """Properties of a registered model that tell what its outputs are."""

    @abstractmethod
    def tally(self, labels: Array, predicted: Array, blocks: Array) -> Array:
        """What each block adds to all metrics, (blocks, ...).

        Args:
            labels: Of the pixels that count, (pixels,).
            predicted: Map values, (pixels,).
            blocks: Number of each pixel's block, (pixels,); from 0, without gaps.

        Raises:
            ValueError: There is no pixel, or one without a prediction.
        """

    @abstractmethod
    def metrics(self, tally: Array, bootstrap: Bootstrap) -> Accuracy:
        """Every metric with its interval.

        Args:
            tally: As `tally` gives it.
            bootstrap: Of as many blocks.
        """

    @abstractmethod
    def gate_sums(self, tally: Array) -> tuple[Array, Array]:
        """Numerator and denominator of the gate's metric by block, (blocks,) each; larger is better.

        Args:
            tally: As `tally` gives it.
        """

    @abstractmethod
    def estimator(self, trees: int, seed: int) -> Any:
        """A random forest of scikit-learn for this task, not trained yet.

        Args:
            trees: Number of trees.
            seed: Its seed.
        """

    def gate_value(self, tally: Array) -> float:
        """The gate's metric over all blocks."""
        part, whole = self.gate_sums(tally)
        return float(part.sum() / whole.sum())

    def unmasked(self, image: Any) -> Any:
        """An `ee.Image` of a map with `no_data` where it is masked: what a file without a mask can hold."""
        return image.unmask(self.no_data, False).toUint8()
