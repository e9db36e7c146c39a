"""The options of models of trees: which pixels they learn from, and what they see of each."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from earthline.config.model import Fitted
from earthline.config.section import Number, WholeNumber
from trainer.models.parts.surroundings import Context, Surroundings, Window


class PixelTrees(Surroundings, Fitted):
    """Trees that learn from pixels drawn from the training patches, with what lies around each."""

    context: Context = Field(
        default=3,
        description="Side in pixels of the neighbourhood whose bands are features, odd; 1 for the pixel alone.",
    )
    windows: tuple[Window, ...] = Field(
        default=(9, 21),
        max_length=4,
        description="Sides in pixels, odd, of windows around the pixel: mean and std of each band are features.",
    )
    max_pixels: WholeNumber = Field(
        default=50_000, ge=10, le=10_000_000, description="Most training pixels that are drawn."
    )
    balance: Number = Field(
        default=0.0,
        ge=0,
        le=1,
        description="How evenly classes, or ranges of a value, are drawn: 0 as often as they are, 1 equally often. A "
        "pixel counts by one over its chance to be drawn, so that probabilities stay those of the training patches.",
    )

    @property
    def stride(self) -> int:
        """Any height and width will do."""
        return 1

    @property
    def receptive_field(self) -> int:
        """The largest window."""
        return self.side

    @abstractmethod
    def fitted(self, task: Any, learned: Any, held: Any, seed: int, quantiles: Sequence[float] = ()) -> Any:
        """A trained estimator of scikit-learn, or a `trainer.models.parts.quantiles.Quantiles`.

        Args:
            task: The `earthline.task.Task`.
            learned: `trainer.trees.sample.Sample` of training pixels.
            held: The same of validation pixels, from other blocks of ground.
            seed: Seed of whatever is drawn.
            quantiles: That the loss asks for, each above 0 and below 1, the median first; none for any other loss.
        """
