"""What labels from every source have in common where they are a continuous value."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from earthline.config.section import Number, Section
from earthline.config.sections.labels.classes import ClassName
from earthline.config.sections.labels.of_examples import ExampleLabels
from earthline.config.sections.labels.raster import RasterLabels
from earthline.config.sections.labels.section import Labels
from earthline.config.sections.labels.value_rules import outside, values_of
from earthline.config.sections.labels.vector import VectorLabels
from earthline.config.sections.outputs import OutputType
from earthline.label_features.features import FeaturesError, LabelFeatures

VALUE_BAND = "value"
"""Band of a map of a continuous value."""
COLORS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
"""Viridis, told apart with any kind of colour blindness and in grey: van der Walt and Smith 2015."""
STRATA = 5
"""Parts of the range that patches are balanced over, where the config names no breaks."""

Finite = Annotated[Number, Field(allow_inf_nan=False)]
"""A number that is neither infinite nor NaN."""
Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


def _apart(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] < ends[1]:
        raise ValueError(f"[{ends[0]:g}, {ends[1]:g}] does not go upwards; write the lowest value first")
    return ends


class Value(Section):
    """The value that a map tells."""

    name: ClassName = Field(min_length=1, max_length=60, description="What the value is, such as canopy height.")
    unit: str = Field(
        default="",
        max_length=20,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Its unit on axes, in legends and in reports, such as m or Mg/ha; left out, it has none.",
    )
    range: Annotated[tuple[Finite, Finite], AfterValidator(_apart)] = Field(
        description="Lowest and highest value that a label may have, in `unit`. The map's colours reach from one to "
        "the other. A label outside is an error; what a model predicts outside is kept, and reported."
    )
    multiply: Finite = Field(
        default=1, description="Factor of all labels; `range` and `breaks` are of what comes of it."
    )
    add: Finite = Field(default=0, description="Added to all labels, after `multiply`, in `unit`.")
    breaks: tuple[Finite, ...] = Field(
        default=(),
        max_length=19,
        description="Values, upwards and inside of `range`, between the parts that patches are balanced over, so that "
        "rare values are seen as well; left out, five parts of equal length. Quantiles of the labels, which "
        "`earthline check` tells, give parts of equal ground.",
    )
    colors: tuple[Color, ...] = Field(
        default=COLORS,
        min_length=2,
        max_length=20,
        description="Colours of the map as #rrggbb, evenly spaced from the lowest to the highest value.",
    )

    @property
    def bounds(self) -> tuple[float, ...]:
        """Values between the parts that patches are balanced over."""
        low, high = self.range
        return self.breaks or tuple(low + (high - low) * part / STRATA for part in range(1, STRATA))

    @model_validator(mode="after")
    def _is_clear(self) -> Self:
        if self.multiply == 0:
            raise ValueError("multiply 0 makes all labels equal; leave it out, or write what they are multiplied by")
        ends = (self.range[0], *self.breaks, self.range[1])
        if any(not one < other for one, other in pairwise(ends)):
            raise ValueError(
                f"breaks {list(self.breaks)}: each must be above the one before, and inside of range "
                f"[{ends[0]:g}, {ends[-1]:g}]; sort them, and leave out the ends"
            )
        return self


class ValueLabels(Labels):
    """Ground truth: a number for each pixel."""

    task: ClassVar[str] = "regression"
    KEY: ClassVar[str] = "value"
    KIND: ClassVar[str] = "values"
    OUTPUTS: ClassVar[Mapping[str, tuple[OutputType, ...]]] = {VALUE_BAND: ("float32",)}
    MAP_BAND: ClassVar[str] = VALUE_BAND

    value: Value = Field(description="What the labels tell, with its unit.")

    @property
    def entries(self) -> tuple[str, ...]:
        """The value's name."""
        return (self.value.name,)

    @property
    def summary(self) -> str:
        """The value and its unit."""
        return f"{self.value.name} in {self.value.unit}" if self.value.unit else self.value.name

    @property
    @abstractmethod
    def ignored(self) -> tuple[int | float | str, ...]:
        """Labels that mean no label, as they are before `multiply` and `add`."""


class ValueRaster(RasterLabels, ValueLabels):
    """A value from an image, or from the mosaic of a collection."""

    @property
    def ignored(self) -> tuple[int | float | str, ...]:
        """As `ValueLabels.ignored`."""
        return self.ignore


class ValueExamples(ExampleLabels, ValueLabels):
    """A value from a feature of examples made elsewhere."""

    @property
    def ignored(self) -> tuple[int | float | str, ...]:
        """As `ValueLabels.ignored`."""
        return self.ignore


class ValueFeatures(VectorLabels, ValueLabels):
    """A value of points and polygons: of a file, or of a table of Earth Engine.

    The labels of a file that was read are in `unit` already.
    """

    @property
    def ignored(self) -> tuple[int | float | str, ...]:
        """As `ValueLabels.ignored`."""
        return self.ignore

    def meaning(self, values: Sequence[Any]) -> Sequence[int | float | None]:
        """Each value of the field in `unit`."""
        return values_of(values, self.value.multiply, self.value.add, self.value.range, self.ignore)

    def require_known(self, found: LabelFeatures) -> None:
        """Values outside of the range are refused."""
        wrong = [float(value) for value in found.values if outside(float(value), self.value.range)]
        if wrong:
            low, high = self.value.range
            raise FeaturesError(f"features have the value {wrong[0]:g}, outside of value.range [{low:g}, {high:g}]")
