"""Reads every example, reports what it saw, and fails where training on it would be a mistake."""

import functools
import json
import logging
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from kfp import dsl

from components.validate_examples import drift, features, label_noise, page, suspicious
from components.validate_examples.checks import contract, copies, expected, places, values
from components.validate_examples.findings import ExamplesError, Findings
from components.validate_examples.label_noise import Doubts
from components.validate_examples.pipeline import gather
from components.validate_examples.reading import Reader
from components.validate_examples.statistics.sketches import Sketches
from components.validate_examples.statistics.split import SplitStatistics
from earthline.config import Data, Validation
from earthline.entry_point import entry_point
from earthline.formats.label_features import FeatureRecords
from earthline.formats.manifest import EARTHLINE, Manifest
from earthline.storage import objects
from earthline.storage.patterns import REMOTE
from earthline.task import task_of, task_of_record

STATISTICS = "statistics.json"
SCHEMA = "schema.yaml"
SUSPICIOUS_TABLE, SUSPICIOUS_PLACES = "suspicious_labels.csv", "suspicious_labels.geojson"
MOST_BYTES = 64 << 20
"""Largest `statistics.json` of another run that is read: ten bins for each band in each class are far less."""
_NOTHING_EXPECTED = Validation()

_logger = logging.getLogger(__name__)


@entry_point
def run(
    *,
    data: Data,
    examples: dsl.Dataset,
    statistics: dsl.Artifact,
    report: dsl.HTML,
    validation: Validation = _NOTHING_EXPECTED,
    project: str = "",
    accepted_statistics: str = "",
) -> None:
    """Validates the examples.

    Args:
        data: The config's section.
        examples: Folder of shards and manifest.
        statistics: Folder to write `statistics.json`, a proposed `schema.yaml` and the suspicious labels into.
        report: HTML file to write.
        validation: The config's section.
        project: Google Cloud project of requests to Cloud Storage.
        accepted_statistics: Folder where the last accepted run keeps its statistics; empty where there is none.

    Raises:
        ExamplesError: Anomalies; the text lists them with shard and field, and the report is written all the same.
    """
    folder = Path(examples.path)
    try:
        manifest = Manifest.read(folder)
    except (OSError, ValueError) as error:
        raise ExamplesError(f"the manifest cannot be used, export the examples again: {error}") from error
    if manifest.format != EARTHLINE:
        raise ExamplesError(
            f"export.format: the examples are laid out as {manifest.format}, which no step reads; take the line out "
            "and export them again"
        )
    if manifest.task.name != data.labels.task:
        raise ExamplesError(
            f"data.labels: the examples are for {manifest.task.name}, the config asks for {data.labels.task}; export "
            "them again"
        )
    # The examples' own task counts; colours are the config's.
    of_examples, of_config = task_of_record(manifest.task), task_of(data)
    records = _records(folder)
    schema = validation.expected
    gathered = gather(
        Reader(
            folder,
            manifest,
            of_examples,
            expected.limits(schema, manifest),
            None if records is None else features.FeatureIndex(records),
        )
    )
    for split, of_split in gathered.items():
        _logger.info("validate_examples: %s: %d examples read", split, of_split.examples)
    findings = Findings()
    contract.check(manifest, data, findings)
    findings = functools.reduce(operator.add, (of_split.findings for of_split in gathered.values()), findings)
    ground = {split: of_split.ground_labels(of_examples) for split, of_split in gathered.items()}
    strata = expected.shares(ground, of_examples.strata)
    seen = None
    if records is not None:
        owners = {split: of_split.features for split, of_split in gathered.items()}
        seen = features.FeatureStatistics(records, of_examples, owners)
    in_all = None if seen is None else [points + polygons for points, polygons in seen.totals]
    values.check(manifest, of_examples, gathered, ground, findings, in_all)
    places.check(manifest, gathered, findings)
    distances = places.distances(manifest, gathered)
    places.check_distances(manifest, distances, findings)
    pairs = copies.check(manifest, gathered, findings)
    if seen is not None:
        features.check(seen, {split: of_split.by_stratum for split, of_split in ground.items()}, findings)
    if schema is not None:
        expected.check(schema, manifest, gathered, strata, findings)
    sketches = functools.reduce(operator.add, (of_split.sketches for of_split in gathered.values()), Sketches())
    now = drift.Distributions.of(sketches, manifest.bands, of_examples.strata, strata)
    before, why_not = _accepted(accepted_statistics, project)
    moved: list[drift.Moved] = []
    if before is not None:
        moved = drift.compare(sketches, manifest.bands, of_examples.strata, strata, before, of_examples.stratum_word)
        drift.check(moved, findings)
    doubts = _doubts(validation, manifest, of_examples, gathered, findings)
    suspicious.check(doubts, of_examples, findings)
    described = {
        "splits": {split: of_split.to_json(manifest.bands, of_examples) for split, of_split in gathered.items()},
        "anomalies": findings.errors(),
        "warnings": findings.warnings(),
        "findings": findings.to_json(),
        "features": {split: seen.to_json(split) for split in gathered} if seen is not None else {},
        "distances": distances,
        "near_duplicates": len(pairs),
        "distributions": now.model_dump(mode="json"),
        "drift": {
            "compared_with": accepted_statistics if before is not None else "",
            "why_not": why_not,
            "moved": [each.model_dump(mode="json") for each in moved],
        },
        "label_noise": {
            "judged": doubts.judged,
            "suspicious": len(doubts),
            "why_not": doubts.reason,
            "pairs": suspicious.by_pair(doubts, of_examples),
            "patches": suspicious.by_patch(doubts),
        },
    }
    files = {STATISTICS: json.dumps(described, indent=2) + "\n"}
    proposed = expected.proposed(manifest, gathered, sketches, strata) if schema is None else None
    if proposed is not None:
        files[SCHEMA] = expected.text(proposed)
    if len(doubts):
        files[SUSPICIOUS_TABLE] = suspicious.table(doubts, of_examples)
        files[SUSPICIOUS_PLACES] = suspicious.places(doubts, of_examples, manifest) or ""
    _write(Path(statistics.path), files)
    content = page.render(manifest, described, gathered, sketches, doubts, of_examples, of_config, schema is not None)
    Path(report.path).write_text(content, encoding="utf-8")
    for warning in findings.warnings():
        _logger.warning("validate_examples: %s", warning)
    if proposed is not None:
        _logger.info(
            "validate_examples: wrote %s: keep it beside the config and name it by validation.schema_file, and later "
            "runs are compared with it",
            SCHEMA,
        )
    if findings.failed:
        raise ExamplesError("the examples are not fit for training:\n" + "\n".join(findings.errors()))
    total = sum(of_split.examples for of_split in gathered.values())
    _logger.info("validate_examples: %d examples, no anomaly", total)


