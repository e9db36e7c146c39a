"""Calls to Earth Engine, tried again with growing pauses where that can help."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import ee
from google.api_core.retry import exponential_sleep_generator
from google.auth.exceptions import GoogleAuthError
from googleapiclient.errors import HttpError

from earthline.earth_engine.advice import advice

Answer = TypeVar("Answer")

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between tries: the pauses grow from the first to the longest, each drawn at random below its bound."""

_logger = logging.getLogger(__name__)
_TRANSPORT = (ConnectionError, TimeoutError)
"""What the Earth Engine client makes of a request that got no answer."""


class PixelsError(RuntimeError):
    """Earth Engine did not answer; the text says why and what to do."""


def ask(call: Callable[[], Answer], attempts: int, place: str) -> Answer:
    """Makes a call to Earth Engine, again after 429, 5xx, refused rates and lost connections; other errors are final.

    Args:
        call: The call.
        attempts: Most tries.
        place: What is asked for, for errors.

    Raises:
        PixelsError: A final error, or none of the tries was answered.
        google.auth.exceptions.GoogleAuthError: No credentials, or ones that are refused.
    """
    for attempt, pause in enumerate(exponential_sleep_generator(FIRST_PAUSE, LONGEST_PAUSE), start=1):
        try:
            return call()
        except GoogleAuthError as error:
            if not error.retryable or attempt >= attempts:
                raise
            _logger.warning("%s: credentials: %s; again in %.1f s", place, error, pause)
            time.sleep(pause)
        except (ee.EEException, HttpError, *_TRANSPORT) as error:
            if not is_transient(error):
                raise PixelsError(f"{place}: Earth Engine refused: {error}{advice(str(error))}") from error
            if attempt >= attempts:
                raise PixelsError(
                    f"{place}: no answer from Earth Engine in {attempts} tries, the last time: {error}; run it again "
                    "later, or lower the concurrency where the quota is shared"
                ) from error
            _logger.warning("%s: try %d of %d failed (%s); again in %.1f s", place, attempt, attempts, error, pause)
            time.sleep(pause)
    raise AssertionError("the pauses never end")


def is_transient(error: BaseException) -> bool:
    """True where the same request may be answered a little later."""
    if isinstance(error, _TRANSPORT):
        return True
    # The client keeps the HTTP status only in the error that its own one was made from.
    cause = error if isinstance(error, HttpError) else error.__cause__ or error.__context__
    if not isinstance(cause, HttpError):
        return False
    status = int(cause.resp.status)
    # https://developers.google.com/earth-engine/reference/Quota: a rate may be refused by 403 as well.
    return status == 429 or status >= 500 or (status == 403 and b"rateLimitExceeded" in cause.content)
