"""What custom jobs and batch prediction jobs share: records, states, and the threads that follow those that run.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/JobState has the states.
"""

import asyncio
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final, Protocol

from starlette.routing import Route

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.rest import listing, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.routes import Answer, Call, route
from earthline_sandbox.vertex.rest.store import Record, Store

FINAL_STATES: Final = frozenset({"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"})

LONGEST_HOLD: Final = 540.0
"""Seconds that a reply to a launcher of Google's pipeline components is held."""

LONGEST_NAME: Final = 128
"""Characters of a display name."""

_LOG: Final = logging.getLogger(__name__)


class Run(Protocol):
    """The work of one job."""

    def start(self) -> None:
        """Begins it.

        Raises:
            ApiError: It cannot begin; nothing is left running.
        """

    def wait(self) -> None:
        """Waits for its end.

        Raises:
            ApiError: It failed, or what `stop` was given. Nothing is left running.
        """

    def stop(self, verdict: ApiError) -> None:
        """Makes `wait` end the work and raise `verdict`."""

    def status(self) -> dict[str, Any]:
        """What runs, JSON-ready."""

    def outcome(self) -> dict[str, Any]:
        """Fields of the record that only the run knows; read when it has ended, well or not."""


class Jobs(ABC):
    """Jobs of one kind in the store, and their threads."""

    def __init__(self, settings: Settings, store: Store, operations: Operations, kind: str) -> None:
        """Serves the jobs in `store`.

        Args:
            settings: The sandbox.
            store: Where the records are.
            operations: Where deletions are answered from.
            kind: Collection of the resources, such as `customJobs`.
        """
        self._settings = settings
        self._store = store
        self._operations = operations
        self._kind = kind
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._ends: dict[str, Future[None]] = {}

    def routes(self) -> list[Route]:
        """Routes of JobService for this kind."""
        settings, kind = self._settings, self._kind
        return [
            route(settings, "POST", kind, self._create),
            route(settings, "GET", kind, self._list),
            route(settings, "POST", f"{kind}/{{job}}:cancel", self._cancel),
            route(settings, "GET", f"{kind}/{{job}}", self._get),
            route(settings, "DELETE", f"{kind}/{{job}}", self._delete),
        ]

    async def start(self) -> None:
        """Fails the jobs that the end of the last sandbox cut off."""
        error = ApiError("ABORTED", "The sandbox ended while the job ran, and its processes with it. Create it again.")
        for name, record in list(self._store.every(self._kind)):
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

    @abstractmethod
    def _create(self, call: Call) -> Answer: ...

    def _name(self, call: Call) -> str:
        return f"{call.parent}/{self._kind}/{call.path['job']}"

    def _begin(self, name: str, fields: Mapping[str, Any], run: Run, ended: Future[None] | None = None) -> Record:
        """Keeps the record of a new job and follows its run in a thread, which sets `ended` in the end."""
        moment = names.now()
        record = {
            "name": name,
            **fields,
            "state": "JOB_STATE_PENDING",
            "createTime": moment,
            "updateTime": moment,
        }
        ended = ended or Future()
        with self._lock:
            self._runs[name] = run
            self._ends[name] = ended
        self._store.put(name, record)
        title = f"job-{name.rpartition('/')[2]}"
        threading.Thread(target=self._follow, args=(name, run, ended), name=title, daemon=True).start()
        return record

    def _follow(self, name: str, run: Run, ended: Future[None]) -> None:
        try:
            run.start()
            self._change(name, state="JOB_STATE_RUNNING", startTime=names.now())
            run.wait()
        except ApiError as error:
            state = "JOB_STATE_CANCELLED" if error.status == "CANCELLED" else "JOB_STATE_FAILED"
            self._end(name, state, error, run)
        except Exception as error:
            _LOG.exception("%s failed", name)
            fault = ApiError("INTERNAL", f"The sandbox failed: {type(error).__name__}: {error}.")
            self._end(name, "JOB_STATE_FAILED", fault, run)
        else:
            self._end(name, "JOB_STATE_SUCCEEDED", None, run)
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

    def _end(self, name: str, state: str, error: ApiError | None, run: Run | None = None) -> None:
        fields: dict[str, Any] = {"state": state, "endTime": names.now(), **(run.outcome() if run else {})}
        if error is not None:
            fields["error"] = error.to_rpc_status()
        self._change(name, **fields)

    async def _get(self, call: Call) -> Record:
        name = self._name(call)
        ended = self._ends.get(name)
        if ended is not None and call.from_launcher:
            await asyncio.wait([asyncio.wrap_future(ended)], timeout=LONGEST_HOLD)
        return await asyncio.to_thread(self._store.get, name)

    def _list(self, call: Call) -> Record:
        return listing.page(self._store.list(call.parent, self._kind)[::-1], self._kind, call.parameter)

    def _cancel(self, call: Call) -> Record:
        self.cancel(self._name(call))
        return {}

    def cancel(self, name: str) -> None:
        """Cancels a job.

        Raises:
            ApiError: NOT_FOUND where there is none, FAILED_PRECONDITION where it has ended.
        """
        record = self._store.get(name)
        with self._lock:
            run = self._runs.get(name)
        if record["state"] in FINAL_STATES or run is None:
            raise ApiError("FAILED_PRECONDITION", f"The job {name} has ended already: {record['state']}.")
        run.stop(ApiError("CANCELLED", "CANCELED"))

    def _delete(self, call: Call) -> Record:
        name = self._name(call)
        record = self._store.get(name)
        if record["state"] not in FINAL_STATES:
            raise ApiError("FAILED_PRECONDITION", f"The job {name} is {record['state']}: cancel it first.")
        self._store.delete(name)
        return self._operations.done(name, "DeleteOperationMetadata", "Empty", {})


def check_name(job: Mapping[str, Any]) -> None:
    """Checks a display name.

    Raises:
        ApiError: INVALID_ARGUMENT for one that is too long.
    """
    if len(job["displayName"]) > LONGEST_NAME:
        raise invalid(f"displayName has {len(job['displayName'])} characters; at most {LONGEST_NAME} are valid.")