def _records(folder: Path) -> FeatureRecords | None:
    """Points and polygons that the labels come from; None where they come from a raster."""
    try:
        return FeatureRecords.read(folder)
    except (OSError, ValueError) as error:
        raise ExamplesError(f"{error}; export the examples again") from error


def _accepted(where: str, project: str) -> tuple[drift.Distributions | None, str]:
    """What the last accepted run saw, or why that is not known."""
    if not where:
        return None, "no run was accepted yet, or its examples come from the same sources and settings"
    try:
        if where.startswith(REMOTE):
            content = objects.read(f"{where}/{STATISTICS}", MOST_BYTES, project)
        else:
            path = Path(where) / STATISTICS
            content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
    except (OSError, GoogleAPICallError) as error:
        _logger.warning("validate_examples: the statistics of the last accepted run cannot be read: %s", error)
        content = None
    found = None if content is None else drift.read(content)
    return found, "" if found is not None else "the statistics of the last accepted run cannot be read"


def _doubts(
    validation: Validation,
    manifest: Manifest,
    task: Any,
    gathered: Mapping[str, SplitStatistics],
    findings: Findings,
) -> Doubts:
    """Labels that are likely wrong; not looked for where the examples are not fit for training anyway."""
    if not validation.label_noise:
        return Doubts.none("validation.label_noise is false")
    if findings.failed:
        return Doubts.none("the examples are not fit for training")
    return label_noise.find(manifest, task, {split: of_split.sample for split, of_split in gathered.items()})


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if text:
            (folder / name).write_text(text, encoding="utf-8")
