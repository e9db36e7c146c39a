"""The sections that each steer one step."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from earthline.config.data import AssetId, BoundingBox
from earthline.config.environment import Image
from earthline.config.model import AnyModel, default
from earthline.config.section import Number, Section, WholeNumber

_ZONE = re.compile(r"(?:CRON_)?TZ=(?P<zone>\S+)\s+(?P<rest>.*)", re.DOTALL)
_CRON_FIELD = re.compile(r"(?:[0-9*,/-]|[A-Za-z]{3})+")


def _is_cron(text: str) -> str:
    zoned = _ZONE.fullmatch(text.strip())
    if zoned:
        try:
            ZoneInfo(zoned["zone"])
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"'{zoned['zone']}' is no time zone; use a name such as Europe/Paris") from error
    rest = zoned["rest"] if zoned else text
    fields = rest.split()
    try:
        # What the library knows beyond unix-cron, such as a field of seconds, Vertex AI does not.
        if len(fields) != 5 or not all(_CRON_FIELD.fullmatch(field) for field in fields):
            raise CronSimError("it takes five fields")
        due = next(CronSim(rest, datetime.now(UTC)), None)
    except CronSimError as error:
        raise ValueError(
            f"'{text}' is no cron expression ({error}); write minute, hour, day of month, month, day of week, such as "
            "`0 3 1 * *` for 03:00 on the first day of each month"
        ) from error
    if due is None:
        raise ValueError(f"'{text}' is never due: no month has such a day")
    return text.strip()


Cron = Annotated[str, Field(max_length=200), AfterValidator(_is_cron)]
Shape = tuple[Annotated[WholeNumber, Field(gt=0)], Annotated[WholeNumber, Field(gt=0)]]
SHARED_ENDPOINT_BYTES = 1_500_000
"""https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type."""
SplitName = Literal["train", "validation", "test"]
MOST_SEED = 100_000_000
"""Earth Engine's seeds have 31 bits, and each split gets one of its own: three times this and a little more."""


class SplitRegions(Section):
    """Rectangles that belong to each split, instead of a random assignment of blocks."""

    train: tuple[BoundingBox, ...] = Field(min_length=1, description="Where training patches lie.")
    validation: tuple[BoundingBox, ...] = Field(min_length=1, description="Where validation patches lie.")
    test: tuple[BoundingBox, ...] = Field(min_length=1, description="Where test patches lie.")

    @model_validator(mode="after")
    def _are_disjoint(self) -> Self:
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        names = list(splits)
        for first, name in enumerate(names):
            for other in names[first + 1 :]:
                for one, left in enumerate(splits[name]):
                    for two, right in enumerate(splits[other]):
                        if left.overlaps(right):
                            raise ValueError(
                                f"{name}[{one}] overlaps {other}[{two}]: the model would be tested on pixels that it "
                                "was trained on; move their edges apart"
                            )
        return self


