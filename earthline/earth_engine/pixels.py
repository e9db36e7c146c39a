"""Pixels out of Earth Engine, one window of a grid at a time."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from itertools import islice
from typing import Any, TypeVar

import ee
import numpy as np

from earthline.earth_engine import sizes
from earthline.earth_engine.expressions import encoded
from earthline.earth_engine.requests import answers
from earthline.earth_engine.retry import TooHeavyError, ask
from earthline.grid import Grid

Answer = TypeVar("Answer")
Item = TypeVar("Item")

_logger = logging.getLogger(__name__)


def fetch(
    image: Any, grid: Grid, attempts: int, place: str, requested: Callable[[], None] = lambda: None
) -> np.ndarray[Any, Any]:
    """Computes an image on a grid, by one request or, where that is too heavy for Earth Engine, by several.

    A window that needs too much memory or time, or is larger than an answer may be, is halved along its longer side,
    again and again; later windows of the image begin with the size that worked.

    Args:
        image: The `ee.Image`; masked pixels arrive as 0, so unmask it first where that matters. Earth Engine has to
            give the same pixels for a part as for the whole, as it does where the image has a projection of its own.
        grid: Where; its shape bounds the answer.
        attempts: Most tries of each request.
        place: What is fetched, for errors, such as `patch at row 5, column 7`.
        requested: Is called with each request, so that somebody can count them.

    Returns:
        A structured array (height, width) with one field per band.

    Raises:
        PixelsError: As `ask`; TooHeavyError only where even a few pixels are too heavy, twice.
    """
    pixels, known = math.prod(grid.shape), sizes.of(image)
    heavy: TooHeavyError | None = None
    may_halve = pixels > sizes.LEAST_PIXELS
    if not (may_halve and known.is_heavy(pixels)):
        try:
            found = _fetch_whole(image, grid, attempts, place, requested)
        except TooHeavyError as error:
            heavy = error
            known.was_heavy(pixels, error.share)
            _logger.info("%s; asks for its two halves", error)
        else:
            known.was_fine(pixels)
            return found
    try:
        if not may_halve:
            # So few pixels are seldom too heavy: Earth Engine may just have been short of memory or time.
            return _fetch_whole(image, grid, attempts, place, requested)
        parts = [fetch(image, half, attempts, place, requested) for half in _halves(grid)]
    except TooHeavyError:
        if heavy is not None:
            # Where no size works, nothing is learnt of sizes: other places would come by far too many requests.
            known.was_hopeless(pixels, heavy.share)
        raise
    return np.concatenate(parts, axis=0 if grid.shape[0] >= grid.shape[1] else 1)


def _halves(grid: Grid) -> tuple[Grid, Grid]:
    height, width = grid.shape
    if height >= width:
        first = height // 2
        return grid.window(0, 0, (first, width)), grid.window(first, 0, (height - first, width))
    first = width // 2
    return grid.window(0, 0, (height, first)), grid.window(0, first, (height, width - first))


def _fetch_whole(
    image: Any, grid: Grid, attempts: int, place: str, requested: Callable[[], None]
) -> np.ndarray[Any, Any]:
    # As bytes: the client's own decoding refuses a few hundred bands, and believes whatever shape arrives.
    request = {"expression": encoded(image), "fileFormat": "NPY", "grid": grid.to_request()}

    def compute() -> np.ndarray[Any, Any]:
        requested()
        return answers.pixels(ee.data.computePixels(request), grid.shape)

    return ask(compute, attempts, place, kind=(id(image), math.prod(grid.shape).bit_length()))


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
