"""What a whole split shows of its values and labels: masks, constants, cut values, and the balance of labels."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from components.validate_examples.findings import Findings, listed
from components.validate_examples.statistics.split import SplitStatistics
from earthline.formats.manifest import Manifest
from earthline.task import Task
from earthline.task.labels import OF_A_REGION, OF_EXAMPLES, LabelStatistics

MOST_SATURATED = 0.05
"""Largest share of a band at its type's largest value; bright roofs and clouds reach a few percent."""
LEAST_OWN_GROUND = 0.6
"""Least share of a split's pixels that should be ground of their own."""
RARE = 0.01
"""Share of the training ground below which a class is called rare."""
WIDER = {"uint8": "uint16", "uint16": "float32", "int16": "float32"}


def check(
    manifest: Manifest,
    task: Task,
    statistics: Mapping[str, SplitStatistics],
    ground: Mapping[str, LabelStatistics],
    findings: Findings,
    features: Sequence[int] | None = None,
) -> None:
    """Checks what only a whole split, or several, can show.

    Args:
        manifest: The dataset's.
        task: What its labels tell.
        statistics: By split.
        ground: Statistics of labels by split, each pixel of the ground counted once.
        findings: Where they are noted.
        features: Of labels that are points and polygons, how many each stratum has; None where labels are a raster.
    """
    unreadable = findings.has("shard", "schema")
    for split, of_split in statistics.items():
        if not of_split.examples:
            continue
        if of_split.masked == of_split.pixels:
            findings.error(
                "masked",
                f"{split}: all {of_split.pixels:,} pixels of its {of_split.examples:,} patches are masked; check "
                "the dates, the cloud mask and the bands of data.imagery, and data.region",
            )
            continue
        if not unreadable:
            for difference in of_split.labels.differences(manifest.splits[split].labels):
                findings.error("counts", f"{split}: {difference}")
        _check_bands(manifest, split, of_split, findings)
        _check_ground(split, of_split, findings)
    if unreadable:
        findings.warning(
            "unread", "what splits hold in all was not judged, as some examples cannot be read; mend those first"
        )
        return
    if findings.has("masked"):
        return
    _check_labels(manifest, task, statistics, ground, findings, features)


def _check_bands(manifest: Manifest, split: str, of_split: SplitStatistics, findings: Findings) -> None:
    moments = of_split.moments
    for index, band in enumerate(manifest.bands):
        known = int(moments.count[index])
        if known and moments.least[index] == moments.most[index]:
            findings.error(
                "constant band",
                f"{split}: {band} holds one value everywhere; leave it out of data.imagery, or choose another "
                "data.imagery.data_type where the asset itself has more values than one",
                band=band,
            )
        share = int(of_split.at_limit[index]) / max(known, 1)
        if share > MOST_SATURATED:
            findings.error(
                "saturated band",
                f"{split}: {100 * share:.2g} % of {band} holds {np.iinfo(manifest.data_type).max:,}, the largest "
                f"{manifest.data_type}, so its values are cut; use data.imagery.data_type: "
                f"{WIDER[manifest.data_type]}, or leave the band out where the asset itself is cut like this",
                band=band,
            )


def _check_ground(split: str, of_split: SplitStatistics, findings: Findings) -> None:
    if of_split.patches_of_ground < LEAST_OWN_GROUND * of_split.examples:
        findings.warning(
            "overlap",
            f"{split}: {of_split.examples:,} patches hold only {of_split.patches_of_ground:,.0f} patches' worth of "
            f"ground, the rest is overlap; export.examples.{split} of about "
            f"{math.ceil(2 * of_split.patches_of_ground):,} would say as much, a larger region more",
        )
    if of_split.ground is not None and of_split.ground.contradictions:
        findings.warning(
            "contradictions",
            f"{split}: {of_split.ground.contradictions:,} pixels have one label in one patch and another in the next; "
            "export the examples again",
        )


def _check_labels(
    manifest: Manifest,
    task: Task,
    statistics: Mapping[str, SplitStatistics],
    ground: Mapping[str, LabelStatistics],
    findings: Findings,
    features: Sequence[int] | None,
) -> None:
    """Whether there is enough of each stratum."""
    unlabelled = [split for split, of_split in statistics.items() if of_split.examples and not of_split.labels.pixels]
    for split in unlabelled:
        findings.error("labels", f"{split}: no pixel has a label; check data.labels and data.region")
    counts = np.array([of_split.by_stratum for of_split in ground.values()])
    there = np.flatnonzero(counts.sum(axis=0)) if counts.size else np.zeros(0, int)
    if len(task.strata) > 1 and len(there) == 1:
        # Of the others nothing more needs to be said.
        findings.error(
            "class balance",
            f"every labelled pixel is '{task.strata[int(there[0])]}', so there is nothing to tell apart; check the "
            "values in data.labels, and take ground that holds more than that",
        )
        return
    if unlabelled and len(unlabelled) == len(statistics):
        return
    found = task.label_findings(ground, features, OF_A_REGION if manifest.placed else OF_EXAMPLES)
    for kind, text in found.anomalies:
        findings.error(kind, text)
    for text in found.warnings:
        findings.warning("labels", text)
    if "train" in ground:
        _check_rare(task, ground["train"].by_stratum, findings)


def _check_rare(task: Task, train: tuple[int, ...], findings: Findings) -> None:
    """Says in one line which strata are so rare that figures of the whole hardly show them."""
    total = sum(train)
    rare = {
        name: f"{count:,} pixels, {100 * count / total:.2g} %"
        for name, count in zip(task.strata, train, strict=True)
        if 0 < count < RARE * total
    }
    if rare:
        findings.warning(
            "rare",
            f"rare in train: {listed(rare)} of the labelled ground; overall figures hardly show whether they are "
            "right, so look at each one's own, and collect more of them, or weigh them in a train.loss with weights",
        )
