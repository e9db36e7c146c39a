"""Outlines of regions: polygons in longitude and latitude, read from files and laid on pixel grids."""
