"""What a served model gives for an image in Earth Engine: a band for each output, and what can be made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from earthline.formats.served.outputs import FULL, ServedOutput


@dataclass(frozen=True)
class Predictions:
    """The bands of `predictImage`.

    Attributes:
        image: The `ee.Image`, with one band for each output.
        outputs: What they hold.
    """

    image: Any
    outputs: tuple[ServedOutput, ...]

    @classmethod
    def of(cls, model: Any, image: Any, outputs: Sequence[ServedOutput]) -> "Predictions":
        """What a model gives.

        Args:
            model: The `ee.Model`.
            image: What `imagery.network_input` gives: the bands that the model was trained on and their validity.
            outputs: What it serves.
        """
        # Google's texts differ on whether the input's bands come along; selecting the outputs is right either way.
        names = [output.name for output in outputs]
        return cls(model.predictImage(image.toFloat()).select(names), tuple(outputs))

    def band(self, name: str) -> Any | None:
        """A plain band in its own units; None where it is not served.

        Args:
            name: Of the output.
        """
        for output in self.outputs:
            if output.name == name and not output.entries:
                found = self.image.select([name])
                return found.toFloat().divide(FULL) if output.is_share else found
        return None

    def array(self, first: int, last: int) -> Any | None:
        """A band that holds an array per pixel, which begins at an entry and has another; None where none is served.

        Args:
            first: Place of the entry.
            last: Place behind the last entry that is needed.
        """
        for output in self.outputs:
            # In steps of 1/255 two entries may look alike.
            exact = output.entries and output.made == "entries" and not output.is_share
            if exact and output.first == first and output.last >= last:
                return self.image.select([output.name])
        return None

    def entry(self, place: int) -> Any | None:
        """One entry as a band, from an array; None where none is served that has it.

        Args:
            place: Of the entry.
        """
        for output in self.outputs:
            if output.entries and not output.is_share and output.first <= place < output.last:
                return self.image.select([output.name]).arrayGet([place - output.first])
        return None
