"""Another way to compute a step is tried where it pays, and taken where it is faster."""

import math

import pytest

from earthline.config import Train
from trainer.loop.speed import MOST_CALLS, Speed, asked, choose

PLAIN, XLA, HALF = Speed(), Speed(xla=True), Speed(half=True)


def never(way: Speed) -> float:
    raise AssertionError(f"{way.told} is not to be tried")


@pytest.mark.parametrize("name", ["plain", "xla", "bfloat16", "xla_bfloat16"])
def test_the_config_may_name_a_way(name: str) -> None:
    train = Train(speed=name)
    assert asked(train).told == name
    assert choose(train, asked(train), 1.0, 10**6, 1, never).told == name


def test_a_short_run_tries_nothing() -> None:
    assert choose(Train(), asked(Train()), 0.1, 5_999, 1, never) == Speed(calls=2)


def test_a_long_run_takes_the_fastest_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    measured = {HALF: 0.9, XLA: 0.06, Speed(xla=True, half=True): math.inf}
    assert choose(Train(), PLAIN, 0.1, 6_001, 1, lambda way: measured[way]) == Speed(xla=True, calls=4)
    assert "plain 100 ms, bfloat16 900 ms, xla 60 ms" in capsys.readouterr().out
    # Less than a twentieth faster is no reason, and several devices cannot be compiled.
    assert choose(Train(), PLAIN, 0.1, 6_001, 1, lambda way: 0.098).told == "plain"
    tried: list[Speed] = []
    choose(Train(), PLAIN, 0.1, 6_001, 2, lambda way: tried.append(way) or 1.0)
    assert tried == [HALF]


def test_short_steps_are_called_many_at_a_time() -> None:
    assert choose(Train(speed="plain"), PLAIN, 1e-9, 10, 1, never).calls == MOST_CALLS
    assert choose(Train(speed="plain"), PLAIN, 5.0, 10, 1, never).calls == 1
