"""How long answers are waited for."""

import random

from earthline.earth_engine.requests.patience import Patience


def test_nothing_is_concluded_from_few_answers_or_of_other_kinds():
    patience = Patience(330)
    for _ in range(19):
        patience.answered("tile", 1.0)
    assert patience.seconds("tile", 0) == 330
    patience.answered("tile", 1.0)
    assert patience.seconds("tile", 0) == 1.5
    assert patience.seconds("patch", 0) == patience.seconds(None, 0) == 330


def test_a_request_that_was_given_up_is_waited_for_longer():
    patience = Patience(330)
    for number in range(200):
        patience.answered("tile", 0.5 + 1.5 * number / 200)
    first, second, fifth = (patience.seconds("tile", times) for times in (0, 1, 5))
    assert 2.5 < first < 3.1 and second == 4 * first and fifth == 330


def test_quick_answers_leave_a_second():
    patience = Patience(330)
    for _ in range(50):
        patience.answered("tile", 0.01)
    assert patience.seconds("tile", 0) == 1


def test_where_everything_becomes_slow_few_are_sent_twice_and_patience_grows():
    patience, chance = Patience(330), random.Random(0)
    for _ in range(200):
        patience.answered("tile", chance.uniform(0.5, 2))
    given_up = 0
    for _ in range(400):
        for tries in range(9):
            takes, limit = chance.uniform(5, 20), patience.seconds("tile", tries)
            if takes <= limit:
                patience.answered("tile", takes)
                break
            patience.gave_up("tile", limit)
            given_up += 1
    assert given_up < 60
    assert patience.seconds("tile", 0) > 20
