"""Who computes: the model in this process, or an endpoint."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from earthline.local_map.endpoints import Endpoint
from earthline.local_map.layers import Layers
from earthline.runtimes import Runtime

Array = np.ndarray[Any, Any]


class Predictor(Protocol):
    """Predicts tiles."""

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The layers of tiles.

        Args:
            inputs: float32 (tiles, height, width) by input of the contract.

        Returns:
            (tiles, height, width) by layer.
        """

    def end(self) -> None:
        """Makes calls under way give up soon, since nobody wants their answers any more."""


class OfRuntime:
    """The model in this process."""

    def __init__(self, runtime: Runtime, layers: Layers) -> None:
        """Keeps them."""
        self._runtime = runtime
        self._layers = layers

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """As `Predictor.predict`."""
        return self._layers.of_entries(self._runtime.predict(inputs))

    def end(self) -> None:
        """A call takes no longer than a few tiles."""


class OfEndpoint:
    """A model behind an endpoint."""

    def __init__(self, endpoint: Endpoint, layers: Layers) -> None:
        """Keeps them.

        Raises:
            LayerError: The endpoint does not serve what the layers are made of.
        """
        layers.require_served()
        self._endpoint = endpoint
        self._layers = layers

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """As `Predictor.predict`."""
        return self._layers.of_outputs(self._endpoint.outputs(inputs))

    def end(self) -> None:
        """No request is made again."""
        self._endpoint.end()
