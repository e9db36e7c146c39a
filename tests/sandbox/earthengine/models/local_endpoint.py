"""A real HTTP server in the place of Vertex AI's endpoints."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from earthline_sandbox.earthengine.models.endpoints import VertexEndpoints


class LocalEndpoint:
    """Answers POSTs by `respond`; `client` asks it as the sandbox does."""

    def __init__(self):
        asked = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, payload = asked.respond(self.path, self.headers["Host"], body)
                data = json.dumps(payload).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.client = VertexEndpoints(f"http://127.0.0.1:{self.server.server_port}", first_delay_seconds=0.01)

    def respond(self, path, host, body):
        """HTTP status and the answer's JSON."""
        raise NotImplementedError

    def close(self):
        self.client.close()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
