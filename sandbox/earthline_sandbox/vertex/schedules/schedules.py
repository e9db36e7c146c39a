"""`schedules` of Vertex AI: create, get, list, update, pause, resume, delete; one thread starts what is due."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.pipelines.pipeline_jobs import PipelineJobs
from earthline_sandbox.vertex.rest import messages, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.resources import Resources
from earthline_sandbox.vertex.rest.routes import Call, route
from earthline_sandbox.vertex.rest.store import Store
from earthline_sandbox.vertex.schedules.cron import Cron
from earthline_sandbox.vertex.schedules.schedule_clock import Clock, WallClock, read, write
from earthline_sandbox.vertex.schedules.schedule_runs import ScheduleRuns, complete, is_exhausted, move

KIND: Final = "schedules"
_UPDATABLE: Final = (
    "displayName",
    "cron",
    "startTime",
    "endTime",
    "maxRunCount",
    "maxConcurrentRunCount",
    "maxConcurrentActiveRunCount",
    "allowQueueing",
    "createPipelineJobRequest",
)
_OUTPUT_ONLY: Final = (
    "name",
    "startedRunCount",
    "state",
    "createTime",
    "updateTime",
    "nextRunTime",
    "lastPauseTime",
    "lastResumeTime",
    "catchUp",
    "lastScheduledRunResponse",
)
_LONGEST_PAUSE: Final = 30.0
"""Seconds between two looks at the clock at most: a laptop sleeps, and its clock is set."""
_QUEUE_PAUSE: Final = 1.0
"""Seconds between two looks while a run waits for another to end."""

_LOG: Final = logging.getLogger(__name__)

Json = dict[str, Any]


class Schedules(Resources):
    """Schedules of every place.

    Sources: https://cloud.google.com/vertex-ai/docs/pipelines/schedule-pipeline-run and the reference of
    `projects.locations.schedules`.
    """

    absent = "The Schedule does not exist: {name}."

    def __init__(
        self, settings: Settings, store: Store, operations: Operations, jobs: PipelineJobs, clock: Clock | None = None
    ) -> None:
        """Serves the schedules in `store`; their runs become jobs of `jobs`."""
        super().__init__(settings, store, operations, KIND)
        self._jobs = jobs
        self._clock = clock or WallClock()
        self._runs = ScheduleRuns(settings, jobs, self._clock.now())
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def routes(self) -> list[Route]:
        """Routes of the collection and of one schedule."""
        return [
            *super().routes(),
            self._verb("pause", self._pause),
            self._verb("resume", self._resume),
            route(self._settings, "PATCH", f"{KIND}/{{id}}", self._update),
        ]

    async def start(self) -> None:
        """Begins to watch the clock; runs that were due while no sandbox ran start now if `catchUp` says so."""
        now = self._clock.now()
        self._runs = ScheduleRuns(self._settings, self._jobs, now)
        for name, record in list(self._store.every(KIND)):
            due = record.get("nextRunTime")
            if record.get("state") == "ACTIVE" and due and read(due) <= now and not record.get("catchUp"):
                move(record, now)
                self._store.put(name, record)
        self._ended.clear()
        self._thread = threading.Thread(target=self._watch, name="schedules", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Starts nothing any more; every schedule stays on record."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            await run_in_threadpool(self._thread.join)
            self._thread = None

    async def reset(self) -> None:
        """Forgets every schedule."""
        await self.stop()
        for name, _ in list(self._store.every(KIND)):
            self._store.delete(name)

    def busy(self) -> bool:
        """True while a schedule is active: a sandbox that stopped when idle would start nothing."""
        return any(record["state"] == "ACTIVE" for _, record in self._store.every(KIND))

    def status(self) -> dict[str, Any]:
        """Every schedule in brief."""
        shown = ("name", "displayName", "state", "cron", "nextRunTime", "startedRunCount")
        return {KIND: [{key: one[key] for key in shown if key in one} for _, one in self._store.every(KIND)]}

    def _create(self, call: Call) -> Json:
        """Makes a schedule, which is active at once.

        Raises:
            ApiError: INVALID_ARGUMENT for whatever is malformed, the pipeline included.
        """
        record = call.message("Schedule")
        for field in _OUTPUT_ONLY:
            record.pop(field, None)
        now = self._clock.now()
        record.setdefault("startTime", write(now))
        self._validate(call, record)
        if "endTime" in record and read(record["endTime"]) <= now:
            raise invalid(f"endTime {record['endTime']} has passed: give a later one, or none.")
        record.update(
            name=f"{call.parent}/{KIND}/{names.fresh_id()}",
            state="ACTIVE",
            createTime=write(now),
            updateTime=write(now),
        )
        move(record, now)
        self._store.put(record["name"], record)
        self._wake.set()
        return record

    def _update(self, call: Call) -> Json:
        """Changes the fields that `updateMask` names; runs that have not started are planned anew from now on.

        Raises:
            ApiError: INVALID_ARGUMENT for a field that cannot be changed or unset, NOT_FOUND.
        """
        change = call.message("Schedule")
        paths = [messages.camel(path.strip()) for path in call.parameter("updateMask").split(",") if path.strip()]
        paths = list(_UPDATABLE) if paths == ["*"] else [path for path in paths if path not in _OUTPUT_ONLY]
        with self._change(call) as record:
            before = set(record)
            if not paths:
                raise invalid("updateMask names no field that can be updated.")
            messages.apply_mask(record, change, ",".join(paths), _UPDATABLE)
            unset = sorted(before - set(record) - {"allowQueueing"})
            if unset:
                raise invalid(f"The fields {', '.join(unset)} cannot be unset: leave them out of updateMask.")
            self._validate(call, record)
            now = self._clock.now()
            record["updateTime"] = write(now)
            if record["state"] == "COMPLETED":
                return record
            move(record, now)
            if is_exhausted(record, now):
                complete(record)
            return record

    def _pause(self, call: Call) -> Json:
        """Starts no run until it is resumed.

        Raises:
            ApiError: FAILED_PRECONDITION unless it is active, NOT_FOUND.
        """
        with self._change(call) as record:
            _require_state(record, "ACTIVE", "paused")
            record.update(state="PAUSED", lastPauseTime=write(self._clock.now()))
        return {}

    def _resume(self, call: Call) -> Json:
        """Starts runs again; those missed since the pause as well, where `catchUp` says so.

        Raises:
            ApiError: FAILED_PRECONDITION unless it is paused, NOT_FOUND.
        """
        catch_up = bool(call.message("ResumeScheduleRequest").get("catchUp"))
        with self._change(call) as record:
            _require_state(record, "PAUSED", "resumed")
            now = self._clock.now()
            record.update(state="ACTIVE", lastResumeTime=write(now), catchUp=catch_up)
            if not catch_up:
                del record["catchUp"]
                move(record, now)
        return {}

    def _delete(self, call: Call) -> Json:
        """Deletes a schedule; runs that it has started go on.

        Raises:
            ApiError: NOT_FOUND.
        """
        name = self._name(call)
        with self._lock:
            self._read(name)
            self._store.delete(name)
        return self._deleted(name)

    def tick(self) -> float:
        """Starts what is due now.

        Returns:
            Seconds until it should be called again, at most.
        """
        pause = _LONGEST_PAUSE
        for name, _ in list(self._store.every(KIND)):
            try:
                pause = min(pause, self._advance(name))
            except ApiError as error:
                if error.status != "NOT_FOUND":
                    _LOG.warning("The schedule %s starts nothing: %s", name, error.message)
        return pause

    def _advance(self, name: str) -> float:
        """Starts what is due of one schedule; gives the seconds until it is to be looked at again."""
        with self._lock:
            # Read under the lock: it may have been changed or deleted since it was listed.
            record = self._store.get(name)
            now = self._clock.now()
            if record["state"] == "ACTIVE" and self._runs.advance(record, now):
                self._store.put(name, record)
        if record["state"] != "ACTIVE":
            return _LONGEST_PAUSE
        moments = [read(record[field]) for field in ("nextRunTime", "endTime") if field in record]
        rests = [(moment - now) / timedelta(seconds=1) for moment in moments]
        return min((rest if rest > 0 else _QUEUE_PAUSE for rest in rests), default=_LONGEST_PAUSE)

    def _watch(self) -> None:
        while not self._ended.is_set():
            try:
                pause = self.tick()
            except Exception:
                # A full disk, for one: the next look may go better, and nobody else would start the runs.
                _LOG.exception("The schedules could not be looked at")
                pause = _LONGEST_PAUSE
            self._wake.wait(pause)
            self._wake.clear()

    def _validate(self, call: Call, record: Json) -> None:
        if "createNotebookExecutionJobRequest" in record:
            raise invalid("The sandbox runs no notebooks: give createPipelineJobRequest.")
        messages.require(
            record,
            "displayName",
            "cron",
            "maxConcurrentRunCount",
            "createPipelineJobRequest.parent",
            "createPipelineJobRequest.pipelineJob",
        )
        names.check_display_name(record)
        for count in ("maxConcurrentRunCount", "maxConcurrentActiveRunCount", "maxRunCount"):
            if int(record.get(count, 1)) < 1:
                raise invalid(f"{count} {record[count]} must be positive.")
        Cron(record["cron"])
        moments = {key: _moment(record[key]) for key in ("startTime", "endTime") if key in record}
        if "endTime" in moments and moments["endTime"] <= moments["startTime"]:
            raise invalid(f"endTime {record['endTime']} must be later than startTime {record['startTime']}.")
        request = record["createPipelineJobRequest"]
        place = names.parse_place(self._settings, request["parent"])
        if place.location != call.place.location:
            raise invalid(f"createPipelineJobRequest.parent lies in {place.location}, the schedule elsewhere.")
        self._jobs.check(place, request["pipelineJob"])

    @contextlib.contextmanager
    def _change(self, call: Call) -> Iterator[Json]:
        """Gives the record, and writes it back unless the change is refused."""
        with self._lock:
            record = self._read(self._name(call))
            yield record
            self._store.put(record["name"], record)
        self._wake.set()


def _moment(text: str) -> datetime:
    try:
        return read(text)
    except ValueError:
        raise invalid(f"{text!r} is no moment that can be scheduled.") from None


def _require_state(record: Json, state: str, participle: str) -> None:
    if record["state"] != state:
        raise ApiError(
            "FAILED_PRECONDITION",
            f"The schedule {record['name']} is {record['state']}: only one that is {state} can be {participle}.",
        )
