"""Python's search for garbage, which takes a third of the time in which a program loads large libraries.

A search begins with every 700 new objects, and what a library makes while it is loaded is a million that stay.
"""

import contextlib
import gc
from collections.abc import Iterator

_NEW_OBJECTS = 100_000
"""From so many on a search begins: about ten megabytes."""


def search_rarely() -> None:
    """Makes this process search as seldom as one should that loads large libraries here and there."""
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


@contextlib.contextmanager
def unsearched() -> Iterator[None]:
    """A block that loads what stays: this process searches again after it, if it did before."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()
