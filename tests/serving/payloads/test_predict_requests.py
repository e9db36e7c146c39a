"""PredictRequests in each of the gRPC formats, made by TensorFlow's own protos."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput
from earthline.task.classification.task import Classification
from serving.payloads import RequestError
from serving.payloads.predict_requests import read
from tests.serving.serving_protos import PredictRequest, PredictResponse

INPUTS = ("red", "nir", "earthline_valid")
PROBABILITIES = ServedOutput(name="probabilities", entries=3, used=3)
CLASS = ServedOutput(name="class", type="uint8", made="most_probable", used=3)
RANDOM = np.random.default_rng(6)


def contract(*outputs: ServedOutput, most: int = 100_000) -> Contract:
    return Contract(
        bands=INPUTS[:2],
        task=Classification(("a", "b", "c")).record,
        outputs=outputs or (PROBABILITIES, CLASS),
        tile_shape=(4, 6),
        overlap=(2, 4),
        stride=2,
        max_payload_bytes=most,
    )


def request(inputs: dict[str, Any], signature: str = "", outputs: tuple[str, ...] = ()) -> bytes:
    made = PredictRequest(output_filter=outputs)
    made.model_spec.name = "maps"
    made.model_spec.signature_name = signature
    for name, values in inputs.items():
        made.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return bytes(made.SerializeToString())


def batch(count: int = 2, height: int = 6, width: int = 10) -> dict[str, np.ndarray]:
    return {name: RANDOM.normal(size=(count, height, width, 1)).astype(np.float32) for name in INPUTS}


def serialized(values: np.ndarray) -> bytes:
    return bytes(tf.io.serialize_tensor(values).numpy())


def base64(values: np.ndarray) -> bytes:
    return bytes(tf.io.encode_base64(serialized(values), pad=True).numpy())


def example(each: dict[str, np.ndarray]) -> bytes:
    """As Earth Engine's export writes them: a flat list of floats for each band."""
    lists = {
        name: tf.train.Feature(float_list=tf.train.FloatList(value=values.ravel())) for name, values in each.items()
    }
    return bytes(tf.train.Example(features=tf.train.Features(feature=lists)).SerializeToString())


def one(tiles: dict[str, np.ndarray], number: int) -> dict[str, np.ndarray]:
    return {name: values[number] for name, values in tiles.items()}


