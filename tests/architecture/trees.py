"""A copy of the tree to which a test adds something."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]


def copied(folder: Path, *packages: str) -> Path:
    """Copies packages with their bytecode, which holds while a file keeps its time, but what is being written."""
    for package in packages:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("*.pyc.*"))
    return folder


def insert(path: Path, after: str, line: str) -> None:
    """Adds a line after the first line that ends so."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    place = next(number for number, each in enumerate(lines, start=1) if each.rstrip("\n").endswith(after))
    lines.insert(place, line + "\n")
    path.write_text("".join(lines), encoding="utf-8")
