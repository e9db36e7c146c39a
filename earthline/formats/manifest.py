"""What a dataset's folder holds beside its shards: `manifest.json`, which every later step reads first."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from earthline.formats.task_record import TaskRecord

SPLITS = ("train", "validation", "test")
MANIFEST = "manifest.json"
LOST = "lost_patches.csv"
"""Planned patches without an example: split, row, column, reason. There is none where none was lost."""
SCHEMA_VERSION = 3
EARTHLINE = "earthline"
"""How examples are laid out where nothing else is said: what every step reads."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shard(_Record):
    """One TFRecord file."""

    name: str = Field(description="File name inside the dataset's folder.")
    examples: int = Field(ge=0, description="Number of examples in it.")
    bytes: int = Field(default=0, ge=0, description="Length of the file; 0 where it was written without telling it.")
    crc32c: str = Field(
        default="",
        description="CRC32C of the whole file, big-endian in base64 as Cloud Storage shows it; empty where unknown.",
    )

    def problem(self, folder: Path) -> str:
        """What is wrong with the file as far as its length tells, in a sentence; empty where nothing is.

        Args:
            folder: Of the dataset.
        """
        try:
            found = (folder / self.name).stat().st_size
        except FileNotFoundError:
            return f"{self.name}: missing; export the examples again"
        if not self.bytes or found == self.bytes:
            return ""
        kind = "cut off" if found < self.bytes else "damaged"
        return (
            f"{self.name}: {kind}: it has {found:,} bytes, the manifest says {self.bytes:,}; copy it again from where "
            "the dataset came from, or export the examples again"
        )


class SplitSummary(_Record):
    """What one split holds."""

    examples: int = Field(ge=0, description="Number of examples.")
    shards: tuple[Shard, ...] = Field(description="Its files.")
    labels: dict[str, Any] = Field(description="Statistics of the labels, by the task's own names.")
    labelled_pixels: int = Field(ge=0, description="Pixels with a label.")
    unlabelled_pixels: int = Field(ge=0, description="Pixels without a label or with a masked image.")
    masked_pixels: int = Field(ge=0, description="Pixels whose image is masked in at least one band.")
    lost: int = Field(
        default=0, ge=0, description="Planned patches without an example; `lost_patches.csv` tells why of each."
    )


class StratumSample(_Record):
    """How patches were drawn from one stratum of a split: each with the chance `(drawn + lost) / frame`."""

    name: str = Field(description="Name of the stratum.")
    frame: int = Field(ge=0, description="Pixels of the split's area on which a patch could have been centred.")
    drawn: int = Field(ge=0, description="Patches that are centred on such a pixel: the examples of the stratum.")
    lost: int = Field(
        default=0, ge=0, description="Patches that were drawn as well and are no examples, for want of imagery there."
    )


class SourceRecord(_Record):
    """Where data come from, for the report."""

    asset: str = Field(description="Earth Engine asset id.")
    role: str = Field(description="`imagery` or `labels`.")
    attribution: str = Field(default="", description="Who made it.")
    license: str = Field(default="", description="Under which terms.")
    metres: float | None = Field(
        default=None, description="Side of a pixel of a label raster, on the ground; None where nobody knows it."
    )


class SeriesRecord(_Record):
    """Bands that come once for each step in time, all of a step together: `B4_t00`, `B8_t00`, `B4_t01`, `B8_t01`.

    Their part of an image (height, width, steps * bands) reshapes to (height, width, steps, bands).
    """

    bands: tuple[str, ...] = Field(description="Their names without the steps, in order.")
    steps: tuple[tuple[str, str], ...] = Field(description="First moment and the one after the last, ISO 8601 in UTC.")


