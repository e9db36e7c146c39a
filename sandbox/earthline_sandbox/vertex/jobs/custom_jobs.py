"""Custom jobs: training containers of one or more worker pools, run as processes.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs has the resource.
"""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import machines, python_packages
from earthline_sandbox.vertex.jobs import jobs
from earthline_sandbox.vertex.jobs.training import JobRun
from earthline_sandbox.vertex.rest import messages, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.routes import Call
from earthline_sandbox.vertex.rest.store import Record, Store

_MOST_POOLS: Final = 4
_MOST_REPLICAS: Final = 64
_KEPT: Final = ("displayName", "jobSpec", "labels", "encryptionSpec")


class CustomJobs(jobs.Jobs):
    """Custom jobs in the store and the threads that follow those that run."""

    def __init__(self, settings: Settings, store: Store, operations: Operations) -> None:
        """Serves the custom jobs in `store`."""
        super().__init__(settings, store, operations, "customJobs")

    def _create(self, call: Call) -> Record:
        job = call.message("CustomJob")
        messages.require(job, "displayName", "jobSpec.workerPoolSpecs")
        names.check_display_name(job)
        check(job["jobSpec"])
        return self.launch(call.parent, job)[0]

    def launch(self, parent: str, job: Mapping[str, Any]) -> tuple[Record, Future[None]]:
        """Starts a job that has been checked.

        Args:
            parent: Project and location.
            job: The `CustomJob` as JSON.

        Returns:
            Its record, and what is done when it has ended.
        """
        name = f"{parent}/customJobs/{names.fresh_id()}"
        fields = {key: job[key] for key in _KEPT if job.get(key)}
        ended: Future[None] = Future()
        return self._begin(name, fields, JobRun(self._settings, name, job["jobSpec"]), ended), ended


def check(spec: Mapping[str, Any]) -> None:
    """Checks a `CustomJobSpec`.

    Raises:
        ApiError: INVALID_ARGUMENT for what Vertex AI would refuse, RESOURCE_EXHAUSTED for too many replicas.
    """
    pools = spec["workerPoolSpecs"]
    if len(pools) > _MOST_POOLS:
        raise invalid(
            f"jobSpec.workerPoolSpecs has {len(pools)} pools; at most {_MOST_POOLS} are valid: the primary replica,"
            " workers, parameter servers and evaluators."
        )
    for number, pool in enumerate(pools):
        _check_pool(number, pool)
    replicas = sum(int(pool.get("replicaCount", 1)) for pool in pools if pool)
    if replicas > _MOST_REPLICAS:
        raise ApiError(
            "RESOURCE_EXHAUSTED", f"The job has {replicas} replicas; the sandbox runs at most {_MOST_REPLICAS}."
        )
    folder = spec.get("baseOutputDirectory", {}).get("outputUriPrefix", "")
    if folder and not folder.startswith("gs://"):
        raise invalid(f"jobSpec.baseOutputDirectory.outputUriPrefix {folder!r} must begin with gs://.")


def _check_pool(number: int, pool: Mapping[str, Any]) -> None:
    place = f"jobSpec.workerPoolSpecs[{number}]"
    if not pool:
        # Vertex AI takes an empty pool where a later one, such as the evaluator's, needs its position.
        if number == 0:
            raise invalid(f"{place} is empty; the first worker pool must have the primary replica.")
        return
    if "pythonPackageSpec" in pool:
        python_packages.check(pool, place)
    else:
        messages.require(pool, "containerSpec.imageUri")
    machines.check_training(pool.get("machineSpec", {}), f"job_spec.worker_pool_specs[{number}].machine_spec")
    if int(pool.get("replicaCount", 1)) < 1:
        raise invalid(f"{place}.replicaCount must be at least 1.")
    if number == 0 and int(pool.get("replicaCount", 1)) != 1:
        raise invalid(f"{place}.replicaCount must be 1: the first worker pool has the primary replica alone.")
