"""Cloud Logging's `entries:list` for the logs of pipeline tasks and custom jobs.

A process writes plain lines to a file. A line's time is the time at which a reader first found it, which the sandbox
remembers, so that times never change and a client that follows a log by `timestamp>=` misses nothing.
"""

import bisect
import contextlib
import os
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from earthline_sandbox.errors import invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.rest import listing, messages
from earthline_sandbox.vertex.rest.routes import Part, read_body, render
from earthline_sandbox.vertex.rest.store import Store

LARGEST_LOG: Final = 256 * 2**20
"""Bytes of one log that are read; of a longer one, its beginning."""

REPLICA: Final = "workerpool0-0"
"""Name of the process that a line without a name of its own is given as."""

LONGEST_LINE: Final = 100_000
"""Characters of one line, as Cloud Logging cuts them."""

_LARGEST_BODY: Final = 2**20
_DEFAULT_PAGE: Final = 50
_LARGEST_PAGE: Final = 1000
_JOB: Final = re.compile(r"""job_id"?\s*[=:]\s*(?:"(\d+)"|'(\d+)'|(\d+))""")
_TIME: Final = re.compile(r"""(timestamp\s*(?:>=|<=|=|>|<)\s*)["']?([0-9T:.+\-]+Z?)["']?""")
_SEVERITY: Final = re.compile(r"""severity\s*(?:>=|<=|!=|=|>|<)\s*["']?\w+["']?""")
_OWNER: Final = re.compile(r"\[(workerpool\d{1,2}-\d{1,3}|service)\] ")
_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


def publish(settings: Settings, job_id: str, log: Path) -> None:
    """Makes a log readable as that of a job; a custom job writes its own `logs/<id>.log` and needs no such link.

    Args:
        settings: The sandbox.
        job_id: Number of the custom job, as text; pipeline tasks have one per attempt.
        log: File that the process writes.
    """
    folder = settings.home.vertex / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{job_id}.log").symlink_to(log)


def withdraw(settings: Settings, job_id: str) -> None:
    """Forgets the log of a job; a file that was linked stays where it is."""
    for suffix in (".log", ".times"):
        (settings.home.vertex / "logs" / f"{job_id}{suffix}").unlink(missing_ok=True)


