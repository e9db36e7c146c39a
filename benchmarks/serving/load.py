"""The load generator, a process of its own: keeps so many requests under way and checks every answer.

`python -m benchmarks.serving.load` reads tasks from standard input and answers each with a line, both JSON. It works
on the cores of the server that it asks, so it does little: requests are made before, sockets are read into buffers that
stay, and of an answer only a checksum is taken while the clock runs. Every answer with another checksum is kept, and
its values are compared afterwards with those of its own tile.
"""

import asyncio
import itertools
import json
import random
import socket
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving import rough, tiles

MOST_ANSWER = 8 << 20
"""Bytes of an answer that are read."""
_BUSY_PAUSE_S = 0.05
"""After 429, in place of Retry-After's whole seconds."""
_KEPT = 8
"""Different answers to a tile that are kept; further ones are compared at once, which takes time of the server."""


@dataclass
class Told:
    """What happened.

    Attributes:
        latencies: Seconds of each good answer.
        moments: When it came, in seconds since the begin.
        statuses: Answers by HTTP status; what has none is counted as `no answer`.
        wrong: Why an answer is not that to its tile.
        behaviour: Requests by what their sender did, where not all are well-behaved.
    """

    latencies: list[float] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    behaviour: Counter[str] = field(default_factory=Counter)


class Connection:
    """One connection, kept alive."""

    def __init__(self, host: str, port: int) -> None:
        """Takes the address; nothing is opened before the first request."""
        self._address = host, port
        self._buffer = memoryview(bytearray(MOST_ANSWER))
        self._socket: socket.socket | None = None

    async def ask(self, request: bytes) -> tuple[int, memoryview]:
        """Sends a request and waits for the whole answer.

        Returns:
            HTTP status and body; the latter is overwritten by the next request.

        Raises:
            ConnectionError: The server hung up.
        """
        await self.send(request)
        return await self.answer()

    async def send(self, part: bytes) -> None:
        """Sends bytes, on a new connection where there is none."""
        loop = asyncio.get_running_loop()
        if self._socket is None:
            self._socket = socket.socket()
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(self._socket, self._address)
        await loop.sock_sendall(self._socket, part)

    async def answer(self, pause: float = 0.0, piece: int = MOST_ANSWER) -> tuple[int, memoryview]:
        """Reads an answer.

        Args:
            pause: Seconds between two reads.
            piece: Bytes of a read at most.
        """
        loop, filled, begin, end = asyncio.get_running_loop(), 0, 0, MOST_ANSWER
        status, close = 0, False
        while filled < end:
            assert self._socket is not None
            count = await loop.sock_recv_into(self._socket, self._buffer[filled : min(filled + piece, MOST_ANSWER)])
            if not count:
                self.close()
                raise ConnectionError("the server hung up")
            filled += count
            if not begin:
                head, found, _ = bytes(self._buffer[: min(filled, 8_192)]).partition(b"\r\n\r\n")
                if found:
                    begin = len(head) + 4
                    lines = head.decode("latin-1").split("\r\n")
                    headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines[1:])}
                    status, close = int(lines[0].split()[1]), headers.get("connection", "").lower() == "close"
                    end = begin + int(headers.get("content-length", 0))
            if pause:
                await asyncio.sleep(pause)
        if close:
            self.close()
        return status, self._buffer[begin:end]

    def close(self) -> None:
        """Hangs up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Answers:
    """Every answer, compared with what its own tile should give."""

    def __init__(self, expected: tiles.Expected, told: Told) -> None:
        """Takes what each tile should give."""
        self._expected, self._told = expected, told
        self._kept: dict[int, dict[int, bytes]] = {}
        self._good: dict[int, set[int]] = {}

    def take(self, tile: int, body: memoryview) -> None:
        """Keeps an answer that is not known yet."""
        key, kept = zlib.crc32(body), self._kept.setdefault(tile, {})
        if key in kept or key in self._good.setdefault(tile, set()):
            return
        if len(kept) >= _KEPT:
            self.compare()
        kept[key] = bytes(body)

    def compare(self) -> None:
        """Compares the values of what was kept."""
        for tile, kept in self._kept.items():
            for key, body in kept.items():
                problem = self._expected.problem(tile, body)
                if problem:
                    self._told.wrong.append(f"tile {tile}: {problem}")
                self._good.setdefault(tile, set()).add(key)
            kept.clear()


async def steady(
    connection: Connection, requests: list[bytes], numbers: Iterator[int], until: float, told: Told, answers: Answers
) -> None:
    """A client that asks for one tile after the other."""
    while (begun := time.perf_counter()) < until:
        tile = next(numbers) % len(requests)
        try:
            status, body = await connection.ask(requests[tile])
        except OSError:
            told.statuses["no answer"] += 1
            connection.close()
            continue
        told.statuses[str(status)] += 1
        if status == 200:
            told.latencies.append(time.perf_counter() - begun)
            told.moments.append(time.perf_counter())
            answers.take(tile, body)
        elif status == 429:
            await asyncio.sleep(_BUSY_PAUSE_S)


async def loaded(task: dict[str, Any], expected: tiles.Expected) -> dict[str, Any]:
    """Runs a task: `host`, `port`, `path`, `concurrency`, `seconds`, and `rough`, the share that misbehaves."""
    told = Told()
    answers = Answers(expected, told)
    host, port = task["host"], int(task["port"])
    requests = [tiles.http(body, f"{host}:{port}", task["path"]) for body in expected.bodies]
    connections = [Connection(host, port) for _ in range(task["concurrency"])]
    numbers = itertools.count()
    begun, worked = time.perf_counter(), time.process_time()
    until = begun + task["seconds"]
    if task.get("rough"):
        shares = rough.Shares(requests, float(task["rough"]), told, random.Random(0))
        clients = [rough.mixed(each, shares, numbers, until, answers) for each in connections]
    else:
        clients = [steady(each, requests, numbers, until, told, answers) for each in connections]
    await asyncio.gather(*clients)
    seconds, worked = time.perf_counter() - begun, time.process_time() - worked
    for connection in connections:
        connection.close()
    answers.compare()
    return {
        "seconds": seconds,
        "processor": worked,
        "latencies": told.latencies,
        "moments": [moment - begun for moment in told.moments],
        "statuses": told.statuses,
        "wrong": told.wrong[:20],
        "behaviour": told.behaviour,
    }


def main() -> None:
    """Answers tasks until standard input ends; the argument is the folder of the tiles."""
    expected = tiles.Expected.read(Path(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(asyncio.run(loaded(json.loads(line), expected))), flush=True)


if __name__ == "__main__":
    main()
