"""Objects of Cloud Storage as files: where a `gs://` uri lies on this machine."""

import os
from pathlib import Path
from typing import Final

from earthline_sandbox.errors import invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import engine

SCHEME: Final = "gs://"


def is_object(uri: str) -> bool:
    """True for a uri of Cloud Storage."""
    return uri.startswith(SCHEME)


def local_path(settings: Settings, uri: str) -> Path:
    """The file or folder that a `gs://` uri stands for.

    Raises:
        ApiError: INVALID_ARGUMENT for another scheme, an empty bucket or a name that climbs out of its bucket.
    """
    bucket, _, name = uri.removeprefix(SCHEME).partition("/")
    if not is_object(uri) or not bucket or bucket.startswith("."):
        raise invalid(f"{uri!r} is not a uri of Cloud Storage, which begins with gs:// and a bucket.")
    if "\0" in uri or ".." in name.split("/"):
        raise invalid(f"{uri!r} holds a '..' or a null character, which no object name here may.")
    return settings.home.storage / bucket / name


def visible_path(settings: Settings, uri: str) -> str:
    """The path by which a container opens a uri; a uri that is no object stays as it is."""
    if not is_object(uri):
        return uri
    path = local_path(settings, uri)
    if settings.containers:
        return f"{engine.MOUNT}/{path.relative_to(settings.home.storage).as_posix()}"
    return str(path)


def seen_path(settings: Settings, path: str) -> Path:
    """The file of this machine that a container opens by a path of `visible_path`."""
    inside = path.removeprefix(f"{engine.MOUNT}/")
    return settings.home.storage / inside if settings.containers and inside != path else Path(path)


def check_root(settings: Settings, root: str) -> None:
    """Checks that artifacts can be written below a pipeline root.

    Raises:
        ApiError: INVALID_ARGUMENT for a malformed root, FAILED_PRECONDITION where its bucket is missing or locked.
    """
    if not root:
        raise invalid(
            "The pipeline has no root folder for its artifacts: give PipelineJob(pipeline_root='gs://bucket/folder'),"
            " which is runtimeConfig.gcsOutputDirectory."
        )
    path = local_path(settings, root)
    bucket = settings.home.storage / root.removeprefix(SCHEME).partition("/")[0]
    if not bucket.is_dir():
        raise invalid(
            f"The pipeline root {root} lies in the bucket {bucket.name!r}, which does not exist: create it first, for"
            f" example by google.cloud.storage.Client().create_bucket({bucket.name!r})."
        )
    nearest = path
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise invalid(
            f"Nothing can be written below the pipeline root {root}: {nearest} is "
            + ("locked: change its permissions." if nearest.is_dir() else "a file: choose another root.")
        )
