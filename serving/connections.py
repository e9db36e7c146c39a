"""Connections that stand still are ended: uvicorn ends those alone that wait for a further request."""

from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

FIRST_SECONDS = 60.0
"""From the start of a connection to the end of its first request's headers."""
UNREAD_SECONDS = 60.0
"""How long an answer may lie unread."""


class Connection(HttpToolsProtocol):
    """One connection. How long the body of a request may take is for the application to say."""

    _timer: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begins to wait for headers."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(FIRST_SECONDS, self._end_without_request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begins to wait until the answer is read."""
        super().on_response_complete()
        if self._timer is not None:
            self._timer.cancel()
        if self.transport.get_write_buffer_size():
            self._timer = self.loop.call_later(UNREAD_SECONDS, self._end_unread)

    def _end_without_request(self) -> None:
        if self.cycle is None:
            self.transport.abort()

    def _end_unread(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
