"""Probe requests that Earth Engine refuses: an error, or left out where tasks bring what no request gives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from earthline.earth_engine.retry import PixelsError, RefusedError, TooHeavyError
from earthline.grid import Grid
from pipelines.cost import probes
from pipelines.cost.probes import probe

WINDOWS = [Grid("EPSG:32633", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0), (side, side)) for side in (8, 16, 32)]


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, type[PixelsError]], None]:
    """Refuses windows of so many pixels a side, or more."""
    monkeypatch.setattr(probes.eecu, "profiled", lambda call: (call(), []))
    monkeypatch.setattr(probes.eecu, "seconds", lambda ids: None)

    def begin(least: int, error: type[PixelsError]) -> None:
        def fetch(image: Any, grid: Grid, attempts: int, place: str) -> Any:
            if grid.shape[0] >= least:
                raise error(f"{place}: no")
            return np.zeros(grid.shape, np.uint8)

        monkeypatch.setattr(probes, "fetch", fetch)

    return begin


def test_a_window_that_no_request_gives_is_left_out_where_tasks_bring_it(
    refusing: Callable[[int, type[PixelsError]], None],
) -> None:
    refusing(32, TooHeavyError)
    assert [each.pixels for each in probe(None, WINDOWS, skip=True)] == [64, 256]
    with pytest.raises(TooHeavyError):
        probe(None, WINDOWS)


def test_where_nothing_comes_or_the_request_is_wrong_it_is_an_error(
    refusing: Callable[[int, type[PixelsError]], None],
) -> None:
    refusing(0, TooHeavyError)
    with pytest.raises(TooHeavyError):
        probe(None, WINDOWS, skip=True)
    refusing(32, RefusedError)
    with pytest.raises(RefusedError):
        probe(None, WINDOWS, skip=True)