class Logging(Part):
    """Cloud Logging, as far as clients read the logs of jobs with it."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Serves the logs below the sandbox's home; `store` is unused, as logs are files."""
        self._settings = settings
        self._root = settings.home.vertex / "logs"
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("/v2/entries:list", self._list, methods=["POST"])]

    async def reset(self) -> None:
        """Forgets all logs."""
        shutil.rmtree(self._root, ignore_errors=True)

    def status(self) -> dict[str, Any]:
        """How many jobs have logs."""
        return {"jobs": sum(1 for _ in self._root.glob("*.log"))}

    async def _list(self, request: Request) -> Response:
        query = messages.json_object(await read_body(request, _LARGEST_BODY))
        return render(await run_in_threadpool(self.entries, query))

    def entries(self, query: dict[str, Any]) -> dict[str, Any]:
        """Answers a request.

        Args:
            query: `ListLogEntriesRequest` as JSON: `filter`, `orderBy`, `pageSize`, `pageToken`.

        Returns:
            `ListLogEntriesResponse` as JSON.

        Raises:
            ApiError: INVALID_ARGUMENT for a malformed filter, order, page size or token.
        """
        if not query.get("resourceNames") and not query.get("projectIds"):
            raise invalid("resourceNames is empty: name a project, such as projects/sandbox.")
        text = str(query.get("filter") or "")
        test = listing.parse_filter(_canonical_filter(text))
        order = str(query.get("orderBy") or "timestamp asc")
        if order not in ("timestamp", "timestamp asc", "timestamp desc"):
            raise invalid(f"orderBy {order!r} is neither 'timestamp asc' nor 'timestamp desc'.")
        size = min(_whole(query.get("pageSize"), "pageSize") or _DEFAULT_PAGE, _LARGEST_PAGE)
        start = _whole(query.get("pageToken"), "pageToken")
        named = {next(filter(None, match.groups())) for match in _JOB.finditer(text)}
        found = [entry for entry in self._read(named) if test(entry)]
        found.sort(key=lambda entry: (entry["timestamp"], entry["insertId"]), reverse=order.endswith("desc"))
        answer: dict[str, Any] = {"entries": found[start : start + size]}
        if start + size < len(found):
            answer["nextPageToken"] = str(start + size)
        return answer

    def _read(self, jobs: set[str]) -> Iterator[dict[str, Any]]:
        for link in sorted(self._root.glob("*.log")):
            if not jobs or link.stem in jobs:
                yield from self._lines(link.stem, link)

    def _lines(self, job: str, link: Path) -> Iterator[dict[str, Any]]:
        try:
            with link.open("rb") as file:
                content = file.read(LARGEST_LOG)
            modified = os.stat(link).st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return
        offsets, times = self._times(link, content, modified)
        position = 0
        for line in content.splitlines(keepends=True):
            # The end of a log that is still written to is a line once it is whole.
            if position >= offsets[-1]:
                return
            moment = times[bisect.bisect_right(offsets, position)]
            message = line.decode("utf-8", "replace").rstrip("\r\n")[:LONGEST_LINE]
            # The log of a job with several replicas says whose line each is.
            owner = _OWNER.match(message)
            replica, message = (owner[1], message[owner.end() :]) if owner else (REPLICA, message)
            yield {
                "logName": f"projects/{self._settings.project}/logs/{replica}",
                "resource": {
                    "type": "ml_job",
                    "labels": {"job_id": job, "project_id": self._settings.project, "task_name": replica},
                },
                "timestamp": moment,
                "receiveTimestamp": moment,
                "severity": "INFO",
                "insertId": f"{job}-{position:012d}",
                "labels": {"ml.googleapis.com/job_id": job, "ml.googleapis.com/task_name": replica},
                "jsonPayload": {"message": message, "levelname": "INFO"},
            }
            position += len(line)

    def _times(self, link: Path, content: bytes, modified: float) -> tuple[list[int], list[str]]:
        """Ends of the parts of a log that were found together, and when each of them was."""
        memory = link.with_suffix(".times")
        with self._lock:
            try:
                known = orjson.loads(memory.read_bytes())
            except (FileNotFoundError, orjson.JSONDecodeError):
                known = []
            # A line without an end counts once nothing has been added to it for a second.
            quiet = datetime.now(UTC).timestamp() - modified > 1.0
            whole = len(content) if quiet else content.rfind(b"\n") + 1
            if not known or whole > known[-1][0]:
                known.append([whole, datetime.fromtimestamp(modified, UTC).strftime(_FORMAT)])
                draft = memory.with_suffix(".draft")
                with contextlib.suppress(OSError):
                    draft.write_bytes(orjson.dumps(known))
                    os.replace(draft, memory)
        return [end for end, _ in known], [moment for _, moment in known]


def _canonical_filter(text: str) -> str:
    """The filter with times in the sandbox's own form and without severities, which plain lines do not have."""

    def moment(match: re.Match[str]) -> str:
        try:
            parsed = datetime.fromisoformat(match[2])
        except ValueError:
            raise invalid(f"{match[2]!r} in the filter is not a time as RFC 3339 writes it.") from None
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return f'{match[1]}"{parsed.astimezone(UTC).strftime(_FORMAT)}"'

    return _SEVERITY.sub("severity:*", _TIME.sub(moment, text))


def _whole(value: Any, key: str) -> int:
    if value in (None, ""):
        return 0
    if isinstance(value, bool) or not str(value).isascii() or not str(value).isdigit() or len(str(value)) > 9:
        raise invalid(f"{key} {value!r} is not one that entries:list gives or takes.")
    return int(value)
