"""Rectangles in longitude and latitude, as `region` and `split_regions` give them."""

from typing import Self

from pydantic import Field, model_validator

from earthline.config.section import Number, Section


class BoundingBox(Section):
    """A rectangle in longitude and latitude (EPSG:4326)."""

    west: Number = Field(ge=-180, le=180, description="Western edge in degrees.")
    south: Number = Field(ge=-90, le=90, description="Southern edge in degrees.")
    east: Number = Field(ge=-180, le=180, description="Eastern edge in degrees.")
    north: Number = Field(ge=-90, le=90, description="Northern edge in degrees.")

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.west >= self.east or self.south >= self.north:
            raise ValueError(
                f"west {self.west} must lie west of east {self.east}, and south {self.south} south of "
                f"north {self.north}; swap them (a region across the antimeridian needs two workflows)"
            )
        return self

    @property
    def degrees(self) -> tuple[float, float, float, float]:
        """(west, south, east, north)."""
        return self.west, self.south, self.east, self.north

    def overlaps(self, other: "BoundingBox") -> bool:
        """True where the two rectangles share any area."""
        return (
            self.west < other.east and other.west < self.east and self.south < other.north and other.south < self.north
        )
