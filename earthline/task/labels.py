"""The labels' side of a task: how they are encoded, sampled, counted and checked."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from earthline.config import Labels, RasterLabels, VectorLabels
from earthline.formats.examples import no_label

Array = np.ndarray[Any, Any]

_CASTS = {"uint8": "toUint8", "uint16": "toUint16", "int16": "toInt16", "float32": "toFloat"}


class LabelError(ValueError):
    """A label raster that the task cannot use; the text names the key and the fix."""


@dataclass(frozen=True)
class Ways:
    """What advice may say: what can be changed so that splits have other ground.

    Attributes:
        more: Gives a split more ground.
        others: Gives a split other places.
        mixed: Makes splits more alike.
    """

    more: str
    others: str
    mixed: str


OF_A_REGION = Ways(
    "a larger region, smaller export.block_shape, or export.split_regions",
    "smaller export.block_shape and export.patch_shape give it more places, or choose the places by "
    "export.split_regions",
    "smaller export.block_shape or another export.seed mixes them",
)
"""Of patches that Earthline fetches."""
OF_EXAMPLES = Ways(
    "more files in data.examples",
    "another export.seed deals the records otherwise, or name the files of each split in data.examples",
    "another export.seed, or a data.examples.split of smaller parts, mixes them",
)
"""Of examples made elsewhere."""


@dataclass(frozen=True)
class LabelFindings:
    """What is wrong with the labels of a dataset as a whole.

    Attributes:
        anomalies: Kind and text of what fails the run.
        warnings: Texts of what does not.
    """

    anomalies: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


class LabelStatistics(ABC):
    """Statistics of labels, of any number of pixels: those of two parts add up to those of the whole."""

    @property
    @abstractmethod
    def pixels(self) -> int:
        """Labelled pixels, those whose label means something."""

    @property
    @abstractmethod
    def by_stratum(self) -> tuple[int, ...]:
        """Pixels of each of the task's strata."""

    @abstractmethod
    def __add__(self, other: Self) -> Self:
        """Statistics of both."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain values, as the manifest and the validation's report hold them."""

    @abstractmethod
    def differences(self, claimed: Mapping[str, Any]) -> list[str]:
        """How what was counted differs from what a manifest says, in texts such as `8 pixels of 'x', … says 9`.

        Args:
            claimed: As `to_json` gave it.
        """


class LabelSide(ABC):
    """What a task knows of labels."""

    data_type: ClassVar[str]
    """NumPy name of the type of labels and maps, one of `formats.examples.LABEL_TYPES`."""

    @property
    def no_data(self) -> int | float:
        """Value of a label where there is none, and of a map where it tells nothing."""
        return no_label(self.data_type)

    @abstractmethod
    def encoded(self, values: Any, band: str) -> Any:
        """Labels as examples hold them.

        Args:
            values: `ee.Image` of the label raster's own values.
            band: Name of the band to give.

        Returns:
            `ee.Image` of one band of `data_type`; masked where there is no label. On a coarser grid a pixel has the
            value that stands for all of it.
        """

    def unmasked(self, image: Any) -> Any:
        """An `ee.Image` of labels or of a map with `no_data` where it is masked: what an array without a mask holds."""
        return self.cast(image.unmask(self.no_data, False))

    def cast(self, image: Any) -> Any:
        """An `ee.Image` in the type of labels and maps."""
        return getattr(image, _CASTS[self.data_type])()

    def encoded_values(self, values: Array, labels: Labels) -> Array:
        """Labels of examples made elsewhere, as ours hold them.

        Args:
            values: The label's own values, any shape; NaN where there is none.
            labels: The config's section.

        Returns:
            Of `data_type` and the same shape; `no_data` where there is no label.

        Raises:
            LabelError: Values that the config does not account for, or a task that cannot take such examples.
        """
        raise LabelError(f"data.examples: not supported for {labels.task}; give data.labels an asset or a file")

    @abstractmethod
    def survey(self, values: Any, over: Mapping[str, Any], draw: Mapping[str, Any] | None) -> Any:
        """What a label raster holds, before anything is exported, as an object that Earth Engine computes.

        Args:
            values: `ee.Image` of the raster's own values, one band.
            over: Arguments of `reduceRegion`: the whole region.
            draw: Arguments of `sample`, where the region has too many pixels to look at each; else None.
        """

    @abstractmethod
    def surveyed(self, answer: Any, labels: RasterLabels) -> str:
        """What the answer to `survey` says, in a few words.

        Args:
            answer: Plain values.
            labels: The config's section.

        Raises:
            LabelError: The raster holds nothing, or what the config does not account for.
        """

    def of_field(self, table: Any, labels: VectorLabels, name: str) -> Any:
        """Features of a table with their label as a property; those that have none are left out.

        A number is its own label, where a task says nothing else.

        Args:
            table: `ee.FeatureCollection`.
            labels: The config's section, which names the field.
            name: Of the property to give; it is the only one.
        """
        import ee  # half a second, and every config loads this module

        return table.filter(ee.Filter.notNull([labels.field])).select([labels.field], [name])

    def field_survey(self, table: Any, labels: VectorLabels) -> Any:
        """What a field of points and polygons holds, as an object that Earth Engine computes.

        Args:
            table: `ee.FeatureCollection` of the region.
            labels: The config's section.
        """
        return table.aggregate_count(labels.field)

    def field_surveyed(self, answer: Any, labels: VectorLabels) -> None:
        """Checks the answer to `field_survey`.

        Args:
            answer: Plain values.
            labels: The config's section.

        Raises:
            LabelError: The field holds what the config does not account for.
        """
        if not answer:
            raise LabelError(f"data.labels.field: no feature of {labels.table} in the region has a {labels.field}")

    stratum_word: ClassVar[str]
    """What a stratum is, in one word."""

    @property
    @abstractmethod
    def strata(self) -> tuple[str, ...]:
        """Names of what patches are balanced over; one where they are drawn evenly."""

    @property
    def spread(self) -> tuple[float, ...] | None:
        """Standard deviation of the labels inside of each stratum, about; None where strata do not tell it."""
        return None

    @abstractmethod
    def stratum(self, labels: Any) -> Any:
        """The place in `strata` of each pixel, as an `ee.Image` of small whole numbers, its band called as it was.

        Args:
            labels: `ee.Image` that `encoded` gave.
        """

    @abstractmethod
    def strata_of(self, labels: Array) -> Array:
        """The same for labels that are here, int64 of the same shape.

        Args:
            labels: Numbers, none of them `no_data`.
        """

    @abstractmethod
    def label_problem(self, label: Array) -> str:
        """What is wrong with a label, in a few words; empty where nothing is.

        Args:
            label: (height, width).
        """

    @abstractmethod
    def statistics(self, labels: Array) -> LabelStatistics:
        """Statistics of labels; of none, those of nothing, to which others are added.

        Args:
            labels: Of labelled pixels, (pixels,).
        """

    @abstractmethod
    def label_findings(
        self, ground: Mapping[str, LabelStatistics], features: Sequence[int] | None = None, ways: Ways = OF_A_REGION
    ) -> LabelFindings:
        """Whether there is enough of everything to learn from and to judge by.

        Args:
            ground: By split, each pixel of the ground counted once.
            features: Of labels that are points and polygons, of which few pixels are normal, how many each stratum
                has in all, (strata,); None where labels are a raster.
            ways: What advice may say.
        """
