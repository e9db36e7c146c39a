"""Which bands a picture shows, and how bright."""

import numpy as np
import pytest

from earthline.reports.pictures import brightness, stretch, visible_bands


@pytest.mark.parametrize(
    ("bands", "shown"),
    [
        (("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7"), ("SR_B4", "SR_B3", "SR_B2")),
        (("blue", "green", "red", "nir"), ("red", "green", "blue")),
        (("Red", "Green", "Blue"), ("Red", "Green", "Blue")),
        (("nir", "red", "green", "blue"), ("red", "green", "blue")),
        (("a", "b", "c", "d"), ("c", "b", "a")),
        (("height",), ("height",) * 3),
    ],
)
def test_true_colour_is_shown_where_the_names_tell(bands: tuple[str, ...], shown: tuple[str, ...]) -> None:
    assert tuple(bands[index] for index in visible_bands(bands)) == shown


def test_clouds_leave_the_ground_to_be_seen() -> None:
    ground = np.random.default_rng(5).normal(900, 100, (100, 100, 3))
    seen = np.ones((100, 100), bool)
    low, high = stretch(ground, seen)
    assert (low < 720).all() and (1050 < high).all() and (high < 1250).all()
    ground[:8] = 9000
    low, high = stretch(ground, seen)
    shown = brightness(ground, low, high)[8:]
    # Between the darkest and the lightest ground lies a third of the grey levels, not one in a hundred.
    assert np.percentile(shown, 95) - np.percentile(shown, 5) > 80
    flat = np.where(np.arange(100)[:, None, None] < 90, 5.0, np.ones((100, 100, 3)) * 50)
    assert (stretch(flat, seen)[1] == 50).all()
