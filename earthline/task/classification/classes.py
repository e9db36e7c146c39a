"""The classes of a map: what all sides of classification share."""

from dataclasses import dataclass

UNLABELLED = 255
"""No class: where there is no label, no imagery or no number."""


@dataclass(frozen=True)
class Classes:
    """The classes.

    Attributes:
        names: By class id.
        colors: #rrggbb by class id; empty where nothing is to be drawn.
        values: Values of the label raster by class id; empty where no label raster is to be read.
        ranges: Ranges of its values in place of that: the lowest, the highest, the class id, and whether the highest is
            part of it.
    """

    names: tuple[str, ...]
    colors: tuple[str, ...] = ()
    values: tuple[tuple[int, ...], ...] = ()
    ranges: tuple[tuple[float, float, int, bool], ...] = ()
