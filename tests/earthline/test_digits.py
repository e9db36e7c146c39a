"""A figure and the ends of its interval have the same decimals."""

import pytest

from earthline import digits


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ((43.8012, 29.12, 62.17), ["43.8", "29.1", "62.2"]),
        ((-0.001953, -0.3234, -3.355e-05), ["-0.002", "-0.323", "0.000"]),
        ((147.2, 105.6, 179.4), ["147", "106", "179"]),
        ((16_012.4,), ["16,012"]),
        ((0.0, 0.0), ["0", "0"]),
        ((float("nan"), 1.25), ["nan", "1.25"]),
    ],
)
def test_the_largest_has_three_digits(figures: tuple[float, ...], told: list[str]) -> None:
    assert digits.alike(*figures) == told
