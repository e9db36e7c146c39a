"""What computes predictions, behind one small interface."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from earthline.formats.served.contract import Contract

Array = np.ndarray[Any, Any]


class RuntimeFault(RuntimeError):
    """A model that cannot be served; the text says why."""


class Runtime(Protocol):
    """A loaded model, which several threads may ask at once."""

    @property
    def contract(self) -> Contract:
        """What it takes and gives."""

    @property
    def name(self) -> str:
        """Of the library that computes, such as `tensorflow`."""

    @property
    def calls(self) -> int:
        """How many calls at once use all processors; more of them gain nothing."""

    @property
    def batch(self) -> int:
        """Most tiles that one call should have where more are waiting."""

    def predict(self, inputs: Mapping[str, Array]) -> Array:
        """Computes a batch of tiles.

        Args:
            inputs: One array of numbers (tiles, height, width) per input of the contract.

        Returns:
            float32 (tiles, height, width, entries).
        """
