"""The section `evaluate`: what a model must show before it is deployed."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from earthline.config.section import MOST_SEED, Number, Section, WholeNumber


class Evaluate(Section):
    """What a model must show before it is deployed."""

    baseline_trees: WholeNumber = Field(
        default=200, ge=10, le=5000, description="Trees of each random-forest baseline."
    )
    baseline_context: WholeNumber = Field(
        default=3, ge=1, le=15, description="Side in pixels of the window whose bands the baselines see; odd."
    )
    baseline_windows: tuple[Annotated[WholeNumber, Field(ge=3, le=255)], ...] = Field(
        default=(9, 21),
        max_length=5,
        description="Sides in pixels, odd, of the windows whose mean and standard deviation the second forest and "
        "gradient boosting see as well. Empty: no second forest.",
    )
    confidence: Number = Field(
        default=0.9,
        ge=0.5,
        le=0.99,
        description="Confidence of all intervals, 0.5 to 0.99, from resampled test blocks.",
    )
    metric: str | None = Field(
        default=None,
        description="Name of the metric that decides, one of those in the report's table. Left out, the task's own: "
        "for classes `macro_f1`, the mean of all classes' F1, in which a rare class counts as much as a common one; "
        "also `accuracy` and `mean_iou`. For a continuous value `rmse`, the root mean square error; also `mae`, `r2` "
        "and the size of the `bias`.",
    )
    floors: dict[str, Annotated[Number, Field(gt=0, le=1)]] = Field(
        default={},
        description="Least F1 (0 to 1) of classes on the test pixels, by name, such as {water: 0.5}. A model below "
        "one of them is not deployed, whatever its gain.",
    )
    slices: dict[str, Annotated[tuple[Number, ...], Field(min_length=1, max_length=9)]] = Field(
        default={},
        description="Parts of the test ground that get figures of their own, by a band of data.imagery and the values "
        "that divide it, upwards, such as {elevation: [200, 500]}: below 200, from 200 to below 500, and above.",
    )
    min_gain: Number = Field(
        default=0.0,
        ge=-1,
        le=1,
        description="A model is deployed where the whole interval of its gain in `metric` over the champion, or over "
        "the best baseline where none counts, lies above this; a forest or boosted trees need not beat trees, only the "
        "simplest baseline. Of an error in a unit, such as `rmse`, the gain is "
        "the share by which it is smaller than the other's: 0.05 asks for an error 5 % smaller. Below 0 it is what you "
        "are ready to lose, such as -0.05; with -1 every model is deployed.",
    )
    seed: WholeNumber = Field(default=0, ge=0, le=MOST_SEED, description="Seed of the baselines and of the intervals.")

    @model_validator(mode="after")
    def _has_centres_and_order(self) -> Self:
        for key, sides in (("baseline_context", (self.baseline_context,)), ("baseline_windows", self.baseline_windows)):
            for side in sides:
                if side % 2 == 0:
                    raise ValueError(f"{key} {side} has no centre pixel; use an odd number")
        for band, breaks in self.slices.items():
            if list(breaks) != sorted(set(breaks)):
                raise ValueError(f"slices.{band}: {list(breaks)} does not go upwards; write {sorted(set(breaks))}")
        return self
