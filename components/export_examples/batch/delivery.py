"""What the tasks of a round bring, put into the spool."""

import posixpath
from collections import Counter

import numpy as np

from components.export_examples.batch.following import BatchError, Following
from components.export_examples.batch.recipe import Array, Corner
from components.export_examples.batch.task import ROOM, Ledger, clear_old
from components.export_examples.job import Job
from components.export_examples.planning.patches import Plan
from components.export_examples.writing.chunks import ChunkWriter
from components.export_examples.writing.encode import Encoder
from components.export_examples.writing.spool import Spool
from earthline.config import Export
from earthline.formats.manifest import SPLITS
from earthline.storage.patterns import REMOTE


def require_bucket(export: Export, temp_location: str) -> None:
    """Checks that tasks have somewhere to write, before anything is computed.

    Args:
        export: The section.
        temp_location: Folder for temporary files.

    Raises:
        BatchError: There is no bucket.
    """
    if export.uses_tasks and not temp_location.startswith(REMOTE):
        raise BatchError(
            f"export.method: {export.method} has no bucket for what Earth Engine's tasks write; name one by "
            "environment.bucket, or use export.method: pixels"
        )


def told_of(job: Job, spool: Spool, temp_location: str) -> set[Corner]:
    """First pixels of the patches that an earlier process has asked tasks for.

    Args:
        job: What is exported.
        spool: Whose folder's name is the fingerprint of the export.
        temp_location: gs:// folder for temporary files.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
    """
    return {corner for task in Ledger(_folder(spool, temp_location), job.project).tasks() for corner in task.corners}


def bring(job: Job, missing: Plan, spool: Spool, temp_location: str) -> dict[str, float]:
    """Exports patches by Earth Engine's tasks, and puts them into the spool.

    Args:
        job: What is exported.
        missing: Patches that the spool lacks.
        spool: As `told_of`; the tasks are proved by a patch that is in it, where there is one.
        temp_location: gs:// folder for temporary files.

    Returns:
        How many tasks were begun, and how many patches came.

    Raises:
        BatchError: A task fails for good.
        PixelsError: Earth Engine does not answer.
        OSError: The spool cannot be written.
    """
    clear_old(temp_location, job.project)
    encode, writer, counted = Encoder(job), ChunkWriter(spool.folder), Counter[str]()
    splits = dict(zip(zip(missing.row.tolist(), missing.column.tolist(), strict=True), missing.split, strict=True))

    def take(corner: Corner, pixels: Array) -> None:
        counted["patches"] += 1
        writer.add(encode(SPLITS[splits[corner]], *corner, pixels))

    held = next((each for each in map(spool.held, SPLITS) if len(each)), None)
    witness = None if held is None else (int(held[0, 0]), int(held[0, 1]))
    following = Following(job, _folder(spool, temp_location))
    following.run(np.column_stack([missing.row, missing.column]), take, writer.flush, witness)
    return {"fetched_patches": float(counted["patches"]), "export_tasks": float(following.begun)}


def _folder(spool: Spool, temp_location: str) -> str:
    """Of what is told of the export's tasks, and of their results."""
    return posixpath.join(temp_location, ROOM, posixpath.basename(spool.folder.rstrip("/")))
