"""A residual encoder of ConvNeXt's blocks (Liu et al. 2022, "A ConvNet for the 2020s") with a light decoder.

As in feature pyramids (Lin et al. 2017) each level is projected and added to the next finer one. Nothing in it is
taken over a whole image, so that what an output rests on is bounded, and a tile gives what the whole image gives.
"""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from earthline.config.model import Network
from earthline.config.section import Number, WholeNumber
from trainer.models.parts import filling, reach
from trainer.models.parts.reach import Reach

STEM = 3
"""Side in pixels of the first and the last convolution."""
_SCALE = 0.1
"""What a block adds at first, as a share: deep stacks begin near the identity."""


class Residual(Network):
    """Blocks of a depthwise convolution and two 1 x 1 convolutions, on ever larger pixels."""

    STRIDE_OPTION: ClassVar[str] = "depth"

    name: Literal["residual"] = Field(default="residual", description="Architecture.")
    depth: WholeNumber = Field(default=2, ge=0, le=5, description="Number of halvings; the model's stride is 2**depth.")
    filters: WholeNumber = Field(
        default=32, ge=4, le=256, description="Channels of the first level; each halving doubles them."
    )
    blocks: WholeNumber = Field(default=2, ge=1, le=12, description="Blocks of each level.")
    kernel: Literal[3, 5, 7] = Field(default=5, description="Side in pixels of the blocks' depthwise kernels.")
    expansion: WholeNumber = Field(
        default=2, ge=1, le=8, description="Channels inside a block for each channel outside it."
    )
    dropout: Number = Field(
        default=0.1, ge=0, lt=1, description="Share of blocks that a patch skips while training (stochastic depth)."
    )

    @property
    def stride(self) -> int:
        """Pixels that one step of the deepest level spans."""
        return int(2**self.depth)

    @property
    def receptive_field(self) -> int:
        """Side in pixels: what the blocks of all levels see from the pixel whose place in its cell is worst."""
        return reach.side(self.stride, self._seen)

    @property
    def filling(self) -> int:
        """Pixels on each side of the largest window of `filling.around`."""
        return self.stride - 1

    def shrunk(self) -> Self:
        """With at most 8 channels and one block."""
        return self.model_copy(update={"filters": min(8, self.filters), "blocks": 1})

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`. Masked pixels hold what lies around them, and the network is told which they are."""
        from keras import layers

        x = layers.Concatenate()([filling.around(image, valid, 2 * self.stride - 1), valid])
        x = layers.Conv2D(self.filters, STEM, padding="same")(x)
        levels = []
        for level in range(self.depth + 1):
            if level:
                x = layers.LayerNormalization(epsilon=1e-6)(x)
                x = layers.Conv2D(self.filters * 2**level, 2, strides=2)(x)
            for _ in range(self.blocks):
                x = self._block(x)
            levels.append(layers.Conv2D(self.filters, 1)(layers.LayerNormalization(epsilon=1e-6)(x)))
        x = levels.pop()
        while levels:
            x = layers.Add()([layers.UpSampling2D()(x), levels.pop()])
        x = layers.Conv2D(self.filters, STEM, padding="same")(layers.Activation("gelu")(x))
        return layers.Activation("gelu")(layers.LayerNormalization(epsilon=1e-6)(x))

    def _block(self, x: Any) -> Any:
        from keras import initializers, layers

        channels = int(x.shape[-1])
        added = layers.DepthwiseConv2D(self.kernel, padding="same")(x)
        added = layers.LayerNormalization(epsilon=1e-6)(added)
        added = layers.Conv2D(self.expansion * channels, 1, activation="gelu")(added)
        added = layers.Conv2D(
            channels, 1, kernel_initializer=initializers.VarianceScaling(_SCALE, "fan_avg", "uniform")
        )(added)
        # A whole block at once, so that each depth of the network learns to do alone (Huang et al. 2016).
        added = layers.Dropout(self.dropout, noise_shape=(None, 1, 1, 1))(added)
        return layers.Add()([x, added])

    def _seen(self, place: Reach) -> Reach:
        place = place.through(STEM)
        for _ in range(self.depth):
            place = place.coarser()
        for level in reversed(range(self.depth + 1)):
            for _ in range(self.blocks):
                place = place.through(self.kernel)
            if level:
                place = place.finer()
        return place.through(STEM)
