"""What every worker of an export knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.export_examples.planning.feature_owners import Foreign
from earthline.config import Data, Export
from earthline.grid import Grid

LOCAL = "DirectRunner"
"""The runner of this process alone; the others have workers elsewhere."""
REQUESTS_PER_WORKER = 5
"""A small share of the quota for each worker measured best: stalls of one do not idle the others."""
METRICS = "export_examples"
"""Namespace of the export's own counters and distributions among Beam's metrics."""
REFUSALS = "refusals"
"""Name of the set among them that holds what ended a remote worker's part."""
REROUTED = "rerouted_patches"
"""Name of the counter of patches that come by no request, and are left to tasks of Earth Engine."""
REROUTES = "reroutes"
"""Name of the set that says why."""


@dataclass(frozen=True)
class Job:
    """What every worker knows.

    Attributes:
        data: The section.
        export: The section.
        project: Google Cloud project that the requests count against.
        grid: Of the whole region.
        foreign: Features that are no label in the patches of a split, by split.
    """

    data: Data
    export: Export
    project: str
    grid: Grid
    foreign: Mapping[str, Foreign] = field(default_factory=dict)
