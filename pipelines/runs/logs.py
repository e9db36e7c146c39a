"""Log lines of jobs on Vertex AI, read from Cloud Logging."""

from collections.abc import Iterator
from typing import Any

import google.auth
from google.auth.transport.requests import AuthorizedSession

from pipelines.runs import log_lines

_URL = "https://logging.googleapis.com/v2/entries:list"
_SCOPE = "https://www.googleapis.com/auth/logging.read"
_PAGE = 1000
_MOST_LINES = 100_000
_TIMEOUT_SECONDS = 20
_NEWEST = 20
"""Entries that are looked through for a line of progress."""


class Logs:
    """Reads the logs of one project's jobs."""

    def __init__(self, project: str) -> None:
        """Connects with the ambient credentials.

        Args:
            project: Google Cloud project id.
        """
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        self._session = AuthorizedSession(credentials)
        self._project = project

    def progress(self, job_id: str) -> str:
        """The newest line of a job that tells how far it is; empty where none of its newest lines does.

        Args:
            job_id: Number of the custom job that runs the container.

        Raises:
            requests.RequestException: Cloud Logging cannot be reached or refuses.
        """
        page = self._list(_filter(job_id), "timestamp desc", _NEWEST, "")
        # Entries come with the newest first; a payload of several lines is newest at its end.
        lines = [line for entry in reversed(page.get("entries", [])) for line in _text(entry).splitlines()]
        return log_lines.progress(lines)

    def lines(self, job_id: str, since: str) -> Iterator[str]:
        """All lines of a job, oldest first.

        Args:
            job_id: Number of the custom job that runs the container.
            since: RFC 3339 time before the first line; Cloud Logging looks back one day only where none is given.

        Yields:
            One line each, without its end; 100,000 at most.

        Raises:
            requests.RequestException: As `progress`.
        """
        token, count = "", 0
        while count < _MOST_LINES:
            page = self._list(f'{_filter(job_id)} AND timestamp>="{since}"', "timestamp asc", _PAGE, token)
            for entry in page.get("entries", []):
                for line in _text(entry).splitlines():
                    yield line
                    count += 1
            token = page.get("nextPageToken", "")
            if not token:
                return

    def _list(self, filtered: str, order: str, size: int, token: str) -> dict[str, Any]:
        body = {"resourceNames": [f"projects/{self._project}"], "filter": filtered, "orderBy": order, "pageSize": size}
        if token:
            body["pageToken"] = token
        reply = self._session.post(_URL, json=body, timeout=_TIMEOUT_SECONDS)
        reply.raise_for_status()
        content = reply.json()
        return content if isinstance(content, dict) else {}


def _filter(job_id: str) -> str:
    return f'resource.type="ml_job" AND resource.labels.job_id="{job_id}"'


def _text(entry: dict[str, Any]) -> str:
    payload = entry.get("jsonPayload")
    if isinstance(payload, dict):
        return str(payload.get("message", ""))
    return str(entry.get("textPayload", ""))
