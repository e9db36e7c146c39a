"""How much ground each class of a map covers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline.task.classification.classes import UNLABELLED, Classes
from earthline.task.maps import Coverage

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ClassArea:
    """One class on the map.

    Attributes:
        name: Of the class.
        color: #rrggbb.
        pixels: Mapped pixels.
        share: Of all mapped pixels' ground, 0 to 1.
        hectares: On the ellipsoid; None where they are not known.
    """

    name: str
    color: str
    pixels: int
    share: float
    hectares: float | None


class ClassCoverage(Coverage):
    """Pixels and ground by class id.

    Attributes:
        pixels: By class id, (classes,).
        masked: Pixels without a class.
        unknown: Pixels of an id that no class has.
    """

    def __init__(self, classes: Classes, measured: bool) -> None:
        """Begins with nothing.

        Args:
            classes: Those of the map; other ids are no class.
            measured: False where the ground of pixels is not known.
        """
        self._classes = classes
        self._measured = measured
        count = len(classes.names)
        self.pixels = np.zeros(count, np.int64)
        self.masked = 0
        self.unknown = 0
        self._ground = np.zeros(count)

    def add(self, values: Array, hectares: Array) -> None:
        """As `Coverage.add`."""
        count = len(self.pixels)
        mapped = values < count
        masked = int((values == UNLABELLED).sum())
        self.masked += masked
        self.unknown += values.size - masked - int(mapped.sum())
        self.pixels += np.bincount(values[mapped], minlength=count)
        self._ground += np.bincount(values[mapped], weights=hectares[mapped], minlength=count)

    @property
    def problem(self) -> str:
        """Ids that no class has."""
        if not self.unknown:
            return ""
        return f"the model gave class ids of {len(self.pixels)} and above, which no class has"

    def shown(self) -> Mapping[str, Any]:
        """The areas, and the number of pixels without a class."""
        return {"areas": self.by_class(), "masked": self.masked}

    def by_class(self) -> list[ClassArea]:
        """The areas by class id."""
        total = float(self._ground.sum())
        described = zip(self._classes.names, self._classes.colors, self.pixels, self._ground, strict=True)
        return [
            ClassArea(name, color, int(pixels), float(ground) / total, float(ground) if self._measured else None)
            for name, color, pixels, ground in described
        ]
