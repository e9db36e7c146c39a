"""Memory of bodies, tiles and answers is kept for those that follow."""

import ctypes
import logging

_LARGE = 256 << 20
_THRESHOLDS = {-3: _LARGE, -1: _LARGE, -8: 2}
"""Of glibc's mallopt: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX."""


def keep() -> None:
    """Has glibc keep what was freed, where there is glibc.

    A request takes some megabytes, in blocks so large that they would be given back to the system after each: hundreds
    of page faults a request. With few arenas, what is kept stays bounded by what was ever needed at once.

    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        logging.getLogger("serving").debug("this system has no mallopt")
        return
    for name, value in _THRESHOLDS.items():
        mallopt(name, value)
