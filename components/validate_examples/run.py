"""Reads every example, reports what it saw, and fails where training on it would be a mistake."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from kfp import dsl

from components.validate_examples import features
from components.validate_examples.anomalies import ExamplesError, Findings, check_contract, check_splits, patches
from components.validate_examples.statistics import SplitStatistics
from earthline.config import Data
from earthline.entry_point import entry_point
from earthline.formats.examples import Patch
from earthline.formats.label_features import FeatureRecords
from earthline.formats.manifest import SPLITS, Manifest
from earthline.reports import pictures
from earthline.reports.page import render
from earthline.task import Task, task_of, task_of_record

STATISTICS = "statistics.json"
PATCHES_SHOWN = 8
"""Per split, in the report."""

_logger = logging.getLogger(__name__)


@entry_point
def run(*, data: Data, examples: dsl.Dataset, statistics: dsl.Artifact, report: dsl.HTML) -> None:
    """Validates the examples.

    Args:
        data: The config's section.
        examples: Folder of shards and manifest.
        statistics: Folder to write `statistics.json` into.
        report: HTML file to write.

    Raises:
        ExamplesError: Anomalies; the text lists them with shard and field, and the report is written all the same.
    """
    folder = Path(examples.path)
    try:
        manifest = Manifest.read(folder)
    except (OSError, ValueError) as error:
        raise ExamplesError(f"the manifest cannot be used, export the examples again: {error}") from error
    if manifest.task.name != data.labels.task:
        raise ExamplesError(
            f"data.labels: the examples are for {manifest.task.name}, the config asks for {data.labels.task}; export "
            "them again"
        )
    findings = Findings()
    # The examples' own task counts; colours are the config's.
    of_examples, of_config = task_of_record(manifest.task), task_of(data)
    check_contract(manifest, data, findings)
    seen = _features(folder, of_examples)
    gathered: dict[str, SplitStatistics] = {}
    shown: dict[str, list[Patch]] = {}
    for split in (split for split in SPLITS if split in manifest.splits):
        of_split = SplitStatistics(manifest.bands, of_examples)
        shown[split] = []
        for patch in patches(folder, manifest, of_examples, split, findings):
            of_split.add(patch)
            if seen is not None:
                seen.add(split, patch)
            if len(shown[split]) < PATCHES_SHOWN:
                shown[split].append(patch)
        gathered[split] = of_split
        _logger.info("validate_examples: %s: %d examples read", split, of_split.examples)
    check_splits(manifest, of_examples, gathered, findings, sparse=seen is not None)
    if seen is not None:
        ground = {split: of_split.ground.by_stratum for split, of_split in gathered.items()}
        features.check(seen, ground, findings)
    described = {
        "splits": {split: of_split.to_json() for split, of_split in gathered.items()},
        "anomalies": findings.lines(),
        "warnings": findings.warnings,
        "features": {split: seen.to_json(split) for split in gathered} if seen is not None else {},
    }
    _write(Path(statistics.path), described)
    page = render(
        Path(__file__).with_name("examples.html.j2"),
        {
            "manifest": manifest,
            "statistics": described,
            "legend": of_config.legend,
            "strata": of_examples.strata,
            "stratum_word": of_examples.stratum_word,
            "pictures": _pictures(shown, manifest, of_config),
        },
        of_config.template,
    )
    Path(report.path).write_text(page, encoding="utf-8")
    for warning in findings.warnings:
        _logger.warning("validate_examples: %s", warning)
    if findings.anomalies:
        raise ExamplesError("the examples are not fit for training:\n" + "\n".join(findings.lines()))
    total = sum(of_split.examples for of_split in gathered.values())
    _logger.info("validate_examples: %d examples, no anomaly", total)


def _features(folder: Path, task: Task) -> features.FeatureStatistics | None:
    """Statistics to fill, of labels that are points and polygons."""
    try:
        records = FeatureRecords.read(folder)
    except (OSError, ValueError) as error:
        raise ExamplesError(f"{error}; export the examples again") from error
    return None if records is None else features.FeatureStatistics(records, task)


def _write(folder: Path, described: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STATISTICS).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def _pictures(shown: dict[str, list[Patch]], manifest: Manifest, task: Task) -> dict[str, list[dict[str, str]]]:
    """By split, the patches as `data:` URIs of image and label, all with one stretch."""
    every = [patch for patches_of_split in shown.values() for patch in patches_of_split]
    if not every:
        return {}
    limits = pictures.stretch(np.stack([patch.image for patch in every]), np.stack([patch.valid for patch in every]))
    return {
        split: [
            {
                "image": pictures.data_uri(pictures.composite(patch.image, manifest.bands, limits)),
                "label": pictures.data_uri(task.colors_of(patch.label)),
                "place": f"row {patch.row}, column {patch.column}",
            }
            for patch in patches_of_split
        ]
        for split, patches_of_split in shown.items()
    }
