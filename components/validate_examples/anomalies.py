"""What is wrong with a dataset: every mistake is found before any is reported."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely

from components.validate_examples.statistics import SplitStatistics
from earthline.config import Data
from earthline.formats.examples import Patch
from earthline.formats.manifest import SPLITS, Manifest
from earthline.formats.shards import ShardError, read
from earthline.grid import Grid
from earthline.task import Task, task_of

MOST_SATURATED = 0.05
"""Largest share of a band at its type's largest value; bright roofs and clouds reach a few percent."""
LEAST_OWN_GROUND = 0.6
"""Least share of a split's pixels that should be ground of their own."""
WIDER = {"uint8": "uint16", "uint16": "float32", "int16": "float32"}
SHOWN = 5
"""Anomalies of one kind that are listed in full; the others are counted."""


class ExamplesError(ValueError):
    """The examples must not be trained on; the text lists why."""


@dataclass
class Findings:
    """What was found.

    Attributes:
        anomalies: By kind, those that fail the run.
        warnings: Those that do not.
    """

    anomalies: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, kind: str, text: str) -> None:
        """Notes an anomaly."""
        self.anomalies.setdefault(kind, []).append(text)

    def lines(self) -> list[str]:
        """One line per anomaly, those beyond `SHOWN` of a kind counted."""
        listed = []
        for kind, texts in self.anomalies.items():
            listed += [f"{kind}: {text}" for text in texts[:SHOWN]]
            if len(texts) > SHOWN:
                listed.append(f"{kind}: {len(texts) - SHOWN:,} more like these")
        return listed


def patches(folder: Path, manifest: Manifest, task: Task, split: str, findings: Findings) -> Iterator[Patch]:
    """The readable patches of a split; notes the others, naming shard, record and field.

    Args:
        folder: Of the dataset.
        manifest: Its manifest.
        task: What its labels tell.
        split: Name of the split.
        findings: Where anomalies are noted.
    """
    for shard in manifest.splits[split].shards:
        count = 0
        try:
            for index, record in enumerate(read(folder / shard.name)):
                count += 1
                place = f"{shard.name}, record {index}"
                try:
                    patch = Patch.decode(
                        record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type
                    )
                except ValueError as error:
                    findings.add("schema", f"{place}: {error}")
                    continue
                _check_values(patch, manifest, task, place, findings)
                yield patch
        except FileNotFoundError:
            findings.add("shard", f"{shard.name}: missing; export the examples again")
            continue
        except (ShardError, OSError) as error:
            findings.add("shard", str(error))
            continue
        if count != shard.examples:
            findings.add("counts", f"{shard.name}: holds {count} examples, the manifest says {shard.examples}")


def check_contract(manifest: Manifest, data: Data, findings: Findings) -> None:
    """Compares the manifest with the config."""
    for key, there, asked in (
        ("bands", manifest.bands, data.imagery.band_names),
        ("data_type", manifest.data_type, data.imagery.data_type),
        ("labels", manifest.task.told, task_of(data).record.told),
        ("label_type", manifest.label_type, task_of(data).data_type),
    ):
        if there != asked and asked != "auto":
            findings.add("contract", f"{key}: the examples have {there}, the config {asked}; export them again")
    for split in SPLITS:
        if split not in manifest.splits:
            findings.add("counts", f"split '{split}' is empty; change export.seed, block_shape or split_regions")


def check_splits(
    manifest: Manifest,
    task: Task,
    statistics: Mapping[str, SplitStatistics],
    findings: Findings,
    *,
    sparse: bool = False,
) -> None:
    """Checks what only a whole split, or several, can show: counts, constants, balance and distances.

    Args:
        manifest: The dataset's.
        task: What its labels tell.
        statistics: By split.
        findings: Where anomalies and warnings are noted.
        sparse: Whether labels are points and polygons, of which few pixels are normal.
    """
    for split, of_split in statistics.items():
        summary = manifest.splits[split]
        for difference in of_split.labels.differences(summary.labels):
            findings.add("counts", f"{split}: {difference}")
        if of_split.examples and not of_split.labels.pixels:
            findings.add("labels", f"{split}: no pixel has a label; check data.labels and data.region")
        for band in of_split.constant_bands():
            findings.add(
                "constant band",
                f"{split}: {band} holds one value everywhere; leave it out of data.imagery, or choose another "
                "data.imagery.data_type where the asset itself has more values than one",
            )
        for band, share in of_split.saturated_bands(MOST_SATURATED):
            findings.add(
                "saturated band",
                f"{split}: {100 * share:.2g} % of {band} holds {np.iinfo(manifest.data_type).max:,}, the largest "
                f"{manifest.data_type}, so its values are cut; use data.imagery.data_type: "
                f"{WIDER[manifest.data_type]}, or leave the band out where the asset itself is cut like this",
            )
        if of_split.patches_of_ground < LEAST_OWN_GROUND * of_split.examples:
            findings.warnings.append(
                f"{split}: {of_split.examples:,} patches hold only {of_split.patches_of_ground:,.0f} patches' worth of "
                f"ground, the rest is overlap; export.examples.{split} of about "
                f"{math.ceil(2 * of_split.patches_of_ground):,} would say as much, a larger region more"
            )
    found = task.label_findings({split: of_split.ground for split, of_split in statistics.items()}, sparse)
    for kind, text in found.anomalies:
        findings.add(kind, text)
    findings.warnings += found.warnings
    _check_places(manifest, statistics, findings)
    if not manifest.placed:
        _tell_of_leakage(manifest, statistics, findings)


