"""Export tasks, and the file about each that lets another process take them up.

Files and results lie in one folder of the bucket, named after what is exported: whoever goes on, on whichever machine,
finds them.
"""

import json
import posixpath
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, cast

from google.api_core.exceptions import NotFound
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from components.export_examples.batch.recipe import Corner
from earthline.storage.patterns import REMOTE, reading

ROOM = "export_tasks"
"""Folder of all exports' tasks inside a folder for temporary files."""
KEPT = timedelta(days=21)
_RECORD = ".json"
_RESULT = ".tfrecord.gz"
"""What Earth Engine appends to the name of a table."""
_OURS = re.compile(r"[0-9a-f]{32}/earthline-[0-9a-f]{24}(-\d+)?(\.json|\.tfrecord\.gz)")


@dataclass(frozen=True)
class Task:
    """One export task.

    Attributes:
        name: Of the task.
        corners: Rows and columns of its patches' first pixels, in the order of the table's index.
        attempt: How often it was begun anew, from 0.
        tile_scale: Earth Engine's `tileScale`.
        operation: Earth Engine's name for it, such as projects/P/operations/ID; empty until it is submitted.
    """

    name: str
    corners: tuple[Corner, ...]
    attempt: int = 0
    tile_scale: int = 1
    operation: str = ""

    @classmethod
    def of(cls, corners: Sequence[Corner], tile_scale: int = 1) -> "Task":
        """A task that was not begun yet, under a name that no other has: Earth Engine remembers those of long ago.

        Args:
            corners: Of its patches.
            tile_scale: Earth Engine's `tileScale`.
        """
        return cls(f"earthline-{secrets.token_hex(12)}", tuple(corners), 0, tile_scale)

    @property
    def request_id(self) -> str:
        """By which Earth Engine knows a request that comes twice; also the task's description, for people and lists."""
        return f"{self.name}-{self.attempt}"

    def again(self, tile_scale: int | None = None) -> "Task":
        """The next attempt.

        Args:
            tile_scale: Another `tileScale`.
        """
        return replace(self, attempt=self.attempt + 1, tile_scale=tile_scale or self.tile_scale, operation="")


def clear_old(temp_location: str, project: str) -> None:
    """Removes what exports left that nobody has gone on with for three weeks; Earth Engine knows their tasks no more.

    Args:
        temp_location: gs:// folder for temporary files.
        project: Google Cloud project of the requests.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
    """
    bucket, _, folder = temp_location.removeprefix(REMOTE).rstrip("/").partition("/")
    prefix, oldest = posixpath.join(folder, ROOM) + "/", datetime.now(UTC) - KEPT
    for blob in storage.Client(project=project).bucket(bucket).list_blobs(prefix=prefix):
        if blob.updated < oldest and _OURS.fullmatch(blob.name.removeprefix(prefix)):
            with suppress(NotFound):
                blob.delete()


class Ledger:
    """The files about tasks, and their results, in one folder of Cloud Storage."""

    def __init__(self, folder: str, project: str) -> None:
        """Names the folder; nothing is read yet.

        Args:
            folder: A gs:// URI.
            project: Google Cloud project of the requests.
        """
        self.bucket, _, self._prefix = folder.removeprefix(REMOTE).rstrip("/").partition("/")
        self._project, self._bucket = project, storage.Client(project=project).bucket(self.bucket)

    def tasks(self) -> list[Task]:
        """The tasks that are told of, by name.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
        """
        found = []
        for blob in self._bucket.client.list_blobs(self._bucket, prefix=f"{self._prefix}/"):
            if blob.name.endswith(_RECORD):
                told = json.loads(blob.download_as_bytes())
                found.append(Task(**{**told, "corners": tuple((row, column) for row, column in told["corners"])}))
        return found

    def write(self, task: Task) -> None:
        """Tells of a task, instead of what was told before."""
        self._blob(f"{task.name}{_RECORD}").upload_from_string(
            json.dumps(asdict(task)), "application/json", retry=DEFAULT_RETRY
        )

    def forget(self, task: Task) -> None:
        """Removes the result of a task, then what is told of it."""
        for name in (self.result(task) + _RESULT, self._path(f"{task.name}{_RECORD}")):
            with suppress(NotFound):
                self._bucket.blob(name).delete()

    def result(self, task: Task) -> str:
        """Name of the task's result in the bucket, without what Earth Engine appends."""
        return self._path(task.request_id)

    def opened(self, task: Task) -> Any:
        """Context manager: the result of a task, as a stream that asks for a few megabytes at a time.

        Raises:
            google.api_core.exceptions.NotFound: There is none.
        """
        return cast("BinaryIO", reading(f"{REMOTE}{self.bucket}/{self.result(task)}{_RESULT}", self._project))

    def _path(self, name: str) -> str:
        return posixpath.join(self._prefix, name)

    def _blob(self, name: str) -> Any:
        return self._bucket.blob(self._path(name))
