"""Batch tasks: long-running operations with Earth Engine's states, two running at a time, kept on disk."""

import json
import logging
import os
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from earthline_sandbox.earthengine.catalogue.assets import timestamp
from earthline_sandbox.earthengine.computation import CANCELLED, Computation
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.earthengine.supervision import Supervisor
from earthline_sandbox.errors import ApiError, invalid, not_found

logger = logging.getLogger(__name__)

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_METADATA_TYPE = "type.googleapis.com/google.earthengine.v1.OperationMetadata"
_FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


class Cancelled(Exception):
    """Ends the work of a task that was cancelled."""


class Task:
    """What the work of one operation may do while it runs."""

    def __init__(self, operation: dict[str, Any], computation: Computation) -> None:
        """Wraps the operation's record."""
        self._operation = operation
        self.computation = computation
        self.cancelled = threading.Event()
        self.finished = threading.Event()

    def progress(self, share: float) -> None:
        """Tells how much is done, from 0 to 1; raises Cancelled where the task is no longer wanted."""
        self._operation["metadata"]["progress"] = share
        if self.cancelled.is_set():
            raise Cancelled

    def cancel(self) -> None:
        """Tells the work to end."""
        self.cancelled.set()
        self.computation.stop(CANCELLED)


Work = Callable[[Task], list[str]]


