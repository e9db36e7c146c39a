"""How the C library keeps memory that was freed."""

import ctypes

POOLS = 2
"""Of all threads together: more let threads allocate side by side, which those that wait for answers do not need."""
LARGE = 1 << 20
"""Bytes from which on memory is the system's again as soon as it is freed."""
# malloc.h of glibc.
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3


def return_freed() -> None:
    """Lets threads that begin from now on share pools, and gives back what is large; does nothing without glibc.

    Else each thread has a pool of its own, up to eight for each core, which keeps what was freed in it for this thread
    alone: patches come in by many threads, and all these pools grow.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_M_ARENA_MAX, POOLS)
        library.mallopt(_M_MMAP_THRESHOLD, LARGE)
