"""Where labels would help most: places to visit, drawn so that later estimates stay unbiased."""

from earthline.field_points.needs import NeedError, Needs
from earthline.field_points.points import Point, draw

__all__ = ["NeedError", "Needs", "Point", "draw"]
