"""The log of a process: lines on standard error, where Vertex AI and the command line read a step's."""

import logging

WORDS = "%(message)s"
"""Of steps: the reader knows which step speaks, and when."""
DATED = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""Of servers, which speak for days."""


def begin(form: str = WORDS) -> None:
    """Sends what this process logs to standard error, from INFO on; whatever a library had set up gives way.

    Args:
        form: Of each line, as `logging.Formatter` takes it.
    """
    logging.basicConfig(level=logging.INFO, format=form, force=True)
