"""A question whose answer shows that a deployed model works: one tile, as Earth Engine would send it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline import tensors
from earthline.contract import Contract

MOST_REQUESTS = 600
"""Requests per percent of traffic: with so many, a model without an answer is missed once in 400 times at most."""
TOLERANCE = 1e-3
"""Largest deviation from 1 of the sum of a pixel's probabilities."""


class ProbeError(RuntimeError):
    """The model did not answer as its contract says; the text says what came instead."""


@dataclass(frozen=True)
class Probe:
    """Asks for one tile of the contract's shape, overlap included.

    Attributes:
        contract: What the model takes and gives.
    """

    contract: Contract

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (height, width) of the tile."""
        (height, width), (rows, columns) = self.contract.tile_shape, self.contract.overlap
        return height + rows, width + columns

    def instance(self) -> dict[str, str]:
        """The tile: every band a ramp of its own, so that no two pixels are alike."""
        height, width = self.shape
        ramp = np.linspace(0, 255, height * width, dtype=np.float32).reshape(height, width, 1)
        return {band: tensors.encode(np.roll(ramp, index, axis=0)) for index, band in enumerate(self.contract.bands)}

    def ask(self, endpoint: Any, deployed_id: str) -> None:
        """Sends the tile until the deployed model itself has answered it, which a small share of traffic delays.

        Args:
            endpoint: The `aiplatform.Endpoint`.
            deployed_id: The model's id on it.

        Raises:
            ProbeError: A wrong answer, or none from this model.
            google.api_core.exceptions.GoogleAPICallError: An error instead of an answer.
        """
        percent = endpoint.traffic_split.get(deployed_id, 0)
        instances = [self.instance()]
        for _ in range(math.ceil(MOST_REQUESTS / percent) if percent else 0):
            answer = endpoint.predict(instances=instances)
            if answer.deployed_model_id == deployed_id:
                self.check(answer.predictions)
                return
        raise ProbeError(f"no request reached the deployed model {deployed_id}, which has {percent} % of the traffic")

    def check(self, predictions: Any) -> None:
        """Checks what came back.

        Args:
            predictions: The answer's list.

        Raises:
            ProbeError: Not one tensor of probabilities per pixel.
        """
        if not isinstance(predictions, list) or len(predictions) != 1:
            raise ProbeError(f"one tile was sent; the answer is {_shown(predictions)} instead of a list of one")
        name, first = self.contract.output, predictions[0]
        text = first.get(name) if isinstance(first, dict) else first
        if not isinstance(text, str):
            raise ProbeError(f"the answer has no text '{name}' but {_shown(first)}; see the contract's output")
        classes = len(self.contract.class_names)
        try:
            found = tensors.decode(text, math.prod(self.shape) * classes)
        except tensors.TensorError as error:
            raise ProbeError(f"the answer's '{name}' is no tensor: {error}") from error
        if found.shape != (*self.shape, classes):
            raise ProbeError(f"'{name}' has shape {list(found.shape)} instead of {[*self.shape, classes]}")
        if not np.isfinite(found).all() or np.abs(found.sum(axis=-1) - 1).max() > TOLERANCE:
            raise ProbeError(f"'{name}' holds values that are no probabilities: a pixel's do not sum to 1")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
