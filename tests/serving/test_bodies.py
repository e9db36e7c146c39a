"""Bodies that arrive together are read one after the other, and who sends slowly holds nobody up."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import Request

from serving import bodies
from serving.bodies import Bodies

PARTS = 5
Part = Callable[[], Awaitable[None]]


class Arrivals:
    """Requests whose parts arrive when they are asked for, and the order in which that happened."""

    def __init__(self) -> None:
        self.held = Bodies(1 << 20, 30)
        self.read: list[str] = []

    async def ask(self, name: str, part: Part = lambda: asyncio.sleep(0)) -> None:
        left = PARTS

        async def receive() -> dict[str, object]:
            nonlocal left
            await part()
            self.read.append(name)
            left -= 1
            return {"type": "http.request", "body": b"x", "more_body": left > 0}

        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        body = await self.held.read(request, 1 << 10)
        assert body.content() == b"x" * PARTS
        body.release()


def test_the_first_is_whole_before_the_last_is_begun() -> None:
    async def together() -> list[str]:
        arrivals = Arrivals()
        await asyncio.gather(*(arrivals.ask(name) for name in "abcdef"))
        return arrivals.read

    read = asyncio.run(together())
    for turn, names in enumerate(("ab", "cd", "ef")):
        assert sorted(set(read[2 * PARTS * turn : 2 * PARTS * (turn + 1)])) == list(names)


def test_who_sends_slowly_is_read_on_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "WAIT_SECONDS", 60.0)

    async def together() -> list[str]:
        arrivals, over = Arrivals(), asyncio.Event()

        async def stalled() -> None:
            await over.wait()

        slow = [asyncio.ensure_future(arrivals.ask(name, stalled)) for name in ("slow", "slower")]
        await asyncio.gather(*(arrivals.ask(name) for name in "ab"))
        before = list(arrivals.read)
        over.set()
        await asyncio.gather(*slow)
        return before

    assert sorted(asyncio.run(together())) == ["a"] * PARTS + ["b"] * PARTS


def test_nobody_waits_long_for_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "TURN_SECONDS", 60.0)

    async def together() -> list[str]:
        arrivals = Arrivals()
        slow = [asyncio.ensure_future(arrivals.ask("slow", lambda: asyncio.sleep(60))) for _ in range(2)]
        await arrivals.ask("a")
        for each in slow:
            each.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        # Those that gave up have given their turns back.
        await asyncio.wait_for(asyncio.gather(*(arrivals.ask(name) for name in "bc")), bodies.WAIT_SECONDS / 2)
        return arrivals.read

    assert sorted(asyncio.run(together())) == sorted("abc" * PARTS)
