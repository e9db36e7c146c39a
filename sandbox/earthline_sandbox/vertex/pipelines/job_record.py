"""The record of a pipeline job while it runs: what `pipelineJobs.get` answers, and what is on disk."""

import copy
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import orjson

from earthline_sandbox.errors import ApiError
from earthline_sandbox.vertex.rest import names
from earthline_sandbox.vertex.rest.store import Store

WRITE_EVERY: Final = 0.2
"""Seconds between two writes of a record, except that every change of the job's own state is written at once."""

WRITE_SHARE: Final = 0.05
"""Part of the time that may go into writing a record: one of many tasks is megabytes long, and written more seldom."""

TERMINAL: Final = frozenset(
    {"PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED", "PIPELINE_STATE_PAUSED"}
)

_LOG: Final = logging.getLogger(__name__)

Json = dict[str, Any]
Artifacts = Mapping[str, list[Json]]

_EXECUTION_STATES: Final[Mapping[str, str]] = {
    "PENDING": "NEW",
    "RUNNING": "RUNNING",
    "SUCCEEDED": "COMPLETE",
    "SKIPPED": "CACHED",
    "FAILED": "FAILED",
    "CANCELLED": "CANCELLED",
}
_ENDED: Final = frozenset({"SUCCEEDED", "SKIPPED", "FAILED", "CANCELLED", "NOT_TRIGGERED"})


