"""How many requests are under way, who comes first, and what refusals change."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from earthline.earth_engine.requests.door import Door
from earthline.earth_engine.requests.share import Share


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_no_more_than_the_share_are_under_way_and_none_is_forgotten():
    door, lock, most, done = Door(5, 1e6), threading.Lock(), [0], [0]

    def work(_):
        with door.turn() as answered:
            with lock:
                most[0] = max(most[0], door.under_way)
            time.sleep(0.002)
            answered(False)
            with lock:
                done[0] += 1

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(work, range(300)))
    assert most == [5] and done == [300] and door.under_way == 0


def test_a_second_holds_no_more_than_the_rate():
    door, begun = Door(50, 20), []

    def work(_):
        with door.turn():
            begun.append(time.monotonic())

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(work, range(50)))
    begun.sort()
    # Thread switches may lie between a permission and the note of it, by a little.
    assert all(later - earlier > 0.9 for earlier, later in zip(begun, begun[20:], strict=False))
    assert begun[-1] - begun[0] < 4


def test_urgent_requests_come_first_and_an_interrupted_wait_leaves_nothing_behind():
    door, order = Door(1, 1e6), []

    def work(name, urgent):
        with door.turn(urgent=urgent):
            order.append(name)

    with door.turn():
        threads = [threading.Thread(target=work, args=(name, name.startswith("second"))) for name in ("one", "two")]
        threads.append(threading.Thread(target=work, args=("second try", True)))
        for thread in threads:
            thread.start()
            time.sleep(0.05)
    for thread in threads:
        thread.join(10)
    assert order == ["second try", "one", "two"]
    with pytest.raises(RuntimeError), door.turn():
        raise RuntimeError
    assert door.under_way == 0


def test_a_share_may_grow_while_others_wait():
    door, entered = Door(1, 1e6), threading.Event()

    def work():
        with door.turn():
            entered.set()

    with door.turn():
        thread = threading.Thread(target=work)
        thread.start()
        assert not entered.wait(0.05)
        door.change(2, 1e6)
        assert entered.wait(10)
    thread.join(10)


def test_refusals_now_and_then_change_nearly_nothing():
    clock, chance, levels = Clock(), random.Random(0), []
    share = Share(40, clock)
    for _ in range(2_000):
        clock.now += 1 / 32
        share.answered(chance.random() < 0.05, share.level - 1)
        levels.append(share.level)
    assert sum(levels) / len(levels) > 39 and levels[-1] > 36


def test_refusals_together_leave_as_many_as_were_under_way_and_the_rest_comes_back_within_seconds():
    clock = Clock()
    share = Share(40, clock)
    under_way = 40
    while under_way > 20:
        under_way -= 1
        share.answered(True, under_way)
    assert 20 <= share.level <= 22
    for _ in range(30):
        clock.now += 1
        share.answered(False, 20)
        if clock.now <= 1:
            assert share.level <= 23
    assert share.level == 40


def test_the_less_there_is_the_less_often_more_is_tried():
    clock, refusals = Clock(), 0
    share = Share(40, clock)
    for _ in range(20):
        share.answered(True, 20)
    for step in range(1_200):
        clock.now += 0.1
        # Twenty is all that there is: whatever goes beyond is refused, and so are its next tries.
        if share.level > 20:
            for _ in range(3):
                share.answered(True, 20)
            refusals += 3
        share.answered(False, 19)
        assert share.level >= 19, step
    assert refusals < 0.05 * 1_200


def test_few_requests_are_no_sign_of_a_small_quota():
    share = Share(40, Clock())
    for _ in range(3):
        share.answered(True, 0)
    assert share.level == 20
    for _ in range(20):
        share.answered(True, 0)
    assert share.level == 1
