"""Bodies of requests as they arrive: bounded in length, in time, and all together in memory."""

import asyncio
from types import TracebackType
from typing import Self

from starlette.requests import Request

TURNS = 2
"""Bodies that are read at once while they arrive fast: where all were read side by side, the first to be whole would be
so no sooner than the last, and nothing would be computed until then."""
TURN_SECONDS = 0.05
"""How long one has its turn: who sends slowly is read on beside the others."""
WAIT_SECONDS = 0.25
"""How long one waits for its turn."""


class BodyError(Exception):
    """A body that is not read.

    Attributes:
        status: Of HTTP: 408, 413, 415 or 429.
    """

    def __init__(self, message: str, status: int) -> None:
        """Takes the text and the status."""
        super().__init__(message)
        self.status = status


class Bodies:
    """What is held of bodies, of all requests together."""

    def __init__(self, most_bytes: int, seconds: float) -> None:
        """Begins with none.

        Args:
            most_bytes: Of all together.
            seconds: That one may take to arrive.
        """
        self._most = most_bytes
        self._seconds = seconds
        self._held = 0
        self._turns = asyncio.Semaphore(TURNS)

    async def read(self, request: Request, most: int) -> "Body":
        """Reads a body.

        Args:
            request: Of it.
            most: Longest that is read, in bytes.

        Raises:
            BodyError: Compressed, too long, too slow, or too much is held already.
            ClientDisconnect: The client hung up.
        """
        encoding = request.headers.get("content-encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            # What a small body would become is not known before.
            raise BodyError(
                f"the body is compressed ({encoding[:40]}); send it as it is, without Content-Encoding", 415
            )
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            raise _too_long(most)
        body = Body(self)
        try:
            async with asyncio.timeout(self._seconds), _Turn(self._turns):
                async for part in request.stream():
                    body.add(part)
                    if body.size > most:
                        raise _too_long(most)
        except TimeoutError as error:
            body.release()
            raise BodyError(f"the body did not arrive within {self._seconds:g} s", 408) from error
        except BaseException:
            body.release()
            raise
        return body

    def claim(self, size: int) -> None:
        """Takes bytes of what may be held. Raises BodyError where there are no more."""
        if self._held + size > self._most:
            raise BodyError(f"{self._held:,} bytes of requests are held already", 429)
        self._held += size

    def release(self, size: int) -> None:
        """Gives them back."""
        self._held -= size


class _Turn:
    """A turn to be read, first come first served, or none where that takes too long."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self._ends: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            return self
        self._ends = asyncio.get_running_loop().call_later(TURN_SECONDS, self._end)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None
            self._turns.release()


class Body:
    """One that is held until it is released."""

    def __init__(self, bodies: Bodies) -> None:
        """Begins empty.

        Args:
            bodies: Those that it counts among.
        """
        self._bodies = bodies
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        """Keeps a part that arrived. Raises BodyError where too much is held."""
        self._bodies.claim(len(part))
        self.size += len(part)
        self._parts.append(part)

    def content(self) -> bytes:
        """All parts."""
        if len(self._parts) != 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0]

    def release(self) -> None:
        """It is needed no more."""
        self._bodies.release(self.size)
        self._parts, self.size = [], 0


def _too_long(most: int) -> BodyError:
    return BodyError(f"the request is over the {most:,} bytes that are read; send fewer or smaller tiles", 413)
