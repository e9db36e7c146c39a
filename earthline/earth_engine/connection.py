"""This process's connection to Earth Engine."""

import ee

from earthline.earth_engine.retry import ask
from earthline.earth_engine.transport import Transport

HIGH_VOLUME = "https://earthengine-highvolume.googleapis.com"
"""Google's endpoint for many automated requests: developers.google.com/earth-engine/cloud/highvolume."""
SILENCE_SECONDS = 330.0
"""Earth Engine ends interactive requests after five minutes; a connection that says nothing for longer is dead."""
CONNECTION_ATTEMPTS = 6


def connect(project: str, connections: int = 10) -> None:
    """Connects this process to Earth Engine's endpoint for many automated requests.

    Args:
        project: Google Cloud project that the requests count against.
        connections: Most connections to keep, one per thread that asks.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    transport = Transport(connections, SILENCE_SECONDS)
    # Tries are counted here alone: the client's own ones would multiply with them, and double their pauses unbounded.
    ee.data.setMaxRetries(0)
    ask(
        lambda: ee.Initialize(project=project, url=HIGH_VOLUME, http_transport=transport),
        CONNECTION_ATTEMPTS,
        f"Earth Engine for project {project}",
    )
