"""The section `data.imagery`: one module for each noun of it."""

from earthline.config.sections.imagery.bands import RESERVED_PREFIX, Band
from earthline.config.sections.imagery.derived import Derived
from earthline.config.sections.imagery.filters import Comparison
from earthline.config.sections.imagery.function import Function
from earthline.config.sections.imagery.ready import READY, Ready
from earthline.config.sections.imagery.section import AnyImagery, DataType, Imagery, OneSource, SeveralSources, meant
from earthline.config.sections.imagery.source import CloudMask, Composite, Resample, Source
from earthline.config.sections.imagery.time import Step, Time

__all__ = [
    "READY",
    "RESERVED_PREFIX",
    "AnyImagery",
    "Band",
    "CloudMask",
    "Comparison",
    "Composite",
    "DataType",
    "Derived",
    "Function",
    "Imagery",
    "OneSource",
    "Ready",
    "Resample",
    "SeveralSources",
    "Source",
    "Step",
    "Time",
    "meant",
]
