"""Maps of a continuous value."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from earthline.config.sections.labels import VALUE_BAND
from earthline.config.sections.labels.value_labels import COLORS
from earthline.formats.served.outputs import ServedOutput
from earthline.task.maps import Legend, MapSide
from earthline.task.regression.coverage import ValueCoverage
from earthline.task.regression.ramp import painted
from earthline.task.regression.values import Values

Array = np.ndarray[Any, Any]

TICKS = 5
"""Values that a legend names."""
_LARGEST = float(np.finfo(np.float32).max)


class ValueMapSide(Values, MapSide):
    """What regression knows of maps. Of a model's outputs the first one is the map; others are bounds of it."""

    map_band: ClassVar[str] = VALUE_BAND
    map_mark: ClassVar[str] = f"{VALUE_BAND}_name"
    map_variable: ClassVar[str] = "values"
    template: ClassVar[Path] = Path(__file__).with_name("values.html.j2")

    def mapped(self, outputs: Any) -> Any:
        """The first output."""
        return self.map_of_band(outputs.arrayGet([0]))

    @property
    def map_output(self) -> ServedOutput:
        """The value."""
        return ServedOutput(name=VALUE_BAND)

    def map_of_band(self, band: Any) -> Any:
        """Finite numbers: NaN compares false with everything."""
        values = band.rename([VALUE_BAND]).toFloat()
        return values.updateMask(values.abs().lte(_LARGEST))

    def decoded(self, outputs: Array) -> Array:
        """The first output."""
        values = outputs[..., 0]
        return np.where(np.isfinite(values), values, self.no_data).astype(np.float32)

    def map_problem(self, values: Array) -> str:
        """Pixels without a number. What lies outside of the range is no mistake of a map."""
        nothing = int((values == self.no_data).sum())
        return f"no finite number for {nothing:,} pixels where the imagery is valid" if nothing else ""

    def colors_of(self, values: Array) -> Array:
        """Each pixel in the ramp's colour, light grey without a value."""
        return painted(values, np.isfinite(values) & (values != self.no_data), self.ends, self.colors)

    @property
    def legend(self) -> Legend:
        """The ramp, with values along it."""
        ticks = np.linspace(*self.ends, TICKS)
        return Legend(tuple(f"{tick:g}" for tick in ticks), self.colors, "value", ramp=self.axis)

    def colored(self, colors: Sequence[str]) -> Self:
        """The value with colours; without any, those that a config has by itself."""
        return replace(self, colors=tuple(colors) if len(colors) > 1 else COLORS)

    @property
    def stratum_colors(self) -> tuple[str, ...]:
        """The colour of the middle of each part."""
        middles = np.array([(one + other) / 2 for one, other in pairwise((self.ends[0], *self.breaks, self.ends[1]))])
        colors = painted(middles, np.ones(len(middles), bool), self.ends, self.colors)
        return tuple("#" + bytes(color.tolist()).hex() for color in colors)

    def coverage(self, measured: bool) -> ValueCoverage:
        """Ground by value."""
        return ValueCoverage(self, float(self.no_data), measured)

    @property
    def map_unit(self) -> str:
        """The value's unit."""
        return self.unit

    def band_tags(self) -> Mapping[str, str]:
        """Name, unit and range."""
        low, high = self.ends
        return {"value_name": self.title, "value_unit": self.unit, "value_range": f"{low:g} {high:g}"}

    def asset_properties(self) -> Mapping[str, Any]:
        """Name, unit, range and palette, from which a layer is drawn."""
        low, high = self.ends
        return {
            self.map_mark: self.title,
            f"{VALUE_BAND}_unit": self.unit,
            f"{VALUE_BAND}_min": low,
            f"{VALUE_BAND}_max": high,
            f"{VALUE_BAND}_palette": [color.removeprefix("#") for color in self.colors],
        }

    @property
    def pyramiding_policy(self) -> str:
        """The mean."""
        return "MEAN"

    def model_properties(self) -> Mapping[str, str]:
        """Name, unit, range and colours."""
        low, high = self.ends
        return {
            "value_name": self.title,
            "value_unit": self.unit,
            "value_range": f"{low:g},{high:g}",
            "value_colors": ",".join(self.colors),
        }
