"""Objects as plain files, with what a file cannot say kept beside them.

A task that writes through its mount writes the same file; the next look notices by its stamp (modification time, size,
inode) that it changed and gives it a new generation.
"""

import base64
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

from earthline_sandbox.errors import ApiError, invalid, not_found
from earthline_sandbox.storage.names import check_bucket, leaves, object_name, object_path
from earthline_sandbox.storage.preconditions import Conditions

CHUNK = 1 << 20
DEFAULT_TYPE = "application/octet-stream"
WRITABLE = (
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "customTime",
    "metadata",
    "storageClass",
)
"""Fields of an object that a client sets, beside contentType."""


@dataclass(frozen=True)
class Record:
    """What is kept beside an object's file.

    Attributes:
        generation: Microseconds since 1970 of the last write of content; grows with each.
        metageneration: Changes of metadata since then, from 1.
        crc32c: Base64 of the big-endian checksum.
        md5: Base64 of the digest; empty for composed objects, as at Google.
        stamp: Modification time in ns, size in bytes and inode of the file that this describes.
        created: RFC 3339 time of the generation.
        updated: RFC 3339 time of the last change.
        content_type: MIME type.
        attributes: Other writable fields: contentEncoding, cacheControl, metadata and so on.
    """

    generation: int
    metageneration: int
    crc32c: str
    md5: str
    stamp: tuple[int, int, int]
    created: str
    updated: str
    content_type: str = DEFAULT_TYPE
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stamp[1]


class Digest:
    """The two checksums of a stream."""

    def __init__(self) -> None:
        """Of nothing yet."""
        self._crc = google_crc32c.Checksum()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        """Adds bytes."""
        self._crc.update(chunk)
        self._md5.update(chunk)

    @property
    def crc32c(self) -> str:
        """Base64, as the API shows it."""
        return base64.b64encode(self._crc.digest()).decode()

    @property
    def md5(self) -> str:
        """Base64, as the API shows it."""
        return base64.b64encode(self._md5.digest()).decode()


