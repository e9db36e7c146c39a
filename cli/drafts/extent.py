"""Where a file's features lie, and how coarse an outline has to be."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from cli.drafts.answers import DraftError
from earthline.label_features import files
from earthline.label_features.far import far_from_all
from earthline.label_features.features import FeaturesError
from earthline.outlines import files as outlines
from earthline.outlines.shapes import OutlineError

_DECIMALS = 3
"""Of degrees, about 100 m: the box is a proposal that somebody reads."""


_NOWHERE = 1e-6
"""Degrees from (0, 0) within which a place is none: that is what missing coordinates become."""
_LISTED = 3


@dataclass(frozen=True)
class Around:
    """Where labels lie.

    Attributes:
        box: Around those that lie together, as `--region` takes it.
        strays: Longitude and latitude of each label that was left out, as it lies far from all others.
    """

    box: str
    strays: tuple[tuple[float, float], ...]

    @property
    def told(self) -> str:
        """In words, up to the box."""
        if not self.strays:
            return f"all labels lie within --region {self.box}"
        listed = ", ".join(f"({x:.5g}, {y:.5g})" for x, y in self.strays[:_LISTED])
        more = f" and {len(self.strays) - _LISTED:,} more" if len(self.strays) > _LISTED else ""
        return f"all labels lie within --region {self.box} but those far from all others, at {listed}{more}"


def around(path: Path, field: str, layer: str | None) -> Around:
    """Where the features of a file lie that have a label.

    Args:
        path: A vector file, or a CSV file.
        field: Its field that holds the label.
        layer: Its layer; None where there is one.

    Raises:
        DraftError: The file cannot be read, or holds no label.
    """
    try:
        found, _ = files.read(files.Question(path, field, layer), lambda values: [_label(value) for value in values])
    except FeaturesError as error:
        raise DraftError(f"--labels-file: {error}") from error
    middles = shapely.get_coordinates(shapely.centroid(found.shapes))
    stray = _strays(middles)
    west, south, east, north = (float(side) for side in shapely.total_bounds(found.shapes[~stray]))
    unit = 10**_DECIMALS
    sides = [math.floor(west * unit), math.floor(south * unit), math.ceil(east * unit), math.ceil(north * unit)]
    return Around(",".join(f"{side / unit:g}" for side in sides), tuple(map(tuple, middles[stray].tolist())))


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


def _strays(middles: np.ndarray) -> np.ndarray:
    """Which of the places (features, 2) lie where no other does; (features,)."""
    nowhere = (np.abs(middles) < _NOWHERE).all(axis=1)
    stray = np.zeros(len(middles), bool) if nowhere.all() else nowhere
    for place in range(2):
        numbers, counts = np.unique(middles[:, place], return_counts=True)
        stray |= np.isin(middles[:, place], far_from_all(dict(zip(numbers.tolist(), counts.tolist(), strict=True))))
    return stray


def _label(value: object) -> int | None:
    return None if files.is_empty(value) else 1
