"""Custom jobs: training containers of one or more worker pools, run as processes.

https://cloud.google.com/vertex-ai/docs/training/code-requirements has the variables that a container finds.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final

from starlette.routing import Route

from sandbox.errors import ApiError, invalid
from sandbox.settings import Settings
from sandbox.vertex import listing, machines, messages, names
from sandbox.vertex.operations import Operations
from sandbox.vertex.routes import Call, route
from sandbox.vertex.store import Record, Store
from sandbox.vertex.training import JobRun

FINAL_STATES: Final = frozenset({"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"})

LONGEST_HOLD: Final = 540.0
"""Seconds that a reply to Google's pipeline launcher is held. It sets no deadline and sleeps 20 s after each answer."""

_LAUNCHER: Final = "google-cloud-pipeline-components"
_LOG: Final = logging.getLogger(__name__)
_LONGEST_NAME: Final = 128
_MOST_REPLICAS: Final = 64


class CustomJobs:
    """Custom jobs in the store and the threads that follow those that run."""

    def __init__(self, settings: Settings, store: Store, operations: Operations) -> None:
        """Serves the custom jobs in `store`."""
        self._settings = settings
        self._store = store
        self._operations = operations
        self._lock = threading.Lock()
        self._runs: dict[str, JobRun] = {}
        self._ends: dict[str, Future[None]] = {}

    def routes(self) -> list[Route]:
        """Routes of JobService for custom jobs."""
        settings = self._settings
        return [
            route(settings, "POST", "customJobs", self._create),
            route(settings, "GET", "customJobs", self._list),
            route(settings, "POST", "customJobs/{job}:cancel", self._cancel),
            route(settings, "GET", "customJobs/{job}", self._get),
            route(settings, "DELETE", "customJobs/{job}", self._delete),
        ]

    async def start(self) -> None:
        """Fails the jobs that the end of the last sandbox cut off."""
        error = ApiError("ABORTED", "The sandbox ended while the job ran, and its processes with it. Create it again.")
        for name, record in list(self._store.every("customJobs")):
            if record["state"] not in FINAL_STATES:
                self._end(name, "JOB_STATE_FAILED", error)

    async def stop(self) -> None:
        """Ends every job's processes; the jobs are failed with that reason."""
        with self._lock:
            runs, ends = list(self._runs.values()), list(self._ends.values())
        for run in runs:
            run.stop(ApiError("ABORTED", "The sandbox was stopped while the job ran."))
        if ends:
            await asyncio.wait([asyncio.wrap_future(end) for end in ends])

    async def reset(self) -> None:
        """Ends every job's processes; the records go with the store."""
        await self.stop()

    def busy(self) -> bool:
        """True while a job runs."""
        return bool(self._runs)

    def status(self) -> dict[str, Any]:
        """The running jobs with their processes."""
        with self._lock:
            return {name: run.status() for name, run in self._runs.items()}

    def _name(self, call: Call) -> str:
        return f"{call.parent}/customJobs/{call.path['job']}"

    def _create(self, call: Call) -> Record:
        job = call.message("CustomJob")
        messages.require(job, "displayName", "jobSpec.workerPoolSpecs")
        _check(job)
        identifier = names.fresh_id()
        name = f"{call.parent}/customJobs/{identifier}"
        moment = names.now()
        record = {
            "name": name,
            "displayName": job["displayName"],
            "jobSpec": job["jobSpec"],
            "state": "JOB_STATE_PENDING",
            "createTime": moment,
            "updateTime": moment,
            **({"labels": job["labels"]} if job.get("labels") else {}),
        }
        run = JobRun(self._settings, name, job["jobSpec"])
        ended: Future[None] = Future()
        with self._lock:
            self._runs[name] = run
            self._ends[name] = ended
        self._store.put(name, record)
        threading.Thread(target=self._follow, args=(name, run, ended), name=f"job-{identifier}", daemon=True).start()
        return record

    def _follow(self, name: str, run: JobRun, ended: Future[None]) -> None:
        try:
            run.start()
            self._change(name, state="JOB_STATE_RUNNING", startTime=names.now())
            run.wait()
        except ApiError as error:
            state = "JOB_STATE_CANCELLED" if error.status == "CANCELLED" else "JOB_STATE_FAILED"
            self._end(name, state, error)
        except Exception as error:
            _LOG.exception("%s failed", name)
            fault = ApiError("INTERNAL", f"The sandbox failed: {type(error).__name__}: {error}.")
            self._end(name, "JOB_STATE_FAILED", fault)
        else:
            self._end(name, "JOB_STATE_SUCCEEDED", None)
        finally:
            with self._lock:
                self._runs.pop(name, None)
                self._ends.pop(name, None)
            ended.set_result(None)

    def _change(self, name: str, **fields: Any) -> None:
        try:
            self._store.update(name, lambda record: record.update(fields, updateTime=names.now()))
        except ApiError as error:
            if error.status != "NOT_FOUND":
                raise
            # Reset or deleted meanwhile: nobody waits for it.

    def _end(self, name: str, state: str, error: ApiError | None) -> None:
        fields: dict[str, Any] = {"state": state, "endTime": names.now()}
        if error is not None:
            fields["error"] = error.to_rpc_status()
        self._change(name, **fields)

    async def _get(self, call: Call) -> Record:
        name = self._name(call)
        ended = self._ends.get(name)
        agent = f"{call.headers.get('x-goog-api-client', '')} {call.headers.get('user-agent', '')}"
        if ended is not None and _LAUNCHER in agent:
            await asyncio.wait([asyncio.wrap_future(ended)], timeout=LONGEST_HOLD)
        return await asyncio.to_thread(self._store.get, name)

    def _list(self, call: Call) -> Record:
        return listing.page(self._store.list(call.parent, "customJobs")[::-1], "customJobs", call.parameter)

    def _cancel(self, call: Call) -> Record:
        name = self._name(call)
        record = self._store.get(name)
        with self._lock:
            run = self._runs.get(name)
        if record["state"] in FINAL_STATES or run is None:
            raise ApiError("FAILED_PRECONDITION", f"The custom job {name} has ended already: {record['state']}.")
        run.stop(ApiError("CANCELLED", "CANCELED"))
        return {}

    def _delete(self, call: Call) -> Record:
        name = self._name(call)
        record = self._store.get(name)
        if record["state"] not in FINAL_STATES:
            raise ApiError("FAILED_PRECONDITION", f"The custom job {name} is {record['state']}: cancel it first.")
        self._store.delete(name)
        return self._operations.done(name, "DeleteOperationMetadata", "Empty", {})


