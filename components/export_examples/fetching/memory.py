"""How many pools the C library keeps memory in."""

import ctypes

POOLS = 2
"""Of all threads together: more let threads allocate side by side, which those that wait for answers do not need."""
_M_ARENA_MAX = -8
"""malloc.h of glibc."""


def share_pools() -> None:
    """Lets threads that begin from now on share pools; does nothing where the C library is not glibc.

    Else each thread has one of its own, up to eight for each core, which keeps what was freed in it for this thread
    alone: patches come in by many threads, and all these pools grow.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_M_ARENA_MAX, POOLS)