class Manifest(_Record):
    """What lies in a dataset's folder beside the shards, as `manifest.json`."""

    schema_version: int = Field(default=SCHEMA_VERSION, description="Version of this contract.")
    grid: dict[str, Any] = Field(description="Grid of the whole region: crs, transform, shape (height, width).")
    bands: tuple[str, ...] = Field(description="Band order of every image.")
    series: tuple[SeriesRecord, ...] = Field(default=(), description="Those of the bands that are steps in time.")
    data_type: str = Field(description="NumPy name of the image's type.")
    patch_shape: tuple[int, int] = Field(description="Shape of a patch in pixels (height, width).")
    task: TaskRecord = Field(description="What the labels tell.")
    label_type: str = Field(description="NumPy name of the labels' type.")
    format: str = Field(
        default=EARTHLINE,
        description="How examples are laid out: `earthline` as earthline.formats.examples has it, `earth_engine` a "
        "list of floats for each band (earthline.formats.band_lists).",
    )
    compress: str = Field(default="none", description="How the files are packed: `none` or `gzip`.")
    splits: dict[str, SplitSummary] = Field(description="By split name.")
    gap: int = Field(ge=0, description="Least distance in pixels between patches of different splits.")
    block_shape: tuple[int, int] = Field(
        description="Least shape in pixels (height, width) of the blocks of ground that are dealt to splits as a whole."
    )
    split_areas: dict[str, Any] = Field(description="GeoJSON geometry of each split in pixels (x = column, y = row).")
    seed: int = Field(description="Seed of the split and of the sample points.")
    apart: dict[str, float] = Field(
        default={},
        description="By split but train, the distance in metres from its nearest patch to a training patch, edge to "
        "edge. Empty where nobody knows it.",
    )
    design: str = Field(
        default="stratified",
        description="How patches were drawn: `stratified`, with the strata of `sampling`; `random`, all with one "
        "chance; `systematic`, on a grid with a random start, whose variance is estimated as that of a random sample. "
        "Empty where somebody chose the places.",
    )
    sampling: dict[str, tuple[StratumSample, ...]] = Field(
        default={},
        description="By split, how many of how many patches were drawn from each stratum, in the task's order. The "
        "label of a patch's middle pixel (height // 2, width // 2) tells its stratum. Empty where no chance is "
        "known: somebody chose the places of points, polygons and of examples made elsewhere.",
    )
    placed: bool = Field(
        default=True,
        description="Whether it is known where patches lie. If not, each has rows of its own on a grid that stands for "
        "no ground, and the distance between splits is unknown.",
    )
    told: str = Field(default="", description="How examples made elsewhere were split, for people; else empty.")
    expression_hash: str = Field(
        description="SHA-256 of the imagery's and labels' expression graphs, or of the files that were taken."
    )
    requests: int = Field(
        default=0, ge=0, description="Of older versions; now the artifact's metadata tell how many requests it took."
    )
    sources: tuple[SourceRecord, ...] = Field(description="Assets that the examples come from.")

    @property
    def attribution(self) -> str:
        """Who made what the examples come from, each named once; empty where nobody says so."""
        return "; ".join(dict.fromkeys(source.attribution for source in self.sources if source.attribution))

    @property
    def caveat(self) -> str:
        """Why accuracy on these examples may look better than it is, in a sentence; empty where splits lie apart."""
        if self.placed:
            return ""
        together = (
            "each patch as independent of all others, which neighbours are not, so they are too narrow"
            if self.block_shape == self.patch_shape
            else "the patches that came together, in one file or with one value of the key, as one observation"
        )
        return (
            "leakage cannot be excluded: the examples were made elsewhere and do not say where they lie (split "
            f"{self.told}), so patches of the test split may lie on or beside ground that was trained on, and accuracy "
            f"may look better than it is; its intervals take {together}"
        )

    @property
    def split_hash(self) -> str:
        """SHA-256 of the grid and the areas of the splits: equal where the same ground was held out.

        Of patches whose place is unknown, SHA-256 of what was dealt and how.
        """
        held = [self.grid, self.split_areas] if self.placed else [self.expression_hash, self.seed, self.told]
        canonical = json.dumps(held, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def shards(self, folder: Path, split: str) -> list[Path]:
        """Paths of one split's files below a dataset folder.

        Args:
            folder: Of the dataset.
            split: Name of the split.

        Raises:
            ValueError: They are laid out for other readers.
        """
        if self.format != EARTHLINE:
            raise ValueError(
                f"the examples are laid out as export.format: {self.format} has it, for trainers of your own; export "
                f"them as {EARTHLINE} for this"
            )
        return [folder / shard.name for shard in self.splits[split].shards]

    def write(self, folder: Path) -> None:
        """Writes `manifest.json`."""
        (folder / MANIFEST).write_text(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Reads `manifest.json`. Raises FileNotFoundError or ValueError (pydantic's, which names the field)."""
        return cls.model_validate_json((folder / MANIFEST).read_text())


def shard_name(split: str, index: int, count: int) -> str:
    """File name of a shard, such as `train-00000-of-00004.tfrecord`."""
    return f"{split}-{index:05d}-of-{count:05d}.tfrecord"


def expression_hash(*expressions: Any) -> str:
    """SHA-256 of expression graphs as the Earth Engine client serializes them, independent of key order."""
    canonical = json.dumps(expressions, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
