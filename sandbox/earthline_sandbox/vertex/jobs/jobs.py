"""What custom jobs, training pipelines and batch prediction jobs share: records, states, and threads.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/JobState has the states.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, ClassVar, Final, Protocol

from starlette.routing import Route

from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.rest import names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.resources import Resources
from earthline_sandbox.vertex.rest.routes import Call
from earthline_sandbox.vertex.rest.store import Record, Store

FINAL: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
"""States that no job leaves, behind the beginning that they have in common."""

LONGEST_HOLD: Final = 540.0
"""Seconds that a reply to a launcher of Google's pipeline components is held."""

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


class Jobs(Resources):
    """Jobs of one kind in the store, and their threads.

    Attributes:
        states: How the names of the states begin.
        noun: What messages call a job.
        cut_off: Why a job failed that ran when the sandbox ended.
        shows_cancelling: Whether a job that is being cancelled has a state of its own.
    """

    states: ClassVar[str] = "JOB_STATE_"
    noun: ClassVar[str] = "job"
    cut_off: ClassVar[str] = "The sandbox ended while the job ran, and its processes with it. Create it again."
    shows_cancelling: ClassVar[bool] = False

    def __init__(self, settings: Settings, store: Store, operations: Operations, kind: str) -> None:
        """Serves the jobs in `store`; arguments are those of `Resources`."""
        super().__init__(settings, store, operations, kind)
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._ends: dict[str, Future[None]] = {}

    def routes(self) -> list[Route]:
        """Routes of the collection and of one job."""
        return [*super().routes(), self._verb("cancel", self._cancel)]

    async def start(self) -> None:
        """Fails the jobs that ran when the last sandbox ended."""
        for name, record in list(self._store.every(self._kind)):
            if not self._is_final(record):
                self._end(name, "FAILED", ApiError("ABORTED", self.cut_off))

    async def stop(self) -> None:
        """Ends every job's processes; the jobs are failed with that reason."""
        with self._lock:
            runs, ends = list(self._runs.values()), list(self._ends.values())
        for run in runs:
            run.stop(ApiError("ABORTED", "The sandbox was stopped while the job ran."))
        if ends:
            await asyncio.wait([asyncio.wrap_future(end) for end in ends])

    def busy(self) -> bool:
        """True while a job runs, or its end is being written down."""
        return bool(self._ends)

    def status(self) -> dict[str, Any]:
        """The running jobs with their processes."""
        with self._lock:
            return {name: run.status() for name, run in self._runs.items()}

    def _begin(
        self,
        name: str,
        fields: Mapping[str, Any],
        run: Run,
        ended: Future[None] | None = None,
        *,
        running: bool = False,
    ) -> Record:
        """Keeps the record of a new job and follows its run in a thread.

        Args:
            name: Of the job.
            fields: What its record has beside state and times.
            run: Its work.
            ended: Set when the run is over.
            running: Whether the work has begun already; a job is pending until then.
        """
        moment = names.now()
        record = {
            "name": name,
            **fields,
            "state": self.states + ("RUNNING" if running else "PENDING"),
            "createTime": moment,
            "updateTime": moment,
        }
        if running:
            record["startTime"] = moment
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
            self._mark_running(name)
            run.wait()
        except ApiError as error:
            self._end(name, "CANCELLED" if error.status == "CANCELLED" else "FAILED", error, run)
        except Exception as error:
            _LOG.exception("%s failed", name)
            fault = ApiError("INTERNAL", f"The sandbox failed: {type(error).__name__}: {error}.")
            self._end(name, "FAILED", fault, run)
        else:
            self._end(name, "SUCCEEDED", None, run)
        finally:
            with self._lock:
                self._ends.pop(name, None)
            ended.set_result(None)

    def _mark_running(self, name: str) -> None:
        def change(record: Record) -> None:
            if record["state"] == f"{self.states}PENDING":
                moment = names.now()
                record.update(state=f"{self.states}RUNNING", startTime=moment, updateTime=moment)

        self._change(name, change)

    def _change(self, name: str, change: Callable[[Record], None]) -> None:
        try:
            self._store.update(name, change)
        except ApiError as error:
            if error.status != "NOT_FOUND":
                raise
            # Reset or deleted meanwhile: nobody waits for it.

    def _end(self, name: str, state: str, error: ApiError | None, run: Run | None = None) -> None:
        with self._lock:
            # First, so that nobody who reads that it has ended is told that it runs.
            self._runs.pop(name, None)
        moment = names.now()
        fields: Record = {"state": f"{self.states}{state}", "endTime": moment, "updateTime": moment}
        fields |= run.outcome() if run else {}
        if error is not None:
            fields["error"] = error.to_rpc_status()
        self._change(name, lambda record: record.update(fields))

    def _is_final(self, record: Mapping[str, Any]) -> bool:
        return str(record["state"]).removeprefix(self.states) in FINAL

    async def _get(self, call: Call) -> Record:
        ended = self._ends.get(self._name(call))
        if ended is not None and call.from_launcher:
            await asyncio.wait([asyncio.wrap_future(ended)], timeout=LONGEST_HOLD)
        return await super()._get(call)

    def _cancel(self, call: Call) -> Record:
        self.cancel(self._name(call))
        return {}

    def cancel(self, name: str) -> None:
        """Cancels a job.

        Raises:
            ApiError: NOT_FOUND where there is none, FAILED_PRECONDITION where it has ended.
        """

        def change(record: Record) -> None:
            if self._is_final(record):
                reason = f"The {self.noun} {name} has ended already: {record['state']}."
                raise ApiError("FAILED_PRECONDITION", reason)
            if self.shows_cancelling:
                record.update(state=f"{self.states}CANCELLING", updateTime=names.now())

        self._store.update(name, change)
        self.end(name, ApiError("CANCELLED", "CANCELED"))

    def end(self, name: str, verdict: ApiError) -> None:
        """Makes a job end with that error; one that has ended stays as it is."""
        with self._lock:
            run = self._runs.get(name)
        if run is not None:
            run.stop(verdict)

    def _delete(self, call: Call) -> Record:
        name = self._name(call)
        record = self._store.get(name)
        if not self._is_final(record):
            raise ApiError("FAILED_PRECONDITION", f"The {self.noun} {name} is {record['state']}: cancel it first.")
        self._store.delete(name)
        return self._deleted(name)
