import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earthline_sandbox.gateway.authority import Authority
from earthline_sandbox.gateway.proxy import HEAD_LIMIT, Proxy
from earthline_sandbox.lifecycle.daemon import bind

Backend = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOST = "storage.googleapis.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def serving(
    authority: Authority, backend: Backend = echo, *, head_timeout_s: float = 10.0
) -> AsyncIterator[tuple[Proxy, int]]:
    """A proxy before a backend that stands for both the application and the gRPC bridge."""
    server = await asyncio.start_server(backend, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy = Proxy(authority, application_port=port, rpc_port=port, head_timeout_s=head_timeout_s)
    listener = bind(None)
    await proxy.start(listener)
    try:
        yield proxy, listener.getsockname()[1]
    finally:
        await proxy.stop()
        server.close()
        # Transports close in the loop's next turns; without these they would be reported as left open.
        await asyncio.sleep(0.05)


async def exchange(port: int, data: bytes, *, timeout: float = 5.0) -> bytes:
    """Sends bytes and reads until the proxy closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), timeout)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def tunnel(
    authority: Authority, port: int, host: str = HOST, protocols: tuple[str, ...] = ("http/1.1",)
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A TLS connection to `host` by way of the proxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    context = ssl.create_default_context(cafile=str(authority.certificate_file))
    context.set_alpn_protocols(list(protocols))
    await writer.start_tls(context, server_hostname=host)
    return reader, writer


@pytest.mark.parametrize(
    "target",
    [
        "example.com:443",
        "evilgoogleapis.com:443",
        "googleapis.com.evil.com:443",
        "127.0.0.1:22",
        "169.254.169.254:443",
        "[::1]:443",
        "storage.googleapis.com@evil.com:443",
        "googleapis.com:443",
        ":443",
    ],
)
def test_other_hosts_are_refused_with_a_reason(authority: Authority, target: str) -> None:
    async def scenario() -> bytes:
        async with serving(authority) as (_, port):
            return await exchange(port, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())

    answer = asyncio.run(scenario())
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"The Earthline sandbox refuses" in answer
    assert b"nothing reaches the real internet" in answer


def test_other_ports_and_plain_requests_to_other_hosts_are_refused(authority: Authority) -> None:
    async def scenario() -> list[bytes]:
        async with serving(authority) as (_, port):
            return [
                await exchange(port, b"CONNECT storage.googleapis.com:80 HTTP/1.1\r\n\r\n"),
                await exchange(port, b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n"),
                await exchange(port, b"GET http://evil.com/storage.googleapis.com HTTP/1.1\r\n\r\n"),
                await exchange(port, b"GET http://storage.googleapis.com@evil.com/ HTTP/1.1\r\n\r\n"),
                await exchange(port, b"GET / HTTP/1.1\r\nHost: storage.googleapis.com\r\n\r\n"),
            ]

    codes = [answer.split(b" ")[1] for answer in asyncio.run(scenario())]
    assert codes == [b"403", b"403", b"403", b"403", b"400"]


def test_bytes_pass_both_ways_unchanged_at_size(authority: Authority) -> None:
    size = 32 << 20

    async def scenario() -> tuple[str, str]:
        async with serving(authority) as (_, port):
            reader, writer = await tunnel(authority, port)
            sent, got = hashlib.sha256(), hashlib.sha256()

            async def send() -> None:
                for number in range(size >> 20):
                    block = number.to_bytes(4, "big") * (1 << 18)
                    sent.update(block)
                    writer.write(block)
                    await writer.drain()

            async def receive() -> None:
                left = size
                while left:
                    block = await reader.read(1 << 16)
                    assert block, f"the tunnel closed with {left} bytes to come"
                    got.update(block)
                    left -= len(block)

            await asyncio.wait_for(asyncio.gather(send(), receive()), 60)
            writer.close()
            return sent.hexdigest(), got.hexdigest()

    sent, got = asyncio.run(scenario())
    assert sent == got


def test_a_slow_backend_slows_the_client_down(authority: Authority) -> None:
    """A client that sends faster than the backend reads must be held back, not buffered without bound."""
    release = asyncio.Event()

    async def stalled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await echo(reader, writer)

    async def scenario() -> int:
        async with serving(authority, stalled) as (_, port):
            _, writer = await tunnel(authority, port)
            passed = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.5):
                    while passed < 256:
                        writer.write(bytes(1 << 20))
                        await writer.drain()
                        passed += 1
            writer.transport.abort()
            release.set()
            return passed

    # Kernel buffers on two loopback hops hold a few MiB each.
    assert asyncio.run(scenario()) < 64


def test_the_bridge_learns_the_host_and_forgets_it(authority: Authority) -> None:
    seen: list[str | None] = []

    async def scenario() -> int:
        async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            seen.append(proxy.host_of(writer.get_extra_info("peername")[1]))
            writer.close()

        async with serving(authority, backend) as (proxy, port):
            for host in ("us-central1-aiplatform.googleapis.com", HOST):
                reader, writer = await tunnel(authority, port, host, ("h2",))
                assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
                writer.write(b"x")
                await asyncio.wait_for(reader.read(), 5)
                writer.close()
            await asyncio.sleep(0.2)
            return len(proxy._hosts) + len(proxy.connections)

    assert asyncio.run(scenario()) == 0
    assert seen == ["us-central1-aiplatform.googleapis.com", HOST]


def test_a_client_that_never_ends_its_head_is_cut_off(authority: Authority) -> None:
    async def scenario() -> tuple[bytes, int]:
        async with serving(authority, head_timeout_s=0.3) as (proxy, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"CONNECT storage.googleapis.com:443 HTTP/1.1\r\n")

            async def drip() -> None:
                with contextlib.suppress(ConnectionError):
                    for _ in range(100):
                        writer.write(b"X")
                        await asyncio.sleep(0.05)

            dripping = asyncio.create_task(drip())
            answer = await asyncio.wait_for(reader.read(4096), 3)
            dripping.cancel()
            writer.close()
            await asyncio.sleep(0.1)
            return answer, len(proxy.connections)

    answer, left = asyncio.run(scenario())
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert left == 0


def test_an_oversized_head_is_refused(authority: Authority) -> None:
    async def scenario() -> bytes:
        async with serving(authority) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"CONNECT storage.googleapis.com:443 HTTP/1.1\r\nX: " + b"a" * (HEAD_LIMIT + 1))
            answer = await asyncio.wait_for(reader.read(64), 5)
            writer.close()
            return answer

    assert asyncio.run(scenario()).startswith(b"HTTP/1.1 431 ")


def test_garbage_instead_of_tls_ends_the_connection_alone(authority: Authority) -> None:
    async def scenario() -> bytes:
        async with serving(authority) as (proxy, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"CONNECT storage.googleapis.com:443 HTTP/1.1\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"this is no handshake at all\r\n" * 20)
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), 5)
            writer.close()
            await asyncio.sleep(0.1)
            assert not proxy.connections
            good, out = await tunnel(authority, port)
            out.write(b"still here")
            answer = await good.readexactly(10)
            out.close()
            return answer

    assert asyncio.run(scenario()) == b"still here"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(heads=st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_any_bytes_get_an_answer_or_an_end_and_never_a_tunnel(authority: Authority, heads: list[bytes]) -> None:
    async def scenario() -> None:
        async with serving(authority, head_timeout_s=0.2) as (proxy, port):
            for head in heads:
                answer = await exchange(port, head + b"\r\n\r\n", timeout=3)
                assert not answer.startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.05)
            assert not proxy.connections

    asyncio.run(scenario())


def test_a_tunnel_ends_when_the_backend_is_gone(authority: Authority) -> None:
    async def scenario() -> bytes:
        async with serving(authority) as (proxy, port):
            gone = bind(None)
            proxy.application_port = gone.getsockname()[1]
            gone.close()
            reader, writer = await tunnel(authority, port)
            try:
                return await asyncio.wait_for(reader.read(), 5)
            except ConnectionError:
                return b""
            finally:
                writer.close()

    assert asyncio.run(scenario()) == b""