def joined(tiles: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate(list(tiles.values()), axis=3)


FORMATS: dict[str, Any] = {
    "GRPC_TF_TENSORS": lambda tiles: tiles,
    "GRPC_TF_TENSORS of an array": lambda tiles: {"array": joined(tiles)},
    "GRPC_SERIALIZED_TF_TENSORS": lambda tiles: {name: [*map(base64, values)] for name, values in tiles.items()},
    "the same without base64": lambda tiles: {name: [*map(serialized, values)] for name, values in tiles.items()},
    "GRPC_SERIALIZED_TF_EXAMPLES": lambda tiles: {"input": [example(one(tiles, number)) for number in range(2)]},
    "the same as base64": lambda tiles: {
        "input": [tf.io.encode_base64(example(one(tiles, number))).numpy() for number in range(2)]
    },
    "Examples of an array": lambda tiles: {"input": [example({"array": values}) for values in joined(tiles)]},
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("shape", [(6, 10), (8, 14), (4, 6), (7, 7)])
def test_each_format_holds_the_same_tiles_and_is_answered_in_its_own(name: str, shape: tuple[int, int]) -> None:
    tiles = batch(2, *shape)
    asked = read(request(FORMATS[name](tiles)), contract())
    assert len(asked.tiles) == 2
    for number, found in enumerate(asked.tiles):
        for band, values in one(tiles, number).items():
            np.testing.assert_array_equal(found[band], values[..., 0])
    results = [RANDOM.dirichlet(np.ones(3), size=shape).astype(np.float32) for _ in range(2)]
    answer = PredictResponse.FromString(asked.answer(results))
    assert answer.model_spec.name == "maps" and set(answer.outputs) == {"probabilities", "class"}
    shares, classes = (tf.make_ndarray(answer.outputs[output]) for output in ("probabilities", "class"))
    if answer.outputs["class"].dtype == tf.string.as_datatype_enum:
        assert shares.shape == classes.shape == (2,)
        shares = np.stack([tf.io.parse_tensor(tf.io.decode_base64(text), tf.float32) for text in shares])
        classes = np.stack([tf.io.parse_tensor(tf.io.decode_base64(text), tf.uint8) for text in classes])
    np.testing.assert_array_equal(shares, np.stack(results))
    np.testing.assert_array_equal(classes, np.stack(results).argmax(axis=3)[..., np.newaxis])


@pytest.mark.parametrize("name", FORMATS)
def test_one_tile_without_an_axis_of_tiles_is_answered_without_it(name: str) -> None:
    tiles = batch(2)
    given_inputs = {key: np.asarray(value)[0] for key, value in FORMATS[name](tiles).items()}
    asked = read(request(given_inputs), contract(CLASS))
    np.testing.assert_array_equal(asked.tiles[0]["nir"], tiles["nir"][0, ..., 0])
    result = RANDOM.dirichlet(np.ones(3), size=(6, 10)).astype(np.float32)
    found = tf.make_ndarray(PredictResponse.FromString(asked.answer([result])).outputs["class"])
    if name.startswith("GRPC_SERIALIZED_TF_TENSORS") or name == "the same without base64":
        found = tf.io.parse_tensor(tf.io.decode_base64(found.item()), tf.uint8).numpy()
    np.testing.assert_array_equal(found, result.argmax(axis=2)[..., np.newaxis])


def test_a_filter_and_the_signature_of_arrays_choose_what_is_answered() -> None:
    result = RANDOM.dirichlet(np.ones(3), size=(6, 10)).astype(np.float32)
    filtered = read(request(batch(1), outputs=("class",)), contract()).answer([result])
    assert set(PredictResponse.FromString(filtered).outputs) == {"class"}
    whole = read(request(batch(1), "arrays"), contract(CLASS)).answer([result])
    answer = PredictResponse.FromString(whole)
    assert set(answer.outputs) == {"probabilities"} and answer.model_spec.signature_name == "arrays"
    np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["probabilities"])[0], result)


def test_the_size_of_an_answer_is_bounded_before_it_is_computed() -> None:
    many = {name: np.zeros((9, 20, 20, 1), np.float32) for name in INPUTS}
    for name in ("GRPC_TF_TENSORS", "GRPC_SERIALIZED_TF_TENSORS"):
        with pytest.raises(RequestError, match=r"instances\[8\]: with this tile of 20 x 20 pixels the answer would"):
            read(request({**FORMATS[name](many)}), contract(most=46_000 + 14_000 * (name[5] == "S")))


