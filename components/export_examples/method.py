"""By which method the patches of a round come: by requests, by Earth Engine's tasks, or by both in turn."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from components.export_examples import pipeline, rounds
from components.export_examples.batch import delivery
from components.export_examples.fetching.requests import Requests
from components.export_examples.job import LOCAL, REROUTED, Job
from components.export_examples.planning.patches import Plan
from components.export_examples.writing.spool import Spool

_logger = logging.getLogger(__name__)


class Method:
    """Brings patches into the spool, as `export.method` says.

    Attributes:
        counted: Counters and distributions of all rounds, as `pipeline.run`.
    """

    def __init__(self, job: Job, spool: Spool, remote: Mapping[str, Any], resources: str = "") -> None:
        """Asks nothing yet; the process must be connected to Earth Engine.

        Args:
            job: What is exported.
            spool: Keeps what arrives.
            remote: Further Beam options of a remote runner; its `temp_location` is where export tasks write, too.
            resources: File to write Dataflow's job into; empty where nobody asks.
        """
        self._job, self._spool, self._remote, self._resources = job, spool, remote, resources
        self._temp_location = str(remote.get("temp_location", ""))
        self.counted: dict[str, float] = {}

    @property
    def ahead(self) -> bool:
        """Whether a further round would cost more than some patches too many: workers and tasks are long in coming."""
        return self._job.export.runner != LOCAL or self._job.export.uses_tasks

    def bring(self, missing: Plan, done: int, total: int) -> None:
        """Brings patches, as `rounds.gather` asks.

        Args:
            missing: The patches.
            done: Of those that the export will have, how many are there already.
            total: How many it will have.

        Raises:
            BatchError: A task fails for good.
            PixelsError: Earth Engine refuses a request, or does not answer.
            OSError: The spool cannot be written (under a remote runner, the runner's own error).
        """
        match self._job.export.method:
            case "pixels":
                self._by_requests(missing, done, total)
            case "batch":
                self._by_tasks(missing)
            case "pixels_then_batch":
                self._by_both(missing, done, total)

    def _by_both(self, missing: Plan, done: int, total: int) -> None:
        # What an earlier run has asked tasks for is being computed: a request would have it computed twice.
        told = delivery.told_of(self._job, self._spool, self._temp_location)
        begun = np.array([corner in told for corner in zip(missing.row.tolist(), missing.column.tolist(), strict=True)])
        rest = missing.only(~begun)
        refused = self._by_requests(rest, done, total - int(begun.sum())) if len(rest) else 0
        self._spool.refresh()
        # Without a refusal, what did not arrive is a mistake, which the round tells of.
        left = rounds.absent(missing if refused else missing.only(begun), self._spool)
        if len(left):
            self._by_tasks(left)
            self._count({REROUTED: float(len(left))})

    def _by_requests(self, missing: Plan, done: int, total: int) -> int:
        """Gives how many are known to come by no request."""
        job = self._job
        asked = Requests.of(missing.split, np.column_stack([missing.row, missing.column]), job.data, job.export)
        _logger.info("export_examples: %d patches come by %d requests", len(missing), len(asked))
        found = pipeline.run(job, asked, self._spool.folder, self._remote, self._resources, done=done, total=total)
        refused = int(found.pop(REROUTED, 0))
        self._count(found)
        return refused

    def _by_tasks(self, missing: Plan) -> None:
        self._count(delivery.bring(self._job, missing, self._spool, self._temp_location))

    def _count(self, found: Mapping[str, float]) -> None:
        self.counted = pipeline.joined(self.counted, found)
