"""What computes predictions, behind one small interface."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from earthline.formats.contract import Contract

Array = np.ndarray[Any, Any]


class RuntimeFault(RuntimeError):
    """A model that cannot be served; the text says why."""


class Runtime(Protocol):
    """A loaded model."""

    @property
    def contract(self) -> Contract:
        """What it takes and gives."""

    def predict(self, inputs: Mapping[str, Array]) -> Array:
        """Computes a batch of tiles.

        Args:
            inputs: One float32 array (tiles, height, width) per input of the contract.

        Returns:
            float32 (tiles, height, width, entries).
        """
