"""A process that loads large libraries searches for garbage seldom, and never while it loads them."""

import gc
from collections.abc import Iterator

import pytest

from earthline import garbage


@pytest.fixture(autouse=True)
def searches() -> Iterator[None]:
    """What this process had before."""
    figures = gc.get_threshold()
    yield
    gc.set_threshold(*figures)
    gc.enable()


def test_older_objects_are_searched_as_often_as_before() -> None:
    gc.set_threshold(700, 11, 12)
    garbage.search_rarely()
    new, *older = gc.get_threshold()
    assert new > 10_000 and older == [11, 12] and gc.isenabled()


@pytest.mark.parametrize("before", [True, False])
def test_a_block_that_loads_is_not_searched_and_all_is_as_before_it(before: bool) -> None:
    if not before:
        gc.disable()
    with pytest.raises(ImportError), garbage.unsearched():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled() is before