class JobRecord:
    """One job's resource, changed by its interpreter and read by requests, from any thread.

    A task that has ended never changes again: it is kept as the text that every answer and every write needs, which
    is a tenth of what its mappings take, and which is not copied for each of them.
    """

    def __init__(self, store: Store, record: Json) -> None:
        """Takes over a record that is in the store already."""
        self._store = store
        self._record = record
        self._lock = threading.RLock()
        self._details: list[Json | orjson.Fragment] = []
        self._open: dict[str, tuple[int, Json]] = {}
        self._interval = WRITE_EVERY
        self._written = time.monotonic()
        self._dirty = False

    @property
    def name(self) -> str:
        """Resource name of the job."""
        return str(self._record["name"])

    @property
    def state(self) -> str:
        """State of the job."""
        return str(self._record["state"])

    @property
    def dirty(self) -> bool:
        """True while a change is not on disk."""
        return self._dirty

    def snapshot(self) -> Json:
        """A copy of the resource as it is now, to be written as JSON: ended tasks are texts already."""
        with self._lock:
            shallow = dict(self._record)
            if self._details:
                # The specification and ended tasks never change: only what changes is copied deeply.
                details = [copy.deepcopy(item) if isinstance(item, dict) else item for item in self._details]
                shallow["jobDetail"] = {"taskDetails": details}
            return shallow

    def change_state(self, state: str, error: ApiError | None = None) -> None:
        """Moves the job to a state and writes it at once; a terminal state is never left."""
        with self._lock:
            if self.state in TERMINAL:
                return
            moment = names.now()
            self._record["state"] = state
            if state == "PIPELINE_STATE_RUNNING":
                self._record["startTime"] = moment
            if state in TERMINAL:
                self._record["endTime"] = moment
            if error is not None:
                self._record["error"] = error.to_rpc_status()
            self._touch(moment)
            self.write()

    def begin_task(
        self, task_id: str, parent_id: str, name: str, unique_name: str, inputs: Json, artifacts: Artifacts
    ) -> None:
        """Adds a task, pending."""
        moment = names.now()
        place = self.name.partition("/pipelineJobs/")[0]
        execution = {
            "name": f"{place}/metadataStores/default/executions/{task_id}",
            "displayName": name,
            "state": "NEW",
            "createTime": moment,
            "updateTime": moment,
            "schemaTitle": "system.ContainerExecution",
            "schemaVersion": "0.0.1",
            "metadata": {f"input:{key}": value for key, value in inputs.items()},
        }
        task = {
            "taskId": task_id,
            "taskName": name,
            "taskUniqueName": unique_name,
            "createTime": moment,
            "state": "PENDING",
            "execution": execution,
            "inputs": {key: {"artifacts": [_artifact(item) for item in items]} for key, items in artifacts.items()},
            "pipelineTaskStatus": [{"updateTime": moment, "state": "PENDING"}],
        }
        if parent_id:
            task["parentTaskId"] = parent_id
        with self._lock:
            self._open[task_id] = (len(self._details), task)
            self._details.append(task)
            self._record["jobDetail"] = {"taskDetails": self._details}
            self._touch(moment)

    def run_task(self, task_id: str, main_job: str = "", failed_jobs: tuple[str, ...] = ()) -> None:
        """Notes that a task, or a further attempt of it, is running."""
        moment = names.now()
        with self._lock:
            _, task = self._open[task_id]
            task.setdefault("startTime", moment)
            if main_job:
                detail: Json = {"mainJob": main_job}
                if failed_jobs:
                    detail["failedMainJobs"] = list(failed_jobs)
                task["executorDetail"] = {"containerDetail": detail}
            self._move(task, "RUNNING", moment)

    def end_task(
        self, task_id: str, state: str, outputs: Json, artifacts: Artifacts, error: ApiError | None = None
    ) -> None:
        """Notes how a task ended."""
        moment = names.now()
        with self._lock:
            place, task = self._open.pop(task_id)
            task["endTime"] = moment
            task["outputs"] = {
                key: {"artifacts": [_artifact(item, moment) for item in items]} for key, items in artifacts.items()
            }
            task["execution"]["metadata"].update({f"output:{key}": value for key, value in outputs.items()})
            if error is not None and state in ("FAILED", "CANCELLED"):
                task["error"] = error.to_rpc_status()
            self._move(task, state, moment, error)
            self._details[place] = orjson.Fragment(orjson.dumps(task))

    def write(self) -> None:
        """Writes the record to disk; where that fails, as on a full disk, it stays dirty and is tried again."""
        with self._lock:
            began = time.monotonic()
            try:
                self._store.put(self.name, self._record)
                self._dirty = False
            except OSError:
                _LOG.warning("The record of %s could not be written", self.name, exc_info=True)
            self._written = time.monotonic()
            self._interval = max(WRITE_EVERY, (self._written - began) / WRITE_SHARE)

    def write_if_due(self) -> float | None:
        """Writes a changed record, at most every `WRITE_EVERY` seconds, more seldom where it is long.

        Returns:
            Seconds until it should be called again; None where nothing waits to be written.
        """
        with self._lock:
            if not self._dirty:
                return None
            rest = self._interval - (time.monotonic() - self._written)
            if rest > 0:
                return rest
            self.write()
            return None

    def _move(self, task: Json, state: str, moment: str, error: ApiError | None = None) -> None:
        task["state"] = state
        status: Json = {"updateTime": moment, "state": state}
        if error is not None and state == "FAILED":
            status["error"] = error.to_rpc_status()
        task["pipelineTaskStatus"].append(status)
        if state in _EXECUTION_STATES:
            task["execution"]["state"] = _EXECUTION_STATES[state]
            task["execution"]["updateTime"] = moment
        self._touch(moment)

    def _touch(self, moment: str) -> None:
        self._record["updateTime"] = moment
        self._dirty = True


def interrupt(record: Json, reason: str) -> None:
    """Marks the record of a job that nothing runs any more, and its open tasks, as failed."""
    moment = names.now()
    error = ApiError("ABORTED", reason).to_rpc_status()
    for task in record.get("jobDetail", {}).get("taskDetails", []):
        if task["state"] not in _ENDED:
            task.update(state="FAILED", endTime=moment, error=error)
            task["pipelineTaskStatus"].append({"updateTime": moment, "state": "FAILED", "error": error})
            task["execution"].update(state="FAILED", updateTime=moment)
    record.update(state="PIPELINE_STATE_FAILED", endTime=moment, updateTime=moment, error=error)


def _artifact(item: Json, moment: str = "") -> Json:
    found = {
        "name": item["name"],
        "displayName": item["uri"].rstrip("/").rpartition("/")[2] or item["name"].rpartition("/")[2],
        "uri": item["uri"],
        "schemaTitle": item["type"]["schemaTitle"],
        "schemaVersion": item["type"]["schemaVersion"],
        "metadata": item["metadata"],
        "state": "LIVE",
    }
    if moment:
        found["createTime"] = found["updateTime"] = moment
    return found
