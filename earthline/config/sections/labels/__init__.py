"""The section `data.labels`: the ground truth, from a raster or from points and polygons, and what it tells."""

from earthline.config.sections.labels.class_labels import (
    CLASS_BAND,
    MARGIN,
    PROBABILITIES,
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
from earthline.config.sections.labels.value_labels import (
    VALUE_BAND,
    Value,
    ValueExamples,
    ValueFeatures,
    ValueLabels,
    ValueRaster,
)
from earthline.config.sections.labels.vector import VectorLabels

__all__ = [
    "CLASS_BAND",
    "MARGIN",
    "PROBABILITIES",
    "PROBABILITY",
    "SET_SIZE",
    "VALUE_BAND",
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