class Operations:
    """Every batch task of one sandbox."""

    def __init__(self, root: Path, limits: Limits, supervisor: Supervisor | None = None) -> None:
        """Opens the records below `root`; those that a crash cut off are marked as failed."""
        self._root = root
        self._limits = limits
        self._supervisor = supervisor or Supervisor(limits)
        self._lock = threading.RLock()
        self._operations: dict[str, dict[str, Any]] = {}
        self._requests: dict[str, str] = {}
        self._tasks: dict[str, Task] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._pool_size = 0
        for path in sorted(root.glob("*.json")) if root.is_dir() else []:
            try:
                record = json.loads(path.read_bytes())
            except ValueError:
                continue
            self._operations[record["operation"]["name"]] = record["operation"]
            if record["request_id"]:
                self._requests[record["request_id"]] = record["operation"]["name"]
        for operation in self._operations.values():
            if not operation["done"]:
                error = ApiError("ABORTED", "The sandbox stopped while this task ran. Start it again.")
                self._finish(operation, "FAILED", error=error)

    def submit(
        self, project: str, kind: str, description: str, work: Work, request_id: str | None = None
    ) -> dict[str, Any]:
        """Queues a task and gives its operation.

        Args:
            project: Project id.
            kind: Such as `EXPORT_IMAGE` or `INGEST_IMAGE`.
            description: Shown in lists.
            work: Does it, and returns the destination uris.
            request_id: A repeated id gives the operation that it started before.

        Raises:
            ApiError: RESOURCE_EXHAUSTED where the queue is full.
        """
        with self._lock:
            if request_id and request_id in self._requests:
                return self.get(self._requests[request_id])
            if sum(not item["done"] for item in self._operations.values()) >= self._limits.queued_operations:
                raise ApiError(
                    "RESOURCE_EXHAUSTED",
                    "Too many tasks already in the queue. Please wait for some of them to complete.",
                )
            now = timestamp(time.time())
            name = f"projects/{project}/operations/" + "".join(secrets.choice(_ALPHABET) for _ in range(24))
            operation: dict[str, Any] = {
                "name": name,
                "metadata": {
                    "@type": _METADATA_TYPE,
                    "state": "PENDING",
                    "description": description,
                    "priority": 100,
                    "createTime": now,
                    "updateTime": now,
                    "type": kind,
                    "attempt": 0,
                    "progress": 0.0,
                },
                "done": False,
            }
            task = Task(operation, self._supervisor.batch())
            self._operations[name] = operation
            self._tasks[name] = task
            if request_id:
                self._requests[request_id] = name
            self._save(operation)
            self._workers().submit(self._run, operation, task, work)
            return self.get(name)

    def get(self, name: str) -> dict[str, Any]:
        """An operation by its name; raises NOT_FOUND."""
        with self._lock:
            operation = self._operations.get(name)
            if operation is None:
                raise not_found(f"Operation '{name}' not found.")
            return {**operation, "metadata": dict(operation["metadata"])}

    def page(self, project: str, size: int = 0, token: str = "") -> dict[str, Any]:
        """A page of a project's operations, newest first."""
        with self._lock:
            prefix = f"projects/{project}/operations/"
            found = [item for name, item in self._operations.items() if name.startswith(prefix)]
        found.sort(key=lambda item: item["metadata"]["createTime"], reverse=True)
        start = int(token) if token.isdigit() else 0
        end = start + (size or len(found))
        page: dict[str, Any] = {"operations": [self.get(item["name"]) for item in found[start:end]]}
        if end < len(found):
            page["nextPageToken"] = str(end)
        return page

    def cancel(self, name: str) -> None:
        """Cancels a task: at once where it waits, at its next step where it runs."""
        with self._lock:
            self.get(name)
            operation = self._operations[name]
            if operation["done"]:
                raise invalid(f"Operation '{name}' has finished already and cannot be cancelled.")
            self._tasks[name].cancel()
            if operation["metadata"]["state"] == "PENDING":
                self._finish(operation, "CANCELLED", error=ApiError("CANCELLED", "Cancelled."))
            else:
                operation["metadata"]["state"] = "CANCELLING"
                self._save(operation)

    def delete(self, name: str) -> None:
        """Forgets a finished operation."""
        with self._lock:
            if not self.get(name)["done"]:
                raise invalid(f"Operation '{name}' has not finished yet.")
            del self._operations[name]
            self._path(name).unlink(missing_ok=True)

    def wait(self, name: str, seconds: float) -> dict[str, Any]:
        """The operation once it is done, or as it is after so many seconds."""
        self.get(name)
        task = self._tasks.get(name)
        if task is not None:
            task.finished.wait(seconds)
        return self.get(name)

    def active(self) -> int:
        """Tasks that wait or run."""
        with self._lock:
            return sum(not item["done"] for item in self._operations.values())

    def stop(self) -> None:
        """Cancels what is left, and waits for what runs."""
        with self._lock:
            pool, self._pool = self._pool, None
            for name, operation in self._operations.items():
                if not operation["done"]:
                    self._tasks[name].cancel()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def clear(self) -> None:
        """Cancels and forgets every task."""
        self.stop()
        with self._lock:
            for name in self._operations:
                self._path(name).unlink(missing_ok=True)
            self._operations.clear()
            self._requests.clear()
            self._tasks.clear()

    def _workers(self) -> ThreadPoolExecutor:
        """The threads of tasks, as many as may run; after a change of the limit new ones, once the old are idle."""
        size = self._limits.running_operations
        if self._pool is not None and size != self._pool_size and self.active() <= 1:
            self._pool.shutdown(wait=False)
            self._pool = None
        if self._pool is None:
            self._pool = ThreadPoolExecutor(size, thread_name_prefix="earthengine-task")
            self._pool_size = size
        return self._pool

    def _run(self, operation: dict[str, Any], task: Task, work: Work) -> None:
        with self._lock:
            if operation["done"]:
                return
            operation["metadata"] |= {"state": "RUNNING", "startTime": timestamp(time.time()), "attempt": 1}
            self._save(operation)
        try:
            task.progress(0.0)
            uris = self._supervisor.run(task.computation, work, task)
            if task.cancelled.is_set():
                raise Cancelled
        except Cancelled:
            self._finish(operation, "CANCELLED", error=ApiError("CANCELLED", "Cancelled."))
        except ApiError as error:
            self._finish(operation, "CANCELLED" if error.status == "CANCELLED" else "FAILED", error=error)
        except Exception as error:
            logger.exception("task %s failed", operation["name"])
            self._finish(operation, "FAILED", error=ApiError("INTERNAL", f"Internal error: {error}"))
        else:
            self._finish(operation, "SUCCEEDED", uris=uris)

    def _finish(
        self, operation: dict[str, Any], state: str, *, uris: list[str] | None = None, error: ApiError | None = None
    ) -> None:
        with self._lock:
            now = timestamp(time.time())
            metadata: dict[str, Any] = operation["metadata"]
            metadata |= {"state": state, "updateTime": now, "endTime": now}
            metadata.setdefault("startTime", now)
            if state == "SUCCEEDED":
                metadata["progress"] = 1.0
                operation["response"] = {"@type": "type.googleapis.com/google.protobuf.Empty"}
            if uris:
                metadata["destinationUris"] = uris
            if error is not None:
                operation["error"] = error.to_rpc_status()
            operation["done"] = True
            self._save(operation)
            task = self._tasks.get(operation["name"])
        if task is not None:
            task.finished.set()

    def _save(self, operation: Mapping[str, Any]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        name = operation["name"]
        request_id = next((key for key, value in self._requests.items() if value == name), None)
        temporary = self._root / f"{uuid.uuid4().hex}.tmp"
        temporary.write_text(json.dumps({"operation": operation, "request_id": request_id}), encoding="utf-8")
        os.replace(temporary, self._path(name))

    def _path(self, name: str) -> Path:
        # Names are made here, of letters and digits, so that none can lead elsewhere.
        return self._root / (name.split("/")[1] + "." + name.rsplit("/", 1)[1] + ".json")
