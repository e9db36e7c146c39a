"""Requests over a real connection."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from earthline.earth_engine.requests.door import Door
from earthline.earth_engine.requests.transport import Transport
from earthline.earth_engine.retry import TooHeavyError, ask


class _Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow" or (self.path == "/stalls" and self.server.stalls.pop(0)):
            time.sleep(5 if self.path == "/stalls" else 2)
        self.server.clients.add(self.client_address)
        self.send_response({"/busy": 503, "/many": 429}.get(self.path, 200))
        self.send_header("Content-Length", "20" if self.path in ("/cut", "/trickle") else "2")
        if self.path == "/cut":
            self.close_connection = True
        if self.path == "/trickle":
            self.end_headers()
            for _ in range(20):
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(b"x")
                time.sleep(0.1)
            return
        # Whoever asked for /slow has gone by now.
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    made.daemon_threads = True
    made.clients, made.stalls = set(), []
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_the_transport_answers_and_gives_up_on_silence(server):
    transport = Transport(2, timeout=0.8)
    base = f"http://127.0.0.1:{server.server_port}"
    answer, content = transport.request(f"{base}/fine")
    assert (answer.status, content) == (200, b"ok")
    assert transport.request(f"{base}/busy")[0].status == 503
    with pytest.raises(TimeoutError):
        transport.request(f"{base}/slow")
    transport.close()


def test_a_refused_connection_is_a_connection_error():
    transport = Transport(1, timeout=1)
    with pytest.raises(ConnectionError):
        transport.request("http://127.0.0.1:9/")
    transport.close()


def test_an_answer_that_is_cut_off_is_no_answer(server):
    transport = Transport(1, timeout=1)
    with pytest.raises(ConnectionError) as seen:
        transport.request(f"http://127.0.0.1:{server.server_port}/cut")
    assert str(seen.value) == "Connection broken: IncompleteRead(2 bytes read, 18 more expected)"


def test_an_answer_that_trickles_is_given_up(server):
    transport, begun = Transport(1, timeout=0.5), time.monotonic()
    with pytest.raises(TimeoutError):
        transport.request(f"http://127.0.0.1:{server.server_port}/trickle")
    assert time.monotonic() - begun < 1.8


def test_a_stalled_request_is_made_anew_at_once_and_holds_no_place(server):
    door = Door(1, 1e6)
    base = f"http://127.0.0.1:{server.server_port}"
    transport = Transport(1, timeout=60, door=door, url=base)
    server.stalls[:] = [False] * 30 + [True, False]
    tries = []

    def call():
        tries.append(time.monotonic())
        return transport.request(f"{base}/stalls")[0].status

    for _ in range(30):
        assert ask(call, 1, "window", kind=("image", 1)) == 200
    begun = time.monotonic()
    assert ask(call, 2, "window", kind=("image", 1)) == 200
    # The server would have taken five seconds; a second is the shortest patience.
    assert 1 <= time.monotonic() - begun < 3
    assert len(tries) == 32 and door.under_way == 0


def test_what_stalls_again_is_too_heavy(server):
    base = f"http://127.0.0.1:{server.server_port}"
    transport = Transport(1, timeout=60, door=Door(1, 1e6), url=base)
    server.stalls[:] = [False] * 30 + [True] * 2
    for _ in range(30):
        ask(lambda: transport.request(f"{base}/stalls"), 1, "window", kind=("image", 1))
    with pytest.raises(TooHeavyError, match="window: no answer for 4 s, 2 times; use a smaller patch"):
        ask(lambda: transport.request(f"{base}/stalls"), 6, "window", kind=("image", 1))


def test_what_must_not_be_made_twice_is_waited_for(server):
    base = f"http://127.0.0.1:{server.server_port}"
    transport = Transport(1, timeout=60, door=Door(1, 1e6), url=base)
    server.stalls[:] = [False] * 30 + [True]
    for _ in range(30):
        ask(lambda: transport.request(f"{base}/stalls"), 1, "import")
    begun = time.monotonic()
    assert ask(lambda: transport.request(f"{base}/stalls"), 2, "import")[0].status == 200
    assert time.monotonic() - begun > 4


def test_only_earth_engines_requests_pass_the_door_and_its_refusals_are_told(server):
    door, base = Door(1, 1e6), f"http://127.0.0.1:{server.server_port}"
    transport = Transport(1, timeout=5, door=door, url=f"{base}/many")
    with door.turn():
        # The one place is taken, and credentials must come all the same.
        assert transport.request(f"{base}/fine")[0].status == 200
    door.change(8, 1e6)
    for _ in range(6):
        assert transport.request(f"{base}/many")[0].status == 429
    assert door.level < 8
