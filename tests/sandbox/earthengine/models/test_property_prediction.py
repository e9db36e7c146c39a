"""`Model.predictProperties` over HTTP, by the real client's expression."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from earthline_sandbox.earthengine.catalogue.assets import Assets
from earthline_sandbox.earthengine.evaluation.evaluation import Evaluator
from earthline_sandbox.earthengine.formats import tensors
from earthline_sandbox.earthengine.models.endpoints import VertexEndpoints
from earthline_sandbox.errors import ApiError

ENDPOINT = "projects/sandbox/locations/us-central1/endpoints/7"


@pytest.fixture
def endpoint(ee, tmp_path):
    """A real HTTP server that answers `n + 10 * m` and the pair of both, and an evaluator that asks it."""

    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            instances = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
            asked.append(instances)
            predictions = []
            for instance in instances:
                n, m = (tensors.decode_base64(instance[name]) for name in ("n", "m"))
                assert n.shape == (1,) and m.dtype == np.float32
                made = {"sum": (n + 10 * m).astype("float32"), "pair": np.concatenate([n, m])}
                predictions.append({name: tensors.encode_base64(value) for name, value in made.items()})
            data = json.dumps({"predictions": predictions}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    client = VertexEndpoints(f"http://127.0.0.1:{server.server_port}")
    evaluator = Evaluator(Assets(tmp_path), client)
    yield (
        lambda value: evaluator.to_json(evaluator.evaluate(ee.serializer.encode(value, for_cloud_api=True))),
        asked,
    )
    client.close()
    server.shutdown()
    server.server_close()
    thread.join()


def model(ee, **changes):
    arguments = {
        "endpoint": ENDPOINT,
        "inputProperties": ["n", "m"],
        "inputTypeOverride": {"m": ee.PixelType.float()},
        "outputProperties": {
            "sum": {"type": ee.PixelType.float()},
            "pair": {"type": ee.PixelType.float(), "dimensions": 1},
        },
    }
    return ee.Model.fromVertexAi(**{**arguments, **changes})


def features(ee, count=5):
    return ee.FeatureCollection([ee.Feature(None, {"n": n, "m": n / 2, "name": "x"}) for n in range(count)])


def test_predicted_properties_join_those_of_each_feature(ee, endpoint):
    compute, requests = endpoint
    found = compute(model(ee).predictProperties(features(ee)))["features"]
    assert [item["properties"] for item in found] == [
        {"n": n, "m": n / 2, "name": "x", "sum": 6 * n, "pair": [n, n / 2]} for n in range(5)
    ]
    assert len(requests) == 1 and set(requests[0][0]) == {"n", "m"}


def test_requests_stay_below_the_payload_limit(ee, endpoint):
    compute, requests = endpoint
    found = compute(model(ee, maxPayloadBytes=200).predictProperties(features(ee)).aggregate_array("sum"))
    assert found == [0, 6, 12, 18, 24] and len(requests) > 1
    with pytest.raises(ApiError, match="more than maxPayloadBytes"):
        compute(model(ee, maxPayloadBytes=20).predictProperties(features(ee)))


def test_what_does_not_fit_is_named(ee, endpoint):
    compute, _ = endpoint
    with pytest.raises(ApiError, match="outputProperties is required"):
        compute(model(ee, outputProperties=None).predictProperties(features(ee)))
    with pytest.raises(ApiError, match="no property 'height'"):
        compute(model(ee, inputProperties=["height"]).predictProperties(features(ee)))
    with pytest.raises(ApiError, match="lacks the output 'other' of outputProperties"):
        outputs = {"sum": {"type": ee.PixelType.float()}, "other": {"type": ee.PixelType.float()}}
        compute(model(ee, outputProperties=outputs).predictProperties(features(ee)))
    with pytest.raises(ApiError, match="declares one number"):
        outputs = {"sum": {"type": ee.PixelType.float()}, "pair": {"type": ee.PixelType.float()}}
        compute(model(ee, outputProperties=outputs).predictProperties(features(ee)))
