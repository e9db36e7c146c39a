"""What the export costs."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.export_examples.fetching import measuring, requests, windows
from components.export_examples.fetching.fetch import WORTH
from components.export_examples.fetching.merging import DEFAULT
from components.export_examples.fetching.requests import Requests
from components.export_examples.job import REQUESTS_PER_WORKER
from components.export_examples.planning.selection import select
from earthline.config import Config, Export
from earthline.earth_engine import verification
from earthline.earth_engine.imagery import data_types
from earthline.earth_engine.requests import tally
from pipelines.cost import eecu, machines
from pipelines.cost.figures import Basis, Figure
from pipelines.cost.part import Part
from pipelines.cost.prices import Prices
from pipelines.cost.probes import Probe, line, probe
from pipelines.dataflow import NAME as DATAFLOW

PARTS = ("planning", "export")
"""Names of what an export consists of."""
PROBES = 5
"""Requests of the export that are made to measure it, of all sizes."""
HOURS_PER_TASK = (16 + 17 / 60) / 1000
"""1,000 export tasks, of one example each, took 16 h 17 min (github.com/nasaharvest/openmapflow, pull request 107)."""
_BATCH = (
    "1,000 tasks of Earth Engine, of one example each, took 16 h 17 min (github.com/nasaharvest/openmapflow, pull "
    "request 107): the least is as long for a task of many patches, the most for each patch"
)
DATAFLOW_START_HOURS = 188 / 3600
"""From the submission of a job to its workers' first request: 1 min 40 s and 1 min 28 s (github.com/michaelfdewitt/
datensee, case study of 2026-09-02)."""
DATAFLOW_DISK = 250.0
"""GiB of a batch worker's disk by default (https://cloud.google.com/dataflow/pricing)."""


@dataclass(frozen=True)
class Measured:
    """What planning and probe requests told.

    Attributes:
        probes: Answered probe requests; none where there is nothing to fetch.
        parts: The export's planning and its patches.
        stored: Bytes of the examples, before any compression.
        refused: Number of probe windows that no request gave; tasks of Earth Engine bring what is in them.
    """

    probes: tuple[Probe, ...]
    parts: tuple[Part, ...]
    stored: int = 0
    refused: int = 0

    def eecu_hours(self, config: Config, pixels: float) -> Figure:
        """EECU-hours of pixels of the imagery, by the probes, or by what others published.

        Args:
            config: The workflow's config.
            pixels: That Earth Engine computes.
        """
        told = [(each.eecu_seconds, each.pixels) for each in self.probes if each.eecu_seconds is not None]
        if not told:
            return eecu.published(config.data.imagery, pixels)
        rate = sum(spent for spent, _ in told) / sum(count for _, count in told)
        note = f"EECU-hours from the profiles of {len(told)} probe requests; what Earth Engine keeps ready costs less"
        return Figure.measured(rate * pixels / 3600, note)


def existing() -> tuple[Part, ...]:
    """Examples that exist already are copied and checked, and Earth Engine is asked for nothing."""
    nothing = Figure.exact(0)
    note = "data.examples: the examples exist already, so that none is fetched"
    return (Part(PARTS[1], nothing, nothing, eecu_hours=nothing, notes=(note,)),)


def measure(config: Config, prices: Prices) -> Measured:
    """Plans the patches as the run will, makes a few of its requests, and counts the others.

    Args:
        config: The workflow's config; its examples are to be exported.
        prices: The table.

    Raises:
        ImageryError: The config names something that Earth Engine does not have.
        SplitError: The region cannot be split as asked.
        PointsError: There is nothing to sample.
        PixelsError: Earth Engine does not answer.
    """
    begun = time.monotonic()
    with tally.counted() as asked:
        grid = verification.verify(config.data)
        data = data_types.resolved(config.data, grid)
        selected = select(data, config.export, grid)
    planning = Part(
        PARTS[0],
        Figure.measured(asked.requests, "as it was done now; the run does it again"),
        Figure.measured(asked.received, ""),
        Figure.measured((time.monotonic() - begun) / 3600, ""),
    )
    first = selected.plan.first
    corners = np.column_stack([first.row, first.column])
    planned = Requests.of(first.split, corners, data, selected.export)
    # An export of many requests merges the rest anew by what its first ones cost, which as many here tell alike.
    some, _ = planned.apart(measuring.FEW if len(planned) >= WORTH else PROBES)
    asked_for = [windows.grid_of(grid, planned.window(place).box) for place in some]
    probes = probe(windows.request_image(data, grid), asked_for, skip=config.export.uses_tasks)
    costs = measuring.measured([each.pixels for each in probes], [each.seconds for each in probes])
    merged = [DEFAULT]
    if len(planned) >= WORTH and costs != DEFAULT:
        anew = requests.windows_of(corners, data, selected.export, costs)
        if requests.worth(planned.windows, anew, costs):
            merged.append(costs)
    expected = [requests.expected(corners, data, selected.export, each) for each in merged]
    measured = Measured(probes, (), refused=len(asked_for) - len(probes))
    stored = len(corners) * math.prod(config.export.patch_shape) * requests.pixel_type(data).itemsize
    return Measured(probes, (planning, _fetched(config, prices, len(corners), expected, measured)), stored)


