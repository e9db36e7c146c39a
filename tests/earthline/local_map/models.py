"""Contracts of models that were never trained."""

from typing import Any

from earthline.formats.learned_ground import LearnedGround
from earthline.formats.served.contract import Contract
from earthline.task.classification.task import Classification

from .files import CORNER, CRS, SCALE

BANDS = ("a", "b")
NAMES = ("water", "forest", "town")
NOWHERE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
GRID: dict[str, Any] = {"crs": CRS, "transform": [SCALE, 0, CORNER[0], 0, -SCALE, CORNER[1]], "shape": [500, 500]}


def contract(**fields: Any) -> Contract:
    told = {
        "bands": BANDS,
        "task": Classification(NAMES).record,
        "tile_shape": (8, 12),
        "overlap": (4, 6),
        "stride": 2,
        "max_payload_bytes": 1_500_000,
        "learned_ground": LearnedGround(grid=GRID, area=NOWHERE, gap=0),
    }
    return Contract(**{**told, **fields})
