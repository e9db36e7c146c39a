"""Whether the disk below the sandbox's home is full: then nothing else that failed is worth a word."""

import shutil
from pathlib import Path

PLENTY = 8 * 1024 * 1024
"""Free bytes above which a failure is not taken for a full disk: what could not be written is gone again."""


def full(home: Path) -> str:
    """Says that the disk is full, and what to do; empty where it is not.

    Args:
        home: The sandbox's data folder.
    """
    try:
        free = shutil.disk_usage(home).free
    except OSError:
        return ""
    if free >= PLENTY:
        return ""
    return f"The sandbox's disk is full: {free:,} bytes are left for {home}. Make room there, then try again."
