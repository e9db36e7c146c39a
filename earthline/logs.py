"""The log of a process: lines on standard error, where Vertex AI and the command line read a step's."""

import logging

WORDS = "%(message)s"
"""Of steps: the reader knows which step speaks, and when."""
DATED = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""Of servers, which speak for days."""
_QUIET = {
    # It tells of each of its caches.
    "apache_beam": logging.WARNING,
    # It warns of the short form of a list of runs, which was asked for.
    "google.cloud.aiplatform.pipeline_jobs": logging.ERROR,
}
"""Libraries that say what no reader of a step can use, and the level from which on they are heard."""


def begin(form: str = WORDS) -> None:
    """Sends what this process logs to standard error, from INFO on; whatever a library had set up gives way.

    Libraries that say much are heard from a higher level on.

    Args:
        form: Of each line, as `logging.Formatter` takes it.
    """
    logging.basicConfig(level=logging.INFO, format=form, force=True)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
