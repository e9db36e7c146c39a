"""What a network's end must be able to do, whatever the task."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from earthline.config import Train
from earthline.formats.manifest import Manifest


class Head(ABC):
    """The end of a network that learns one task."""

    watched: ClassVar[Mapping[str, str]]
    """What a training's log and curves show besides the loss, the words by Keras' name; the first one has a curve."""
    rising: ClassVar[frozenset[str]] = frozenset()
    """Those of `watched` of which more is better."""

    @property
    def further(self) -> tuple[str, ...]:
        """Names of what the outputs hold after the task's entries."""
        return ()

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
            float32 Keras tensor (patches, height, width, entries and `further`).
        """

    @abstractmethod
    def loss(self) -> Any:
        """The Keras loss of outputs against labels, in which a pixel without a label does not count.

        Labels come as examples hold them; where there is none they are `formats.examples.no_label` of their type.
        """

    @abstractmethod
    def metrics(self) -> list[Any]:
        """The Keras metrics of training and validation, likewise."""

    def tempered(self, outputs: Any, temperature: float) -> Any:
        """Outputs whose certainty is scaled; the map stays the same.

        Args:
            outputs: Keras tensor, or an array, (..., entries and what comes after them).
            temperature: As the task's `temperature` gives it.
        """
        return outputs
