"""Resumable uploads: https://cloud.google.com/storage/docs/performing-resumable-uploads. They survive a restart."""

import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from earthline_sandbox.errors import ApiError, invalid, not_found
from earthline_sandbox.storage.objects import ObjectStore, Record
from earthline_sandbox.storage.preconditions import Conditions

_RANGE = re.compile(r"^bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)$")
_ID = re.compile(r"^[A-Za-z0-9_-]{20,64}$")


@dataclass(frozen=True)
class Session:
    """One upload under way.

    Attributes:
        id: What the client's `upload_id` says.
        content: File that grows.
        bucket: Bucket of the object to be.
        name: Name of the object to be.
        attributes: Metadata that the client sent at the start.
        query: Query parameters of the start, which hold its preconditions.
    """

    id: str
    content: Path
    bucket: str
    name: str
    attributes: dict[str, Any]
    query: dict[str, str]

    @property
    def received(self) -> int:
        """Bytes so far."""
        return self.content.stat().st_size


class Uploads:
    """Sessions below one folder."""

    def __init__(self, store: ObjectStore) -> None:
        """Beside the store's metadata."""
        self._store = store
        self._folder = store.metadata / "uploads"

    def begin(self, bucket: str, name: str, attributes: Mapping[str, Any], query: Mapping[str, str]) -> Session:
        """Starts a session; ApiError 404 where there is no bucket, 400 for a bad name."""
        self._store.path(bucket, name)
        session = secrets.token_urlsafe(24)
        self._folder.mkdir(parents=True, exist_ok=True)
        described = {"bucket": bucket, "name": name, "attributes": dict(attributes), "query": dict(query)}
        (self._folder / f"{session}.json").write_text(json.dumps(described))
        (self._folder / session).touch()
        return self.find(session)

    def find(self, session: str) -> Session:
        """The session of that id; ApiError 404 where there is none."""
        if not _ID.match(session) or not (self._folder / f"{session}.json").is_file():
            raise not_found(f"No such upload: {session[:64]}; begin again")
        described = json.loads((self._folder / f"{session}.json").read_text())
        return Session(session, self._folder / session, **described)

    def cancel(self, session: str) -> None:
        """Forgets a session."""
        found = self.find(session)
        found.content.unlink(missing_ok=True)
        (self._folder / f"{found.id}.json").unlink(missing_ok=True)

    async def receive(self, session: Session, content_range: str | None, body: AsyncIterator[bytes]) -> Record | None:
        """Adds a chunk.

        Args:
            session: The session.
            content_range: The request's Content-Range; None where the whole rest comes at once.
            body: The chunk's bytes.

        Returns:
            The object when it is complete, else None.

        Raises:
            ApiError: A malformed range, or one that starts after what was received.
        """
        first, total = session.received, None
        asks = False
        if content_range is not None:
            match = _RANGE.match(content_range)
            if match is None:
                raise invalid(f"Invalid Content-Range: {content_range!r}")
            total = None if match[3] == "*" else int(match[3])
            asks = match[1] is None
            first = session.received if asks else int(match[1])
        if first > session.received:
            raise ApiError(
                "OUT_OF_RANGE",
                f"Content-Range starts at {first} but {session.received} bytes were received; ask with 'bytes */*'",
                code=503,
            )
        with session.content.open("r+b") as file:
            file.seek(first)
            async for chunk in body:
                file.write(chunk)
            if not asks:
                file.truncate()
        if content_range is not None and (total is None or session.received < total):
            return None
        conditions = Conditions.of(session.query)
        record = await run_in_threadpool(
            self._store.commit,
            session.bucket,
            session.name,
            session.content,
            session.attributes,
            conditions=conditions,
        )
        (self._folder / f"{session.id}.json").unlink(missing_ok=True)
        return record