def _fetched(
    config: Config, prices: Prices, patches: int, expected: Sequence[requests.Expected], measured: Measured
) -> Part:
    """The patches, by the method of the config; the other method is told of in a note."""
    by_requests = _by_requests(config, expected, measured)
    by_tasks = _by_tasks(config, patches, measured)
    whole, in_requests = f"{patches:,} patches", f"{by_requests.requests.high:,.0f} requests"
    in_tasks = _tasks(by_tasks.requests.low)
    if config.export.method == "batch":
        taken = by_tasks
        note = f"{whole} come by {in_tasks}; with export.method: pixels by {in_requests} in {_told(by_requests.hours)}"
    elif config.export.method == "pixels_then_batch":
        taken = by_requests
        seen = f"and {measured.refused} of the probe requests did" if measured.refused else "and no probe request did"
        note = (
            f"{whole} come by {in_requests}; tasks of Earth Engine come on top where no request gives some of them, "
            f"which is known only when requests fail, {seen}: for all patches {in_tasks}, in {_told(by_tasks.hours)}: "
            f"{_BATCH}"
        )
    else:
        taken = by_requests
        other = f"by {in_tasks}, in {_told(by_tasks.hours)}: {_BATCH}"
        note = f"{whole} come by {in_requests}; with export.method: batch {other}"
    return Part(
        PARTS[1],
        taken.requests,
        taken.bytes,
        taken.hours,
        taken.eecu_hours,
        _dollars(config, prices, taken.hours),
        (note,),
    )


def _tasks(number: float) -> str:
    return "1 task" if number == 1 else f"{number:,.0f} tasks, of which about two run at once"


@dataclass(frozen=True)
class _Method:
    """What one method takes."""

    requests: Figure
    bytes: Figure
    hours: Figure
    eecu_hours: Figure


def _by_requests(config: Config, expected: Sequence[requests.Expected], measured: Measured) -> _Method:
    return _Method(
        _between([each.requests for each in expected]),
        _between([each.bytes for each in expected]),
        _hours(config.export, expected[-1], measured.probes),
        measured.eecu_hours(config, expected[-1].pixels),
    )


def _by_tasks(config: Config, patches: int, measured: Measured) -> _Method:
    export, offset = config.export, config.data.labels.offset
    tasks = -(-patches // export.patches_per_task)
    pixels = patches * math.prod(side + abs(moved) for side, moved in zip(export.patch_shape, offset, strict=True))
    bands = len(config.data.imagery.band_names) + 2
    return _Method(
        Figure.exact(tasks, "each task of Earth Engine is one request, and more to look after it"),
        Figure.assumed(4 * bands * pixels, "bytes of the tasks' results at 4 a band and pixel, before compression"),
        Figure(tasks * HOURS_PER_TASK, patches * HOURS_PER_TASK, Basis.PUBLISHED, _BATCH),
        measured.eecu_hours(config, pixels),
    )


def _told(hours: Figure) -> str:
    """A time in words."""
    shown = [
        f"{value:.1f} hours" if value >= 1 else f"{60 * value:.1f} minutes" for value in (hours.low, hours.high or 0)
    ]
    return shown[0] if shown[0] == shown[1] else f"{shown[0]} to {shown[1]}"


def _between(values: Sequence[float]) -> Figure:
    if len(set(values)) == 1:
        return Figure.exact(values[0], "a patch without imagery is replaced, by requests of a further round")
    note = "neighbouring patches are merged anew where the first requests of the export cost what those made now did"
    return Figure(min(values), max(values), Basis.MEASURED, note)


def _hours(export: Export, expected: requests.Expected, probes: Sequence[Probe]) -> Figure:
    begin, rate = line(probes)
    seconds = expected.requests * begin + expected.pixels / 1e6 * rate
    quota = max(seconds / export.concurrency, expected.requests / export.requests_per_second)
    slowest = max(each.seconds for each in probes)
    note = (
        f"time at {export.concurrency} requests at once, by {len(probes)} requests that were made one after another "
        f"now (the slowest took {slowest:.2f} s)"
    )
    return Figure.measured((quota + slowest) / 3600, note)


def _dollars(config: Config, prices: Prices, hours: Figure) -> Figure:
    """Of the machines that fetch."""
    export = config.export
    step = machines.hourly(prices, "training_machine", machines.of_step(config.steps.of("export_examples")))
    if export.runner != DATAFLOW:
        return machines.product(hours, step)
    workers = max(1, export.concurrency // REQUESTS_PER_WORKER)
    worker = machines.dataflow_hourly(prices, config.environment.dataflow.machine_type, DATAFLOW_DISK)
    job = Figure(
        hours.low + DATAFLOW_START_HOURS,
        None if hours.high is None else hours.high + DATAFLOW_START_HOURS,
        hours.basis,
        hours.note,
    )
    beside, fetching = machines.product(job, step), machines.product(job, worker, workers)
    high = None if beside.high is None or fetching.high is None else beside.high + fetching.high
    return Figure(beside.low + fetching.low, high, max(beside.basis, fetching.basis), fetching.note or beside.note)
