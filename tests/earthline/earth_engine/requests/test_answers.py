"""Pixels of answers are read by many threads at once, whatever the interpreter's parser makes of it."""

import gc
import io
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from earthline.earth_engine.requests import answers

THREADS, TURNS = 8, 300


@pytest.fixture
def _much_in_each_other_s_way() -> Iterator[None]:
    """Threads take turns wherever they can: in a search for garbage, which begins at every object."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()

    def give_way(*_: Any) -> None:
        time.sleep(0)

    gc.callbacks.append(give_way)
    sys.setswitchinterval(1e-6)
    gc.set_threshold(1)
    yield
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)
    gc.callbacks.remove(give_way)


@pytest.mark.usefixtures("_much_in_each_other_s_way")
def test_answers_are_read_by_many_threads_at_once() -> None:
    written = io.BytesIO()
    wanted = np.zeros((4, 6), [(f"B{number}", "<f4") for number in range(6)])
    wanted["B3"] = np.arange(24).reshape(4, 6)
    np.save(written, wanted)
    content = written.getvalue()

    def read(_: int) -> bool:
        return all(np.array_equal(answers.pixels(content, (4, 6)), wanted) for _ in range(TURNS))

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(read, range(THREADS)))
