"""An Earth Engine that has pixels alone and does no work: what it has is a quota, latencies and faults.

The sandbox computes what it is asked for, which 40 requests at a time on a few cores would wait for; here time passes
and nothing else. It speaks `image:computePixels` of one band whose pixels tell where they lie, gives everything else
as the sandbox gave it once, and refuses as Earth Engine does what goes beyond the quota. A process of its own:
`python -m benchmarks.export.quota_server SETTINGS`, which prints its port.
"""

import asyncio
import io
import json
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SCALE, LEFT, TOP = 30.0, 600_000.0, 4_000_000.0
"""Metres of a pixel, and the outer corner of the first one."""
STRIDE = 100_000
"""A pixel's value is its row times this, and its column."""

_TOO_MANY = "Too Many Requests: Request was rejected because the request rate or concurrency limit was exceeded."
_REFUSALS = {
    "429": (429, _TOO_MANY),
    "503": (503, "The service is currently unavailable."),
    "memory": (400, "User memory limit exceeded."),
    "timeout": (400, "Computation timed out."),
    "wrong": (400, "Image.select: Band pattern 'B9' did not match any bands. Available bands: [B1]"),
}


def value(row: int, column: int, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """The pixels of a window.

    Args:
        row: Of its first pixel.
        column: Of its first pixel.
        shape: Shape in pixels `(height, width)`.
    """
    rows, columns = np.arange(row, row + shape[0]), np.arange(column, column + shape[1])
    return (rows[:, None] * STRIDE + columns).astype("int32")


@dataclass
class Settings:
    """What the server does.

    Attributes:
        quota: Requests under way at once.
        per_second: Requests begun within a second.
        seconds: Bounds of the time that an answer takes.
        faults: Chance of each fault: those of the refusals, `stall`, `truncated` and `shape`.
        most_faults: Faults after which there are no more.
        stall_seconds: How long a stall takes.
        wrong: Rows and columns of windows that are wrong requests, whatever is tried.
        seed: Of chance.
        others: Answers to what is no request for pixels, by path.
    """

    quota: int = 40
    per_second: int = 100
    seconds: tuple[float, float] = (0.5, 2.0)
    faults: Mapping[str, float] = field(default_factory=dict)
    most_faults: int = 10**9
    stall_seconds: float = 30.0
    wrong: Sequence[Sequence[int]] = ()
    seed: int = 0
    others: Mapping[str, str] = field(default_factory=dict)


class Server:
    """Serves requests."""

    def __init__(self, settings: Settings) -> None:
        """Takes what it does."""
        self.settings = settings
        self._chance = random.Random(settings.seed)
        self._running = self._struck = 0
        self._held = 0.0
        self._begun: deque[float] = deque()
        self._counts: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()
        self._refused_at: list[float] = []

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves the requests of one connection, one after the other."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                target = head[0].split()[1]
                if target.startswith("/_"):
                    status, content = 200, self._control(target, body)
                elif "computePixels" in target:
                    status, content = await self._watched(body, reader)
                else:
                    status, content = 200, self.settings.others[target.partition("?")[0]].encode()
                kind = "application/octet-stream" if content[:1] == b"\x93" else "application/json"
                cut = status < 0
                described = (
                    f"HTTP/1.1 {abs(status)} -\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
                )
                writer.write(described.encode() + (content[: len(content) // 2] if cut else content))
                await writer.drain()
                if cut:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _watched(self, body: bytes, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        """An answer; a client that has gone gets none, and holds no place any more."""
        work = asyncio.ensure_future(self._pixels(body))
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._counts["gone"] += 1
                raise ConnectionError
            return work.result()
        finally:
            for task in (work, gone):
                task.cancel()
            # The stream is free for the next request only when nobody waits for it any more.
            await asyncio.wait({work, gone})

    async def _pixels(self, body: bytes) -> tuple[int, bytes]:
        grid = json.loads(body)["grid"]
        placed, size = grid["affineTransform"], grid["dimensions"]
        row, column = round((TOP - placed["translateY"]) / SCALE), round((placed["translateX"] - LEFT) / SCALE)
        now = time.monotonic()
        while self._begun and self._begun[0] <= now - 1:
            self._begun.popleft()
        self._counts["requests"] += 1
        if self._running >= self.settings.quota or len(self._begun) >= self.settings.per_second:
            self._counts["over"] += 1
            self._refused_at.append(time.time())
            return self._refusal("429")
        if [row, column] in self.settings.wrong:
            self._answered[f"wrong {row} {column}"] += 1
            return self._refusal("wrong")
        self._begun.append(now)
        self._running += 1
        begun = time.monotonic()
        try:
            fault = self._fault()
            if fault:
                self._counts[fault] += 1
            if fault in ("429", "503"):
                return self._refusal(fault)
            await asyncio.sleep(
                self.settings.stall_seconds if fault == "stall" else self._chance.uniform(*self.settings.seconds)
            )
            if fault in _REFUSALS:
                return self._refusal(fault)
            shape = size["height"], size["width"] - (fault == "shape")
            sent = io.BytesIO()
            np.save(sent, value(row, column, shape).view([("b", "int32")]).reshape(shape))
            if fault == "truncated":
                return -200, sent.getvalue()
            if fault != "shape":
                self._answered[f"{row} {column}"] += 1
            return 200, sent.getvalue()
        finally:
            self._running -= 1
            self._held += time.monotonic() - begun

    def _fault(self) -> str:
        drawn = self._chance.random()
        if self._struck >= self.settings.most_faults:
            return ""
        for name, probability in self.settings.faults.items():
            drawn -= probability
            if drawn < 0:
                self._struck += 1
                return name
        return ""

    def _refusal(self, name: str) -> tuple[int, bytes]:
        status, message = _REFUSALS[name]
        return status, json.dumps({"error": {"code": status, "message": message}}).encode()

    def _control(self, target: str, body: bytes) -> bytes:
        if target == "/_change":
            for name, number in json.loads(body).items():
                setattr(self.settings, name, number)
        told = {"held": self._held, "counts": self._counts, "answered": self._answered, "refused_at": self._refused_at}
        return json.dumps(told).encode()


async def serve(settings: Settings) -> None:
    """Serves until the process ends."""
    server = await asyncio.start_server(Server(settings).connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Settings(**json.load(sys.stdin))))