class Export(Section):
    """Which patches are taken, and how."""

    patch_shape: Shape = Field(default=(64, 64), description="Shape of a patch in pixels (height, width).")
    examples: dict[SplitName, Annotated[WholeNumber, Field(gt=0)]] = Field(
        default={"train": 600, "validation": 120, "test": 200},
        description="Most patches per split; fewer where the split's area holds fewer distinct ones.",
    )
    block_shape: Shape = Field(
        default=(256, 256),
        description="Shape in pixels of the blocks that are dealt to splits, (height, width).",
    )
    shares: dict[SplitName, Annotated[Number, Field(gt=0, lt=1)]] = Field(
        default={"train": 0.6, "validation": 0.15, "test": 0.25},
        description="Share of blocks per split; sum 1.",
    )
    split_regions: SplitRegions | None = Field(default=None, description="Fixed splits instead of random blocks.")
    seed: WholeNumber = Field(default=0, ge=0, le=MOST_SEED, description="Seed of the split and of the sample points.")
    shards: WholeNumber = Field(default=4, ge=1, le=1000, description="TFRecord files per split.")
    runner: Literal["DirectRunner", "DataflowRunner", "FlinkRunner", "PortableRunner"] = Field(
        default="DirectRunner", description="Beam runner that fetches the patches."
    )
    concurrency: WholeNumber = Field(
        default=20, ge=1, le=40, description="Requests under way at once; Earth Engine's default quota is 40."
    )
    attempts: WholeNumber = Field(default=6, ge=1, le=20, description="Tries per patch before the step fails.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for key, value in (("examples", self.examples), ("shares", self.shares)):
            missing = sorted({"train", "validation", "test"} - set(value))
            if missing:
                raise ValueError(f"{key} lacks {', '.join(missing)}; name all three splits")
        total = sum(self.shares.values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"shares sum to {total:g}; they must sum to 1")
        if self.split_regions is None and any(
            block < 2 * patch for block, patch in zip(self.block_shape, self.patch_shape, strict=True)
        ):
            raise ValueError(
                f"block_shape {list(self.block_shape)} must be at least twice patch_shape {list(self.patch_shape)}: "
                "a gap of one patch separates the splits and the rest must still hold a patch"
            )
        return self


class Train(Section):
    """The model and how it learns."""

    model: AnyModel = Field(
        default_factory=default,
        description="Architecture by its `name`, and its own options; left out, a U-Net with its defaults.",
    )
    epochs: WholeNumber = Field(default=40, ge=1, le=10_000, description="Most passes over the training examples.")
    patience: WholeNumber = Field(
        default=10, ge=1, description="Epochs without a better validation loss before stopping."
    )
    batch_size: WholeNumber = Field(default=16, ge=1, le=4096, description="Patches per step over all replicas.")
    learning_rate: Number = Field(default=1e-3, gt=0, lt=1, description="Peak learning rate of AdamW.")
    weight_decay: Number = Field(default=1e-4, ge=0, lt=1, description="Decoupled weight decay.")
    label_smoothing: Number = Field(default=0.0, ge=0, lt=1, description="Share of certainty taken from each label.")
    class_weights: Literal["none", "balanced", "sqrt"] = Field(
        default="none",
        description="Weight of a class in the loss: by nothing, 1/frequency, or 1/sqrt(frequency).",
    )
    augment: bool = Field(default=True, description="Random flips and quarter turns.")
    mask_share: Number = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of training patches of which a part is masked at random: the model learns to map the edges "
        "of clouds, gaps and scenes.",
    )
    seed: WholeNumber = Field(default=0, ge=0, le=MOST_SEED, description="Seed of weights, order and augmentation.")
    image: Image | None = Field(
        default=None,
        description="Container image of the training; left out, `environment.image`. An accelerator needs one that was "
        "built with TENSORFLOW=gpu, whose tag ends with -gpu.",
    )
    machine_type: str = Field(default="n1-standard-8", description="Vertex AI machine type.")
    accelerator_type: str | None = Field(
        default=None,
        pattern=r"^NVIDIA_[A-Z0-9_]+$",
        description="GPU, such as NVIDIA_TESLA_T4; none for processors. TPUs are not supported.",
    )
    accelerator_count: WholeNumber = Field(default=0, ge=0, le=16, description="Accelerators of the machine.")
    replicas: WholeNumber = Field(default=1, ge=1, description="Machines that train together; one is supported.")

    @model_validator(mode="after")
    def _has_whole_accelerators(self) -> Self:
        if (self.accelerator_type is None) != (self.accelerator_count == 0):
            raise ValueError("`accelerator_type` and a positive `accelerator_count` go together; give both or neither")
        return self

    @model_validator(mode="after")
    def _trains_on_one_machine(self) -> Self:
        if self.replicas > 1:
            raise ValueError(
                f"replicas {self.replicas} is not supported: Keras 3 cannot train on several machines (its `fit` fails "
                "under MultiWorkerMirroredStrategy, github.com/keras-team/keras/issues/20585); use 1, and for more "
                "speed several accelerators of one machine (accelerator_count) or a larger machine_type"
            )
        return self


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
        description="Sides in pixels, odd, of the windows whose mean and standard deviation the second baseline sees "
        "as well. Empty: no second baseline.",
    )
    confidence: Number = Field(
        default=0.9,
        ge=0.5,
        le=0.99,
        description="Confidence of all intervals, 0.5 to 0.99, from resampled test blocks.",
    )
    min_gain: Number = Field(
        default=0.0,
        ge=-1,
        le=1,
        description="A model is deployed where the whole interval of its gain in overall accuracy (-1 to 1) over the "
        "champion, or over the better baseline where none counts, lies above this. Below 0 it is what you are ready to "
        "lose, such as -0.05; with -1 every model is deployed.",
    )
    seed: WholeNumber = Field(default=0, ge=0, le=MOST_SEED, description="Seed of the baselines and of the intervals.")

    @model_validator(mode="after")
    def _has_centres(self) -> Self:
        for key, sides in (("baseline_context", (self.baseline_context,)), ("baseline_windows", self.baseline_windows)):
            for side in sides:
                if side % 2 == 0:
                    raise ValueError(f"{key} {side} has no centre pixel; use an odd number")
        return self


