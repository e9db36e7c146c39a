"""Connections that stand still or never come to the point are ended: uvicorn ends idle ones alone."""

from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 60.0
"""From the start of a connection, or of a request, to the end of that request's headers."""
UNREAD_SECONDS = 60.0
"""How long an answer may lie unread."""
MOST_BESIDE_BODY = 1 << 20
"""Bytes of a request that are no body: its headers, and what frames the chunks of a body. Google's front ends let 64 KB
of headers through: https://cloud.google.com/load-balancing/docs/quotas#https-lb-header-limits."""
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    b"connection: close\r\n\r\n%b"
)
_TOLD = b'{"error":"the request has more than %d bytes beside its body, of headers or of chunks"}' % MOST_BESIDE_BODY


class Connection(HttpToolsProtocol):
    """One connection. How long the body of a request may take is for the application to say."""

    _waiting_for_head: TimerHandle | None = None
    _waiting_for_reader: TimerHandle | None = None
    _beside_body = 0

    def connection_made(self, transport: Any) -> None:
        """Begins to wait for headers."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing any more."""
        for timer in (self._waiting_for_head, self._waiting_for_reader):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on, unless a request has been going on for too long without coming to its body."""
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > MOST_BESIDE_BODY and not self.transport.is_closing():
            self.logger.warning("A request is not read: too many bytes beside its body.")
            self.transport.write(_TOO_LONG % (len(_TOLD), _TOLD))
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begins to wait for the end of the headers."""
        super().on_message_begin()
        self._beside_body = 0
        self._await_head()

    def on_headers_complete(self) -> None:
        """Waits no more for them."""
        if self._waiting_for_head is not None:
            self._waiting_for_head.cancel()
            self._waiting_for_head = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Passes a part of the body on, which the application counts."""
        self._beside_body -= len(body)
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Begins to wait until the answer is read."""
        super().on_response_complete()
        if self._waiting_for_reader is not None:
            self._waiting_for_reader.cancel()
        if self.transport.get_write_buffer_size():
            self._waiting_for_reader = self._later(UNREAD_SECONDS, self._end_unread)

    def _later(self, seconds: float, end: Callable[[], None]) -> TimerHandle:
        timer: TimerHandle = self.loop.call_later(seconds, end)
        return timer

    def _await_head(self) -> None:
        if self._waiting_for_head is None:
            self._waiting_for_head = self._later(HEAD_SECONDS, self._end_without_head)

    def _end_without_head(self) -> None:
        self._waiting_for_head = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            self._await_head()  # an earlier request of this connection is being answered

    def _end_unread(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
