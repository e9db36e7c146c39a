"""Grids, projections and pixels: the arithmetic under every image."""
