"""The options of architectures that see what lies around each pixel as ready features."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from earthline.config.section import Section, WholeNumber


def _odd(side: int) -> int:
    if side % 2 == 0:
        raise ValueError(f"{side} is even, so that the window has no pixel in its middle; use {side - 1} or {side + 1}")
    return side


Context = Annotated[WholeNumber, Field(ge=1, le=9), AfterValidator(_odd)]
Window = Annotated[WholeNumber, Field(ge=3, le=99), AfterValidator(_odd)]


class Surroundings(Section):
    """Neighbours and window statistics as features beside the bands (see `trainer.layers.WindowFeatures`)."""

    context: Context = Field(
        default=1,
        description="Side in pixels of the neighbourhood whose bands are features, odd; 1 for the pixel alone.",
    )
    windows: tuple[Window, ...] = Field(
        default=(),
        max_length=4,
        description="Sides in pixels, odd, of windows around the pixel: mean and std of each band are features.",
    )

    @property
    def side(self) -> int:
        """Side in pixels of the square around a pixel on which its features rest."""
        return max((self.context, *self.windows))

    def surroundings(self, image: Any, valid: Any) -> Any:
        """The features (patches, height, width, features); the bands alone where no option is set.

        Args:
            image: Keras tensor (patches, height, width, bands), 0 where masked.
            valid: Keras tensor (patches, height, width, 1), 1 where valid and 0 where masked.
        """
        if self.side == 1:
            return image
        from trainer.layers import WindowFeatures

        return WindowFeatures(self.context, self.windows)([image, valid])
