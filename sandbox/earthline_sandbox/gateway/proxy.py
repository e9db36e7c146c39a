"""The forward proxy that clients' `HTTPS_PROXY` names: Google's hosts end here, every other host is refused.

`CONNECT host:443` is answered for Google's hosts alone. TLS ends here with the sandbox's own authority; what
follows is bytes: to the gRPC bridge from a client that speaks HTTP/2 alone, to the application from every other.
"""

import asyncio
import contextlib
import logging
import re
import socket
import ssl
from collections.abc import Callable
from fnmatch import fnmatchcase

from earthline_sandbox.gateway.authority import Authority

logger = logging.getLogger(__name__)

#: Hosts that the sandbox speaks for, by CONNECT or plainly.
GOOGLE_HOSTS = ("*.googleapis.com", "*.vertexai.goog")
METADATA_HOSTS = ("metadata.google.internal", "metadata", "169.254.169.254")
HEAD_LIMIT = 32 * 1024
HEAD_TIMEOUT_S = 10.0
TLS_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
#: Linux alone has it.
_QUICK: int | None = getattr(socket, "TCP_QUICKACK", None)
MAX_CONNECTIONS = 1024

_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (\S{1,8192}) HTTP/1\.[01]")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")


class Proxy:
    """An HTTP proxy on loopback.

    Attributes:
        connections: Open connections from clients.
    """

    def __init__(
        self,
        authority: Authority,
        *,
        application_port: int,
        rpc_port: int,
        head_timeout_s: float = HEAD_TIMEOUT_S,
    ) -> None:
        """Makes a proxy that is not listening yet.

        Args:
            authority: Signs for the hosts.
            application_port: Loopback port that gets HTTP/1.1.
            rpc_port: Loopback port that gets HTTP/2.
            head_timeout_s: How long a client may take, in seconds, to send a request's head.
        """
        self.authority = authority
        self.application_port = application_port
        self.rpc_port = rpc_port
        self.head_timeout_s = head_timeout_s
        self.connections: set[Connection] = set()
        self._hosts: dict[int, str] = {}
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Accepts connections on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=listener, backlog=256)

    async def stop(self) -> None:
        """Stops listening and drops the open connections."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()

    def host_of(self, port: int) -> str | None:
        """The host that a client asked for, by the loopback port from which this proxy forwards its bytes.

        gRPC's server does not tell a handler the `:authority` of a call, so the bridge asks here.
        """
        return self._hosts.get(port)

    def remember(self, port: int, host: str) -> Callable[[], None]:
        """Notes that bytes from `port` are for `host`; gives the function that forgets it."""
        self._hosts[port] = host

        def forget() -> None:
            if self._hosts.get(port) == host:
                del self._hosts[port]

        return forget


class Connection(asyncio.Protocol):
    """One client: reads the head of its first request, then becomes a pipe or a refusal."""

    def __init__(self, proxy: Proxy) -> None:
        """Makes the protocol of one accepted connection."""
        self._proxy = proxy
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._upstream: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts the clock of the head."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._proxy.connections.add(self)
        if len(self._proxy.connections) > MAX_CONNECTIONS:
            self._refuse(503, "Service Unavailable", f"More than {MAX_CONNECTIONS} connections are open.")
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._proxy.head_timeout_s, self._late)

    def connection_lost(self, error: Exception | None) -> None:
        """Drops the other side as well."""
        self._forget()

    def data_received(self, data: bytes) -> None:
        """Collects the head; everything after it belongs to the pipe."""
        if self._transport is None or self._transport.is_closing() or self._task is not None:
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0 and len(self._head) <= HEAD_LIMIT:
            return
        if end < 0 or end > HEAD_LIMIT:
            self._refuse(431, "Request Header Fields Too Large", f"A head has at most {HEAD_LIMIT} bytes.")
            return
        if self._timer is not None:
            self._timer.cancel()
        line = bytes(self._head[: self._head.find(b"\r\n")]).decode("latin-1")
        match = _REQUEST_LINE.fullmatch(line)
        if match is None:
            self._refuse(400, "Bad Request", "The sandbox's proxy expects `CONNECT host:443 HTTP/1.1`.")
            return
        method, target = match.groups()
        if method == "CONNECT":
            self._connect(target, bytes(self._head[end + 4 :]))
        else:
            self._plain(target)

    def abort(self) -> None:
        """Ends the connection at once."""
        if self._task is not None:
            self._task.cancel()
        for transport in (self._upstream, self._transport):
            if transport is not None:
                transport.abort()
        self._forget()

    def _connect(self, target: str, rest: bytes) -> None:
        host, _, port = target.rpartition(":")
        host = host.lower().rstrip(".")
        if not _HOST.fullmatch(host) or not any(fnmatchcase(host, pattern) for pattern in GOOGLE_HOSTS):
            self._refuse_host(host or target)
        elif port != "443":
            self._refuse(403, "Forbidden", f"The sandbox answers for {host} on port 443 only, not on {port!r}.")
        elif rest:
            # A client speaks TLS only after the answer; bytes before it would be lost by start_tls.
            self._refuse(400, "Bad Request", "Bytes followed the CONNECT request before its answer.")
        else:
            assert self._transport is not None
            self._transport.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._tunnel(self._transport, host))

    def _plain(self, target: str) -> None:
        match = re.match(r"http://([^/:?#]+)(?::80)?(?=[/?#]|\Z)", target, re.IGNORECASE)
        host = match.group(1).lower() if match else ""
        known = host in METADATA_HOSTS or any(fnmatchcase(host, pattern) for pattern in GOOGLE_HOSTS)
        if not host:
            self._refuse(400, "Bad Request", "This is the sandbox's proxy, not a web server: set it as HTTPS_PROXY.")
        elif not known:
            self._refuse_host(host)
        else:
            assert self._transport is not None
            self._transport.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._forward(self._transport))

    async def _tunnel(self, transport: asyncio.Transport, host: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            context = self._proxy.authority.context(host)
            pipe = Pipe()
            transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            secured = await loop.start_tls(
                transport, pipe, context, server_side=True, ssl_handshake_timeout=TLS_TIMEOUT_S
            )
        except (OSError, ssl.SSLError, ValueError) as error:
            logger.warning("TLS with a client for %s failed: %s", host, error)
            transport.abort()
            self._forget()
            return
        if secured is None:
            # The client left during the handshake.
            self._forget()
            return
        self._transport = secured
        chosen = secured.get_extra_info("ssl_object").selected_alpn_protocol()
        await self._join(secured, pipe, self._proxy.rpc_port if chosen == "h2" else self._proxy.application_port, host)

    async def _forward(self, transport: asyncio.Transport) -> None:
        pipe = Pipe()
        transport.set_protocol(pipe)
        await self._join(transport, pipe, self._proxy.application_port, None, bytes(self._head))

    async def _join(
        self, transport: asyncio.Transport, pipe: "Pipe", port: int, host: str | None, head: bytes = b""
    ) -> None:
        pipe.closed = self._forget
        transport.pause_reading()
        loop = asyncio.get_running_loop()
        other = Pipe()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                upstream, _ = await loop.create_connection(lambda: other, "127.0.0.1", port)
        except (OSError, TimeoutError) as error:
            logger.error("the sandbox's own port %d does not answer: %s", port, error)
            transport.abort()
            self._forget()
            return
        self._upstream = upstream
        if host is not None:
            other.closed = self._proxy.remember(upstream.get_extra_info("sockname")[1], host)
        if head:
            upstream.write(head)
        pipe.join(transport, upstream)
        other.join(upstream, transport)
        transport.resume_reading()

    def _late(self) -> None:
        self._refuse(408, "Request Timeout", f"No complete request came within {self._proxy.head_timeout_s:g} seconds.")

    def _refuse_host(self, host: str) -> None:
        shown = re.sub(r"[^\x21-\x7e]", "?", host)[:253]
        logger.warning("refused a connection to %s", shown)
        self._refuse(
            403,
            "Forbidden by the Earthline sandbox",
            f"The Earthline sandbox refuses {shown}: while its environment is set, only Google's interfaces "
            f"({', '.join(GOOGLE_HOSTS)}) are answered, by the sandbox itself, so that nothing reaches the real "
            "internet by mistake. To reach other hosts, use a shell without `earthline-sandbox env`.",
        )

    def _refuse(self, code: int, reason: str, text: str) -> None:
        assert self._transport is not None
        body = (text + "\n").encode()
        head = (
            f"HTTP/1.1 {code} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nX-Earthline-Sandbox: refused\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode("latin-1") + body)
        self._transport.close()

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._proxy.connections.discard(self)


class Pipe(asyncio.Protocol):
    """Half of a tunnel: what arrives on its transport goes out of the other, no faster than that one takes it.

    Attributes:
        closed: Called once when the transport is gone.
    """

    def __init__(self) -> None:
        """Makes a half that is not joined yet."""
        self.closed: Callable[[], None] | None = None
        self._own: asyncio.Transport | None = None
        self._other: asyncio.Transport | None = None
        self._early = bytearray()
        self._lost = False

    def join(self, own: asyncio.Transport, other: asyncio.Transport) -> None:
        """Sends what arrives on `own` to `other`, including what arrived before."""
        self._own, self._other = own, other
        if self._early:
            other.write(bytes(self._early))
            self._early.clear()
        if self._lost:
            other.close()

    def data_received(self, data: bytes) -> None:
        """Passes bytes on."""
        if _QUICK is not None and self._own is not None:
            # urllib3 leaves Nagle's algorithm on behind a proxy, and sends a body after its headers: unless these are
            # acknowledged at once, every request waits 40 ms. The option lasts for one acknowledgement.
            with contextlib.suppress(OSError):
                self._own.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _QUICK, 1)
        if self._other is None:
            self._early += data
        else:
            self._other.write(data)

    def eof_received(self) -> bool:
        """Passes a half-close on where the other side can be half-closed (TLS cannot)."""
        if self._own is None or self._other is None or self._own.get_extra_info("ssl_object") is not None:
            return False
        if self._other.can_write_eof() and not self._other.is_closing():
            self._other.write_eof()
            return True
        return False

    def pause_writing(self) -> None:
        """This side is full: the other side must stop reading."""
        if self._other is not None:
            self._other.pause_reading()

    def resume_writing(self) -> None:
        """This side has room again."""
        if self._other is not None and not self._other.is_closing():
            self._other.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Closes the other side once it has sent what it holds."""
        self._lost = True
        if self._other is not None:
            self._other.close()
        if self.closed is not None:
            self.closed()
            self.closed = None
