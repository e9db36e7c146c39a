"""How far a map of classes can be believed: the probability of its class, the margin, and sets of classes."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import ee
import numpy as np

from earthline.config.sections.labels import MARGIN, PROBABILITY, SET_SIZE
from earthline.formats.certainty import Certainty
from earthline.formats.served.outputs import Making, ServedOutput
from earthline.task.classification.classes import Classes
from earthline.task.confidence import ConfidenceSide

Array = np.ndarray[Any, Any]

LEAST = 1e-12
"""Probabilities are at least this before their logarithm is taken."""
MOST_TEMPERATURE = 5.0
"""And the inverse of the least one."""
_AT_THE_END = 0.99
"""The search comes no nearer to an end than this."""


class ClassConfidenceSide(Classes, ConfidenceSide):
    """What classification knows of confidence."""

    confidence_bands: ClassVar[Mapping[str, str]] = {
        PROBABILITY: "probability that the model gives the map's class",
        MARGIN: "how much more probable the map's class is than the next one",
        SET_SIZE: "number of classes that cannot be ruled out",
    }

    def temperature(self, outputs: Array, labels: Array) -> float | None:
        """That with the least cross-entropy (Guo et al. 2017, "On Calibration of Modern Neural Networks").

        None where the least one of all is best: then each pixel is right, or nearly, and they are too few or too easy
        to tell how sure the model may be.
        """
        from scipy.optimize import minimize_scalar  # not needed where a config is read

        logarithms = np.log(np.maximum(outputs[:, : len(self.names)].astype(np.float64), LEAST))
        own = logarithms[np.arange(len(labels)), labels.astype(np.int64)]

        def loss(power: float) -> float:
            scaled = logarithms / np.exp(power)
            # The largest is taken out so that no exponential vanishes.
            top = scaled.max(axis=1)
            return float((np.log(np.exp(scaled - top[:, np.newaxis]).sum(axis=1)) + top - own / np.exp(power)).mean())

        bound = math.log(MOST_TEMPERATURE)
        found = float(minimize_scalar(loss, bounds=(-bound, bound), method="bounded").x)
        return math.exp(found) if found > _AT_THE_END * -bound else None

    def set_limit(self, outputs: Array, labels: Array, coverage: float) -> float | None:
        """By split conformal prediction, as `ConfidenceSide.set_limit`.

        A set holds the classes whose probability is at least the limit (Sadinle, Lei and Wasserman 2019, "Least
        Ambiguous Set-Valued Classifiers with Bounded Error Levels"). The promise holds for pixels that are drawn like
        those of the validation split; elsewhere the test blocks tell.
        """
        given = np.sort(np.take_along_axis(outputs[:, : len(self.names)], labels[:, np.newaxis].astype(int), 1)[:, 0])
        below = math.floor((1 - coverage) * (len(given) + 1))
        # With too few pixels nothing can be ruled out.
        return float(given[below - 1]) if below else 0.0

    def sets(self, outputs: Array, limit: float) -> Array:
        """Classes at least as probable as the limit, and the most probable one in any case."""
        own = outputs[..., : len(self.names)]
        return np.asarray(own >= np.minimum(limit, own.max(axis=-1, keepdims=True)))

    def confidence(self, name: str, outputs: Any, certainty: Certainty) -> Any:
        """As `ConfidenceSide.confidence`."""
        own = outputs.arraySlice(0, 0, len(self.names))
        largest = own.arrayReduce(ee.Reducer.max(), [0]).arrayGet([0])
        if name == PROBABILITY:
            return largest.rename([name])
        if name == MARGIN:
            # Sorted upwards: the last two.
            return largest.subtract(own.arraySort().arrayGet([len(self.names) - 2])).rename([name])
        if name == SET_SIZE:
            held = (
                own.gte(_limit(certainty, f"predict.bands: '{SET_SIZE}'"))
                .arrayReduce(ee.Reducer.sum(), [0])
                .arrayGet([0])
            )
            return held.max(1).rename([name])
        return super().confidence(name, outputs, certainty)

    def confidence_output(self, name: str, certainty: Certainty) -> ServedOutput:
        """As `ConfidenceSide.confidence_output`."""
        made: Mapping[str, Making] = {PROBABILITY: "largest", MARGIN: "margin"}
        if name in made:
            return ServedOutput(name=name, made=made[name], used=len(self.names))
        if name == SET_SIZE:
            limit = _limit(certainty, f"serving.outputs: '{SET_SIZE}'")
            return ServedOutput(name=name, type="uint8", made="count", used=len(self.names), limit=limit)
        return super().confidence_output(name, certainty)


def _limit(certainty: Certainty, asked: str) -> float:
    if certainty.set_limit is None:
        raise ValueError(f"{asked} needs a limit that the model does not have; train it again")
    return certainty.set_limit
