"""Clients that misbehave, for a soak: malformed requests, slow ones, and those that hang up."""

import asyncio
import random
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.serving.load import Answers, Connection, Told

PIECES = 20
"""Parts in which a slow client sends its request."""
SLOW_SECONDS = 2.0
"""What a slow client takes to send, and then to read."""


class Shares:
    """Which requests misbehave, and how."""

    def __init__(self, requests: list[bytes], share: float, told: "Told", chance: random.Random) -> None:
        """Takes the good requests and the share of those that are none."""
        self.requests, self.share, self.told, self.chance = requests, share, told, chance

    def malformed(self) -> bytes:
        """A request that must be refused by 400 or 413, whatever is done to it."""
        head, _, body = self.chance.choice(self.requests).partition(b"\r\n\r\n")
        place = self.chance.randrange(len(body) // 4, len(body) // 2)
        broken = self.chance.choice(
            (
                body[:place],  # JSON that ends in the middle
                b'{"instances": []}',
                b'{"instances": [{"no_such_band": "AA"}]}',
                body[:place] + b"+/" + body[place + 2 :],  # another alphabet
                body.replace(b'"', b"'"),
                b"\x00" * 5_000,
            )
        )
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(broken)]) + b"\r\n\r\n" + broken


async def mixed(
    connection: "Connection", shares: Shares, numbers: Iterator[int], until: float, answers: "Answers"
) -> None:
    """A client most of whose requests are good; the others are malformed, slow, or given up."""
    while (begun := time.perf_counter()) < until:
        drawn, tile = shares.chance.random(), next(numbers) % len(shares.requests)
        # Each way has a share of its own, as large as that of malformed requests.
        kind = next(
            (name for place, name in enumerate(("malformed", "slow", "hangs up"), 1) if drawn < place * shares.share),
            "good",
        )
        shares.told.behaviour[kind] += 1
        request = shares.requests[tile]
        try:
            if kind == "malformed":
                status, _ = await connection.ask(shares.malformed())
                shares.told.statuses[f"malformed: {status}"] += 1
                continue
            if kind == "hangs up":
                await connection.send(request[: shares.chance.randrange(1, len(request) + 1)])
                await asyncio.sleep(shares.chance.uniform(0, 0.05))
                connection.close()
                continue
            if kind == "slow":
                step = -(-len(request) // PIECES)
                for place in range(0, len(request), step):
                    await connection.send(request[place : place + step])
                    await asyncio.sleep(SLOW_SECONDS / PIECES)
                status, body = await connection.answer(pause=SLOW_SECONDS / PIECES, piece=step)
            else:
                status, body = await connection.ask(request)
        except OSError:
            shares.told.statuses[f"{kind}: no answer"] += 1
            connection.close()
            continue
        shares.told.statuses[f"{kind}: {status}"] += 1
        if status == 200:
            answers.take(tile, body)
            if kind == "good":
                shares.told.latencies.append(time.perf_counter() - begun)
                shares.told.moments.append(time.perf_counter())
        elif status == 429:
            await asyncio.sleep(0.05)
