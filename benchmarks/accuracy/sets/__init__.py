"""The sets, one module each. Each gives a dataset folder for a seed, as the step export_examples leaves one."""

from collections.abc import Mapping

from benchmarks.accuracy.sets import (
    land_cover_patches,
    leipzig,
    ljubljana,
    north_carolina,
    square_fields,
    unseen,
    virginia,
)
from benchmarks.accuracy.sets.source import Missing, Source

SETS: Mapping[str, Source] = {
    "north_carolina": north_carolina.SOURCE,
    "leipzig": leipzig.SOURCE,
    "land_cover_patches": land_cover_patches.SOURCE,
    "ljubljana": ljubljana.SOURCE,
    "virginia": virginia.SOURCE,
}
"""Those of the table, by name."""
CHECKS: Mapping[str, Source] = {
    "square_fields": square_fields.SOURCE,
    "rare_classes": unseen.RARE_CLASSES,
    "four_bands": unseen.FOUR_BANDS,
}
"""Drawn, or drawn from a real scene: they show that something works. No accuracy is told of them."""

__all__ = ["CHECKS", "SETS", "Missing", "Source", "find"]


def find(name: str) -> Source:
    """The set of a name.

    Raises:
        ValueError: There is none.
    """
    known = {**SETS, **CHECKS}
    if name not in known:
        raise ValueError(f"--sets: '{name}' is no set; known: {', '.join(known)}")
    return known[name]
