"""Pixels out of Earth Engine, one window of a grid at a time, tried again where that can help."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from itertools import islice
from typing import Any, TypeVar

import ee
import numpy as np
from google.api_core.retry import exponential_sleep_generator
from google.auth.exceptions import GoogleAuthError
from googleapiclient.errors import HttpError

from earthline.grid import Grid
from earthline.transport import Transport

Answer = TypeVar("Answer")
Item = TypeVar("Item")

HIGH_VOLUME = "https://earthengine-highvolume.googleapis.com"
"""Google's endpoint for many automated requests: developers.google.com/earth-engine/cloud/highvolume."""
SILENCE_SECONDS = 330.0
"""Earth Engine ends interactive requests after five minutes; a connection that says nothing for longer is dead."""
CONNECTION_ATTEMPTS = 6
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between tries: the pauses grow from the first to the longest, each drawn at random below its bound."""

_logger = logging.getLogger(__name__)
_TRANSPORT = (ConnectionError, TimeoutError)
"""What the Earth Engine client makes of a request that got no answer."""
_ADVICE = {
    "memory limit": "use a smaller patch or tile, or a shorter date range of the composite",
    "timed out": "use a smaller patch or tile, or a shorter date range of the composite",
    "request size": "use a smaller patch or tile, or fewer bands",
    "payload": "use a smaller serving.tile_shape or serving.overlap",
    "permission": "give the account that runs the step access to the asset and the Earth Engine role on the project",
    "not found": "check the id, and that the account that runs the step may read it",
}


class PixelsError(RuntimeError):
    """Earth Engine did not answer; the text says why and what to do."""


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


def fetch(image: Any, grid: Grid, attempts: int, place: str) -> np.ndarray[Any, Any]:
    """Computes an image on a grid.

    Args:
        image: The `ee.Image`; masked pixels arrive as 0, so unmask it first where that matters.
        grid: Where; its shape bounds the answer.
        attempts: Most tries.
        place: What is fetched, for errors, such as `patch at row 5, column 7`.

    Returns:
        A structured array (height, width) with one field per band.

    Raises:
        PixelsError: As `ask`.
    """
    request = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid.to_request()}
    pixels: np.ndarray[Any, Any] = ask(lambda: ee.data.computePixels(request), attempts, place)
    return pixels


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
                raise PixelsError(f"{place}: Earth Engine refused: {error}{_advice(str(error))}") from error
            if attempt >= attempts:
                raise PixelsError(
                    f"{place}: no answer from Earth Engine in {attempts} tries, the last time: {error}; run it again "
                    "later, or lower the concurrency where the quota is shared"
                ) from error
            _logger.warning("%s: try %d of %d failed (%s); again in %.1f s", place, attempt, attempts, error, pause)
            time.sleep(pause)
    raise AssertionError("the pauses never end")


def stream(
    pool: Executor, work: Callable[[Item], Answer], items: Iterable[Item], under_way: int
) -> Iterator[tuple[Item, Answer]]:
    """Works on many items at once and gives each result as soon as it is there.

    Args:
        pool: Its threads do the work, and nothing else.
        work: From item to result.
        items: Taken only as fast as results are.
        under_way: Most items handed to the pool at once.

    Yields:
        Items with their results, in the order of arrival.

    Raises:
        Exception: The first error of `work`; what has not begun is cancelled.
    """
    waiting = iter(items)
    begun: dict[Future[Answer], Item] = {}
    try:
        while True:
            for item in islice(waiting, under_way - len(begun)):
                begun[pool.submit(work, item)] = item
            if not begun:
                return
            for future in wait(begun, return_when=FIRST_COMPLETED).done:
                yield begun.pop(future), future.result()
    finally:
        for future in begun:
            future.cancel()


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


def _advice(message: str) -> str:
    for words, advice in _ADVICE.items():
        if words in message.lower():
            return f"; {advice}"
    return ""