def _check(job: Mapping[str, Any]) -> None:
    if len(job["displayName"]) > _LONGEST_NAME:
        raise invalid(f"displayName has {len(job['displayName'])} characters; at most {_LONGEST_NAME} are valid.")
    pools = job["jobSpec"]["workerPoolSpecs"]
    for number, pool in enumerate(pools):
        place = f"jobSpec.workerPoolSpecs[{number}]"
        if not pool:
            # Vertex AI takes an empty pool where a later one, such as the evaluator's, needs its position.
            if number == 0:
                raise invalid(f"{place} is empty; the first worker pool must have the primary replica.")
            continue
        if "pythonPackageSpec" in pool:
            raise invalid(
                f"{place}.pythonPackageSpec is not supported by the sandbox, which runs containers as processes:"
                " give containerSpec with a command."
            )
        messages.require(pool, "containerSpec.imageUri")
        machines.check_machine(pool.get("machineSpec", {}), f"{place}.machineSpec")
        if int(pool.get("replicaCount", 1)) < 1:
            raise invalid(f"{place}.replicaCount must be at least 1.")
        if number == 0 and int(pool.get("replicaCount", 1)) != 1:
            raise invalid(f"{place}.replicaCount must be 1: the first worker pool has the primary replica alone.")
    replicas = sum(int(pool.get("replicaCount", 1)) for pool in pools if pool)
    if replicas > _MOST_REPLICAS:
        raise ApiError(
            "RESOURCE_EXHAUSTED", f"The job has {replicas} replicas; the sandbox runs at most {_MOST_REPLICAS}."
        )
    folder = job["jobSpec"].get("baseOutputDirectory", {}).get("outputUriPrefix", "")
    if folder and not folder.startswith("gs://"):
        raise invalid(f"jobSpec.baseOutputDirectory.outputUriPrefix {folder!r} must begin with gs://.")