GOOD = batch()
TEXTS = FORMATS["GRPC_SERIALIZED_TF_TENSORS"](GOOD)
EXAMPLE = one(GOOD, 0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"red": GOOD["red"]}, "the request lacks the input nir, earthline_valid; the model takes red, nir"),
        ({name: GOOD[name] for name in INPUTS[:2]}, "lacks the input earthline_valid, 1 where the imagery is valid"),
        ({**GOOD, "blue": GOOD["red"]}, "the request has the unknown input blue"),
        ({**GOOD, "nir": GOOD["nir"].astype(np.float64)}, "nir: a tensor of float64 instead of float32"),
        ({**GOOD, "nir": TEXTS["nir"]}, "nir: a tensor of string instead of float32"),
        ({**GOOD, "nir": GOOD["nir"][0]}, "nir has 3 axes, red has 4"),
        ({**GOOD, "nir": GOOD["nir"][:1]}, "nir has 1 tiles, red has 2"),
        ({**GOOD, "nir": GOOD["nir"][..., 0, 0]}, "instead of [tiles, height, width, 1] or [height, width, 1]"),
        ({**GOOD, "nir": GOOD["nir"][:, :3]}, "instances[0]: the inputs differ in shape: red is [6, 10], nir is [3, 1"),
        ({name: np.zeros((0, 2, 2, 1), np.float32) for name in INPUTS}, "red: a tensor of shape [0, 2, 2, 1]"),
        ({name: np.zeros((1025, 1, 1, 1), np.float32) for name in INPUTS}, "instances[1024]: more than 1,024"),
        ({**TEXTS, "nir": [TEXTS["nir"][0], b"+/+/"]}, "instances[1].nir: not web-safe base64: it holds the standard"),
        (
            {**TEXTS, "nir": [TEXTS["nir"][0], b"\x08\x01"]},
            "instances[1].nir: shape [] asks for 1 values, the tensor holds 0",
        ),
        ({**TEXTS, "nir": [TEXTS["nir"][0], b"\x08\x01\xff"]}, "instances[1].nir: not a serialized TensorProto"),
        ({**TEXTS, "nir": TEXTS["nir"][:1]}, "nir has 1 tiles, red has 2"),
        ({**TEXTS, "nir": GOOD["nir"]}, "nir: a tensor of float32 instead of string"),
        ({name: np.zeros((0,), object) for name in INPUTS}, "the request holds no tile"),
        ({"input": [b"\x0a\xff\xff"]}, "instances[0]: not a tf.train.Example"),
        ({"input": [b"?"]}, "instances[0]: not web-safe base64"),
        ({"input": GOOD["red"]}, "input: a tensor of float32 instead of string"),
        ({"input": [example(EXAMPLE), example({"red": EXAMPLE["red"]})]}, "instances[1] lacks the input nir"),
        ({"input": [example({**EXAMPLE, "nir": EXAMPLE["nir"][:, :0]})]}, "instances[0].nir: 0 floats instead of a"),
        (
            {"input": [example({**EXAMPLE, "red": np.zeros(7)})]},
            "instances[0].red: 7 floats are neither the contract's",
        ),
        ({"input": [example(EXAMPLE), example(one(batch(1, 4, 6), 0))]}, "the instances differ in shape"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(request(inputs), contract())
    assert message in str(caught.value)


def test_what_is_wrong_around_the_tensors_is_said_too() -> None:
    run = tf.make_tensor_proto(0.0, shape=(1 << 20, 1 << 20))
    huge = PredictRequest.FromString(request(GOOD))
    huge.inputs["nir"].CopyFrom(run)
    for body, message in (
        (b"\xff\xff", "not a serialized tensorflow.serving.PredictRequest"),
        (request(GOOD)[:-30], "not a serialized tensorflow.serving.PredictRequest"),
        (b"", "the request lacks the input red"),
        (request(GOOD, "train"), "no signature 'train'; it has serving_default, arrays, serialized_examples"),
        (request(GOOD, outputs=("margin",)), "the model gives no margin; it gives probabilities, class"),
        (huge.SerializeToString(), "nir: a tensor of shape [1048576, 1048576] has more than"),
        (b"\x00" * 1_600_000, "the request has 1,600,000 bytes, over the contract's 100,000"),
    ):
        with pytest.raises(RequestError) as caught:
            read(body, contract())
        assert message in str(caught.value)


@given(st.data())
def test_a_request_with_any_damage_is_read_or_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FORMATS)))
    whole = bytearray(request(FORMATS[name](batch(2, 2, 2))))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    for body in (
        bytes(whole),
        bytes(whole[: data.draw(st.integers(0, len(whole)))]),
        data.draw(st.binary(max_size=30)),
    ):
        try:
            read(body, contract())
        except RequestError as error:
            assert str(error)
