"""The log of a process: lines on standard error, where Vertex AI and the command line read a step's."""

import logging
import os

WORDS = "%(message)s"
"""Of steps: the reader knows which step speaks, and when."""
DATED = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""Of servers, which speak for days."""


def begin(form: str = WORDS) -> None:
    """Sends what this process logs to standard error, from INFO on; whatever a library had set up gives way.

    Args:
        form: Of each line, as `logging.Formatter` takes it.
    """
    quiet_tensorflow()
    logging.basicConfig(level=logging.INFO, format=form, force=True)


def quiet_tensorflow() -> None:
    """Keeps TensorFlow from telling of the processor's instructions at each start; TF_CPP_MIN_LOG_LEVEL=0 lets it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
