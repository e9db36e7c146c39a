"""A network that sees each pixel alone, as in Earth Engine's own examples of ee.Model, or with ready features.

https://developers.google.com/earth-engine/guides/ml_examples: two 1 x 1 convolutions with a dropout between them.
"""

from typing import Any, Literal, Self

from pydantic import Field

from earthline.config.model import Network
from earthline.config.section import Number, WholeNumber
from trainer.models.parts.surroundings import Surroundings


class PixelMlp(Surroundings, Network):
    """Hidden layers over the bands of one pixel, and over what `context` and `windows` add to them."""

    name: Literal["pixel_mlp"] = Field(default="pixel_mlp", description="Architecture.")
    units: WholeNumber = Field(default=64, ge=1, le=4096, description="Units of each hidden layer.")
    layers: WholeNumber = Field(default=1, ge=1, le=8, description="Number of hidden layers.")
    dropout: Number = Field(default=0.1, ge=0, lt=1, description="Share of units dropped while training.")

    @property
    def stride(self) -> int:
        """Any height and width will do."""
        return 1

    @property
    def receptive_field(self) -> int:
        """The largest window; without any, the pixel alone."""
        return self.side

    def shrunk(self) -> Self:
        """With at most 16 units."""
        return self.model_copy(update={"units": min(16, self.units)})

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`."""
        from keras import layers

        x = layers.Concatenate()([self.surroundings(image, valid), valid])
        for _ in range(self.layers):
            x = layers.Conv2D(self.units, 1, activation="relu", kernel_initializer="he_normal")(x)
            x = layers.Dropout(self.dropout)(x)
        return x