class Serving(Section):
    """The endpoint, and how Earth Engine calls it."""

    endpoint: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="Display name of the endpoint; left out, the workflow's name.",
    )
    machine_type: str = Field(default="n1-standard-4", description="Vertex AI machine type of each replica.")
    min_replicas: WholeNumber = Field(default=1, ge=1, description="Replicas that always run (and cost).")
    max_replicas: WholeNumber = Field(default=1, ge=1, description="Most replicas under load.")
    traffic_percent: WholeNumber = Field(
        default=100, ge=1, le=100, description="Traffic that a new model gets, in percent."
    )
    keep_previous: WholeNumber = Field(
        default=1,
        ge=0,
        le=5,
        description="Former champions that stay deployed without traffic, so that `earthline rollback` is a matter of "
        "seconds; each costs its replicas. With 0 a rollback deploys the former champion again.",
    )
    tile_shape: Shape = Field(
        default=(80, 80),
        description="Pixels of each tile that Earth Engine predicts, (height, width), without overlap.",
    )
    overlap: Shape = Field(
        default=(32, 32),
        description="Pixels of context in total per dimension (height, width), half on each side, trimmed afterwards.",
    )
    max_payload_bytes: WholeNumber = Field(
        default=SHARED_ENDPOINT_BYTES,
        gt=0,
        description="Largest request and largest answer in bytes; Vertex AI's shared endpoints take 1,500,000.",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.max_payload_bytes > SHARED_ENDPOINT_BYTES:
            raise ValueError(
                f"max_payload_bytes {self.max_payload_bytes:,} is more than {SHARED_ENDPOINT_BYTES:,}, the most that "
                "Vertex AI's shared endpoints take, which models are deployed on; leave it out"
            )
        if self.max_replicas < self.min_replicas:
            raise ValueError(f"max_replicas {self.max_replicas} is below min_replicas {self.min_replicas}")
        if any(pixels % 2 for pixels in self.overlap):
            raise ValueError(f"overlap {list(self.overlap)} must be even: half of it lies on each side")
        return self


class Predict(Section):
    """The map."""

    region: BoundingBox | None = Field(default=None, description="Where to map; left out, the region of `data`.")
    asset: AssetId | None = Field(
        default=None,
        description="Earth Engine asset to write as well as the GeoTIFF; left out, the GeoTIFF only.",
    )
    tile_shape: Shape = Field(
        default=(256, 256), description="Pixels of the map per request to Earth Engine, (height, width)."
    )
    concurrency: WholeNumber = Field(default=4, ge=1, le=40, description="Requests under way at once.")


class Schedule(Section):
    """When the pipeline runs again, and when such a run has nothing to do."""

    cron: Cron | None = Field(
        default=None,
        description="Minute, hour, day of month, month, day of week, with an optional time zone before them, such as "
        "`TZ=Europe/Paris 0 3 1 * *`; without one, in UTC.",
    )
    start: AwareDatetime | None = Field(
        default=None, description="No run before this moment, such as 2026-01-01T00:00:00Z; left out, from now on."
    )
    end: AwareDatetime | None = Field(default=None, description="No run after this moment; left out, for ever.")
    max_runs: WholeNumber | None = Field(default=None, ge=1, description="Most runs in all; left out, without limit.")
    max_concurrent_runs: WholeNumber = Field(
        default=1, ge=1, le=10, description="Runs of the schedule at the same time."
    )
    allow_queueing: bool = Field(
        default=False, description="Whether a run that is over `max_concurrent_runs` waits; otherwise it is skipped."
    )
    drift_limit: Number = Field(
        default=0.25,
        gt=0,
        le=100,
        description="Largest change of a band's mean since the last accepted run, in its standard deviations, that is "
        "no reason to retrain.",
    )

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"start {self.start.isoformat()} must be before end {self.end.isoformat()}")
        return self
