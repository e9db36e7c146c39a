"""A random forest (Breiman 2001) on each pixel and what lies around it."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field

from earthline.config.section import WholeNumber
from trainer.models.parts.pixel_trees import PixelTrees


class RandomForest(PixelTrees):
    """Trees that are grown apart and averaged: seconds to train, and hard to beat with few labels."""

    name: Literal["random_forest"] = Field(default="random_forest", description="Architecture.")
    trees: WholeNumber = Field(
        default=100, ge=1, le=2000, description="Number of trees. Twice as many take twice as long to map with."
    )
    depth: WholeNumber | None = Field(
        default=None, ge=1, le=60, description="Most comparisons from a root to a leaf; left out, as many as it takes."
    )
    leaf_pixels: WholeNumber = Field(
        default=3, ge=1, le=100_000, description="Least number of training pixels in a leaf. More make a smaller model."
    )

    def shrunk(self) -> Self:
        """With at most 5 trees of depth 5."""
        return self.model_copy(update={"trees": min(5, self.trees), "depth": min(5, self.depth or 5)})

    def fitted(self, task: Any, learned: Any, held: Any, seed: int, quantiles: Sequence[float] = ()) -> Any:
        """As `PixelTrees.fitted`; it knows no quantiles."""
        forest = task.estimator(self.trees, seed)
        forest.set_params(max_depth=self.depth, min_samples_leaf=self.leaf_pixels)
        return forest.fit(learned.features, learned.labels, learned.weights)
