"""The config: one YAML file, one frozen model, errors that name the key, the value and the fix."""

from earthline.config.loading import ConfigError, as_written, load, parse
from earthline.config.machines import Step
from earthline.config.sections.budget import Budget
from earthline.config.sections.data import Data
from earthline.config.sections.environment import Dataflow, Environment
from earthline.config.sections.evaluate import Evaluate
from earthline.config.sections.examples import Examples, ExampleSplit
from earthline.config.sections.export import Export, SplitRegions
from earthline.config.sections.imagery import Imagery, Source
from earthline.config.sections.labels import ExampleLabels, Labels, RasterLabels, VectorLabels
from earthline.config.sections.predict import Predict
from earthline.config.sections.region import BoundingBox, Outline, Region
from earthline.config.sections.schedule import Schedule
from earthline.config.sections.serving import Serving
from earthline.config.sections.train import Train
from earthline.config.sections.validation import Validation
from earthline.config.workflow import Config

__all__ = [
    "BoundingBox",
    "Budget",
    "Config",
    "ConfigError",
    "Data",
    "Dataflow",
    "Environment",
    "Evaluate",
    "ExampleLabels",
    "ExampleSplit",
    "Examples",
    "Export",
    "Imagery",
    "Labels",
    "Outline",
    "Predict",
    "RasterLabels",
    "Region",
    "Schedule",
    "Serving",
    "Source",
    "SplitRegions",
    "Step",
    "Train",
    "Validation",
    "VectorLabels",
    "as_written",
    "load",
    "parse",
]
