"""The section `data.labels`: the ground truth and its classes, from a raster or from points and polygons."""

from earthline.config.sections.labels.classes import FeatureClass, LabelClass, RasterClass
from earthline.config.sections.labels.kinds import AnyLabels, meant
from earthline.config.sections.labels.raster import RasterLabels
from earthline.config.sections.labels.section import Labels
from earthline.config.sections.labels.vector import VectorLabels

__all__ = [
    "AnyLabels",
    "FeatureClass",
    "LabelClass",
    "Labels",
    "RasterClass",
    "RasterLabels",
    "VectorLabels",
    "meant",
]
