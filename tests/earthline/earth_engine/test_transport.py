"""Requests over a real connection."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from earthline.earth_engine.transport import Transport


class _Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(0.5)
        self.server.clients.add(self.client_address)
        self.send_response(503 if self.path == "/busy" else 200)
        self.send_header("Content-Length", "2")
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
    made.clients = set()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_the_transport_answers_and_gives_up_on_silence(server):
    transport = Transport(2, timeout=0.2)
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
