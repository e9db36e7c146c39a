"""Processes that outlived the sandbox that started them.

The guard (`reaper.py`) ends every container when the sandbox is killed. Where something ends the guard as well, the
containers go on: a model server keeps its port, a task writes on. The next sandbox of the same home finds them by
the mount of Cloud Storage in their environment, which no two homes share and no shell of a user has.
"""

import logging
import os
from typing import Final

import psutil

from earthline_sandbox.settings import Settings

MOUNT: Final = "SANDBOX_GCS_MOUNT"
"""Variable that every process of a container has, and that names the sandbox."""

_SECONDS_TO_END: Final = 5.0
_LOG: Final = logging.getLogger(__name__)


def mark(settings: Settings) -> str:
    """The value of `MOUNT` in the processes of a sandbox."""
    return f"{settings.home.storage}/"


def end(settings: Settings) -> list[int]:
    """Kills what an earlier sandbox of this home left running; gives the ids of the processes.

    To be called before the first container starts, by the only sandbox of its home.
    """
    found = [process for process in psutil.process_iter() if _is_orphan(process, mark(settings))]
    ended = []
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
        ended.append(process.pid)
    psutil.wait_procs(found, _SECONDS_TO_END)
    if ended:
        _LOG.warning("Ended %d processes of a sandbox that was killed: %s", len(ended), ended)
    return ended


def _is_orphan(process: psutil.Process, value: str) -> bool:
    # A sandbox that was started from within a container of its own home must not end itself.
    if process.pid == os.getpid():
        return False
    try:
        return process.environ().get(MOUNT) == value
    except (psutil.Error, OSError):
        return False  # another user's, or gone
