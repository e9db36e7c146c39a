"""Traffic always sums to 100, the new model gets its share, and the others keep their order."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from components.deploy_model.traffic import idle, with_share


@st.composite
def splits(draw):
    cuts = sorted(draw(st.lists(st.integers(0, 100), max_size=5)))
    edges = [0, *cuts, 100]
    return {str(1000 + place): high - low for place, (low, high) in enumerate(pairwise(edges))}


@given(splits(), st.integers(1, 100))
def test_shares_are_whole_and_sum_to_100(current, percent):
    split = with_share(current, "new", percent)
    assert sum(split.values()) == 100
    assert split["new"] == percent
    for key, share in current.items():
        exact = share * (100 - percent) / 100
        assert abs(split.get(key, 0) - exact) < 1


def test_the_first_model_gets_everything():
    assert with_share({}, "1", 10) == {"1": 100}
    assert with_share({"7": 0}, "1", 10) == {"1": 100}


def test_a_canary_that_gets_more_takes_nothing_from_itself():
    assert with_share({"1": 80, "2": 20}, "2", 50) == {"1": 50, "2": 50}
    assert with_share({"1": 80, "2": 20}, "2", 100) == {"1": 0, "2": 100}


def test_models_without_traffic_are_idle():
    assert idle({"1": 100, "2": 0}, ["1", "2", "3"]) == ["2", "3"]
