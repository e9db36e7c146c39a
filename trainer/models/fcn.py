"""A fully convolutional network (Long et al. 2015) that keeps the full resolution, with dilated kernels.

Dilations that grow widen what it sees without pooling: Yu and Koltun 2016, "Multi-scale context aggregation by dilated
convolutions".
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field

from earthline.config.model import Network
from earthline.config.section import Number, WholeNumber
from trainer.models.parts import convolutions, filling, reach

KERNEL = 3
Dilation = Annotated[WholeNumber, Field(ge=1, le=32)]


class Fcn(Network):
    """3 x 3 convolutions one after another."""

    name: Literal["fcn"] = Field(default="fcn", description="Architecture.")
    filters: WholeNumber = Field(default=32, ge=4, le=512, description="Filters of each convolution.")
    dilations: tuple[Dilation, ...] = Field(
        default=(1, 1, 2, 4),
        min_length=1,
        max_length=12,
        description="Pixels between neighbours of each convolution's 3 x 3 kernel: one number for each convolution.",
    )
    dropout: Number = Field(default=0.1, ge=0, lt=1, description="Share of feature maps dropped while training.")

    @property
    def stride(self) -> int:
        """Any height and width will do."""
        return 1

    @property
    def receptive_field(self) -> int:
        """Side in pixels: twice the sum of the dilations, and the pixel itself."""
        return reach.side(self.stride, lambda place: place.dilated(KERNEL, self.dilations))

    @property
    def filling(self) -> int:
        """Pixels on each side of the largest window of `filling.around`."""
        return self.receptive_field // 2

    def shrunk(self) -> Self:
        """With at most 8 filters."""
        return self.model_copy(update={"filters": min(8, self.filters)})

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`. Masked pixels hold what lies around them, as far as an output sees."""
        from keras import layers

        x = layers.Concatenate()([filling.around(image, valid, self.receptive_field), valid])
        for dilation in self.dilations:
            x = convolutions.convolved(x, self.filters, synchronized=synchronized, side=KERNEL, dilation=dilation)
        return layers.SpatialDropout2D(self.dropout)(x)
