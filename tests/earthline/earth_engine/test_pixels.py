"""How many threads share the work, how it ends, and what it costs."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import ee
import numpy as np
import pytest

from earthline.earth_engine import retry
from earthline.earth_engine.pixels import fetch, stream
from earthline.earth_engine.retry import PixelsError
from earthline.grid import Grid


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


def test_each_request_is_told_those_that_are_repeated_too(monkeypatch):
    answers = [ConnectionError(), TimeoutError(), np.zeros((2, 3))]

    def compute(request):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(ee.data, "computePixels", compute)
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.001)
    requests = []
    grid = Grid("EPSG:32617", (30.0, 0.0, 0.0, 0.0, -30.0, 0.0), (2, 3))
    pixels = fetch(None, grid, 5, "patch", requested=lambda: requests.append(None))
    assert pixels.shape == (2, 3) and len(requests) == 3