def _tell_of_leakage(manifest: Manifest, statistics: Mapping[str, SplitStatistics], findings: Findings) -> None:
    """Says what nobody can know of patches without a place, and finds the same picture in two splits."""
    findings.warnings.append(manifest.caveat)
    for place, one in enumerate(SPLITS):
        for other in SPLITS[place + 1 :]:
            if one in statistics and other in statistics:
                both = len(statistics[one].pictures & statistics[other].pictures)
                if both:
                    findings.add(
                        "leakage",
                        f"{both:,} patches are in {one} and, pixel for pixel, in {other}; split by a key that keeps "
                        "them together, or leave them out",
                    )


def _check_values(patch: Patch, manifest: Manifest, task: Task, place: str, findings: Findings) -> None:
    problem = task.label_problem(patch.label)
    if problem:
        findings.add("schema", f"{place}: field 'label' holds {problem}")
    if patch.image.dtype.kind == "f":
        wrong = (~np.isfinite(patch.image[patch.valid])).sum(axis=0)
        for band, count in zip(manifest.bands, wrong, strict=True):
            if count:
                findings.add(
                    "not a number",
                    f"{place}: field 'image', band {band}: {count:,} pixels are NaN or infinite; mask them",
                )


def _check_places(manifest: Manifest, statistics: Mapping[str, SplitStatistics], findings: Findings) -> None:
    height, width = Grid.from_json(manifest.grid).shape
    rows, columns = manifest.patch_shape
    places = [(split, row, column) for split, of_split in statistics.items() for row, column in of_split.places]
    seen: dict[tuple[int, int], str] = {}
    for split, row, column in places:
        if not (0 <= row <= height - rows and 0 <= column <= width - columns):
            findings.add("place", f"{split}: the patch at row {row}, column {column} reaches outside the grid")
        if (row, column) in seen:
            first = seen[row, column]
            findings.add("duplicate", f"the patch at row {row}, column {column} is in {first} and again in {split}")
        seen.setdefault((row, column), split)
    for (split, *one), (other, *two), distance in _too_close(places, manifest.patch_shape, manifest.gap):
        findings.add(
            "leakage",
            f"the patches at (row {one[0]}, column {one[1]}) of {split} and (row {two[0]}, column {two[1]}) of {other} "
            f"are {distance} pixels apart, less than {manifest.gap}",
        )


def _too_close(
    places: Sequence[tuple[str, int, int]], shape: tuple[int, int], gap: int
) -> Iterator[tuple[tuple[str, int, int], tuple[str, int, int], int]]:
    """Pairs of patches of different splits nearer than the gap, with their distance (0 where they overlap)."""
    if not places:
        return
    rows = np.array([row for _, row, _ in places])
    columns = np.array([column for _, _, column in places])
    splits = np.array([split for split, *_ in places])
    boxes = shapely.box(columns, rows, columns + shape[1], rows + shape[0])
    wider = shapely.box(columns - gap, rows - gap, columns + shape[1] + gap, rows + shape[0] + gap)
    first, second = shapely.STRtree(boxes).query(wider, predicate="intersects")
    once = (first < second) & (splits[first] != splits[second])
    for one, two in zip(first[once].tolist(), second[once].tolist(), strict=True):
        apart = max(
            abs(int(rows[one]) - int(rows[two])) - shape[0], abs(int(columns[one]) - int(columns[two])) - shape[1], 0
        )
        if apart < gap:
            yield places[one], places[two], apart
