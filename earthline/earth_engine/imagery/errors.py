"""What goes wrong with imagery and labels, and how often a question about them is asked."""

from collections.abc import Callable
from typing import TypeVar

from earthline.earth_engine.requests.doctor import words
from earthline.earth_engine.retry import BatchOnlyError, PixelsError, TooHeavyError, UnansweredError, ask

Answer = TypeVar("Answer")

ATTEMPTS = 6
"""Tries of each question about imagery and labels."""


class ImageryError(ValueError):
    """The config asks Earth Engine for something that is not there; the text names the key and the fix."""


def answered(call: Callable[[], Answer], key: str) -> Answer:
    """An answer of Earth Engine; what it refuses for good is put down to a key of the config.

    Args:
        call: Asks.
        key: Of the config, such as `data.imagery`.

    Raises:
        ImageryError: Earth Engine refuses it.
        PixelsError: It does not answer.
    """
    try:
        return ask(call, ATTEMPTS, key)
    except UnansweredError:
        raise
    except (TooHeavyError, BatchOnlyError) as error:
        raise ImageryError(
            f"{key}: {words(error.__cause__ or error)}; the question is about the whole region, so it cannot be made "
            "smaller: take a smaller data.region, or a shorter date range of the composite"
        ) from error
    except PixelsError as error:
        raise ImageryError(str(error)) from error
