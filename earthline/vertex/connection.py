"""This process's connection to Vertex AI."""

import difflib
import logging

from google.cloud import aiplatform

from earthline.config import ConfigError


def connect(project: str, location: str, *, quiet: bool = True) -> None:
    """Tells the Vertex AI client where to work.

    Args:
        project: Google Cloud project id.
        location: Vertex AI location.
        quiet: Whether the client is kept from writing its progress to standard output.

    Raises:
        ConfigError: There is no such location.
    """
    # Each module of the client logs progress to standard output by a logger with a level and a handler of its own.
    for name in list(logging.root.manager.loggerDict) if quiet else ():
        if name.startswith("google.cloud.aiplatform"):
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.level, logging.WARNING))
    # REST is proxied like every other call of the run; gRPC needs a second way through a company's network.
    try:
        aiplatform.init(project=project, location=location, api_transport="rest")
    except ValueError as error:
        near = difflib.get_close_matches(location, aiplatform.constants.base.SUPPORTED_REGIONS, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "use one such as us-central1 or europe-west4"
        raise ConfigError(f"environment.location: '{location}' is no location of Vertex AI; {hint}") from error
