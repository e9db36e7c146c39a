"""The runs of one schedule: which are due, which start, wait or are skipped, and when the schedule is complete."""

import copy
import logging
import re
from datetime import datetime, timedelta
from typing import Any, Final

from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.pipelines.pipeline_jobs import PipelineJobs
from earthline_sandbox.vertex.rest import names
from earthline_sandbox.vertex.schedules.cron import Cron
from earthline_sandbox.vertex.schedules.schedule_clock import read, write

STARTED: Final = "OK"
"""Response of a run that was started."""

_LOG: Final = logging.getLogger(__name__)

Json = dict[str, Any]


class ScheduleRuns:
    """Starts what is due.

    `maxConcurrentRunCount` limits how many runs are being *started* at a time, not how many are under way; that is
    what `maxConcurrentActiveRunCount` is for. Starting one is a matter of milliseconds here, so the first has no effect
    but on missed runs that are caught up with: so many of them are under way at a time.

    Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.schedules
    """

    def __init__(self, settings: Settings, jobs: PipelineJobs, since: datetime) -> None:
        """Starts runs as jobs.

        Args:
            settings: The sandbox.
            jobs: Where a run becomes a pipeline job.
            since: When this sandbox came up; a run that was due before was missed.
        """
        self._settings = settings
        self._jobs = jobs
        self._since = since
        self._started: dict[str, list[str]] = {}

    def advance(self, record: Json, now: datetime) -> bool:
        """Starts the runs of a schedule that are due, and moves the record on.

        Args:
            record: The schedule; changed in place.
            now: This moment.

        Returns:
            Whether anything of the record changed.
        """
        changed = False
        while record["state"] == "ACTIVE":
            if is_exhausted(record, now):
                complete(record)
                return True
            if "nextRunTime" not in record or read(record["nextRunTime"]) > now:
                break
            due, backlog = self._due(record, now)
            if self._is_full(record, backlog):
                if backlog or record.get("allowQueueing"):
                    break
                response = "Skipped: as many runs of this schedule as it allows are active, and it does not queue."
            else:
                response = self._start(record, due)
            record["lastScheduledRunResponse"] = {"scheduledRunTime": write(due), "runResponse": response}
            move(record, due)
            changed = True
        return changed

    def _due(self, record: Json, now: datetime) -> tuple[datetime, bool]:
        """The time of the next run, and whether it is one that was missed and is caught up with."""
        due = read(record["nextRunTime"])
        resumed = read(record["lastResumeTime"]) if "lastResumeTime" in record else self._since
        if record.get("catchUp") and due < max(self._since, resumed):
            return due, True
        if not record.get("allowQueueing"):
            # A laptop that slept runs late, but once.
            latest = Cron(record["cron"]).latest(min(now, read(record["endTime"])) if "endTime" in record else now)
            due = max(due, latest) if latest else due
        return due, False

    def _is_full(self, record: Json, backlog: bool) -> bool:
        limit = int(record.get("maxConcurrentActiveRunCount", 0))
        if backlog and not limit:
            limit = int(record["maxConcurrentRunCount"])
        active = [job for job in self._started.get(record["name"], []) if self._jobs.is_active(job)]
        self._started[record["name"]] = active
        return bool(limit) and len(active) >= limit

    def _start(self, record: Json, due: datetime) -> str:
        request = copy.deepcopy(record["createPipelineJobRequest"])
        job = request["pipelineJob"]
        # The id follows from schedule and time: a sandbox that is killed between start and note starts no run twice.
        stem = request.get("pipelineJobId") or job["pipelineSpec"]["pipelineInfo"]["name"]
        stem = re.sub(r"[^a-z0-9-]+", "-", stem.lower()).strip("-")[:100] or "pipeline"
        job_id = f"{stem}-{due:%Y%m%d%H%M%S}-{record['name'][-4:]}"
        place = names.parse_place(self._settings, request["parent"])
        try:
            self._jobs.submit(place, job, job_id, schedule=record["name"], due=write(due))
        except ApiError as refusal:
            if refusal.status != "ALREADY_EXISTS":
                _LOG.warning("The schedule %s could not start its run: %s", record["name"], refusal.message)
                return f"{refusal.status}: {refusal.message}"
        self._started.setdefault(record["name"], []).append(f"{place.parent}/pipelineJobs/{job_id}")
        record["startedRunCount"] = str(int(record.get("startedRunCount", 0)) + 1)
        return STARTED


def is_exhausted(record: Json, now: datetime) -> bool:
    """True for a schedule that starts no run any more, whatever the time brings."""
    limit = int(record.get("maxRunCount", 0))
    if limit and int(record.get("startedRunCount", 0)) >= limit:
        return True
    # A run that is due before the end is still to be started, however late.
    return "endTime" in record and "nextRunTime" not in record and now >= read(record["endTime"])


def complete(record: Json) -> None:
    """Ends a schedule for good."""
    record["state"] = "COMPLETED"
    record.pop("nextRunTime", None)


def move(record: Json, after: datetime) -> None:
    """Sets the time of the first run later than `after`; none where the schedule ends before."""
    cron, start = Cron(record["cron"]), read(record["startTime"])
    # From a second before the start on, so that a run at the start itself counts.
    following = cron.after(start - timedelta(seconds=1) if start > after else after)
    if following is not None and following < start:
        following = cron.after(following)
    if following is None or ("endTime" in record and following > read(record["endTime"])):
        record.pop("nextRunTime", None)
    else:
        record["nextRunTime"] = write(following)
