"""Random numbers that are the same for ever, on every machine and in every version of every library.

NumPy may change what its generators give from one release to the next (NEP 19), and a split that moved with a library
would put yesterday's test ground into today's training. So numbers are computed here: those of SplitMix64 (Steele, Lea
& Flood 2014, Fast Splittable Pseudorandom Number Generators), the n-th one without those before it. Each step of it
can be undone: different places get different numbers, and a number tells its place.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_GAMMA = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_WORD = 1 << 64
_STEPS = ((30, _FIRST), (27, _SECOND), (31, 1))
"""Shifts and factors of the generator's output function."""


def state(*parts: int) -> int:
    """A state of its own for each purpose of each seed.

    Args:
        parts: Seed and purpose, each at least 0.
    """
    found = 0
    for part in parts:
        found = int(numbers(found, np.array([part % _WORD], np.uint64))[0])
    return found


def numbers(start: int, places: Array) -> Array:
    """Random numbers of places, uint64 (places,): equal chances, independent for all purposes here.

    Args:
        start: Of `state`.
        places: Whole numbers of at least 0, (...); distinct ones get distinct numbers.
    """
    found = places.astype(np.uint64)
    found += np.uint64(1)
    found *= np.uint64(_GAMMA)
    found += np.uint64(start)
    for shift, factor in _STEPS:
        found ^= found >> np.uint64(shift)
        found *= np.uint64(factor)
    return found


def places(start: int, found: Array) -> Array:
    """The places of `numbers`, uint64: its inverse.

    Args:
        start: As there.
        found: What it gave, uint64 (...).
    """
    back = found.copy()
    for shift, factor in reversed(_STEPS):
        back *= np.uint64(pow(factor, -1, _WORD))
        once = back.copy()
        for _ in range(64 // shift):
            once >>= np.uint64(shift)
            back ^= once
    back -= np.uint64(start)
    back *= np.uint64(pow(_GAMMA, -1, _WORD))
    back -= np.uint64(1)
    return back


def order(start: int, count: int) -> Array:
    """A random order of whole numbers from 0, int64 (count,).

    Args:
        start: Of `state`.
        count: How many.
    """
    return np.argsort(numbers(start, np.arange(count)), kind="stable")


def below(start: int, limit: int, count: int) -> Array:
    """Random whole numbers from 0 to below a limit, int64 (count,).

    Args:
        start: Of `state`.
        limit: At least 1, and far below 2**64, or some would come more often.
        count: How many.
    """
    return (numbers(start, np.arange(count)) % np.uint64(limit)).astype(np.int64)
