"""Gradient boosting (Friedman 2001) of trees over histograms, on each pixel and what lies around it."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field

from earthline.config.section import Number, WholeNumber
from earthline.task.judgement import L2, smallest_leaf
from trainer.models.parts.pixel_trees import PixelTrees

_SMALL = 100_000
"""Training pixels up to which one thread learns."""


class GradientBoosting(PixelTrees):
    """Small trees, each of which mends what those before it leave wrong, until the validation gets no better."""

    name: Literal["gradient_boosting"] = Field(default="gradient_boosting", description="Architecture.")
    rounds: WholeNumber = Field(
        default=200, ge=1, le=5000, description="Most rounds; each adds a tree for every class, or one for a value."
    )
    patience: WholeNumber = Field(
        default=20, ge=1, description="Rounds without a better loss of validation pixels before it stops."
    )
    learning_rate: Number = Field(default=0.1, gt=0, le=1, description="Share of each tree's answer that is added.")
    leaves: WholeNumber = Field(default=31, ge=2, le=1024, description="Most leaves of a tree.")
    leaf_pixels: WholeNumber = Field(
        default=20,
        ge=1,
        le=100_000,
        description="Least number of training pixels in a leaf; with fewer than twenty times as many pixels it is a "
        "twentieth of them.",
    )
    l2: Number = Field(
        default=L2,
        ge=0,
        description="Penalty on the square of a leaf's answer; with rare classes it may not learn at all without.",
    )

    def shrunk(self) -> Self:
        """With at most 5 rounds."""
        return self.model_copy(update={"rounds": min(5, self.rounds)})

    @property
    def gives_further(self) -> bool:
        """It learns quantiles, one after the other."""
        return True

    def fitted(self, task: Any, learned: Any, held: Any, seed: int, quantiles: Sequence[float] = ()) -> Any:
        """As `PixelTrees.fitted`. It stops by the loss of the validation pixels, and keeps its best round."""
        from trainer.models.parts.quantiles import Quantiles

        if not quantiles:
            return self._fitted(task.boosting(len(learned.labels), seed), learned, held)
        parts = []
        for quantile in quantiles:
            boosting = task.boosting(len(learned.labels), seed).set_params(loss="quantile", quantile=quantile)
            parts.append(self._fitted(boosting, learned, held))
        return Quantiles(tuple(parts))

    def _fitted(self, boosting: Any, learned: Any, held: Any) -> Any:
        from sklearn.base import is_classifier
        from threadpoolctl import threadpool_limits

        # What was never seen in training cannot be scored.
        known = held.known_to(learned) if is_classifier(boosting) else held
        boosting.set_params(
            max_iter=self.rounds,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=smallest_leaf(len(learned.labels), self.leaf_pixels),
            l2_regularization=self.l2,
            early_stopping=len(known.labels) > 0,
            n_iter_no_change=self.patience,
            tol=0.0,
            scoring="loss",
        )
        # Threads of OpenMP wait for each other at every node by turning in a circle: beside other programs a fit takes
        # many times as long, and a small sample gains little from them.
        with threadpool_limits(1 if len(learned.labels) <= _SMALL else None, "openmp"):
            if not len(known.labels):
                return boosting.fit(learned.features, learned.labels, learned.weights)
            return boosting.fit(
                learned.features,
                learned.labels,
                learned.weights,
                X_val=known.features,
                y_val=known.labels,
                sample_weight_val=known.weights,
            )
