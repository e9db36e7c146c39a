"""Pixel grids and the coordinate reference systems (CRSs) that they lie in."""

from earthline.grid.crs import GridError, default_crs, known_crs, shown, written
from earthline.grid.grid import Box, Grid

__all__ = ["Box", "Grid", "GridError", "default_crs", "known_crs", "shown", "written"]
