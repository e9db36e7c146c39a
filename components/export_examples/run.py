"""Plans the patches, fetches them, and writes shards and manifest."""

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ee
import numpy as np
from kfp import dsl
from shapely.geometry import mapping

from components.export_examples import pipeline
from components.export_examples.existing import dataset
from components.export_examples.fetching import windows
from components.export_examples.job import Job
from components.export_examples.planning import features, plan
from components.export_examples.planning.selection import select
from earthline.config import Data, Export, Labels, VectorLabels
from earthline.earth_engine import verification
from earthline.earth_engine.connection import connect
from earthline.earth_engine.imagery import data_types
from earthline.earth_engine.retry import PixelsError, ask
from earthline.entry_point import entry_point
from earthline.formats.label_features import FEATURES
from earthline.formats.manifest import MANIFEST, Manifest, SeriesRecord, SourceRecord, expression_hash
from earthline.grid import Grid
from earthline.task import task_of

_ATTRIBUTION = ("attribution", "provider", "author")
_LICENSE = ("license", "licence", "terms_of_use")
_logger = logging.getLogger(__name__)


@entry_point
def run(
    *,
    data: Data,
    export: Export,
    project: str,
    temp_location: str,
    examples: dsl.Dataset,
    location: str = "",
    image: str = "",
    dataflow: str = "{}",
) -> None:
    """Exports the examples.

    Args:
        data: The config's section.
        export: The config's section.
        project: Google Cloud project that the requests count against.
        temp_location: gs:// folder for the temporary files of a remote Beam runner.
        examples: Folder of shards and manifest to write.
        location: Where a remote Beam runner works.
        image: Container image of a remote Beam runner's workers.
        dataflow: Options of Beam's Dataflow runner, as a JSON object.

    Raises:
        ImageryError: The config names something that Earth Engine does not have.
        SplitError: The region cannot be split as asked.
        PointsError: There is nothing to sample.
        PixelsError: Earth Engine does not answer.
        ExportError: A full disk.
        ValueError: Of `existing.dataset.take`, where the examples exist already.
    """
    logging.getLogger("apache_beam").setLevel(logging.WARNING)
    folder = Path(examples.path)
    _clear(folder)
    if data.examples is not None:
        dataset.take(data, export, project, folder)
        _tell(examples, Manifest.read(folder))
        return
    connect(project)
    grid = verification.verify(data)
    data = data_types.resolved(data, grid)
    manifest, planned, foreign = _plan(data, export, grid, folder)
    local = export.runner == "DirectRunner"
    job = Job(
        data=data,
        export=export,
        project=project,
        grid=grid,
        folder=str(folder) if local else examples.uri,
        total=len(planned),
        foreign=foreign,
    )
    remote = {
        "temp_location": temp_location,
        "region": location,
        "sdk_container_image": image,
        **json.loads(dataflow),
    }
    pipeline.run(job, planned, manifest, {key: value for key, value in remote.items() if value})
    _tell(examples, Manifest.read(folder))


def _tell(examples: dsl.Dataset, written: Manifest) -> None:
    for split, summary in written.splits.items():
        examples.metadata[f"{split}_examples"] = summary.examples
    examples.metadata["expression_hash"] = written.expression_hash


def _plan(
    data: Data, export: Export, grid: Grid, folder: Path
) -> tuple[Manifest, list[plan.PlannedPatch], Mapping[str, features.Foreign]]:
    selected = select(data, export, grid)
    if selected.records is not None:
        (folder / FEATURES).write_text(selected.records.text(), encoding="utf-8")
    areas, corners, export = selected.areas, selected.corners, selected.export
    planned = plan.shard(corners, export.shards or 4)
    counts = ", ".join(f"{len(patches)} {split}" for split, patches in corners.items())
    _logger.info("export_examples: %d patches planned (%s)", len(planned), counts)
    manifest = Manifest(
        grid=grid.to_json(),
        bands=data.imagery.band_names,
        series=tuple(
            SeriesRecord(bands=series.bands, steps=tuple((step.start, step.end) for step in series.steps))
            for series in data.imagery.series
        ),
        data_type=data.imagery.data_type,
        patch_shape=export.patch_shape,
        task=task_of(data).record,
        label_type=task_of(data).data_type,
        splits={},
        gap=plan.gap(export),
        block_shape=export.block_shape,
        split_areas={split: mapping(area) for split, area in areas.items()},
        seed=export.seed,
        sampling=selected.plan.sampling(selected.plan.wanted, np.zeros_like(selected.plan.wanted)),
        expression_hash=expression_hash(ee.serializer.encode(windows.request_image(data, grid))),
        sources=(*(_source(asset, "imagery") for asset in data.imagery.assets), _labels(data.labels)),
    )
    return manifest, planned, selected.foreign


def _labels(labels: Labels) -> SourceRecord:
    if labels.asset:
        return _source(labels.asset, "labels")
    assert isinstance(labels, VectorLabels) and labels.held is not None
    return SourceRecord(asset=f"{len(labels.held):,} features of the config", role="labels")


def _source(asset: str, role: str) -> SourceRecord:
    """Who made an asset and under which terms, as far as its properties say so."""
    try:
        described: dict[str, Any] = ask(lambda: ee.data.getAsset(asset), 3, asset)
    except PixelsError as error:
        # A collection of the public catalogue may be read by expressions and yet not be described.
        _logger.warning("export_examples: no attribution: %s", error)
        described = {}
    properties = {key.lower(): str(value) for key, value in described.get("properties", {}).items()}

    def first(keys: tuple[str, ...]) -> str:
        return next((properties[key] for key in keys if key in properties), "")

    return SourceRecord(asset=asset, role=role, attribution=first(_ATTRIBUTION), license=first(_LICENSE))


def _clear(folder: Path) -> None:
    """Removes what an interrupted try left, the manifest first: without it nothing counts as finished."""
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