def now() -> str:
    """The time as Google writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ObjectStore:
    """Buckets and objects below two folders: contents, and what is kept beside them."""

    def __init__(self, contents: Path, metadata: Path) -> None:
        """Makes both folders."""
        self.contents = contents
        self.metadata = metadata
        self.scratch = metadata / "scratch"
        self._lock = threading.RLock()
        for folder in (contents, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Forgets every bucket."""
        with self._lock:
            for folder in (self.contents, self.metadata):
                shutil.rmtree(folder, ignore_errors=True)
            for folder in (self.contents, self.scratch):
                folder.mkdir(parents=True, exist_ok=True)

    def buckets(self) -> list[str]:
        """Names, sorted."""
        return sorted(path.name for path in self.contents.iterdir() if path.is_dir())

    def create_bucket(self, name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a bucket; ApiError 409 where it exists."""
        folder = self.contents / check_bucket(name)
        with self._lock:
            if folder.is_dir():
                raise ApiError(
                    "ALREADY_EXISTS",
                    "Your previous request to create the named bucket succeeded and you already own it.",
                )
            folder.mkdir(parents=True)
            self._write_json(self._bucket_file(name), {**attributes, "timeCreated": now(), "metageneration": 1})
        return self.bucket(name)

    def bucket(self, name: str) -> dict[str, Any]:
        """What is kept of a bucket; ApiError 404 where there is none."""
        self.folder(name)
        path = self._bucket_file(name)
        kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return {"timeCreated": now(), "metageneration": 1, **kept}

    def patch_bucket(self, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Changes a bucket's attributes; a None removes one."""
        with self._lock:
            kept = self.bucket(name)
            merged = {key: value for key, value in {**kept, **changes}.items() if value is not None}
            merged["metageneration"] = int(kept["metageneration"]) + 1
            self._write_json(self._bucket_file(name), merged)
        return merged

    def delete_bucket(self, name: str) -> None:
        """Removes an empty bucket; ApiError 409 where it holds objects."""
        with self._lock:
            folder = self.folder(name)
            if any(path.is_file() for path in folder.rglob("*")):
                raise ApiError("ABORTED", "The bucket you tried to delete is not empty.")
            shutil.rmtree(folder)
            shutil.rmtree(self.metadata / name, ignore_errors=True)

    def folder(self, bucket: str) -> Path:
        """A bucket's folder; ApiError 404 where there is none."""
        folder = self.contents / check_bucket(bucket)
        if not folder.is_dir():
            raise not_found("The specified bucket does not exist.")
        return folder

    def path(self, bucket: str, name: str) -> Path:
        """The file of an object, which need not exist."""
        return object_path(self.folder(bucket), name)

    def names(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Object names that start with a prefix, in the order of their bytes."""
        folder = self.folder(bucket)
        found: list[str] = []
        start = folder.joinpath(*[part for part in prefix.split("/")[:-1] if part not in ("", ".", "..")])
        if leaves(folder, start):
            return iter(())
        for parent, _, files in os.walk(start):
            paths = [Path(parent) / file for file in files]
            found += [object_name(folder, path) for path in paths if not (path.is_symlink() and leaves(folder, path))]
        return iter(sorted((name for name in found if name.startswith(prefix)), key=str.encode))

    def get(self, bucket: str, name: str) -> Record:
        """What is known of an object; ApiError 404 where there is none."""
        path = self.path(bucket, name)
        with self._lock:
            try:
                stamp = self._stamp(path)
            except OSError:
                raise not_found(f"No such object: {bucket}/{name}") from None
            kept = self._kept(bucket, name)
            if kept is not None and kept.stamp == stamp:
                return kept
            digest = Digest()
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
            record = self._new_record(kept, stamp, digest.crc32c, digest.md5, {})
            self._keep(bucket, name, record)
            return record

    def open(self, bucket: str, name: str) -> tuple[Record, BinaryIO]:
        """An object and its content of the same generation; the caller closes the file."""
        with self._lock:
            record = self.get(bucket, name)
            return record, self.path(bucket, name).open("rb")

    def commit(
        self,
        bucket: str,
        name: str,
        content: Path,
        attributes: Mapping[str, Any],
        *,
        conditions: Conditions,
        composed: bool = False,
    ) -> Record:
        """Moves a finished scratch file into an object's place.

        Raises:
            ApiError: 404 no bucket, 412 a precondition fails, 400 a checksum differs or a name that the file system
                cannot hold beside those that are there.
        """
        digest = Digest()
        with content.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        for key, found in (("crc32c", digest.crc32c), ("md5Hash", digest.md5)):
            if attributes.get(key) not in (None, found):
                raise invalid(f"Provided {key} '{attributes[key]}' doesn't match calculated {key} '{found}'.")
        path = self.path(bucket, name)
        with self._lock:
            kept = self._current(bucket, name)
            conditions.check(*_generations(kept))
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(content, path)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise invalid(
                    f"gs://{bucket}/{name}: the sandbox keeps objects as files, and another object's name is a folder "
                    "of this one or the other way round; choose another name"
                ) from error
            record = self._new_record(
                kept, self._stamp(path), digest.crc32c, "" if composed else digest.md5, attributes
            )
            self._keep(bucket, name, record)
            return record

    def patch(self, bucket: str, name: str, changes: Mapping[str, Any], conditions: Conditions) -> Record:
        """Changes metadata; a None removes a field."""
        with self._lock:
            record = self.get(bucket, name)
            conditions.check(*_generations(record))
            attributes = {**record.attributes}
            for key, value in changes.items():
                if key == "metadata" and value is not None:
                    merged = {**attributes.get("metadata", {}), **value}
                    attributes["metadata"] = {inner: text for inner, text in merged.items() if text is not None}
                elif key in WRITABLE:
                    attributes[key] = value
            record = replace(
                record,
                metageneration=record.metageneration + 1,
                updated=now(),
                content_type=changes.get("contentType") or record.content_type,
                attributes={key: value for key, value in attributes.items() if value is not None},
            )
            self._keep(bucket, name, record)
            return record

    def delete(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Removes an object and the folders that it leaves empty; ApiError 404 where there is none."""
        folder = self.folder(bucket)
        with self._lock:
            conditions.check(*_generations(self.get(bucket, name)))
            path = self.path(bucket, name)
            path.unlink()
            self._sidecar(bucket, name).unlink(missing_ok=True)
            for parent in path.parents:
                if parent == folder:
                    break
                try:
                    parent.rmdir()
                except OSError:
                    break

    @contextmanager
    def scratch_file(self) -> Iterator[Path]:
        """A new file on the same file system; removed at the end unless it was committed."""
        handle, name = tempfile.mkstemp(dir=self.scratch)
        os.close(handle)
        # Objects are read by tasks through the mount like any other file, so the usual mode, not mkstemp's 0600.
        os.chmod(name, 0o644)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _current(self, bucket: str, name: str) -> Record | None:
        try:
            return self.get(bucket, name)
        except ApiError as error:
            if error.status == "NOT_FOUND":
                return None
            raise

    def _new_record(
        self, kept: Record | None, stamp: tuple[int, int, int], crc32c: str, md5: str, attributes: Mapping[str, Any]
    ) -> Record:
        generation = max(stamp[0] // 1000, kept.generation + 1 if kept else 0)
        time = now()
        return Record(
            generation=generation,
            metageneration=1,
            crc32c=crc32c,
            md5=md5,
            stamp=stamp,
            created=time,
            updated=time,
            content_type=attributes.get("contentType") or DEFAULT_TYPE,
            attributes={key: attributes[key] for key in WRITABLE if attributes.get(key) is not None},
        )

    def _stamp(self, path: Path) -> tuple[int, int, int]:
        status = path.stat()
        if not path.is_file():
            raise FileNotFoundError(path)
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _bucket_file(self, bucket: str) -> Path:
        return self.metadata / bucket / "bucket.json"

    def _sidecar(self, bucket: str, name: str) -> Path:
        key = hashlib.sha256(name.encode()).hexdigest()
        return self.metadata / bucket / "objects" / key[:2] / f"{key}.json"

    def _kept(self, bucket: str, name: str) -> Record | None:
        try:
            content = json.loads(self._sidecar(bucket, name).read_text())
        except (OSError, ValueError):
            return None
        return Record(**{**content, "stamp": tuple(content["stamp"])})

    def _keep(self, bucket: str, name: str, record: Record) -> None:
        self._write_json(self._sidecar(bucket, name), asdict(record))

    def _write_json(self, path: Path, content: Mapping[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.scratch_file() as scratch:
            scratch.write_text(json.dumps(content))
            os.replace(scratch, path)


def _generations(record: Record | None) -> tuple[int, int]:
    return (record.generation, record.metageneration) if record else (0, 0)
