"""Vertex AI resources on disk: one JSON file per resource, named as the resource is.

A file is written beside its place and moved into it, so that a killed sandbox leaves either the old record or
the new one. The sandbox is the only writer of its folder, so one lock orders everything.
"""

import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import orjson

from earthline_sandbox.errors import invalid, not_found

Record = dict[str, Any]

LONGEST_SEGMENT = 240


class Store:
    """Records by full resource name, such as `projects/1/locations/us-central1/endpoints/2`.

    Every record handed out is the caller's own copy; nothing that a caller does to it changes the store.
    """

    def __init__(self, root: Path) -> None:
        """Opens the store below `root`, which is made on the first write."""
        self._root = root
        self._lock = threading.RLock()

    def put(self, name: str, record: Record) -> None:
        """Writes a record, in one step that a crash cannot tear.

        Raises:
            ApiError: INVALID_ARGUMENT where `name` is no resource name.
        """
        path = self._path(name)
        content = orjson.dumps(record)
        with self._lock:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{uuid.uuid4().hex}.draft")
            try:
                draft.write_bytes(content)
                os.replace(draft, path)
            finally:
                draft.unlink(missing_ok=True)

    def create(self, name: str, record: Record) -> bool:
        """Writes a record unless one of that name is there; says whether it wrote."""
        with self._lock:
            if self.exists(name):
                return False
            self.put(name, record)
            return True

    def get(self, name: str) -> Record:
        """Reads a record.

        Raises:
            ApiError: NOT_FOUND where there is none, INVALID_ARGUMENT where `name` is no resource name.
        """
        try:
            record: Record = orjson.loads(self._path(name).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise not_found(f"The resource {name} was not found.") from None
        return record

    def exists(self, name: str) -> bool:
        """Says whether a record of that name is there."""
        return self._path(name).is_file()

    def update(self, name: str, change: Callable[[Record], None]) -> Record:
        """Reads, changes in place and writes back a record with no other writer between; returns the result.

        Raises:
            ApiError: NOT_FOUND where there is none. What `change` raises leaves the record as it was.
        """
        with self._lock:
            record = self.get(name)
            change(record)
            self.put(name, record)
        return record

    def delete(self, name: str) -> None:
        """Removes a record and all that is named below it.

        Raises:
            ApiError: NOT_FOUND where there is none.
        """
        path = self._path(name)
        with self._lock:
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                raise not_found(f"The resource {name} was not found.") from None
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)

    def list(self, parent: str, kind: str) -> list[Record]:
        """Reads the records `<parent>/<kind>/*`, oldest first by `createTime`."""
        folder = self._folder(f"{parent}/{kind}")
        found = [(path, record) for path, record in self._read(folder)]
        found.sort(key=lambda pair: (str(pair[1].get("createTime", "")), pair[0].name))
        return [record for _, record in found]

    def every(self, kind: str) -> Iterator[tuple[str, Record]]:
        """Yields name and record of each `<kind>` of every project and location."""
        for folder in sorted(self._root.glob(f"projects/*/locations/*/{quote(kind)}")):
            for path, record in self._read(folder):
                yield f"{folder.relative_to(self._root).as_posix()}/{record_id(path)}", record

    def clear(self) -> None:
        """Removes every record."""
        with self._lock:
            shutil.rmtree(self._root, ignore_errors=True)

    def _read(self, folder: Path) -> Iterator[tuple[Path, Record]]:
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
        except (FileNotFoundError, NotADirectoryError):
            return
        for path in paths:
            try:
                yield path, orjson.loads(path.read_bytes())
            except FileNotFoundError:
                continue  # deleted between the listing and the reading

    def _path(self, name: str) -> Path:
        folder = self._folder(name)
        return folder.with_name(folder.name + ".json")

    def _folder(self, name: str) -> Path:
        segments = [quote(segment, safe="@-_~") for segment in name.split("/")]
        if not all(0 < len(segment) <= LONGEST_SEGMENT for segment in segments):
            raise invalid(f"{name[:500]!r} is not a resource name: a part of it is empty or too long.")
        # quote() leaves dots alone whatever `safe` says, and a leading one would climb out or hide the file.
        return self._root.joinpath(*(segment.replace(".", "%2E") for segment in segments))


def record_id(path: Path) -> str:
    """The last part of the resource name that a file stands for."""
    return unquote(path.name.removesuffix(".json"))
