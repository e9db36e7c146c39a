"""All that is gathered of one split."""

import functools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from components.validate_examples.findings import Findings
from components.validate_examples.statistics.ground import Ground
from components.validate_examples.statistics.moments import Moments
from components.validate_examples.statistics.mosaic import Mosaic
from components.validate_examples.statistics.outside import Outside
from components.validate_examples.statistics.pixels import PixelSample
from components.validate_examples.statistics.sightings import Sightings
from components.validate_examples.statistics.sketches import Sketches
from earthline.formats.examples import Patch
from earthline.task import Task
from earthline.task.labels import LabelStatistics

Array = np.ndarray[Any, Any]

PATCHES_SHOWN = 8
"""Patches that are kept to be shown."""


@dataclass(frozen=True)
class SplitStatistics:
    """Sums over patches of one split; those of two parts add up to those of the whole, however it was cut.

    Attributes:
        examples: Patches.
        pixels: Of all patches.
        labels: Statistics of their labels.
        unlabelled: Pixels without a label or with a masked image.
        masked: Pixels whose image is masked.
        moments: Of the bands, over valid pixels, labelled or not.
        not_finite: Valid values that are not finite, (bands,).
        at_limit: Valid values that are the largest of their type, (bands,).
        sketches: How values are distributed.
        outside: Values that the schema does not expect.
        ground: Labels with each pixel counted once; None where it is not known which patches overlap.
        sample: Labelled pixels.
        sightings: Of the patches.
        mosaic: Their picture; None where nobody knows where they lie.
        features: Points and polygons with labelled pixels, by their positions.
        shown: First patches, by shard and example.
        findings: What is wrong with single shards and examples.
    """

    examples: int
    pixels: int
    labels: LabelStatistics
    unlabelled: int
    masked: int
    moments: Moments
    not_finite: Array
    at_limit: Array
    sketches: Sketches
    outside: Outside
    ground: Ground | None
    sample: PixelSample
    sightings: Sightings
    mosaic: Mosaic | None
    features: frozenset[int] = frozenset()
    shown: tuple[tuple[int, int, Patch], ...] = ()
    findings: Findings = field(default_factory=Findings)

    def __add__(self, other: "SplitStatistics") -> "SplitStatistics":
        """Those of both."""
        return SplitStatistics(
            examples=self.examples + other.examples,
            pixels=self.pixels + other.pixels,
            labels=self.labels + other.labels,
            unlabelled=self.unlabelled + other.unlabelled,
            masked=self.masked + other.masked,
            moments=self.moments + other.moments,
            not_finite=self.not_finite + other.not_finite,
            at_limit=self.at_limit + other.at_limit,
            sketches=self.sketches + other.sketches,
            outside=self.outside + other.outside,
            ground=self.ground + other.ground if self.ground is not None and other.ground is not None else None,
            sample=self.sample + other.sample,
            sightings=self.sightings + other.sightings,
            mosaic=self.mosaic + other.mosaic if self.mosaic is not None and other.mosaic is not None else None,
            features=self.features | other.features,
            shown=tuple(sorted(self.shown + other.shown, key=lambda each: each[:2])[:PATCHES_SHOWN]),
            findings=self.findings + other.findings,
        )

    def told(self, findings: Findings) -> "SplitStatistics":
        """The same with other findings."""
        return replace(self, findings=findings)

    @functools.cached_property
    def patches_of_ground(self) -> float:
        """How many patches the ground would fill if none overlapped another."""
        if self.ground is None or not self.pixels:
            return float(self.examples)
        return self.examples * self.ground.pixels / self.pixels

    def ground_labels(self, task: Task) -> LabelStatistics:
        """Statistics of labels with each pixel of the ground counted once.

        Args:
            task: What they tell.
        """
        return self.labels if self.ground is None else self.ground.statistics(task)

    def to_json(self, bands: tuple[str, ...], task: Task) -> dict[str, Any]:
        """Plain values: counts, and per band minimum, maximum, mean, std and quantiles (null where unknown)."""
        described = {}
        for index, band in enumerate(bands):
            known, of = int(self.moments.count[index]), self.moments
            quantiles = self.sketches.band(index).quantiles(np.array(QUANTILES)).tolist() if known else []
            described[band] = {
                "pixels": known,
                "not_finite": int(self.not_finite[index]),
                "minimum": float(of.least[index]) if known else None,
                "maximum": float(of.most[index]) if known else None,
                "mean": float(of.mean[index]) if known else None,
                "std": float(of.std[index]) if known else None,
                "quantiles": {f"{share:g}": value for share, value in zip(QUANTILES, quantiles, strict=False)},
            }
        return {
            "examples": self.examples,
            "labelled_pixels": self.labels.pixels,
            "unlabelled_pixels": self.unlabelled,
            "masked_pixels": self.masked,
            "patches_of_ground": round(self.patches_of_ground, 1),
            "ground_labels": self.ground_labels(task).to_json(),
            "labels": self.labels.to_json(),
            "bands": described,
        }


QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Shares of values whose quantiles are told."""
