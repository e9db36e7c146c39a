"""Paths below `/gcs/`, where Vertex AI mounts Cloud Storage, as Python's own file functions take them.

Code that was written for Vertex AI opens `/gcs/bucket/name`. No process without rights of its own can mount anything
there, so the functions of `os` and `open` are told where that is instead, within this process alone. What opens files
by itself, as a program that is called or a library in C does, knows nothing of it.
"""

import builtins
import errno
import io
import os
from collections.abc import Callable
from typing import Any

PREFIX = "/gcs"
# Functions of `os` that take a path, and those that take two.
ONE = (
    "access", "chdir", "chflags", "chmod", "chown", "getxattr", "lchmod", "lchown", "listdir", "listxattr", "lstat",
    "mkdir", "mkfifo", "open", "pathconf", "readlink", "remove", "removexattr", "rmdir", "scandir", "setxattr", "stat",
    "statvfs", "truncate", "unlink", "utime",
)  # fmt: skip
TWO = ("link", "rename", "replace", "symlink")
NAMES = ("path", "file", "src", "dst")
# Sets of functions by which the standard library decides what it may ask of them.
ABILITIES = ("supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks")


def located(path: Any, mount: str) -> Any:
    """Where a path lies: below the mount if it begins with `/gcs`, else where it says."""
    if isinstance(path, int):
        return path
    try:
        text = os.fspath(path)
    except TypeError:
        return path
    prefix = PREFIX if isinstance(text, str) else PREFIX.encode()
    if not text.startswith(prefix) or text[len(prefix) : len(prefix) + 1] not in ("", "/", b"", b"/"):
        return path
    found = os.path.normpath(os.fsdecode(text))
    # A path that climbs out of the mount is none of it.
    if found == PREFIX:
        found = mount
    elif found.startswith(f"{PREFIX}/"):
        found = os.path.join(mount, found[len(PREFIX) + 1 :])
    return found if isinstance(text, str) else os.fsencode(found)


def redirected(function: Callable[..., Any], paths: int, mount: str) -> Callable[..., Any]:
    """A function whose first one or two arguments are paths, for paths below the mount as well."""

    def call(*arguments: Any, **options: Any) -> Any:
        known = [located(argument, mount) for argument in arguments[:paths]]
        for name in NAMES:
            if name in options:
                options[name] = located(options[name], mount)
        return function(*known, *arguments[paths:], **options)

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = function.__doc__
    return call


def kept_buckets(mkdir: Callable[..., Any], mount: str) -> Callable[..., Any]:
    """A `mkdir` that makes no bucket: Cloud Storage's mount does not either."""
    root = os.path.normpath(mount)

    def call(path: Any, *arguments: Any, **options: Any) -> Any:
        place = path if isinstance(path, str) else ""
        if os.path.dirname(os.path.normpath(place)) == root and not os.path.exists(place):
            raise OSError(errno.ENOSYS, "a bucket is no folder to be made: create it by Cloud Storage first", place)
        return mkdir(path, *arguments, **options)

    call.__name__ = call.__qualname__ = "mkdir"
    return call


def mount_paths(mount: str) -> None:
    """Makes this process find `/gcs/` at a folder.

    Args:
        mount: The folder that holds a folder per bucket.
    """
    for name in (*ONE, *TWO):
        function = getattr(os, name, None)
        if function is None:
            continue
        inner = kept_buckets(function, mount) if name == "mkdir" else function
        replacement = redirected(inner, 2 if name in TWO else 1, mount)
        setattr(os, name, replacement)
        for ability in ABILITIES:
            known = getattr(os, ability)
            if function in known:
                known.add(replacement)
    builtins.open = io.open = redirected(builtins.open, 1, mount)
