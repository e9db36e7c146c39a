"""How long answers are waited for."""

import random

from earthline.earth_engine.requests.patience import Patience

TILE = ("image", 12)


def test_nothing_is_concluded_from_few_answers_or_of_other_kinds():
    patience = Patience(330)
    for _ in range(19):
        patience.answered(TILE, 1.0)
    assert patience.seconds(TILE, 0) == 60
    patience.answered(TILE, 1.0)
    assert patience.seconds(TILE, 0) == 1.5
    assert patience.seconds(("other", 9), 0) == 60 and patience.seconds(None, 0) == 330


def test_a_smaller_window_takes_no_longer_than_a_larger_one():
    patience = Patience(330)
    for _ in range(20):
        patience.answered(("image", 14), 8.0)
        patience.answered(TILE, 2.0)
    assert patience.seconds(("image", 3), 0) == 3 and patience.seconds(("image", 13), 0) == 12
    assert patience.seconds(("image", 15), 0) == 60


def test_a_request_that_was_given_up_is_waited_for_longer():
    patience = Patience(330)
    for number in range(200):
        patience.answered(TILE, 0.5 + 1.5 * number / 200)
    first, second, fifth = (patience.seconds(TILE, times) for times in (0, 1, 5))
    assert 2.5 < first < 3.1 and second == 4 * first and fifth == 330


def test_quick_answers_leave_a_second():
    patience = Patience(330)
    for _ in range(50):
        patience.answered(TILE, 0.01)
    assert patience.seconds(TILE, 0) == 1


def test_where_everything_becomes_slow_few_are_sent_twice_and_patience_grows():
    patience, chance = Patience(330), random.Random(0)
    for _ in range(200):
        patience.answered(TILE, chance.uniform(0.5, 2))
    given_up = 0
    for _ in range(400):
        for tries in range(9):
            takes, limit = chance.uniform(5, 20), patience.seconds(TILE, tries)
            if takes <= limit:
                patience.answered(TILE, takes)
                break
            patience.gave_up()
            given_up += 1
    assert given_up < 60
    assert patience.seconds(TILE, 0) > 20


def test_no_more_than_a_tenth_is_given_up_however_many_stall():
    patience, given_up = Patience(330), 0
    for _ in range(50):
        patience.answered(TILE, 1.0)
    for number in range(1_000):
        if number % 2 and patience.seconds(TILE, 0) < 330:
            patience.gave_up()
            given_up += 1
        else:
            patience.answered(TILE, 1.0)
    assert 60 < given_up <= 20 + 1_000 / 10
