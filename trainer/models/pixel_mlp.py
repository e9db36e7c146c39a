"""A network that sees each pixel alone, as in Earth Engine's own examples of ee.Model.

https://developers.google.com/earth-engine/guides/ml_examples: two 1 x 1 convolutions with a dropout between them.
"""

from typing import Any, Literal

from pydantic import Field

from earthline.config.model import Network
from earthline.config.section import Number, WholeNumber


class PixelMlp(Network):
    """A hidden layer over the bands of one pixel."""

    name: Literal["pixel_mlp"] = Field(default="pixel_mlp", description="Architecture.")
    units: WholeNumber = Field(default=64, ge=1, le=4096, description="Units of the hidden layer.")
    dropout: Number = Field(default=0.1, ge=0, lt=1, description="Share of units dropped while training.")

    @property
    def stride(self) -> int:
        """Any height and width will do."""
        return 1

    @property
    def receptive_field(self) -> int:
        """The pixel alone."""
        return 1

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`."""
        from keras import layers

        x = layers.Concatenate()([image, valid])
        x = layers.Conv2D(self.units, 1, activation="relu", kernel_initializer="he_normal")(x)
        return layers.Dropout(self.dropout)(x)
