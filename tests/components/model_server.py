"""A model server of a few lines that keeps Vertex AI's container contract: `python model_server.py OPTIONS`.

Its class depends on the 5 x 5 pixels around, so that a seam between tiles, a shifted grid or bands in the wrong order
all change the map. OPTIONS, JSON: `factor` multiplies every probability, `warming` is how many requests are answered
503 at first, `nan_above` the value of b1 above which no number is given, `starts` a file that counts starts,
`wrong_from` the start from which on the answers are wrong, `doubts` whether it is the less sure the larger b2 is and
gives b1 / 100 as dissimilarity too, `outputs` what is served beside the probabilities.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from earthline.formats import tensors
from earthline.formats.served.outputs import ServedOutput, derived_one

Array = np.ndarray[Any, Any]


def probabilities(b1: Array, b2: Array, valid: Array) -> Array:
    """What the model gives: (height, width, 3) for bands and validity (height, width)."""
    padded = np.pad(np.where(valid > 0, b1 - 2 * b2, 0), 2)
    total = sum(padded[r : r + b1.shape[0], c : c + b1.shape[1]] for r in range(5) for c in range(5))
    return np.eye(3, dtype=np.float32)[np.digitize(total, [-800, 400])]


def doubtful(found: Array, b1: Array, b2: Array) -> Array:
    """The same classes with doubts about them, and a fourth number, (height, width, 4)."""
    doubt = b2[..., np.newaxis] / 250
    other, third = (np.roll(found, places, axis=-1) for places in (1, 2))
    sure = (1 - doubt) * found + 0.75 * doubt * other + 0.25 * doubt * third
    return np.concatenate([sure, b1[..., np.newaxis] / 100], axis=-1).astype(np.float32)


class Handler(BaseHTTPRequestHandler):
    """What was asked of this process."""

    options: ClassVar[dict[str, Any]] = {}
    starts = 0
    asked = 0

    def do_GET(self) -> None:
        self._answer(200, {})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked += 1
        if self.asked <= self.options.get("warming", 0):
            return self._answer(503, {"error": "warming up"})
        predictions = []
        for instance in request["instances"]:
            b1, b2, valid = (tensors.decode(instance[name], 10**6)[..., 0] for name in ("b1", "b2", "earthline_valid"))
            found = probabilities(b1, b2, valid) * float(self.options.get("factor", 1))
            if self.options.get("doubts"):
                found = doubtful(found, b1, b2)
            found[b1 > self.options.get("nan_above", np.inf)] = np.nan
            if self.starts >= self.options.get("wrong_from", 10**6):
                found = np.roll(found, 1, axis=-1)
            predictions.append({"probabilities": tensors.encode(found), **self._outputs(found)})
        return self._answer(200, {"predictions": predictions})

    def _outputs(self, found: Array) -> dict[str, str]:
        served = [ServedOutput.model_validate(each) for each in self.options.get("outputs", ())]
        return {output.name: tensors.encode(derived_one(found, output)) for output in served}

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


def main() -> None:
    Handler.options = json.loads(sys.argv[1])
    if "starts" in Handler.options:
        file = Path(Handler.options["starts"])
        Handler.starts = int(file.read_text() if file.exists() else 0) + 1
        file.write_text(str(Handler.starts))
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    main()
