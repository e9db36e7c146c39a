"""A U-Net (Ronneberger et al. 2015) with batch normalization and nearest-neighbour upsampling."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from earthline.config.model import Network
from earthline.config.section import Number, WholeNumber

_REACH = 2
"""Pixels to each side that the two 3 x 3 convolutions of a level see."""


class UNet(Network):
    """Halvings, then as many doublings, with skips between levels of the same size."""

    STRIDE_OPTION: ClassVar[str] = "depth"

    name: Literal["unet"] = Field(default="unet", description="Architecture.")
    depth: WholeNumber = Field(default=3, ge=1, le=6, description="Number of halvings; the model's stride is 2**depth.")
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
        return 1 + 2 * max(self._reach(place) for place in range(self.stride))

    def shrunk(self) -> Self:
        """With at most 8 filters."""
        return self.model_copy(update={"filters": min(8, self.filters)})

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`.

        Masked pixels hold what lies around them (see `filled`), and the network is told which they are.
        """
        from keras import layers

        x = layers.Concatenate()([filled(image, valid, self.depth), valid])
        skips: list[Any] = []
        for level in range(self.depth):
            x = _convolutions(x, self.filters * 2**level, synchronized)
            skips.append(x)
            x = layers.MaxPooling2D()(x)
            x = layers.SpatialDropout2D(self.dropout)(x)
        x = _convolutions(x, self.filters * 2**self.depth, synchronized)
        for level, skip in reversed(list(enumerate(skips))):
            x = layers.SpatialDropout2D(self.dropout)(x)
            x = layers.UpSampling2D()(x)
            x = layers.Concatenate()([x, skip])
            x = _convolutions(x, self.filters * 2**level, synchronized)
        return layers.SpatialDropout2D(self.dropout)(x)

    def _reach(self, place: int) -> int:
        """Pixels that the output at a pixel may see to the farther side.

        Args:
            place: Of the pixel in its cell of the deepest level, from 0.
        """
        first = last = place
        for _ in range(self.depth):
            first, last = (first - _REACH) // 2, (last + _REACH) // 2
        first, last = first - _REACH, last + _REACH
        for _ in range(self.depth):
            first, last = 2 * first - _REACH, 2 * last + 1 + _REACH
        return max(place - first, last - place)


def filled(x: Any, valid: Any, levels: int) -> Any:
    """Gives masked pixels the mean of the valid ones around them, so that an edge of the mask is no edge of the image.

    The window grows until it holds a valid pixel (the pull-push algorithm of Gortler et al. 1996, "The Lumigraph").
    Zeros instead would be an edge that no landscape has.

    Args:
        x: (patches, height, width, bands), 0 where masked; height and width divide by 2**levels.
        valid: (patches, height, width, 1), 1 where valid and 0 where masked.
        levels: Number of halvings; what lies further from every valid pixel stays 0.

    Returns:
        Of the shape of `x`; valid pixels as they were.
    """
    from keras import layers, ops

    sums, shares = [x], [valid]
    for _ in range(levels):
        sums.append(layers.AveragePooling2D(2)(sums[-1]))
        shares.append(layers.AveragePooling2D(2)(shares[-1]))
    around = ops.zeros_like(sums[-1])
    for level in reversed(range(levels + 1)):
        known = ops.greater(shares[level], 0.0)
        around = ops.where(known, sums[level] / ops.maximum(shares[level], 1e-6), around)
        if level:
            around = layers.UpSampling2D(2)(around)
    return around


def _convolutions(x: Any, filters: int, synchronized: bool) -> Any:
    from keras import layers

    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        # A short run needs quick running averages; Keras' 0.99 lags behind by hundreds of steps.
        x = layers.BatchNormalization(momentum=0.9, synchronized=synchronized)(x)
        x = layers.Activation("relu")(x)
    return x
