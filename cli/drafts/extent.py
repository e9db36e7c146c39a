"""Where a file's features lie, and how coarse an outline has to be."""

import math
from pathlib import Path

import shapely

from cli.drafts.answers import DraftError
from earthline.label_features import files
from earthline.label_features.features import FeaturesError
from earthline.outlines import files as outlines
from earthline.outlines.shapes import OutlineError

_DECIMALS = 3
"""Of degrees, about 100 m: the box is a proposal that somebody reads."""


def box(path: Path, field: str) -> str:
    """A box around all features of a file that have a label, as `--region` takes it.

    Args:
        path: A vector file, or a CSV file.
        field: Its field that holds the label.

    Raises:
        DraftError: The file cannot be read, or holds no label.
    """
    try:
        found, _ = files.read(files.Question(path, field), lambda values: [_label(value) for value in values])
    except FeaturesError as error:
        raise DraftError(f"--labels-file: {error}") from error
    west, south, east, north = (float(side) for side in shapely.total_bounds(found.shapes))
    unit = 10**_DECIMALS
    sides = [math.floor(west * unit), math.floor(south * unit), math.ceil(east * unit), math.ceil(north * unit)]
    return ",".join(f"{side / unit:g}" for side in sides)


def simplification(path: Path) -> float | None:
    """Metres by which an outline in a file has to move, so that it has few enough corners; None where it has.

    Args:
        path: A vector file; whatever else is wrong with it is not told here.
    """
    try:
        outlines.read(path, None, {}, None)
    except OutlineError as error:
        return error.simplify
    return None


def _label(value: object) -> int | None:
    return None if files.is_empty(value) else 1
