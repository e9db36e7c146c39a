"""A U-Net (Ronneberger et al. 2015) with batch normalization and nearest-neighbour upsampling."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from earthline.config.model import Network
from earthline.config.section import Number, WholeNumber
from trainer.models.parts import convolutions, filling, reach


class UNet(Network):
    """Halvings, then as many doublings, with skips between levels of the same size."""

    STRIDE_OPTION: ClassVar[str] = "depth"

    name: Literal["unet"] = Field(default="unet", description="Architecture.")
    depth: WholeNumber = Field(default=2, ge=1, le=6, description="Number of halvings; the model's stride is 2**depth.")
    filters: WholeNumber = Field(
        default=16, ge=4, le=256, description="Convolution filters of the first level; each halving doubles them."
    )
    dropout: Number = Field(
        default=0.1, ge=0, lt=1, description="Share of feature maps dropped between levels, while training."
    )

    @property
    def stride(self) -> int:
        """Pixels that one step of the deepest level spans."""
        return int(2**self.depth)

    @property
    def receptive_field(self) -> int:
        """Side in pixels: what the convolutions of all levels see from the pixel whose place in its cell is worst."""
        return reach.side(self.stride, lambda place: convolutions.seen_by_u_net(place, self.depth))

    @property
    def filling(self) -> int:
        """Pixels on each side of the largest window of `filling.around`."""
        return self.stride - 1

    def shrunk(self) -> Self:
        """With at most 8 filters."""
        return self.model_copy(update={"filters": min(8, self.filters)})

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`.

        Masked pixels hold what lies around them, and the network is told which they are.
        """
        from keras import layers

        x = layers.Concatenate()([filling.around(image, valid, 2 * self.stride - 1), valid])
        return convolutions.u_net(
            x, depth=self.depth, filters=self.filters, dropout=self.dropout, synchronized=synchronized
        )
