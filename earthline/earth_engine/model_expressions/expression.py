"""A trained network as a function from an image with the config's bands to its map, as Earth Engine's clients store it.

It is computed by Earth Engine alone: there is no endpoint that could cost or fail. Its text is what `ee_map` of a
registered model is, so that the same line of code applies it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ee

from earthline.config import Imagery
from earthline.earth_engine import confidence, ee_model, imagery
from earthline.earth_engine.model_expressions import network
from earthline.earth_engine.predictions import Predictions
from earthline.formats.certainty import DISSIMILARITY, Certainty
from earthline.formats.pixel_graph import PixelGraph
from earthline.formats.served.contract import VALID_BAND
from earthline.formats.served.outputs import ServedOutput
from earthline.grid import Grid
from earthline.task import Task

MOST_BYTES = 10_000_000
"""Of a request to Earth Engine, which holds the whole expression."""

INSTEAD = (
    "Such a model is used through its endpoint, by the lines of ee_model.json that a run writes, or without Earth "
    "Engine by `earthline predict`"
)
"""What a model can do that is no expression."""


class ExpressionError(ValueError):
    """A model that cannot become an expression; the text says why, and what to use instead."""


@dataclass(frozen=True)
class ModelExpression:
    """A network, and all that its expression needs beside it.

    Attributes:
        graph: Its operations.
        bands: Names of the bands, in its order.
        imagery: The section of the config that it was trained with.
        grid: Of the training region: the map is computed on its pixels, whatever projection it is drawn in.
        task: What the outputs mean.
        further: Names of what it gives after the task's entries, without the dissimilarity, which is left out.
        certainty: Its limits.
        shown: Names of further bands of the map, as of `predict.bands`.
    """

    graph: PixelGraph
    bands: tuple[str, ...]
    imagery: Imagery
    grid: Grid
    task: Task
    further: tuple[str, ...]
    certainty: Certainty
    shown: tuple[str, ...] = ()

    @property
    def entries(self) -> int:
        """Numbers that it gives for each pixel."""
        return len(self.task.entries) + len(self.further)

    def require(self) -> None:
        """Raises ExpressionError where network and description do not fit, or a band that is asked for is unknown."""
        if self.graph.size != self.entries:
            raise ExpressionError(
                f"the network gives {self.graph.size} numbers for each pixel and its description names {self.entries}; "
                "train it again with this version"
            )
        known = [name for name in confidence.titles(self.task, self.further) if name != DISSIMILARITY]
        unknown = [name for name in self.shown if name not in known]
        if unknown:
            raise ExpressionError(
                f"--bands: an expression of this model has no '{unknown[0]}'; it has {', '.join(known) or 'no further'}"
            )

    def text(self) -> str:
        """The function from an `ee.Image` with the bands to the map and the further bands, as `ee_map` is stored."""

        def to_map(image: Any) -> Any:
            given, taken = self._given(ee.Image(image))
            found = ee_model.mapped(given, taken, self.task)
            if self.shown:
                further = confidence.bands(given, self.shown, self.task, self.further, self.certainty)
                found = found.addBands(further.updateMask(taken.select([VALID_BAND])))
            return self._pinned(found)

        return str(ee.serializer.toJSON(ee.CustomFunction.create(to_map, "Image", ["Image"])))

    def numbers(self, image: Any) -> Any:
        """All that the network gives, a band `entry_0` and so on for each number.

        Args:
            image: An `ee.Image` with the bands.
        """
        given, _ = self._given(image)
        names = [f"entry_{place}" for place in range(self.entries)]
        return self._pinned(given.image.arrayFlatten([names]))

    def _given(self, image: Any) -> tuple[Predictions, Any]:
        taken = imagery.network_input_of(image, self.imagery)
        found = network.outputs(self.graph, taken, self.bands).rename([self.task.output])
        whole = ServedOutput(name=self.task.output, entries=self.entries, used=self.entries)
        return Predictions(found, (whole,)), taken

    def _pinned(self, found: Any) -> Any:
        # A window of 9 pixels means something only at the scale that it was trained at.
        return found.reproject(self.grid.crs, list(self.grid.transform))


def snippets(bands: Sequence[str], variable: str, asset: str | None, file: str | None) -> dict[str, str]:
    """The lines that apply an expression, by client: `python` (earthengine-api) and `javascript` (Code Editor).

    They need no Earthline. Each takes a variable `image`.

    Args:
        bands: Names of the bands that `image` must have.
        variable: Name of the variable that gets the map.
        asset: Id of the asset that holds the expression; None where there is none.
        file: Name of the file that holds it, likewise.
    """
    listed = ", ".join(bands)
    if asset is not None:
        python = f'ee.data.getAsset("{asset}")["properties"]["{ee_model.MAP_PROPERTY}"]'
        javascript = f"ee.data.getAsset('{asset}').properties.{ee_model.MAP_PROPERTY}"
    else:
        python = f'json.load(open("{file}"))["{ee_model.MAP_PROPERTY}"]'
        # The Code Editor reads no files.
        javascript = f"'the text {ee_model.MAP_PROPERTY} of {file}'"
    return {
        "python": f"# image: an ee.Image with the bands {listed}\n"
        f"{variable} = ee.Image(ee.deserializer.fromJSON({python}).call(image))\n",
        "javascript": f"// image: an ee.Image with the bands {listed}\n"
        f"var {variable} = ee.Image(ee.Deserializer.fromJSON({javascript}).call(image));\n",
    }
