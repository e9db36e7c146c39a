"""How many threads share the work, and how it ends."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from earthline.earth_engine.pixels import stream
from earthline.earth_engine.retry import PixelsError


def test_no_more_than_asked_are_under_way_and_items_are_taken_as_needed():
    lock, taken, busy, most = threading.Lock(), [], [0], [0]

    def items():
        for item in range(40):
            taken.append(item)
            yield item

    def work(item):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.002)
        with lock:
            busy[0] -= 1
        return item * item

    with ThreadPoolExecutor(4) as pool:
        results = stream(pool, work, items(), 6)
        first = next(results)
        assert first == (first[0], first[0] ** 2)
        assert len(taken) <= 6
        rest = dict(results)
    assert {first[0], *rest} == set(range(40))
    assert most[0] == 4


def test_the_first_error_ends_the_work():
    def work(item):
        if item == 3:
            raise PixelsError("no")
        return item

    with ThreadPoolExecutor(2) as pool, pytest.raises(PixelsError):
        list(stream(pool, work, range(1000), 4))
