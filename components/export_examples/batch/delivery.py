"""What the tasks of a round bring, put into the spool."""

import posixpath
from collections import Counter

import numpy as np

from components.export_examples.batch.following import BatchError, Following
from components.export_examples.batch.recipe import Array, Corner
from components.export_examples.batch.task import ROOM, clear_old
from components.export_examples.job import Job
from components.export_examples.planning.patches import Plan
from components.export_examples.writing.chunks import ChunkWriter
from components.export_examples.writing.encode import Encoder
from earthline.formats.manifest import SPLITS
from earthline.storage.patterns import REMOTE


def bring(job: Job, missing: Plan, spool: str, temp_location: str) -> dict[str, float]:
    """Exports patches by Earth Engine's tasks, and puts them into the spool.

    Args:
        job: What is exported.
        missing: Patches that the spool lacks.
        spool: Its folder, whose name is the fingerprint of the export.
        temp_location: gs:// folder for temporary files.

    Returns:
        How many tasks were begun, and how many patches came.

    Raises:
        BatchError: There is no bucket, or a task fails for good.
        PixelsError: Earth Engine does not answer.
        OSError: The spool cannot be written.
    """
    if not temp_location.startswith(REMOTE):
        raise BatchError(
            "export.method: batch has no bucket for what Earth Engine's tasks write; name one by environment.bucket, "
            "or use export.method: pixels"
        )
    clear_old(temp_location, job.project)
    encode, writer, counted = Encoder(job), ChunkWriter(spool), Counter[str]()
    splits = dict(zip(zip(missing.row.tolist(), missing.column.tolist(), strict=True), missing.split, strict=True))

    def take(corner: Corner, pixels: Array) -> None:
        counted["patches"] += 1
        writer.add(encode(SPLITS[splits[corner]], *corner, pixels))

    following = Following(job, posixpath.join(temp_location, ROOM, posixpath.basename(spool.rstrip("/"))))
    following.run(np.column_stack([missing.row, missing.column]), take, writer.flush)
    return {"fetched_patches": float(counted["patches"]), "export_tasks": float(following.begun)}
