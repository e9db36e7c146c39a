"""Bucket and object names, and the files they become: no name leads out of its bucket's folder.

Rules: https://cloud.google.com/storage/docs/buckets#naming and https://cloud.google.com/storage/docs/objects#naming.
"""

import re
from pathlib import Path

from earthline_sandbox.errors import invalid

FOLDER_MARKER = ".folder-object"
"""File that stands for an object whose name ends with a slash, as consoles make to show an empty folder."""

_BUCKET = re.compile(r"(?=.{3,222}\Z)(?![_.-])(?!.*[_.-]\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_MAX_NAME_BYTES = 1024
_MAX_SEGMENT_BYTES = 255


def check_bucket(name: str) -> str:
    """The name, or ApiError 400 where Cloud Storage would not allow it."""
    if not _BUCKET.fullmatch(name):
        raise invalid(f"Invalid bucket name: '{name}'")
    return name


def object_path(bucket_folder: Path, name: str) -> Path:
    """The file of an object.

    Args:
        bucket_folder: The bucket's folder.
        name: Object name, such as `runs/1/map.tif`.

    Raises:
        ApiError: 400 for a name that Cloud Storage refuses, or that a file system cannot hold.
    """
    if not name or len(name.encode()) > _MAX_NAME_BYTES or any(mark in name for mark in "\r\n\0"):
        raise invalid(f"Invalid object name: {name[:80]!r}; 1 to {_MAX_NAME_BYTES} bytes without line breaks")
    segments = name.split("/")
    if segments[-1] == "":
        segments[-1] = FOLDER_MARKER
    for segment in segments:
        if segment in ("", ".", "..") or len(segment.encode()) > _MAX_SEGMENT_BYTES:
            raise invalid(
                f"Invalid object name: {name[:80]!r}. The sandbox keeps objects as files, so every part between "
                f"slashes has 1 to {_MAX_SEGMENT_BYTES} bytes and is neither '.' nor '..'"
            )
    path = bucket_folder.joinpath(*segments)
    if leaves(bucket_folder, path):
        raise invalid(f"Invalid object name: {name[:80]!r}. A symbolic link leads it out of the bucket's folder")
    return path


def leaves(bucket_folder: Path, path: Path) -> bool:
    """Whether symbolic links, which tasks can make through their mount, lead a path out of its bucket."""
    return not path.resolve().is_relative_to(bucket_folder.resolve())


def object_name(bucket_folder: Path, path: Path) -> str:
    """The object of a file; the inverse of `object_path`."""
    name = path.relative_to(bucket_folder).as_posix()
    return name.removesuffix(FOLDER_MARKER) if path.name == FOLDER_MARKER else name
