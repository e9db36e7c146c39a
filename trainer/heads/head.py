"""What a network's end must be able to do, whatever the task."""

from abc import ABC, abstractmethod
from typing import Any

from earthline.config import Train
from earthline.formats.manifest import Manifest


class Head(ABC):
    """The end of a network that learns one task."""

    @abstractmethod
    def __init__(self, train: Train, manifest: Manifest) -> None:
        """Makes it for a dataset.

        Args:
            train: Section `train` of the config.
            manifest: Of the examples.

        Raises:
            ValueError: Nothing of the training split is labelled.
        """

    @abstractmethod
    def outputs(self, features: Any) -> Any:
        """Builds the last layers.

        Args:
            features: Keras tensor (patches, height, width, features).

        Returns:
            float32 Keras tensor (patches, height, width, outputs).
        """

    @abstractmethod
    def loss(self) -> Any:
        """The Keras loss of outputs against labels, in which a pixel without a label does not count."""

    @abstractmethod
    def metrics(self) -> list[Any]:
        """The Keras metrics of training and validation, likewise."""
