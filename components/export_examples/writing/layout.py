"""Which example goes to which shard: mixed, evenly, and the same way every time. Pure."""

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FEWEST = 4
"""Shards of a split, where a config does not say how many: fewer cannot be read side by side."""
SHARD_BYTES = 150 << 20
"""Of a shard, where more than the fewest are needed: large enough to be read at full speed, and small enough to copy
again when one is damaged."""
_AT_ONCE = 4096


def count(examples: int, size: int, asked: int | None) -> int:
    """Number of shards of a split.

    Args:
        examples: Of the split.
        size: Of all of them in bytes, before anything is compressed.
        asked: The config's number; None where it follows the bytes.
    """
    wanted = asked if asked is not None else max(FEWEST, math.ceil(size / SHARD_BYTES))
    return max(1, min(wanted, examples))


def deal(corners: Array, number: int) -> Iterator[Array]:
    """The examples of each shard in turn, as positions in `corners`, by row and column.

    Args:
        corners: First pixels of patches, whole numbers (examples, 2): rows and columns; distinct.
        number: Of shards.
    """
    mixed = np.argsort(np.fromiter(_digests(corners), np.uint64, len(corners)), kind="stable")
    for place in range(number):
        mine = mixed[place::number]
        yield mine[np.lexsort((corners[mine, 1], corners[mine, 0]))]


def _digests(corners: Array) -> Iterator[int]:
    for first in range(0, len(corners), _AT_ONCE):
        # A million pairs as Python's own numbers would take a hundred megabytes.
        for row, column in corners[first : first + _AT_ONCE].tolist():
            yield int.from_bytes(hashlib.sha256(repr((row, column)).encode()).digest()[:8], "big")
