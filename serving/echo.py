"""`python -m serving.echo`: answers each tile with its own shape, to find out what Earth Engine sends.

It takes a band `length` whose largest value is how many numbers a pixel of the answer has; the first two are the height
and the width of the tile, the third how many bytes a value of the band has, the others are 0. So the answer can be made
as large as one likes. Where its largest value is 1, the answer is a plain band of bytes instead.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from earthline.formats import tensors
from serving.settings import MAX_BODY_BYTES

LENGTH, OUTPUT, SMALL = "length", "shape", "byte"
BYTE = 200
"""Value of the plain band of bytes: one that has another meaning with a sign."""
TYPES = ("float32", "uint8", "int8", "int16", "uint16", "int32", "uint32")
"""Types that the band may have: which one Earth Engine sends is a question."""
MOST_VALUES = 16 << 20
"""Values of an answer, and of a band of a tile."""


def echo(instance: dict[str, Any]) -> dict[str, str]:
    """The prediction for a tile.

    Args:
        instance: Web-safe base64 of a TensorProto (height, width, 1) by band.

    Raises:
        ValueError: It has no band `length`, or one that asks for too much.
    """
    tile = tensors.decode(str(instance.get(LENGTH, "")), MOST_VALUES, TYPES)
    height, width = tile.shape[:2]
    length = int(tile.max(initial=0))
    if length == 1:
        return {SMALL: tensors.encode(np.full((height, width, 1), BYTE, np.uint8))}
    length = max(2, length)
    if height * width * length > MOST_VALUES:
        raise ValueError(f"{height} x {width} pixels of {length} numbers are more than {MOST_VALUES:,}")
    answer = np.zeros((height, width, length), np.float32)
    answer[..., :3] = (height, width, tile.dtype.itemsize)[:length]
    return {OUTPUT: tensors.encode(answer)}


class Handler(BaseHTTPRequestHandler):
    """Vertex AI's container contract: health by GET, predictions by POST."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Is always healthy."""
        self._send(200, {})

    def do_POST(self) -> None:
        """Answers instances; 400 where one is no tile."""
        try:
            size = int(self.headers.get("Content-Length", ""))
            if not 0 <= size <= MAX_BODY_BYTES:
                raise ValueError(f"a body of {size:,} bytes; at most {MAX_BODY_BYTES:,} are read")
            request = json.loads(self.rfile.read(size))
            predictions = [echo(instance) for instance in request["instances"]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.close_connection = True
            self._send(400, {"error": f"{type(error).__name__}: {error}"})
        else:
            self._send(200, {"predictions": predictions})

    def _send(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serves until the process ends."""
    # A container must listen on all of its addresses to be reached at all; see UVICORN_HOST for elsewhere.
    address = os.environ.get("UVICORN_HOST") or "0.0.0.0", int(os.environ.get("AIP_HTTP_PORT") or 8080)
    ThreadingHTTPServer(address, Handler).serve_forever()


if __name__ == "__main__":
    main()
