"""The guard of the sandbox's containers: kills their process groups when the sandbox is gone.

It runs as a script of its own, with the standard library alone, so that it costs a few megabytes. Standard input
brings lines `+<process group>` and `-<process group>`, or the name of a container of the Docker engine in its place;
the end of the input means that the sandbox has ended.
"""

import contextlib
import os
import signal
import subprocess
import sys
from typing import BinaryIO


def watch(stream: BinaryIO) -> None:
    """Follows what begins and ends, and kills the rest at the end of the stream."""
    running: set[str] = set()
    for line in stream:
        change, item = line[:1], line[1:].decode().strip()
        if change == b"+":
            running.add(item)
        else:
            running.discard(item)
    containers = [item for item in running if not item.isdigit()]
    for group in running.difference(containers):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(int(group), signal.SIGKILL)
    if containers:
        subprocess.run(["docker", "rm", "--force", "--volumes", "--", *containers], check=False)


if __name__ == "__main__":
    watch(sys.stdin.buffer)
