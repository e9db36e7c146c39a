"""constraints.txt pins whatever an installation brings, so that two installations are alike."""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = {"earthline": {"dev", "clients", "docs"}, "earthline-sandbox": {"vertex", "all"}}
PACKAGING_TOOLS = {"pip", "setuptools", "wheel"}
"""Their versions change no result, and pip comes with Python."""


def required(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> set[str]:
    """Names of the installed distributions that one needs, itself included."""
    if (name, extras) in seen:
        return set()
    seen.add((name, extras))
    try:
        requirements = distribution(name).requires or []
    except PackageNotFoundError:  # of an extra that is not installed here
        return set()
    names = {name}
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            names |= required(canonicalize_name(requirement.name), frozenset(requirement.extras), seen)
    return names


def test_every_distribution_is_pinned() -> None:
    pinned = {
        canonicalize_name(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if re.match(r"\w", line)
    }
    needed: set[str] = set()
    for name, extras in EXTRAS.items():
        needed |= required(name, frozenset(extras), set())
    assert len(needed) > 100
    assert needed - pinned - PACKAGING_TOOLS - set(EXTRAS) == set()
