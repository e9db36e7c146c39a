"""A map of classes: its raster, its pictures, its areas and its report, whoever predicted it."""
