"""The section `data.labels`: the ground truth, from a raster or from points and polygons, and what it tells."""

from earthline.config.sections.labels.class_labels import (
    MARGIN,
    PROBABILITY,
    SET_SIZE,
    ClassLabels,
    ExampleClassLabels,
    RasterClassLabels,
    VectorClassLabels,
)
from earthline.config.sections.labels.classes import FeatureClass, LabelClass, RasterClass
from earthline.config.sections.labels.kinds import AnyLabels, Parts, installed, known, meant
from earthline.config.sections.labels.of_examples import ExampleLabels
from earthline.config.sections.labels.raster import RasterLabels
from earthline.config.sections.labels.section import Labels
from earthline.config.sections.labels.value_labels import Value, ValueExamples, ValueFeatures, ValueLabels, ValueRaster
from earthline.config.sections.labels.vector import VectorLabels

__all__ = [
    "MARGIN",
    "PROBABILITY",
    "SET_SIZE",
    "AnyLabels",
    "ClassLabels",
    "ExampleClassLabels",
    "ExampleLabels",
    "FeatureClass",
    "LabelClass",
    "Labels",
    "Parts",
    "RasterClass",
    "RasterClassLabels",
    "RasterLabels",
    "Value",
    "ValueExamples",
    "ValueFeatures",
    "ValueLabels",
    "ValueRaster",
    "VectorClassLabels",
    "VectorLabels",
    "installed",
    "known",
    "meant",
]
