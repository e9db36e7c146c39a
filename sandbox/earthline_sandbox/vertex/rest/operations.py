"""Long-running operations: begun, finished, polled at every path that clients use."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.rest import listing, messages, names
from earthline_sandbox.vertex.rest.routes import Call, Part, route
from earthline_sandbox.vertex.rest.store import Record, Store

LONGEST_HOLD: Final = 8.0
"""Seconds that `get` holds its reply while an operation runs: REST clients give up after 10 and sleep between polls."""

LONGEST_WAIT: Final = 300.0
"""Seconds that `wait` holds its reply at most."""

_LOG: Final = logging.getLogger(__name__)

Work = Callable[[], Mapping[str, Any]]


class Operations(Part):
    """All operations of the sandbox; each is kept on disk with its outcome.

    An operation is named below its resource, such as `projects/…/locations/…/models/1/operations/2`, and found
    below its place under any such prefix.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        """Serves the operations in `store`."""
        self._settings = settings
        self._store = store
        self._running: dict[str, Future[None]] = {}
        self._cancels: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        """Routes for operations of a place and of any resource."""
        found = []
        for owner in ("", "{owner:path}/"):
            operation = f"{owner}operations/{{operation:segment}}" if owner else "operations/{operation}"
            found += [
                route(self._settings, "POST", f"{operation}:cancel", self._cancel),
                route(self._settings, "POST", f"{operation}:wait", self._wait),
                route(self._settings, "GET", operation, self._get),
                route(self._settings, "DELETE", operation, self._delete),
                route(self._settings, "GET", f"{owner}operations", self._list),
            ]
        return found

    async def start(self) -> None:
        """Fails operations that ran when the last sandbox ended."""
        lost = ApiError("ABORTED", "The sandbox ended while this operation ran. Nothing of it was kept: call again.")
        for name, record in list(self._store.every("operations")):
            if not record.get("done"):
                self._finish(name, {"error": lost.to_rpc_status()})

    async def stop(self) -> None:
        """Cancels what can be; the rest fails at the next start."""
        with self._lock:
            cancels = list(self._cancels.values())
        for cancel in cancels:
            await asyncio.to_thread(cancel)

    def busy(self) -> bool:
        """True while any operation runs."""
        return bool(self._running)

    def status(self) -> dict[str, Any]:
        """Names of the running operations."""
        return {"running": sorted(self._running)}

    def done(self, resource: str, metadata: str, response: str, value: Mapping[str, Any]) -> Record:
        """An operation that is over when it begins.

        Args:
            resource: Name of the resource that it was about.
            metadata: Message of the metadata, such as `CreateEndpointOperationMetadata`.
            response: Message of the response, such as `Endpoint`; `Empty` is google.protobuf's.
            value: The response's JSON.
        """
        name, record = self._begin(resource, metadata)
        return self._finish(name, {"response": _typed(response, value)}, record)

    def run(
        self,
        resource: str,
        metadata: str,
        response: str,
        work: Work,
        *,
        cancel: Callable[[], None] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Record:
        """Begins an operation whose work goes on in a thread of its own.

        Args:
            resource: Name of the resource that it is about.
            metadata: Message of the metadata.
            response: Message of the response.
            work: Does it and returns the response's JSON. An `ApiError` becomes the operation's error.
            cancel: Makes `work` end early, with an `ApiError`.
            details: Further fields of the metadata.

        Returns:
            The running operation.
        """
        name, record = self._begin(resource, metadata)
        record["metadata"].update(details or {})
        ended: Future[None] = Future()
        with self._lock:
            self._running[_short(name)] = ended
            if cancel:
                self._cancels[_short(name)] = cancel
        self._store.put(_short(name), record)

        def follow() -> None:
            try:
                outcome: dict[str, Any] = {"response": _typed(response, work())}
            except ApiError as error:
                outcome = {"error": error.to_rpc_status()}
            except Exception as error:
                _LOG.exception("%s failed", name)
                fault = ApiError("INTERNAL", f"The sandbox failed: {type(error).__name__}: {error}.")
                outcome = {"error": fault.to_rpc_status()}
            try:
                self._finish(name, outcome)
            finally:
                with self._lock:
                    self._running.pop(_short(name), None)
                    self._cancels.pop(_short(name), None)
                ended.set_result(None)

        threading.Thread(target=follow, name=f"operation-{name.rpartition('/')[2]}", daemon=True).start()
        return record

    def begun(self, handler: Callable[[Call], Record]) -> Callable[[Call], Awaitable[Record]]:
        """A handler that gives an operation, for a route: a launcher gets the operation only when it is over."""

        async def answer(call: Call) -> Record:
            record = await run_in_threadpool(handler, call)
            if record.get("done") or not call.from_launcher:
                return record
            return await self._held(_short(record["name"]), LONGEST_WAIT)

        return answer

    def _begin(self, resource: str, metadata: str) -> tuple[str, Record]:
        name = f"{resource}/operations/{names.fresh_id()}"
        times = {"createTime": names.now(), "updateTime": names.now()}
        return name, {
            "name": name,
            "metadata": {"@type": messages.type_url(metadata), "genericMetadata": times},
        }

    def _finish(self, name: str, outcome: Mapping[str, Any], record: Record | None = None) -> Record:
        def change(kept: Record) -> None:
            kept["metadata"]["genericMetadata"]["updateTime"] = names.now()
            kept.update(outcome, done=True)

        if record is not None:
            change(record)
            self._store.put(_short(name), record)
            return record
        try:
            return self._store.update(_short(name), change)
        except ApiError as error:
            if error.status != "NOT_FOUND":
                raise
            return {}  # reset or deleted meanwhile

    def _name(self, call: Call) -> str:
        return f"{call.parent}/operations/{call.path['operation']}"

    async def _held(self, name: str, seconds: float) -> Record:
        record = await asyncio.to_thread(self._store.get, name)
        running = self._running.get(name)
        if record.get("done") or running is None:
            return record
        await asyncio.wait([asyncio.wrap_future(running)], timeout=seconds)
        return await asyncio.to_thread(self._store.get, name)

    async def _get(self, call: Call) -> Record:
        return await self._held(self._name(call), LONGEST_HOLD)

    async def _wait(self, call: Call) -> Record:
        text = str(messages.json_object(call.body).get("timeout", f"{LONGEST_WAIT}s")).removesuffix("s")
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not seconds >= 0:
            raise ApiError("INVALID_ARGUMENT", f"timeout {text!r} is not a duration such as '10s'.")
        return await self._held(self._name(call), min(seconds, LONGEST_WAIT))

    def _cancel(self, call: Call) -> Record:
        name = self._name(call)
        self._store.get(name)
        cancel = self._cancels.get(name)
        if cancel:
            cancel()
        return {}

    def _delete(self, call: Call) -> Record:
        self._store.delete(self._name(call))
        return {}

    def _list(self, call: Call) -> Record:
        owner = f"{call.parent}/{call.path['owner']}" if "owner" in call.path else call.parent
        records = self._store.list(call.parent, "operations")
        return listing.page(
            [record for record in records if record["name"].startswith(owner)], "operations", call.parameter
        )


def _short(name: str) -> str:
    """The name below the place, by which an operation is found whatever resource a client puts before it."""
    parts = name.split("/")
    return "/".join([*parts[:4], *parts[-2:]])


def _typed(kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "Empty":
        return {"@type": "type.googleapis.com/google.protobuf.Empty"}
    return {"@type": messages.type_url(kind), **value}
