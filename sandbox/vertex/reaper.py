"""The guard of the sandbox's containers: kills their process groups when the sandbox is gone.

It runs as a script of its own, with the standard library alone, so that it costs a few megabytes. Standard input
brings lines `+<process group>` and `-<process group>`; the end of the input means that the sandbox has ended.
"""

import contextlib
import os
import signal
import sys
from typing import BinaryIO


def watch(stream: BinaryIO) -> None:
    """Follows the groups that begin and end, and kills the rest at the end of the stream."""
    groups: set[int] = set()
    for line in stream:
        change, group = line[:1], int(line[1:])
        if change == b"+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    watch(sys.stdin.buffer)
