"""What a dataset's folder holds where labels are points and polygons: `features.json`, which split owns each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

FEATURES = "features.json"
_DIGITS = 3
"""Decimals of a pixel."""


@dataclass(frozen=True)
class FeatureRecord:
    """One feature.

    Attributes:
        value: Its label, a number whose meaning is the task's.
        point: Whether it is a point, with or without a radius.
        group: Number of the group that is kept in one split.
        split: The split that owns it: pixels of it are no label in patches of others.
        shape: Geometry in pixels of the manifest's grid, x = column and y = row; of a point with a radius the circle.
    """

    value: int | float
    point: bool
    group: int
    split: str
    shape: Any


@dataclass(frozen=True)
class FeatureRecords:
    """All features of a dataset.

    Attributes:
        features: In the order of the labels.
        all_touched: Whether polygons take each pixel that they touch; else those whose centre lies inside.
    """

    features: Sequence[FeatureRecord]
    all_touched: bool

    def text(self) -> str:
        """The content of `features.json`."""
        rows = [
            [each.value, int(each.point), each.group, each.split, shapely.to_wkt(each.shape, _DIGITS, trim=True)]
            for each in self.features
        ]
        return json.dumps({"all_touched": self.all_touched, "features": rows}, separators=(",", ":")) + "\n"

    @classmethod
    def read(cls, folder: Path) -> "FeatureRecords | None":
        """Reads `features.json`; None where there is none. Raises ValueError where it is damaged."""
        path = folder / FEATURES
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            rows = [
                FeatureRecord(value, bool(point), int(group), str(split), shapely.from_wkt(text))
                for value, point, group, split, text in content["features"]
            ]
            return cls(rows, bool(content["all_touched"]))
        except (KeyError, TypeError, ValueError, shapely.errors.ShapelyError) as error:
            raise ValueError(f"{FEATURES} cannot be used: {error}") from error
