"""The doubter's side of a task: what a model's outputs tell of how far its map can be believed."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from earthline.formats.certainty import Certainty
from earthline.formats.served.outputs import ServedOutput

Array = np.ndarray[Any, Any]


class ConfidenceSide:
    """What a task knows of confidence. A task whose outputs tell nothing of it leaves everything as it is."""

    confidence_bands: ClassVar[Mapping[str, str]] = {}
    """Further bands that a map may have, by name, with what each tells; the names stand in the labels' section too."""

    def temperature(self, outputs: Array, labels: Array) -> float | None:
        """By what certainty has to be cooled so that it is right as often as it says.

        Args:
            outputs: Of a model, (pixels, entries), of labelled pixels that it did not learn from.
            labels: Theirs, (pixels,).

        Returns:
            Above 1 where the model is too sure, below 1 where it is not sure enough; None where there is no such thing,
            or the pixels cannot tell.
        """
        return None

    def set_limit(self, outputs: Array, labels: Array, coverage: float) -> float | None:
        """The limit from which on an entry belongs to a pixel's set, so that sets hold the label as often as is asked.

        Args:
            outputs: Of a model, (pixels, entries), of labelled pixels that it did not learn from.
            labels: Theirs, (pixels,).
            coverage: Share of pixels whose label their set should hold, 0 to 1.

        Returns:
            None where there is no such thing.
        """
        return None

    def sets(self, outputs: Array, limit: float) -> Array | None:
        """Which entries belong to the set of each pixel.

        Args:
            outputs: (..., entries).
            limit: As `set_limit` gives it.

        Returns:
            bool (..., entries); None where there is no such thing.
        """
        return None

    def confidence(self, name: str, outputs: Any, certainty: Certainty) -> Any:
        """A further band of a map, in Earth Engine.

        Args:
            name: One of `confidence_bands`.
            outputs: `ee.Image` of one band that holds an array per pixel.
            certainty: The model's limits.

        Returns:
            `ee.Image` of one band.

        Raises:
            ValueError: There is no such band, or the model has no limit that it needs.
        """
        raise ValueError(f"predict.bands: '{name}' is no band of this task")

    def confidence_output(self, name: str, certainty: Certainty) -> ServedOutput:
        """What a server gives as a further band of a map.

        Args:
            name: One of `confidence_bands`.
            certainty: The model's limits.

        Raises:
            ValueError: There is no such band, or the model has no limit that it needs.
        """
        raise ValueError(f"serving.outputs: '{name}' is no output of this task")
