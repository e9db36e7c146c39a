"""Counting the requests that a process makes to Earth Engine, whatever thread makes them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Tally:
    """What was asked for, each try counted.

    Attributes:
        requests: Number of requests.
        received: Bytes of their answers, uncompressed.
    """

    requests: int = 0
    received: int = 0


_lock = threading.Lock()
_open: list[Tally] = []


@contextmanager
def counted() -> Iterator[Tally]:
    """Counts the requests that this process makes meanwhile.

    Yields:
        The numbers, which grow.
    """
    tally = Tally()
    with _lock:
        _open.append(tally)
    try:
        yield tally
    finally:
        with _lock:
            _open[:] = [each for each in _open if each is not tally]


def count(received: int) -> None:
    """Takes note of a request.

    Args:
        received: Bytes of its answer; 0 where there was none.
    """
    with _lock:
        for tally in _open:
            tally.requests += 1
            tally.received += received
