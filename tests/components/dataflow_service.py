"""Dataflow's REST interface as far as a launch uses it: jobs are taken down, and do nothing.

https://cloud.google.com/dataflow/docs/reference/rest/v1b3/projects.locations.jobs
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JOB_ID = "2026-11-30_07_11_12-1234567890"


class DataflowService(ThreadingHTTPServer):
    """The service.

    Attributes:
        job: The job as it was asked for; None until then.
        state: What every question for the job is answered with.
        requested: States that somebody asked for.
    """

    def __init__(self, state: str) -> None:
        """Listens on a loopback port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.job: dict[str, Any] | None = None
        self.state = state
        self.requested: list[str] = []
        self.watched = threading.Event()

    @property
    def endpoint(self) -> str:
        """For Beam's option `dataflow_endpoint`; it speaks REST with a host of this name."""
        return f"http://localhost:{self.server_port}"

    def answer(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What the service says."""
        if method == "POST" and path.endswith("/jobs"):
            self.job = body
            return {"id": JOB_ID, "name": body["name"], "currentState": "JOB_STATE_PENDING"}
        if method == "PUT":
            # The client writes enumerations as numbers; 5 is JOB_STATE_CANCELLED.
            self.requested.append(body["requestedState"])
            self.state = "JOB_STATE_CANCELLED"
        elif path.endswith("/messages"):
            self.watched.set()
            return {}
        elif path.endswith("/metrics"):
            return {}
        return {"id": JOB_ID, "currentState": self.state}


class _Handler(BaseHTTPRequestHandler):
    server: DataflowService

    def log_message(self, *_: Any) -> None:
        pass

    def _serve(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        answer = json.dumps(self.server.answer(self.command, self.path.partition("?")[0], body)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = _serve  # names that the base class asks for


@contextmanager
def dataflow(state: str) -> Iterator[DataflowService]:
    """A running service.

    Args:
        state: Of every job, such as JOB_STATE_DONE.
    """
    with DataflowService(state) as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()
