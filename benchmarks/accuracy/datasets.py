"""Dataset folders, written once for each set and seed."""

import shutil
from pathlib import Path

from benchmarks.accuracy.sets import find
from earthline.formats.manifest import MANIFEST


def prepared(name: str, seed: int, work: Path) -> Path:
    """The dataset of a set for a seed; written first where it is not there.

    Args:
        name: Of the set.
        seed: Of the split and of the drawn patches.
        work: Folder of all datasets.

    Raises:
        Missing: The set's files are not here.
        ValueError: It cannot be split as asked.
    """
    folder = work / name / str(seed)
    if not (folder / MANIFEST).is_file():
        # The manifest is written last: a folder without one was not finished.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        find(name).write(folder, seed)
    return folder
