"""Maps of classes: what probabilities become, and what a map's colours mean."""

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import ee
import numpy as np

from earthline.config.sections.labels import CLASS_BAND
from earthline.formats.served.outputs import MOST_IN_ALL, ServedOutput
from earthline.task.classification.classes import UNLABELLED, Classes
from earthline.task.classification.coverage import ClassCoverage
from earthline.task.maps import MISSING_COLOR, Legend, MapSide

Array = np.ndarray[Any, Any]

_GOLDEN = 0.618034
"""Of a turn: no hue comes near one of the few before it."""


class ClassMapSide(Classes, MapSide):
    """What classification knows of maps."""

    map_band: ClassVar[str] = CLASS_BAND
    map_mark: ClassVar[str] = f"{CLASS_BAND}_class_names"
    map_variable: ClassVar[str] = "classes"
    template: ClassVar[Path] = Path(__file__).with_name("classes.html.j2")

    def mapped(self, outputs: Any) -> Any:
        """The most probable class."""
        # A model may give more than the classes' probabilities.
        own = outputs.arraySlice(0, 0, len(self.names))
        classes = own.arrayArgmax().arrayGet([0]).rename([CLASS_BAND]).toUint8()
        # Of NaN, argmax would make class 0. NaN compares false with everything, and makes a sum NaN.
        total = own.arrayReduce(ee.Reducer.sum(), [0]).arrayGet([0])
        return classes.updateMask(total.gt(0).And(total.lte(MOST_IN_ALL)))

    @property
    def map_output(self) -> ServedOutput:
        """The class id in a byte."""
        return ServedOutput(name=CLASS_BAND, type="uint8", made="most_probable", used=len(self.names))

    def map_of_band(self, band: Any) -> Any:
        """Class ids that a class has."""
        return band.rename([CLASS_BAND]).toUint8().updateMask(band.lt(len(self.names)))

    def decoded(self, outputs: Array) -> Array:
        """The most probable class."""
        own = outputs[..., : len(self.names)]
        known = np.isfinite(own).all(axis=-1)
        return np.where(known, np.nan_to_num(own).argmax(axis=-1), UNLABELLED).astype(np.uint8)

    def map_problem(self, values: Array) -> str:
        """Class ids that no class has."""
        wrong = np.unique(values[values >= len(self.names)])
        if not len(wrong):
            return ""
        meaning = " (no prediction)" if UNLABELLED in wrong else ""
        return (
            f"the class ids {wrong.tolist()}{meaning} where the imagery is valid; known are 0 to {len(self.names) - 1}"
        )

    def colors_of(self, values: Array) -> Array:
        """Each pixel in its class's colour, light grey without one."""
        palette = np.full((UNLABELLED + 1, 3), MISSING_COLOR, np.uint8)
        for class_id, color in enumerate(self.colors):
            palette[class_id] = _rgb(color)
        picture: Array = palette[values]
        return picture

    @property
    def legend(self) -> Legend:
        """The classes, by class id."""
        return Legend(self.names, self.colors, "class")

    def colored(self, colors: Sequence[str]) -> Self:
        """The classes with colours; without any, hues that lie far apart."""
        own = tuple(colors) if len(colors) >= len(self.names) else tuple(map(_spread, range(len(self.names))))
        return replace(self, colors=own)

    @property
    def stratum_colors(self) -> tuple[str, ...]:
        """The classes' colours."""
        return self.colors

    def coverage(self, measured: bool) -> ClassCoverage:
        """Pixels and ground by class."""
        return ClassCoverage(self, measured)

    def colormap(self) -> Mapping[int, tuple[int, int, int, int]]:
        """The classes' colours."""
        return {class_id: (*_rgb(color), 255) for class_id, color in enumerate(self.colors)} | {
            UNLABELLED: (0, 0, 0, 0)
        }

    def band_tags(self) -> Mapping[str, str]:
        """The classes' names."""
        return {f"class_{class_id}": name for class_id, name in enumerate(self.names)}

    def asset_properties(self) -> Mapping[str, Any]:
        """Names and palette, as Earth Engine's catalogue has them."""
        return {
            self.map_mark: list(self.names),
            f"{CLASS_BAND}_class_palette": [color.removeprefix("#") for color in self.colors],
            f"{CLASS_BAND}_class_values": list(range(len(self.names))),
        }

    @property
    def pyramiding_policy(self) -> str:
        """The most frequent class."""
        return "MODE"

    def model_properties(self) -> Mapping[str, str]:
        """Names and colours."""
        return {"class_names": ",".join(self.names), "class_colors": ",".join(self.colors)}


def _spread(place: int) -> str:
    """One of endlessly many colours: another hue, and one of three brightnesses, than its neighbours'."""
    parts = colorsys.hls_to_rgb(place * _GOLDEN % 1, (0.45, 0.65, 0.85)[place % 3], 0.6)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def _rgb(color: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue
