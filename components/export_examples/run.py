"""Plans the patches, fetches them, and writes shards and manifest."""

import errno
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kfp import dsl

from components.export_examples import description, rounds, runners
from components.export_examples.batch import delivery
from components.export_examples.existing import dataset
from components.export_examples.fetching.memory import return_freed
from components.export_examples.job import LOCAL, Job
from components.export_examples.method import Method
from components.export_examples.planning.points import PointsError
from components.export_examples.planning.selection import select
from components.export_examples.rounds import Gathered
from components.export_examples.writing import fingerprint, folders
from components.export_examples.writing.spool import Spool
from components.export_examples.writing.write import write
from earthline import separation
from earthline.config import Data, Export
from earthline.earth_engine import verification
from earthline.earth_engine.connection import connect
from earthline.earth_engine.imagery import data_types
from earthline.entry_point import entry_point
from earthline.formats import band_lists
from earthline.formats.label_features import FEATURES
from earthline.formats.manifest import EARTHLINE, SPLITS, Manifest

_logger = logging.getLogger(__name__)


class ExportError(RuntimeError):
    """The patches could not be written; the text says why and what to do."""


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
    sources: str = "",
    gcp_resources: str = "",
) -> None:
    """Exports the examples.

    Args:
        data: The config's section.
        export: The config's section.
        project: Google Cloud project that the requests count against.
        temp_location: Folder for what has arrived until all has, and for the temporary files of a remote Beam runner:
            gs://, or a path; empty for a folder inside of the examples'.
        examples: Folder of shards and manifest to write.
        location: Where a remote Beam runner works.
        image: Container image of a remote Beam runner's workers.
        dataflow: Options of Beam's Dataflow runner, as a JSON object.
        sources: Fingerprint of imagery and labels: what arrived when they were others is not taken.
        gcp_resources: File to write Dataflow's job into, as Google's own components do.

    Raises:
        ImageryError: The config names something that Earth Engine does not have.
        SplitError: The region cannot be split as asked.
        PointsError: There is nothing to sample.
        PixelsError: Earth Engine does not answer.
        BatchError: A task of Earth Engine fails for good.
        ExportError: A full disk.
        ValueError: Of `existing.dataset.take`, where the examples exist already.
    """
    folder = Path(examples.path)
    folders.clear(folder)
    if gcp_resources:
        runners.link(gcp_resources)
    if data.examples is not None:
        dataset.take(data, export, project, folder)
        _tell(examples, Manifest.read(folder), {})
        return
    remote = {
        "temp_location": temp_location,
        "region": location,
        "sdk_container_image": image,
        **json.loads(dataflow),
    }
    with _explained(folder):
        written, counted = make(
            data,
            export,
            project,
            folder,
            folders.spools(temp_location, folder, remote=export.runner != LOCAL),
            {key: value for key, value in remote.items() if value},
            sources,
            gcp_resources,
        )
    _tell(examples, written, counted)


def make(
    data: Data,
    export: Export,
    project: str,
    folder: Path,
    spools: str,
    remote: Mapping[str, Any] | None = None,
    sources: str = "",
    resources: str = "",
) -> tuple[Manifest, dict[str, float]]:
    """Makes the dataset in a folder, or goes on where an earlier run ended.

    Args:
        data: The section.
        export: The section.
        project: Google Cloud project that the requests count against.
        folder: Of shards and manifest; is there already.
        spools: Folder for what arrives until all has: a path, or a gs:// URI.
        remote: Further Beam options of a remote runner; its `temp_location` is where export tasks write, too.
        sources: As `run`.
        resources: File to write Dataflow's job into; empty where nobody asks.

    Returns:
        The manifest as it was written, and counters and distributions of the requests.

    Raises:
        Exception: As `run`.
    """
    delivery.require_bucket(export, str((remote or {}).get("temp_location", "")))
    return_freed()
    connect(project, export.concurrency, export.requests_per_second)
    grid = verification.verify(data)
    data = data_types.resolved(data, grid)
    selected = select(data, export, grid)
    plan, export = selected.plan, selected.export
    counts = ", ".join(f"{count} {split}" for split, count in zip(SPLITS, plan.wanted.sum(axis=1), strict=True))
    _logger.info("export_examples: %d patches planned (%s)", plan.wanted.sum(), counts)
    manifest, changed = description.describe(data, grid, selected)
    if manifest.format != EARTHLINE:
        band_lists.names(manifest.bands)
    key = fingerprint.key(
        data, export.patch_shape, grid, manifest.expression_hash, {**changed, "": sources}, selected.foreign
    )
    spool = Spool.open(spools, key, project)
    job = Job(data=data, export=export, project=project, grid=grid, foreign=selected.foreign)
    method = Method(job, spool, remote or {}, resources)
    gathered = rounds.gather(plan, spool, method.bring, ahead=method.ahead)
    rounds.told(gathered, plan)
    _require_examples(gathered)
    if selected.records is not None:
        (folder / FEATURES).write_text(selected.records.text(), encoding="utf-8")
    written = write(
        spool,
        gathered.corners,
        manifest.model_copy(
            update={
                "sampling": gathered.sampling,
                "apart": separation.least(grid, export.patch_shape, gathered.corners),
            }
        ),
        str(folder),
        shards=export.shards,
        lost=gathered.losses,
        project=project,
    )
    spool.remove()
    return written, method.counted


def _require_examples(gathered: Gathered) -> None:
    for split, taken in zip(SPLITS, gathered.taken.sum(axis=1).tolist(), strict=True):
        if not taken:
            raise PointsError(
                f"export: empty split '{split}': of {len(gathered.losses[split]):,} labelled places in its area none "
                "has imagery; change export.seed or export.block_shape, or give export.split_regions"
            )


def _tell(examples: dsl.Dataset, written: Manifest, counted: Mapping[str, float]) -> None:
    for split, summary in written.splits.items():
        examples.metadata[f"{split}_examples"] = summary.examples
    examples.metadata["expression_hash"] = written.expression_hash
    examples.metadata |= counted


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Says what to do about a full disk; Beam wraps the workers' errors, so their text is what can be recognized."""
    try:
        yield
    except Exception as error:
        if f"[Errno {errno.ENOSPC}]" not in str(error):
            raise
        raise ExportError(
            f"{folder}: the disk is full; free some space or ask for fewer export.examples, and run again (what has "
            "arrived is kept, and the manifest is written last)"
        ) from error
