"""Labelled points and polygons in longitude and latitude, and the short form in which they travel."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry import shape as of_geojson

Array = np.ndarray[Any, Any]
Written = tuple[int | float, Any]
"""Label, and a pair (longitude, latitude) or a GeoJSON geometry."""

ANY_TIME = (1, 99991231)
"""First and last day of a label that is true at any time."""
_DIGITS = 7
"""Decimals of a degree: a centimetre."""


class FeaturesError(ValueError):
    """Features that cannot be labels; the text says why and what to do."""


@dataclass(frozen=True, eq=False)
class LabelFeatures:
    """Features that have a label: a number, whose meaning is the task's.

    Attributes:
        shapes: Points and polygons, of one part or several, in degrees, (features,).
        values: Their labels, whole numbers or not, (features,).
        dates: First and last day of when each was true, as `dates.dates` gives them, (features, 2); None where nobody
            asked.
    """

    shapes: Array
    values: Array
    dates: Array | None = None

    def __len__(self) -> int:
        """Number of features."""
        return len(self.values)

    def __eq__(self, other: object) -> bool:
        """The same labels at the same places, in any order."""
        return isinstance(other, LabelFeatures) and self.digest() == other.digest()

    def __hash__(self) -> int:
        """Goes with `__eq__`."""
        return hash(self.digest())

    def only(self, chosen: Array) -> "LabelFeatures":
        """Some of them, without their dates.

        Args:
            chosen: True where one is meant, (features,).
        """
        return LabelFeatures(self.shapes[chosen], self.values[chosen])

    @property
    def are_points(self) -> Array:
        """True where a feature is a point or several, (features,)."""
        return np.asarray(shapely.get_dimensions(self.shapes) == 0)

    def written(self) -> tuple[Written, ...]:
        """The features in the form that a section of the config holds."""
        return self._written

    @cached_property
    def _written(self) -> tuple[Written, ...]:
        return tuple(
            (value, _as_written(shape)) for value, shape in zip(self.values.tolist(), self.shapes, strict=True)
        )

    def digest(self) -> str:
        """SHA-256 of the content, in any order of the features."""
        lines = sorted(json.dumps(each, sort_keys=True, separators=(",", ":")) for each in self.written())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def joined(parts: Sequence[LabelFeatures]) -> LabelFeatures:
    """Features of several files as one.

    Args:
        parts: One or more. Where some have dates, those of the others are of any time.
    """
    dates = [np.tile(ANY_TIME, (len(part), 1)) if part.dates is None else part.dates for part in parts]
    if all(part.dates is None for part in parts):
        dates = []
    return LabelFeatures(
        np.concatenate([part.shapes for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate(dates) if dates else None,
    )


def read(written: Sequence[Written]) -> LabelFeatures:
    """The features of a section.

    Args:
        written: As `LabelFeatures.written` gives them.

    Raises:
        FeaturesError: A geometry that is none.
    """
    shapes = []
    for number, (_, geometry) in enumerate(written):
        try:
            pair = isinstance(geometry, list | tuple)
            shapes.append(shapely.Point(*map(float, geometry)) if pair else of_geojson(geometry))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, shapely.errors.ShapelyError) as error:
            raise FeaturesError(f"features.{number} has no geometry that can be read ({error})") from error
    found = np.empty(len(shapes), object)
    found[:] = shapes
    return LabelFeatures(found, np.array([value for value, _ in written]))


def _as_written(shape: Any) -> Any:
    if shape.geom_type == "Point":
        return [round(shape.x, _DIGITS), round(shape.y, _DIGITS)]
    return _plain(mapping(shape))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value
