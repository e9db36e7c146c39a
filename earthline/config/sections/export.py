"""The section `export`: which patches are taken, and how they are split and fetched."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from earthline.config.section import MOST_SEED, Number, Section, Shape, WholeNumber
from earthline.config.sections.region import BoundingBox

SplitName = Literal["train", "validation", "test"]
Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.\-]*:[0-9]{1,5}$")]
_PORTABLE = ("FlinkRunner", "PortableRunner")


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
    block_size: Number | None = Field(
        default=None,
        gt=0,
        description="Least side of the blocks in metres on the ground, instead of `block_shape`.",
    )
    buffer: Number | None = Field(
        default=None,
        ge=0,
        description="Least distance in metres between patches of different splits; left out, one patch side.",
    )
    buffer_pixels: WholeNumber | None = Field(
        default=None, ge=0, description="The same in pixels, instead of `buffer`."
    )
    design: Literal["stratified", "random", "systematic"] = Field(
        default="stratified",
        description="How patches are drawn from a label raster: `stratified`: at random from each class or part of the "
        "value's range; `random`: from all labelled pixels alike; `systematic`: on a grid with a random start.",
    )
    allocation: Literal["equal", "proportional", "neyman"] = Field(
        default="equal",
        description="How a stratified design deals its patches: `equal` parts; `proportional` to the strata's pixels; "
        "`neyman`: to pixels times `stds`, which estimates the whole region's figure best.",
    )
    stds: dict[str, Annotated[Number, Field(ge=0)]] | None = Field(
        default=None,
        description="For `neyman`: the standard deviation inside of each class of what is to be estimated, such as "
        "sqrt(u * (1 - u)) for an expected user's accuracy u. For values left out, as if spread evenly over each part.",
    )
    seed: WholeNumber = Field(default=0, ge=0, le=MOST_SEED, description="Seed of the split and of the sample points.")
    shards: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="TFRecord files per split; left out, four, or as many as keep each near 150 MB.",
    )
    format: Literal["earthline", "earth_engine"] = Field(
        default="earthline",
        description="How examples are laid out in the files: `earthline`: compact, what every later step reads; "
        "`earth_engine`: a list of floats for each band, as Earth Engine's own exports have it, for trainers that "
        "expect that; `earthline export` alone writes it.",
    )
    compress: Literal["none", "gzip"] = Field(
        default="none",
        description="How the files of `format: earth_engine` are packed: gzip makes them smaller and several times "
        "slower to read.",
    )
    method: Literal["pixels", "batch", "pixels_then_batch"] = Field(
        default="pixels",
        description="`pixels`: many requests at once, quick; `batch`: Earth Engine's own export tasks, which take "
        "hours and compute what no request can; `pixels_then_batch`: requests, and tasks for the patches that no "
        "request gives. All give the same examples.",
    )
    patches_per_task: WholeNumber = Field(
        default=500, ge=1, le=10_000, description="Most patches of one export task of Earth Engine."
    )
    runner: Literal["DirectRunner", "DataflowRunner", "FlinkRunner", "PortableRunner"] = Field(
        default="DirectRunner", description="Beam runner that fetches the patches."
    )
    job_endpoint: Address | None = Field(
        default=None, description="Beam's job server as host:port; FlinkRunner and PortableRunner need it."
    )
    worker_pool: Address | None = Field(
        default=None,
        description="Beam's worker pool as host:port, where one runs beside each worker of FlinkRunner or "
        "PortableRunner; left out, workers are started by Docker from `environment.image`.",
    )
    concurrency: WholeNumber = Field(
        default=20,
        ge=1,
        le=1000,
        description="Requests under way at once, of all workers together; Earth Engine's default quota is 40.",
    )
    requests_per_second: WholeNumber = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Requests begun within a second, of all workers together; Earth Engine's default quota is 100.",
    )
    attempts: WholeNumber = Field(default=6, ge=1, le=20, description="Tries per patch before the step fails.")

    @property
    def uses_tasks(self) -> bool:
        """Whether Earth Engine's own export tasks may bring patches."""
        return self.method != "pixels"

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for key, value in (("examples", self.examples), ("shares", self.shares)):
            missing = sorted({"train", "validation", "test"} - set(value))
            if missing:
                raise ValueError(f"{key} lacks {', '.join(missing)}; name all three splits")
        self._require_engine()
        total = sum(self.shares.values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"shares sum to {total:g}; they must sum to 1")
        self._require_blocks()
        self._require_design()
        if self.compress != "none" and self.format == "earthline":
            raise ValueError(
                f"compress {self.compress}: files of format earthline are never packed, which would slow training "
                "down; take the line `compress` out, or write format: earth_engine"
            )
        return self

    def _require_blocks(self) -> None:
        if self.buffer is not None and self.buffer_pixels is not None:
            raise ValueError("buffer_pixels: `buffer` is given as well, in metres; give one of the two")
        if self.block_size is not None and self.block_shape != type(self).model_fields["block_shape"].default:
            raise ValueError("block_size: `block_shape` is given as well, in pixels; give one of the two")
        if self.split_regions is not None or self.block_size is not None:
            return
        if self.buffer is None and self.buffer_pixels is None:
            if any(block < 2 * patch for block, patch in zip(self.block_shape, self.patch_shape, strict=True)):
                raise ValueError(
                    f"block_shape {list(self.block_shape)} must be at least twice patch_shape "
                    f"{list(self.patch_shape)}: a gap of one patch separates the splits and the rest must still hold a "
                    "patch"
                )
        elif any(
            block < patch + (self.buffer_pixels or 0)
            for block, patch in zip(self.block_shape, self.patch_shape, strict=True)
        ):
            raise ValueError(
                f"block_shape {list(self.block_shape)} must be at least patch_shape {list(self.patch_shape)} and the "
                f"buffer of {self.buffer_pixels or 0} pixels together: blocks lose the buffer to their neighbours, and "
                "the rest must still hold a patch; use larger blocks or a smaller buffer"
            )

    def _require_design(self) -> None:
        if self.allocation != "equal" and self.design != "stratified":
            raise ValueError(
                f"allocation {self.allocation}: design {self.design} draws from all labelled pixels alike; write "
                "design: stratified, or remove the allocation"
            )
        if self.stds is not None and self.allocation != "neyman":
            raise ValueError("stds: only allocation: neyman uses them; write that, or remove them")
        if self.stds is not None and not any(self.stds.values()):
            raise ValueError("stds: all are 0, so nothing says where patches tell most; give at least one above")

    def _require_engine(self) -> None:
        """Checks that the runner can begin its work, and has some."""
        if self.method == "batch" and self.runner != "DirectRunner":
            raise ValueError(
                f"runner {self.runner} has nothing to do where method is batch: Earth Engine's own machines compute "
                "the patches; take the line `runner` out"
            )
        if self.runner in _PORTABLE and self.job_endpoint is None:
            raise ValueError(
                f"runner {self.runner} has no job server; write its address, such as job_endpoint: localhost:8099 "
                "(docs/how-to/engines.md tells how one is started)"
            )
        for key in ("job_endpoint", "worker_pool"):
            if self.runner not in _PORTABLE and getattr(self, key) is not None:
                raise ValueError(
                    f"{key} '{getattr(self, key)}' is of use to {' and '.join(_PORTABLE)} alone, and runner is "
                    f"{self.runner}; take the line `{key}` out, or name one of these runners"
                )
