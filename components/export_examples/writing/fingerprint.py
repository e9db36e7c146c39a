"""What the bytes of an example depend on: where two exports agree in all of it, one may take what the other fetched."""

import hashlib
from collections.abc import Mapping
from typing import Any

import shapely

from components.export_examples.planning.feature_owners import Foreign
from earthline.config import Data
from earthline.grid import Grid
from earthline.task import task_of

VERSION = 1
"""To be raised whenever the same pixels become other bytes."""


def key(
    data: Data,
    patch_shape: tuple[int, int],
    grid: Grid,
    expression_hash: str,
    versions: Mapping[str, str],
    foreign: Mapping[str, Foreign],
) -> dict[str, Any]:
    """The key of a spool. Not in it is which patches are planned: a patch that is still wanted is taken.

    Args:
        data: The section, with a data type that is not `auto`.
        patch_shape: Of a patch in pixels (height, width).
        grid: Of the whole region.
        expression_hash: Of the image that is asked for.
        versions: When each asset was changed last.
        foreign: Features that are no label in the patches of a split, by split.
    """
    task = task_of(data)
    return {
        "version": VERSION,
        "grid": grid.to_json(),
        "expression": expression_hash,
        "assets": dict(versions),
        "bands": list(data.imagery.band_names),
        "data_type": data.imagery.data_type,
        "label_type": task.data_type,
        "label_offset": list(data.labels.offset),
        "patch_shape": list(patch_shape),
        "foreign": {split: _digest(each) for split, each in sorted(foreign.items())},
    }


def _digest(foreign: Foreign) -> str:
    found = hashlib.sha256()
    for shape in foreign.shapes:
        found.update(shapely.to_wkb(shape))
    return found.hexdigest()
