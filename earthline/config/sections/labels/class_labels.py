"""What labels from every source have in common where they are classes."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from earthline.config.section import WholeNumber
from earthline.config.sections.labels.class_rules import Rule, class_ids
from earthline.config.sections.labels.classes import FeatureClass, LabelClass, RasterClass
from earthline.config.sections.labels.of_examples import ExampleLabels
from earthline.config.sections.labels.raster import RasterLabels
from earthline.config.sections.labels.section import Labels
from earthline.config.sections.labels.vector import VectorLabels
from earthline.config.sections.outputs import OutputType
from earthline.label_features.features import FeaturesError, LabelFeatures

CLASS_BAND = "class_id"
"""Band of a map of classes."""
PROBABILITIES = "probabilities"
"""A model's output: the probability of each class."""
PROBABILITY, MARGIN, SET_SIZE = "probability", "margin", "set_size"
"""Bands of a map that tell how far it can be believed."""


class ClassLabels(Labels):
    """Ground truth and its classes."""

    task: ClassVar[str] = "classification"
    KEY: ClassVar[str] = "classes"
    KIND: ClassVar[str] = "classes"
    CONFIDENCE: ClassVar[tuple[str, ...]] = (PROBABILITY, MARGIN, SET_SIZE)
    OUTPUTS: ClassVar[Mapping[str, tuple[OutputType, ...]]] = {
        CLASS_BAND: ("uint8", "float32"),
        PROBABILITY: ("float32", "uint8"),
        MARGIN: ("float32", "uint8"),
        SET_SIZE: ("uint8", "float32"),
        PROBABILITIES: ("float32", "uint8"),
    }
    MAP_BAND: ClassVar[str] = CLASS_BAND
    ARRAY: ClassVar[str] = PROBABILITIES

    classes: tuple[LabelClass, ...] = Field(min_length=2, max_length=255, description="Classes of the map, in order.")

    @property
    def entries(self) -> tuple[str, ...]:
        """The classes' names."""
        return self.class_names

    @property
    @abstractmethod
    def ignored(self) -> tuple[int | float | str, ...]:
        """Values that mean no label."""

    @property
    @abstractmethod
    def numbers(self) -> tuple[tuple[int, ...], ...]:
        """By class id the numbers of the label band in Earth Engine that mean the class."""

    @property
    def by_ranges(self) -> bool:
        """True where ranges of numbers are the classes."""
        return any(described.ranges for described in self.classes)

    @property
    def ranges(self) -> tuple[tuple[float, float, int, bool], ...]:
        """All ranges as (low, high, class id, whether `high` is part of it)."""
        every = [(low, high, class_id) for class_id, each in enumerate(self.classes) for low, high in each.ranges]
        top = max((high for _, high, _ in every), default=0)
        return tuple((low, high, class_id, high == top) for low, high, class_id in every)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names by class id."""
        return tuple(described.name for described in self.classes)

    @property
    def colors(self) -> tuple[str, ...]:
        """Colours (#rrggbb) by class id."""
        return tuple(described.color for described in self.classes)

    @model_validator(mode="after")
    def _are_clear(self) -> Self:
        seen: dict[str, str] = {}  # by what is written: in a file the class 7 may be 7, 7.0 or "7"
        names: dict[str, str] = {}
        for described in self.classes:
            # Names that differ by case alone cannot be told apart in a legend.
            folded = described.name.casefold()
            if folded in names:
                raise ValueError(
                    f"class '{described.name}' stands twice (also as '{names[folded]}'); merge their `values` into one"
                )
            names[folded] = described.name
            for value in described.meaning:
                if str(value) in seen:
                    raise ValueError(
                        f"label value {value} belongs to '{seen[str(value)]}' and to '{described.name}'; keep it in one"
                    )
                seen[str(value)] = described.name
        both = [value for value in self.ignored if str(value) in seen]
        if both:
            raise ValueError(f"label values {both} stand in `ignore` and in a class; keep them in one")
        _require_apart(self.classes)
        return self


class NumberedClassLabels(ClassLabels):
    """Classes that are numbers of a raster: values, or ranges of them."""

    classes: tuple[RasterClass, ...] = Field(min_length=2, max_length=255, description="Classes of the map, in order.")

    @property
    def numbers(self) -> tuple[tuple[int, ...], ...]:
        """The values themselves, or class ids where ranges are the classes."""
        return numbers_of(self.classes)


class RasterClassLabels(RasterLabels, NumberedClassLabels):
    """Classes from an image, or from the mosaic of a collection."""

    ignore: tuple[WholeNumber, ...] = Field(default=(), description="Values of the label raster that mean no label.")

    @property
    def ignored(self) -> tuple[int | float | str, ...]:
        """Values that mean no label."""
        return self.ignore


class ExampleClassLabels(ExampleLabels, NumberedClassLabels):
    """Classes from a feature of examples made elsewhere."""

    ignore: tuple[WholeNumber, ...] = Field(default=(), description="Values of the feature that mean no label.")

    @property
    def ignored(self) -> tuple[int | float | str, ...]:
        """Values that mean no label."""
        return self.ignore


def numbers_of(classes: Sequence[RasterClass]) -> tuple[tuple[int, ...], ...]:
    """By class id the numbers that mean the class; class ids where ranges do.

    Args:
        classes: In order.
    """
    if any(described.ranges for described in classes):
        return tuple((class_id,) for class_id in range(len(classes)))
    return tuple(described.values for described in classes)


class VectorClassLabels(VectorLabels, ClassLabels):
    """Classes of points and polygons: of a file, or of a table of Earth Engine.

    A file is read when the config is. What stays is its labels, so that its content counts and not its name: few
    travel with the config, many become a table whose name is the content's hash.
    """

    classes: tuple[FeatureClass, ...] = Field(min_length=2, max_length=255, description="Classes of the map, in order.")

    def meaning(self, values: Sequence[Any]) -> Sequence[int | None]:
        """The class id of each value of the field."""
        return class_ids(values, self.rules, self.ignore)

    def require_known(self, found: LabelFeatures) -> None:
        """Class ids that no class has are refused."""
        wrong = sorted({int(class_id) for class_id in found.values if not 0 <= class_id < len(self.classes)})
        if wrong:
            raise FeaturesError(f"features have the class ids {wrong}; known are 0 to {len(self.classes) - 1}")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What means each class, by class id."""
        return tuple(Rule(described.values, described.ranges, described.name) for described in self.classes)

    @property
    def ignored(self) -> tuple[int | float | str, ...]:
        """Values that mean no label."""
        return self.ignore

    @property
    def numbers(self) -> tuple[tuple[int, ...], ...]:
        """Class ids: features get them before they become pixels."""
        return tuple((class_id,) for class_id in range(len(self.classes)))


def _require_apart(classes: Sequence[LabelClass]) -> None:
    without = [described.name for described in classes if not described.ranges]
    ranges = sorted((low, high, described.name) for described in classes for low, high in described.ranges)
    if ranges and without:
        raise ValueError(f"class '{without[0]}' has `values` and '{ranges[0][2]}' has `ranges`; use one way for all")
    for (low, high, name), (other_low, other_high, other) in pairwise(ranges):
        if other_low < high:
            raise ValueError(
                f"the range [{low:g}, {high:g}] of '{name}' overlaps [{other_low:g}, {other_high:g}] of '{other}'; end "
                f"the one where the other begins"
            )
