"""Bands by expression."""

from collections.abc import Sequence
from typing import Any

from earthline.config.sections.imagery import Derived


def with_derived(whole: Any, derived: Sequence[Derived]) -> Any:
    """An `ee.Image` and the bands that are computed from it, one after the other.

    Args:
        whole: The stack of all sources.
        derived: What to compute, in order.
    """
    for band in derived:
        names = list(band.variables)
        # By their names in the expression: `b('B4')` reads the image itself, and a bare name a variable.
        seen = whole.select(list(band.variables.values()), names)
        words = {name: seen.select([name]) for name in names if name.isidentifier()}
        whole = whole.addBands(seen.expression(band.expression, words).rename([band.name]))
    return whole
