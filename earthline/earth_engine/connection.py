"""This process's connection to Earth Engine."""

import os
from typing import NamedTuple

import ee

from earthline.earth_engine.requests.door import QUOTA_PER_SECOND, Door
from earthline.earth_engine.requests.patience import Patience
from earthline.earth_engine.requests.transport import Transport
from earthline.earth_engine.retry import ask

HIGH_VOLUME = "https://earthengine-highvolume.googleapis.com"
"""Google's endpoint for many automated requests: developers.google.com/earth-engine/cloud/highvolume."""
SILENCE_SECONDS = 330.0
"""Earth Engine ends interactive requests after five minutes; what takes longer is dead."""
CONNECTION_ATTEMPTS = 6

# A process that was forked shares neither threads nor connections with the one before it, so it has a door of its own.
_doors: dict[int, tuple[Door, Patience]] = {}


class Traffic(NamedTuple):
    """This process's requests to Earth Engine.

    Attributes:
        under_way: Requests under way now.
        level: Requests that may be under way now: this process's share, or fewer for a while after refusals.
        refused: Requests that were refused for their number (HTTP 429) since the process connected first.
    """

    under_way: int
    level: int
    refused: int


def traffic() -> Traffic:
    """What passes this process's door; nothing where it is not connected."""
    if os.getpid() not in _doors:
        return Traffic(0, 0, 0)
    door, _ = _doors[os.getpid()]
    return Traffic(door.under_way, door.level, door.refused)


def connect(project: str, connections: int = 10, per_second: float = QUOTA_PER_SECOND) -> None:
    """Connects this process to Earth Engine's endpoint for many automated requests.

    Every request of the client in this process, whatever thread makes it, passes one door from then on. Processes that
    work for one project side by side share its quota: each is given its part of both numbers.

    Args:
        project: Google Cloud project that the requests count against.
        connections: Most requests under way at once. There may be more threads: those that wait hold no place.
        per_second: Most requests begun within a second.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    if os.getpid() not in _doors:
        _doors.clear()
        _doors[os.getpid()] = Door(connections, per_second), Patience(SILENCE_SECONDS)
    door, patience = _doors[os.getpid()]
    door.change(connections, per_second)
    transport = Transport(connections, SILENCE_SECONDS, door, patience, HIGH_VOLUME)
    # Tries are counted here alone: the client's own ones would multiply with them, and double their pauses unbounded.
    ee.data.setMaxRetries(0)
    ask(
        lambda: ee.Initialize(project=project, url=HIGH_VOLUME, http_transport=transport),
        CONNECTION_ATTEMPTS,
        f"Earth Engine for project {project}",
    )
