"""Tiles that go to a model by gRPC: what is sent is read by TensorFlow, and TensorFlow writes the answers."""

import base64
import json

import numpy as np
import pytest
import tensorflow as tf

from earthline_sandbox.earthengine.models.prediction import predict_image
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.pixels.pixels import Band, Pixels, PixelType
from earthline_sandbox.earthengine.readings import Readings
from earthline_sandbox.earthengine.values.values import Image, Model
from earthline_sandbox.errors import ApiError
from tests.sandbox.earthengine.models.local_endpoint import LocalEndpoint
from tests.serving.serving_protos import PredictRequest, PredictResponse

ENDPOINT = "projects/sandbox/locations/us-central1/endpoints/7"
PLANE = Projection("EPSG:32119", (30.0, 0.0, 600000.0, 0.0, -30.0, 200000.0))
FLOAT, BYTE = PixelType("float"), PixelType("int", 0, 255)
SIZE = (40, 50)
OUTPUTS = {"sum": {"type": FLOAT, "dimensions": 0}, "both": {"type": FLOAT, "dimensions": 1}}


class FakeModel(LocalEndpoint):
    """A deployed model behind `directRawPredict` whose outputs are `a + 10 * b`, and both bands."""

    def __init__(self):
        self.requests, self.sizes, self.wrong = [], [], None
        super().__init__()

    def respond(self, path, host, body):
        content = json.loads(body)
        assert path == f"/v1/{ENDPOINT}:directRawPredict"
        assert content["methodName"] == "/tensorflow.serving.PredictionService/Predict"
        asked = base64.b64decode(content["input"])
        self.sizes.append(len(asked))
        answer = self.wrong if self.wrong is not None else self.answered(PredictRequest.FromString(asked))
        return 200, {"output": base64.b64encode(answer).decode()}

    def answered(self, request):
        self.requests.append(request)
        given = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        texts = next(iter(given.values())).dtype == object
        if set(given) == {"input"}:
            features = {name: tf.io.FixedLenFeature([24, 20, 1], tf.float32) for name in "ab"}
            strings = list(request.inputs["input"].string_val)
            parsed = tf.io.parse_example(tf.constant(strings), features)
            given = {name: value.numpy() if given["input"].ndim else value[0].numpy() for name, value in parsed.items()}
            texts = False
        elif texts:
            given = {name: self.decoded(strings) for name, strings in given.items()}
        a, b = (given[name] for name in "ab")
        outputs = {"sum": a + 10 * b, "both": np.concatenate([a, b], axis=-1)}
        response = PredictResponse()
        for name, values in outputs.items():
            made = self.encoded(values, tf.make_ndarray(request.inputs["a"]).ndim) if texts else values
            response.outputs[name].CopyFrom(tf.make_tensor_proto(made))
        return response.SerializeToString()

    @staticmethod
    def decoded(strings):
        found = [tf.io.parse_tensor(tf.io.decode_base64(text), tf.float32).numpy() for text in strings.ravel()]
        return np.stack(found) if strings.ndim else found[0]

    @staticmethod
    def encoded(values, dimensions):
        found = [
            tf.io.encode_base64(tf.io.serialize_tensor(value)).numpy() for value in (values if dimensions else [values])
        ]
        return found if dimensions else found[0]


@pytest.fixture
def endpoint():
    fake = FakeModel()
    yield fake
    fake.close()


def band(name, values):
    def source(grid):
        (top, left), (height, width) = grid.offset, grid.shape
        padded = np.pad(values, 64)
        return Pixels(
            padded[64 + top : 64 + top + height, 64 + left : 64 + left + width].copy(),
            np.pad(np.ones(values.shape, bool), 64)[64 + top : 64 + top + height, 64 + left : 64 + left + width],
        )

    return Band(name, FLOAT, PLANE, source, size=values.shape)


def predicted(endpoint, readings=Readings(), **changes):  # noqa: B008
    generator = np.random.default_rng(5)
    bands = {name: generator.random(SIZE).astype("float32") for name in "ab"}
    arguments = {
        "endpoint": ENDPOINT,
        "input_tile_size": [16, 20],
        "input_overlap_size": [4, 4],
        "fix_input_proj": True,
        "output_bands": OUTPUTS,
    }
    image = Image(bands=tuple(band(name, values) for name, values in bands.items()))
    made = predict_image(Model(**(arguments | changes)), image, endpoint.client, readings)
    return bands, made.fetch(PLANE.grid(0, 0, SIZE), ["sum", "both"])


FORMATS = ["GRPC_TF_TENSORS", "GRPC_SERIALIZED_TF_TENSORS", "GRPC_SERIALIZED_TF_EXAMPLES", "GRPC_TF_EXAMPLES"]


@pytest.mark.parametrize("grpc", ["batched", "single"])
@pytest.mark.parametrize("payload_format", FORMATS)
def test_every_format_carries_the_same_tiles_under_either_reading(endpoint, payload_format, grpc):
    bands, (total, both) = predicted(endpoint, Readings(grpc=grpc), payload_format=payload_format)
    assert total.mask.all() and np.abs(total.values - bands["a"] - 10 * bands["b"]).max() < 1e-5
    assert (both.values == np.stack([bands["a"], bands["b"]], axis=2)).all()
    tiles = [
        tf.make_ndarray(next(iter(request.inputs.values()))).shape[0] if grpc == "batched" else 1
        for request in endpoint.requests
    ]
    assert sum(tiles) == 8 and (max(tiles) > 1) == (grpc == "batched")
    assert {request.model_spec.signature_name for request in endpoint.requests} == {"serving_default"}


def test_requests_and_answers_stay_below_the_limit(endpoint):
    # A tile of 24 x 20 pixels has two bands of 1,920 bytes, and three numbers of 4 bytes a pixel in its answer.
    predicted(endpoint, payload_format="GRPC_TF_TENSORS", max_payload_bytes=13_000)
    assert max(endpoint.sizes) <= 13_000
    counts = [tf.make_ndarray(request.inputs["a"]).shape[0] for request in endpoint.requests]
    assert sorted(counts) == [1, 1, 2, 2, 2]
    with pytest.raises(ApiError, match=r"maxPayloadBytes \(3000\)"):
        predicted(endpoint, payload_format="GRPC_TF_TENSORS", max_payload_bytes=3000)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (b"\xff", "no tensorflow.serving.PredictResponse"),
        (b"\x0a\x09\x0a\x03sum\x12\x02\x08\x63", "the output 'sum' is no tensor"),
        (b"", "lacks the output 'sum'"),
    ],
)
def test_answers_that_cannot_be_read_are_explained(endpoint, wrong, message):
    endpoint.wrong = wrong
    with pytest.raises(ApiError, match=message):
        predicted(endpoint, payload_format="GRPC_TF_TENSORS")


def test_an_answer_for_another_number_of_tiles_is_explained(endpoint):
    response = PredictResponse()
    response.outputs["sum"].CopyFrom(tf.make_tensor_proto(np.zeros((3, 24, 20, 1), np.float32)))
    endpoint.wrong = response.SerializeToString()
    with pytest.raises(ApiError, match=r"shape \[3, 24, 20, 1\]; expected 1 along the first axis"):
        predicted(endpoint, payload_format="GRPC_TF_TENSORS")
