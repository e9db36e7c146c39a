"""The config: one YAML file, one frozen model, errors that name the key, the value and the fix."""

from earthline.config.data import BoundingBox, Data, Imagery, LabelClass, Labels
from earthline.config.environment import Dataflow, Environment
from earthline.config.loading import ConfigError, load, parse
from earthline.config.machines import Step
from earthline.config.steps import (
    Evaluate,
    Export,
    Predict,
    Schedule,
    Serving,
    SplitRegions,
    Train,
)
from earthline.config.workflow import Config

__all__ = [
    "BoundingBox",
    "Config",
    "ConfigError",
    "Data",
    "Dataflow",
    "Environment",
    "Evaluate",
    "Export",
    "Imagery",
    "LabelClass",
    "Labels",
    "Predict",
    "Schedule",
    "Serving",
    "SplitRegions",
    "Step",
    "Steps",
    "Train",
    "load",
    "parse",
]
