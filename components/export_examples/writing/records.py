"""Where the examples of a shard stand in a spool, and how they are read: a few at a time."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.export_examples.writing import chunks

Array = np.ndarray[Any, Any]

_THREADS = 8
_AHEAD_BYTES = 4 << 20
"""Of records that are read before they are asked for: a bucket answers each request late, and many at once."""


@dataclass(frozen=True)
class Records:
    """Where examples stand.

    Attributes:
        folder: Of the spool, a path or a gs:// URI.
        names: Of its chunks.
        chunk: Place of each example's chunk in `names`, (examples,).
        offset: Of each framed record, (examples,).
        length: Of each framed record, (examples,).
    """

    folder: str
    names: tuple[str, ...]
    chunk: Array
    offset: Array
    length: Array

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.chunk)

    def only(self, chosen: Array) -> "Records":
        """Some of them, in the order asked for.

        Args:
            chosen: Their places, (examples,).
        """
        return Records(self.folder, self.names, self.chunk[chosen], self.offset[chosen], self.length[chosen])

    def read(self, project: str = "") -> Iterator[bytes]:
        """The framed records, in order.

        Args:
            project: Google Cloud project of requests to Cloud Storage.

        Raises:
            ChunkError: One is damaged.
            OSError: A chunk cannot be read.
        """
        ahead: deque[tuple[Future[bytes], int]] = deque()
        waiting = 0
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="records") as pool:
            for place in range(len(self)):
                length = int(self.length[place])
                while ahead and waiting + length > _AHEAD_BYTES:
                    future, taken = ahead.popleft()
                    waiting -= taken
                    yield future.result()
                name, offset = self.names[self.chunk[place]], int(self.offset[place])
                ahead.append((pool.submit(chunks.example, self.folder, name, offset, length, project), length))
                waiting += length
            while ahead:
                yield ahead.popleft()[0].result()
