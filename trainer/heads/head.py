"""What a network's end must be able to do, whatever the task."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from keras import ops

from earthline.config import Train
from earthline.formats.manifest import Manifest


class Head(ABC):
    """The end of a network that learns one task."""

    watched: ClassVar[Mapping[str, str]]
    """What a training's log and curves show besides the loss, the words by Keras' name; the first one has a curve."""
    rising: ClassVar[frozenset[str]] = frozenset()
    """Those of `watched` of which more is better."""
    gives_probabilities: ClassVar[bool] = False
    """Whether outputs are probabilities of entries, and labels places among them: so entries have frequencies."""

    @property
    def further(self) -> tuple[str, ...]:
        """Names of what the outputs hold after the task's entries."""
        return ()

    @property
    def quantiles(self) -> tuple[float, ...]:
        """That the loss asks for, the median first, for what learns them in another way; none with other losses."""
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

    def distance(self, wanted: Any, outputs: Any, valid: Any) -> Any:
        """How far outputs are from those of another network: the mean over valid pixels, as a scalar.

        Args:
            wanted: What the other one gives, (patches, height, width, entries and what may come after them).
            outputs: (patches, height, width, entries and what may come after them).
            valid: 1 where the image is valid, (patches, height, width, 1).

        Raises:
            ValueError: The task knows no such distance.
        """
        raise ValueError("train.model: a network of this task cannot follow another one; leave `distilled` out")

    def ordered(self, outputs: Any) -> Any:
        """Outputs that were learned one by one, made such as `outputs` gives.

        Args:
            outputs: Keras tensor (..., entries and `further`).
        """
        return outputs

    def tempered(self, outputs: Any, temperature: float) -> Any:
        """Outputs whose certainty is scaled; the map stays the same.

        Args:
            outputs: Keras tensor, or an array, (..., entries and what comes after them).
            temperature: As the task's `temperature` gives it.
        """
        return outputs

    def moved(self, outputs: Any, factors: Any) -> Any:
        """Outputs as they are where entries are more or less frequent than among the training pixels.

        Args:
            outputs: Keras tensor, or an array, (..., entries and what comes after them).
            factors: How much more frequent each entry is, (entries,).
        """
        return outputs


def mean_of_valid(values: Any, valid: Any) -> Any:
    """The mean of what is valid; 0 where nothing is.

    Args:
        values: (patches, height, width).
        valid: 1 where the image is valid, (patches, height, width, 1).
    """
    weight = ops.cast(valid[..., 0], values.dtype)
    return ops.sum(values * weight) / ops.maximum(ops.sum(weight), 1.0)
