"""What has arrived becomes the dataset: shards, the list of what was lost, and the manifest."""

import csv
import io
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from components.export_examples.writing import layout
from components.export_examples.writing.chunks import LostPatch
from components.export_examples.writing.files import write_whole
from components.export_examples.writing.manifest import WriteManifest
from components.export_examples.writing.records import Records
from components.export_examples.writing.shards import GZIP, PACKED, ShardWriter
from components.export_examples.writing.spool import Spool
from earthline.formats import band_lists
from earthline.formats.manifest import EARTHLINE, LOST, SPLITS, Manifest, shard_name
from earthline.task import task_of_record

Array = np.ndarray[Any, Any]

_MOST_THREADS = 4


def write(
    spool: Spool,
    corners: Mapping[str, Array],
    manifest: Manifest,
    folder: str,
    *,
    shards: int | None = None,
    lost: Mapping[str, list[LostPatch]] | None = None,
    project: str = "",
) -> Manifest:
    """Writes the dataset; the manifest comes last, so that a folder without one is not finished.

    The same patches give the same files, in whatever order and in however many runs they arrived.

    Args:
        spool: Holds every patch.
        corners: Of the patches of each split, first pixels, whole numbers (patches, 2): rows and columns; distinct.
        manifest: Complete but for its `splits`; its `format` and `compress` say how the shards are written.
        folder: Of the dataset, a path or a gs:// URI.
        shards: Files of each split; None where their number follows the bytes.
        lost: By split, planned patches without an example.
        project: Google Cloud project of requests to Cloud Storage.

    Raises:
        KeyError: The spool does not hold a patch.
        ChunkError: A chunk was damaged since the spool was opened.
        OSError: The spool cannot be read, or a file not written.
    """
    writer = ShardWriter(folder, manifest, task_of_record(manifest.task), project)
    lost = lost or {}
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1), thread_name_prefix="shards") as pool:
        begun = [
            pool.submit(writer.write, split, name, records)
            for split, name, records in planned(spool, corners, manifest, shards)
        ]
        try:
            written = [future.result() for future in begun]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if any(lost.values()):
        write_whole(folder, LOST, [_told(lost).encode()])
    return WriteManifest(folder, manifest, {split: len(found) for split, found in lost.items()})(written)


def planned(
    spool: Spool, corners: Mapping[str, Array], manifest: Manifest, shards: int | None
) -> Iterator[tuple[str, str, Records]]:
    """The shards: split, file name, and where the examples of each stand.

    Args:
        spool: As `write`.
        corners: As `write`.
        manifest: As `write`.
        shards: As `write`.

    Raises:
        KeyError: The spool does not hold a patch.
    """
    suffix = PACKED if manifest.compress == GZIP else ""
    for split in (split for split in SPLITS if len(corners.get(split, ()))):
        records = spool.find(split, corners[split])
        size = int(records.length.sum(dtype=np.int64))
        if manifest.format != EARTHLINE:
            size = len(records) * band_lists.size(manifest.patch_shape, len(manifest.bands))
        number = layout.count(len(records), size, shards)
        for place, mine in enumerate(layout.deal(corners[split], number)):
            yield split, f"{shard_name(split, place, number)}{suffix}", records.only(mine)


def _told(lost: Mapping[str, list[LostPatch]]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["split", "row", "column", "reason"])
    for split in SPLITS:
        for each in sorted(lost.get(split, ()), key=lambda patch: (patch.row, patch.column)):
            table.writerow([split, each.row, each.column, each.reason])
    return text.getvalue()
