"""Pixels out of Earth Engine, one window of a grid at a time."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from itertools import islice
from typing import Any, TypeVar

import ee
import numpy as np

from earthline.earth_engine.retry import ask
from earthline.grid import Grid

Answer = TypeVar("Answer")
Item = TypeVar("Item")


def fetch(
    image: Any, grid: Grid, attempts: int, place: str, requested: Callable[[], None] = lambda: None
) -> np.ndarray[Any, Any]:
    """Computes an image on a grid.

    Args:
        image: The `ee.Image`; masked pixels arrive as 0, so unmask it first where that matters.
        grid: Where; its shape bounds the answer.
        attempts: Most tries.
        place: What is fetched, for errors, such as `patch at row 5, column 7`.
        requested: Is called with each request, so that somebody can count them.

    Returns:
        A structured array (height, width) with one field per band.

    Raises:
        PixelsError: As `ask`.
    """
    request = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid.to_request()}

    def compute() -> np.ndarray[Any, Any]:
        requested()
        pixels: np.ndarray[Any, Any] = ee.data.computePixels(request)
        return pixels

    return ask(compute, attempts, place)


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
