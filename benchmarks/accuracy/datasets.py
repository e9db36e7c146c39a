"""Dataset folders, written once for each set and seed."""

import shutil
from pathlib import Path

from benchmarks.accuracy.sets import find
from earthline.formats.manifest import MANIFEST


def folder(name: str, seed: int, work: Path) -> Path:
    """Where the dataset of a set and seed lies, or will lie."""
    return work / name / str(seed)


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
    there = folder(name, seed, work)
    if not (there / MANIFEST).is_file():
        # The manifest is written last: a folder without one was not finished.
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir(parents=True)
        find(name).write(there, seed)
    return there
