"""With how many digits figures are told that belong together: a figure and its interval have the same."""

import math

_SIGNIFICANT = 3
"""Digits of the largest."""


def alike(*figures: float) -> list[str]:
    """Figures with as many decimals each, by which the largest has three digits or is whole.

    Args:
        figures: A figure and the ends of its interval, say.
    """
    largest = max((abs(figure) for figure in figures if math.isfinite(figure)), default=0.0)
    decimals = max(0, _SIGNIFICANT - 1 - math.floor(math.log10(largest))) if largest > 0 else 0
    return [f"{round(figure, decimals) + 0.0:,.{decimals}f}" for figure in figures]
