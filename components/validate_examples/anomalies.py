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
from earthline.task import task_of_names

LEAST_TRAINING_PIXELS = 30
"""Fewer pixels of the ground tell nothing of a class: five would be learned by heart."""
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


def patches(folder: Path, manifest: Manifest, split: str, findings: Findings) -> Iterator[Patch]:
    """The readable patches of a split; notes the others, naming shard, record and field.

    Args:
        folder: Of the dataset.
        manifest: Its manifest.
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
                    patch = Patch.decode(record, manifest.patch_shape, len(manifest.bands), manifest.data_type)
                except ValueError as error:
                    findings.add("schema", f"{place}: {error}")
                    continue
                _check_values(patch, manifest, place, findings)
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
        ("class_names", manifest.class_names, data.labels.class_names),
    ):
        if there != asked and asked != "auto":
            findings.add("contract", f"{key}: the examples have {there}, the config {asked}; export them again")
    for split in SPLITS:
        if split not in manifest.splits:
            findings.add("counts", f"split '{split}' is empty; change export.seed, block_shape or split_regions")


def check_splits(
    manifest: Manifest, statistics: Mapping[str, SplitStatistics], findings: Findings, *, sparse: bool = False
) -> None:
    """Checks what only a whole split, or several, can show: counts, constants, classes and distances.

    Args:
        manifest: The dataset's.
        statistics: By split.
        findings: Where anomalies and warnings are noted.
        sparse: Whether labels are points and polygons, of which few pixels are normal.
    """
    for split, of_split in statistics.items():
        summary = manifest.splits[split]
        for class_id, name in enumerate(manifest.class_names):
            counted, claimed = int(of_split.pixels[class_id]), summary.class_pixels.get(name, 0)
            if counted != claimed:
                findings.add("counts", f"{split}: {counted:,} pixels of '{name}', the manifest says {claimed:,}")
        if of_split.examples and not of_split.labelled:
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
    _check_balance(manifest, statistics, findings, sparse)
    _check_places(manifest, statistics, findings)


def _check_values(patch: Patch, manifest: Manifest, place: str, findings: Findings) -> None:
    problem = task_of_names(manifest.class_names).label_problem(patch.label)
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


def _check_balance(
    manifest: Manifest, statistics: Mapping[str, SplitStatistics], findings: Findings, sparse: bool
) -> None:
    for class_id, name in enumerate(manifest.class_names):
        counts = {split: int(of_split.ground[class_id]) for split, of_split in statistics.items()}
        if not any(counts.values()):
            findings.warnings.append(f"class '{name}' has no pixel in any split: the map cannot show it")
            continue
        train = counts.get("train", 0)
        if train < (1 if sparse else LEAST_TRAINING_PIXELS):
            there = ", ".join(f"{count:,} in {split}" for split, count in counts.items() if split != "train")
            what = f"only {train:,} pixels" if train else "no pixel"
            findings.add(
                "class balance",
                f"'{name}' has {what} in train ({there}), too few to learn from; merge it with another class or add "
                "its values to data.labels.ignore, or give it more ground: a larger region, smaller "
                "export.block_shape, or export.split_regions",
            )
        lost = {"validation": "no epoch is chosen for its sake", "test": "its accuracy stays unknown"}
        for split, meaning in lost.items():
            if split in counts and not counts[split]:
                findings.warnings.append(
                    f"class '{name}' has no pixel in {split}: {meaning}; smaller export.block_shape and "
                    "export.patch_shape give it more places, or choose the places by export.split_regions"
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
