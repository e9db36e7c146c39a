"""A U-Net on ready features of each pixel's surroundings, whose output is joined with the same features again.

The features tell at full resolution, with no weight to learn, what a forest on windows sees; the U-Net adds shapes.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from earthline.config.model import Network
from earthline.config.section import Number, WholeNumber
from trainer.models.parts import convolutions, filling, reach
from trainer.models.parts.surroundings import Context, Surroundings, Window


class ContextUNet(Surroundings, Network):
    """Window features, a U-Net on them, and 1 x 1 convolutions over both."""

    STRIDE_OPTION: ClassVar[str] = "depth"

    name: Literal["context_unet"] = Field(default="context_unet", description="Architecture.")
    context: Context = Field(
        default=3, description="Side in pixels of the neighbourhood whose bands are features, odd."
    )
    windows: tuple[Window, ...] = Field(
        default=(9, 21),
        max_length=4,
        description="Sides in pixels, odd, of windows around the pixel: mean and std of each band are features.",
    )
    depth: WholeNumber = Field(default=2, ge=1, le=6, description="Number of halvings; the model's stride is 2**depth.")
    filters: WholeNumber = Field(
        default=16, ge=4, le=256, description="Convolution filters of the first level; each halving doubles them."
    )
    units: tuple[Annotated[WholeNumber, Field(ge=1, le=4096)], ...] = Field(
        default=(128, 64), max_length=4, description="Units of the 1 x 1 convolutions over features and U-Net."
    )
    dropout: Number = Field(
        default=0.0, ge=0, lt=1, description="Share of feature maps dropped between levels, while training."
    )

    @property
    def stride(self) -> int:
        """Pixels that one step of the deepest level spans."""
        return int(2**self.depth)

    @property
    def receptive_field(self) -> int:
        """Side in pixels: what the U-Net sees, and the largest window around each pixel of it."""
        return reach.side(self.stride, lambda place: convolutions.seen_by_u_net(place, self.depth).through(self.side))

    @property
    def filling(self) -> int:
        """Pixels on each side of the largest window of `filling.around`."""
        return self.stride - 1

    def shrunk(self) -> Self:
        """With at most 8 filters and 16 units."""
        units = tuple(min(16, units) for units in self.units)
        return self.model_copy(update={"filters": min(8, self.filters), "units": units})

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`.

        Masked neighbours hold what lies around them, so that the U-Net sees no edge of the mask; windows are of valid
        pixels alone.
        """
        from keras import layers, ops

        from trainer.layers import WindowFeatures

        filled = filling.around(image, valid, 2 * self.stride - 1)
        around = [WindowFeatures(self.context, ())([filled, ops.ones_like(valid)])]
        if self.windows:
            bands = int(image.shape[-1])
            # Behind the bands themselves, which stand among the neighbours already.
            around.append(WindowFeatures(1, self.windows)([image, valid])[..., bands:])
        x = convolutions.u_net(
            layers.Concatenate()([*around, valid]),
            depth=self.depth,
            filters=self.filters,
            dropout=self.dropout,
            synchronized=synchronized,
        )
        x = layers.Concatenate()([x, *around])
        for units in self.units:
            x = layers.Conv2D(units, 1, activation="relu", kernel_initializer="he_normal")(x)
        return x
