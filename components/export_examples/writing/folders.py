"""Folders of an export: where it keeps what has arrived, and what it may clear where it writes."""

import contextlib
import posixpath
import re
from pathlib import Path

from kfp import dsl

from components.export_examples.writing.files import PART
from components.export_examples.writing.spool import ROOM
from earthline.formats.label_features import FEATURES
from earthline.formats.manifest import LOST, MANIFEST, SPLITS

BESIDE = ".unfinished"
"""Folder of the spools inside a dataset's, where there is no folder for temporary files."""
_SHARD = re.compile(rf"(?:{'|'.join(SPLITS)})-\d{{5}}(?:-of-\d{{5}}\.tfrecord(?:\.gz)?)?")


def spools(temp_location: str, examples: Path, *, remote: bool) -> str:
    """Where spools are kept, so that a later run finds them: a path, or a gs:// URI where workers have no other.

    Args:
        temp_location: The environment's folder for temporary files, gs:// or a path, which outlives a run; empty where
            there is none.
        examples: Folder of the dataset.
        remote: Whether workers elsewhere write to it.
    """
    if not temp_location:
        return str(examples / BESIDE)
    if remote:
        return posixpath.join(temp_location, ROOM)
    # KFP knows where a step finds a bucket's folder as files.
    return str(Path(dsl.Artifact(uri=temp_location).path) / ROOM)


def clear(folder: Path) -> None:
    """Removes what an earlier run left where the dataset goes, the manifest first: without it nothing counts as whole.

    Nothing that this step does not write is touched, and no spool.

    Args:
        folder: Of the dataset; made where it is missing.

    Raises:
        OSError: The folder cannot be made, or a file not removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    for path in folder.iterdir():
        name = path.name.removesuffix(PART)
        if name in (MANIFEST, LOST, FEATURES) or _SHARD.fullmatch(name):
            with contextlib.suppress(IsADirectoryError):
                path.unlink(missing_ok=True)
