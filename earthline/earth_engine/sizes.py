"""Which sizes of window of an image Earth Engine can compute at once: learnt from what it answered."""

import threading
import weakref
from collections import Counter
from typing import Any

LEAST_PIXELS = 256
"""Pixels of a window that is not halved any more: what is too heavy for 16 x 16 is so for a pixel."""
_FIRST_PROBE = 4
"""Windows that are halved beforehand until one is tried whole again; doubled each time that it was too heavy."""
_LAST_PROBE = 4096


class Sizes:
    """What is known of one image; for any number of threads. Sizes count by powers of two of their pixels."""

    def __init__(self) -> None:
        """Begins without knowing anything: any size is tried."""
        self._lock = threading.Lock()
        self._fine: Counter[int] = Counter()
        self._heavy: Counter[int] = Counter()
        self._halved = 0
        self._probe = _FIRST_PROBE

    def is_heavy(self, pixels: int) -> bool:
        """Whether a window is to be halved without being tried.

        So it is where windows of its size, or smaller ones, failed more often than not. What one costs differs from
        place to place, so now and then one is tried all the same.

        Args:
            pixels: Of the window.
        """
        with self._lock:
            if all(self._heavy[size] <= self._fine[size] for size in self._heavy if size <= pixels.bit_length()):
                return False
            self._halved += 1
            if self._halved < self._probe:
                return True
            self._halved = 0
            return False

    def was_fine(self, pixels: int) -> None:
        """Takes note of a window that was computed.

        Args:
            pixels: Of the window.
        """
        with self._lock:
            self._fine[pixels.bit_length()] += 1

    def was_heavy(self, pixels: int, share: float | None) -> None:
        """Takes note of a window that Earth Engine could not compute at once.

        Args:
            pixels: Of the window.
            share: Part of it that would have been small enough, from 0 to 1; None where it is not known.
        """
        with self._lock:
            for size in _sizes(pixels, share):
                self._heavy[size] += 1
            self._probe = min(_LAST_PROBE, 2 * self._probe)

    def was_hopeless(self, pixels: int, share: float | None) -> None:
        """Takes back what `was_heavy` was told of a window of which even the smallest part is too heavy.

        Args:
            pixels: As there.
            share: As there.
        """
        with self._lock:
            for size in _sizes(pixels, share):
                self._heavy[size] -= 1
            self._probe = max(_FIRST_PROBE, self._probe // 2)


def _sizes(pixels: int, share: float | None) -> range:
    """Sizes that are too heavy where a window is, or all but a part of it."""
    least = pixels if share is None else 1 + int(share * pixels)
    return range(min(least, pixels).bit_length(), pixels.bit_length() + 1)


_known: dict[int, tuple[weakref.ref[Any], Sizes]] = {}
_lock = threading.Lock()


def of(image: Any) -> Sizes:
    """What is known of an image, from its first window on.

    Args:
        image: The `ee.Image`.
    """
    with _lock:
        known = _known.get(id(image))
        if known is not None and known[0]() is image:
            return known[1]
        sizes, number = Sizes(), id(image)
        try:
            _known[number] = weakref.ref(image, lambda _: _known.pop(number, None)), sizes
        except TypeError:
            pass
        return sizes
