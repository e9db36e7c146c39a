"""A map: its raster, its pictures, its areas and its report, whoever predicted it."""
