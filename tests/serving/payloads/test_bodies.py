"""HTTP bodies in each of the three formats, right and wrong."""

import base64
import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput
from earthline.task.classification.task import Classification
from serving import payloads
from serving.payloads import texts
from serving.payloads.answers import Numbers, TensorTexts

INPUTS = ("red", "nir", "earthline_valid")
PROBABILITIES = ServedOutput(name="probabilities", entries=3, used=3)
CLASS = ServedOutput(name="class", type="uint8", made="most_probable", used=3)
RANDOM = np.random.default_rng(4)


def contract(*outputs: ServedOutput, most: int = 100_000) -> Contract:
    return Contract(
        bands=INPUTS[:2],
        task=Classification(("a", "b", "c")).record,
        outputs=outputs or (PROBABILITIES,),
        tile_shape=(8, 8),
        overlap=(4, 4),
        stride=2,
        max_payload_bytes=most,
    )


def tile(height: int = 4, width: int = 5) -> dict[str, np.ndarray]:
    return {name: RANDOM.normal(size=(height, width, 1)).astype(np.float32) for name in INPUTS}


def text(values: Any) -> str:
    return base64.urlsafe_b64encode(tf.io.serialize_tensor(values).numpy()).decode()


def run(value: float, *shape: int) -> str:
    """A tensor of one value that stands for all: a few bytes for any number of pixels."""
    return base64.urlsafe_b64encode(tf.make_tensor_proto(value, shape=shape).SerializeToString()).decode()


def as_texts(each: dict[str, np.ndarray]) -> dict[str, str]:
    return {name: text(values) for name, values in each.items()}


def as_raw(each: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: values.astype(str).tolist() for name, values in each.items()}


def as_lists(each: dict[str, np.ndarray]) -> Any:
    return [values.tolist() for values in each.values()]


def as_array(each: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate(list(each.values()), axis=2)


FORMATS: dict[str, Any] = {
    "SERIALIZED_TF_TENSORS": as_texts,
    "RAW_JSON": as_raw,
    "ND_ARRAYS": as_lists,
    "an array as text": lambda each: {"array": text(as_array(each))},
    "an array as JSON": lambda each: {"array": as_array(each).tolist()},
    "an array without a name": lambda each: as_array(each).tolist(),
}


def body(*instances: Any, **options: Any) -> bytes:
    return json.dumps({"instances": list(instances)}, **options).encode()


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_holds_the_same_tiles(name: str) -> None:
    tiles = [tile(), tile(4, 5), tile(2, 3)]
    request = payloads.read(body(*(FORMATS[name](each) for each in tiles)), contract())
    assert len(request.tiles) == 3
    for found, each in zip(request.tiles, tiles, strict=True):
        assert list(found) == list(INPUTS)
        for band, values in each.items():
            np.testing.assert_allclose(found[band], values[..., 0], rtol=1e-6)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", "\t:  ")])
def test_texts_are_read_where_they_lie_whatever_the_spaces(separators: tuple[str, str]) -> None:
    instances = [as_texts(tile()), as_texts(tile(1, 1))]
    request = body(*instances, separators=separators)
    found = texts.instances(request)
    assert found is not None
    assert [{name: str(each, "ascii") for name, each in one.items()} for one in found] == instances


@pytest.mark.parametrize(
    "other",
    [
        body(),
        body({}),
        body({"red": 5}),
        body({"red": "a"}, {}),
        body({"red": 'a"b'}),
        body({'re"d': "ab"}),
        body({"red": {"b64": "AA"}}),
        body([["a"]]),
        body({"red": "a"})[:-1],
        body({"red": "a"}) + b"x",
        b'{"instances": [{"red": "a"}], "parameters": {}}',
        b'{"other": [{"red": "a"}]}',
        b'{"instances": [{"red"',
        b'"',
        b"",
    ],
)
def test_any_other_body_is_left_to_a_json_parser(other: bytes) -> None:
    assert texts.instances(other) is None


def test_an_escape_is_read_as_the_letter_that_it_stands_for() -> None:
    plain = body(as_texts(tile()))
    escaped = plain.replace(b'"CAES', b'"\\u0043AES')
    assert escaped != plain
    (wanted,), (found,) = (payloads.read(each, contract()).tiles for each in (plain, escaped))
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])


def test_a_short_text_is_not_read_into_the_next_one() -> None:
    given = as_texts(tile())
    given["nir"] = "AAAAA"  # no length of base64
    between = len('","earthline_valid":"')
    given["earthline_valid"] = "A" * (len(given["red"]) - len(given["nir"]) - between)
    with pytest.raises(payloads.RequestError, match=r"instances\[0\].nir: not base64 \(5 characters"):
        payloads.read(body(given, separators=(",", ":")), contract())


def test_a_text_that_holds_an_escaped_quotation_mark_is_refused() -> None:
    texts_of = as_texts(tile())
    texts_of[INPUTS[0]] = 'AAAA","x":"AAAA'
    with pytest.raises(payloads.RequestError, match=f"{INPUTS[0]}: not web-safe base64: it holds other characters"):
        payloads.read(body(texts_of), contract())


NAMES = st.text("ab", max_size=2)


@given(
    st.lists(st.dictionaries(NAMES, st.text("AZaz09-_=", max_size=5), min_size=1, max_size=3), min_size=1, max_size=3),
    st.data(),
)
def test_what_is_read_where_it_lies_is_what_a_parser_reads(instances: list[dict[str, str]], data: Any) -> None:
    request = bytearray(body(*instances))
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(request) - 1))
        request[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b'"', b"{", b"]", b","])
        )
    found = texts.instances(bytes(request))
    # What is no base64 is asked of a parser afterwards.
    if found is not None and not any(b'"' in bytes(each) for one in found for each in one.values()):
        shown = [{name: str(each, "ascii") for name, each in one.items()} for one in found]
        assert json.loads(request) == {"instances": shown}


def decoded(value: str, kind: Any) -> np.ndarray:
    return np.asarray(tf.io.parse_tensor(tf.io.decode_base64(value), kind))


@pytest.mark.parametrize("name", FORMATS)
def test_the_answer_comes_in_the_format_of_the_request(name: str) -> None:
    results = [RANDOM.dirichlet(np.ones(3), size=shape).astype(np.float32) for shape in ((4, 5), (2, 3))]
    given_tiles = [FORMATS[name](tile(*result.shape[:2])) for result in results]
    answer = payloads.read(body(*given_tiles), contract(PROBABILITIES, CLASS)).answer(results)
    for prediction, result in zip(json.loads(answer)["predictions"], results, strict=True):
        assert set(prediction) == {"probabilities", "class"}
        if name in ("SERIALIZED_TF_TENSORS", "an array as text"):
            shares = decoded(prediction["probabilities"], tf.float32)
            classes = decoded(prediction["class"], tf.uint8)
        else:
            shares, classes = np.array(prediction["probabilities"]), np.array(prediction["class"])
        np.testing.assert_allclose(shares, result, rtol=1e-6)
        np.testing.assert_array_equal(classes, result.argmax(axis=2)[..., np.newaxis])
    alone = json.loads(payloads.read(body(*given_tiles), contract(CLASS)).answer(results))["predictions"][0]
    if name in ("ND_ARRAYS", "an array without a name"):
        assert alone == results[0].argmax(axis=2)[..., np.newaxis].tolist()
    else:
        assert set(alone) == {"class"}


def test_what_is_no_number_is_said_in_words_where_the_format_has_no_number_for_it() -> None:
    result = np.array([[[0.5, np.nan, np.inf]]], np.float32)
    answer = payloads.read(body(as_raw(tile(1, 1))), contract()).answer([result])
    assert json.loads(answer) == {"predictions": [{"probabilities": [[[0.5, "nan", "inf"]]]}]}


def test_the_size_of_an_answer_is_known_before_it_is_computed() -> None:
    for outputs in ((PROBABILITIES,), (CLASS,), (CLASS, PROBABILITIES)):
        made = contract(*outputs)
        for shapes in ([(1, 1)], [(5, 7), (64, 33)], [(128, 128)] * 3):
            results = [-1.2345678e-25 * RANDOM.random((*shape, 3), np.float32) for shape in shapes]
            bound = 18 + sum(TensorTexts().tile_bytes(shape, made) for shape in shapes)
            assert len(TensorTexts().written(results, made)) <= bound
            assert bound <= len(TensorTexts().written(results, made)) + 128 * len(shapes)
            zeros = [np.zeros((*shape, 3), np.float32) for shape in shapes]
            least = sum(Numbers(True).tile_bytes(shape, made) for shape in shapes)
            assert 0 < least <= len(Numbers(named=False).written(zeros, made))


def test_an_answer_of_numbers_that_gets_too_long_is_refused_before_or_after() -> None:
    raw = {name: [[[0]] * 20] * 20 for name in INPUTS}
    request = payloads.read(body(raw), contract(most=10_000))
    assert len(request.answer([np.zeros((20, 20, 3), np.float32)])) < 10_000
    with pytest.raises(payloads.RequestError, match=r"the answer has 1\d,\d\d\d bytes, over the contract's 10,000"):
        request.answer([np.full((20, 20, 3), 1 / 3, np.float32)])
    with pytest.raises(payloads.RequestError, match=r"instances\[1\]: with this tile"):
        payloads.read(body(raw, raw, separators=(",", ":")), contract(most=10_000))


def test_whole_numbers_are_taken_where_the_contract_sends_such() -> None:
    whole = {name: np.arange(20, dtype=np.uint16).reshape(4, 5, 1) for name in INPUTS}
    typed = contract().model_copy(update={"types": {"red": "uint16", "nir": "uint16", "earthline_valid": "uint8"}})
    for each in (whole, {"array": as_array(whole)}):
        (found,) = payloads.read(body(as_texts(each)), typed).tiles
        np.testing.assert_array_equal(found["nir"], whole["nir"][..., 0])
        with pytest.raises(payloads.RequestError, match="a tensor of uint16 instead of float32"):
            payloads.read(body(as_texts(each)), contract())


GOOD = as_texts(tile())
RAW = as_raw(tile())


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ([GOOD, {"red": GOOD["red"]}], "instances[1] lacks the input nir, earthline_valid; the model takes red, nir"),
        ([{name: GOOD[name] for name in INPUTS[:2]}], "instances[0] lacks the input earthline_valid, 1 where"),
        ([{**GOOD, "blue": GOOD["red"]}], "instances[0] has the unknown input blue; the model takes red, nir"),
        ([{"array": text(np.zeros((2, 2, 4), np.float32))}], "instances[0].array: a tensor of shape [2, 2, 4] instead"),
        ([GOOD, 3], "instances[1] is int instead of an object of red, nir, earthline_valid"),
        ([GOOD, {**GOOD, "nir": {"b64": "AA"}}], 'instances[1].nir is an object {"b64": …} instead of'),
        ([{**GOOD, "nir": "a b"}], "instances[0].nir: not web-safe base64: it holds other characters"),
        ([{**GOOD, "nir": GOOD["nir"][:-3] + "+/+"}], "instances[0].nir: not web-safe base64: it holds the standard"),
        ([{**GOOD, "nir": "AAAAA"}], "instances[0].nir: not base64 (5 characters, an impossible number)"),
        ([{**GOOD, "nir": GOOD["nir"][:40]}], "instances[0].nir: not a serialized TensorProto"),
        (
            [{**GOOD, "nir": text(np.zeros((4, 5, 1), np.int64))}],
            "instances[0].nir: a tensor of int64 instead of",
        ),
        ([{**GOOD, "nir": text(np.zeros((4, 5), np.float32))}], "instances[0].nir: a tensor of shape [4, 5] instead"),
        ([{**GOOD, "nir": text(np.zeros((4, 4, 1), np.float32))}], "instances[0]: the inputs differ in shape: red is"),
        ([{**GOOD, "red": run(0.0, 1 << 20, 1 << 20, 1)}], "instances[0].red: a tensor of shape [1048576, 1048576, 1]"),
        (
            [{**GOOD, "red": run(0.0, 1, 5000, 1)}],
            "instances[0].red: a tensor of shape [1, 5000, 1] instead of",
        ),
        ([GOOD, {**GOOD, "red": run(0.0, 100, 100, 1)}], "instances[1]: with this tile of 100 x 100 pixels the answer"),
        ([{**RAW, "nir": "x"}], "instances[0].nir is str instead of lists of numbers"),
        ([{**RAW, "nir": [[["1"]], [["2"], ["3"]]]}], "instances[0].nir is no lists of numbers [height][width][1]"),
        ([{**RAW, "nir": [[["water"]]]}], "could not convert string to float"),
        ([[[1.0]]], "instances[0]: lists of shape [1, 1] instead of [3][height][width][1], in the order red, nir"),
        ([[[[[1.0]]]] * 2], "instances[0]: lists of shape [2, 1, 1, 1] instead of [3]"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(instances: list[Any], message: str) -> None:
    with pytest.raises(payloads.RequestError) as caught:
        payloads.read(body(*instances), contract(most=20_000))
    assert message in str(caught.value) and caught.value.status == 400


def test_what_is_no_number_may_be_sent_in_words_or_left_out() -> None:
    ones = [[[1], [1], [1]]]
    (tile,) = payloads.read(
        body({"red": [[[None], ["NaN"], ["-Infinity"]]], "nir": ones, "earthline_valid": ones}), contract()
    ).tiles
    np.testing.assert_array_equal(tile["red"], [[np.nan, np.nan, -np.inf]])


def test_a_few_bytes_ask_for_no_more_than_a_request_could_hold() -> None:
    small = contract(CLASS, most=20_000)
    fits, too_large = ({name: run(0.5, side, side, 1) for name in INPUTS} for side in (40, 45))
    assert len(payloads.read(body(fits), small).tiles) == 1
    # The answer, of bytes, would be short enough.
    with pytest.raises(
        payloads.RequestError, match=r"instances\[0\].earthline_valid: with this tensor .* 24,300 bytes"
    ):
        payloads.read(body(too_large), small)
    with pytest.raises(payloads.RequestError, match=r"instances\[1\].red: with this tensor the request asks for"):
        payloads.read(body(fits, fits), small)
    # Numbers in JSON may be shorter than what they stand for.
    assert len(payloads.read(body([[[1, 0, 1]] * 1100] * 2, separators=(",", ":")), small).tiles) == 1


def test_ten_thousand_instances_are_refused() -> None:
    small = as_texts(tile(1, 1))
    with pytest.raises(payloads.RequestError, match=r"instances\[1024\]: more than 1,024 instances; send fewer"):
        payloads.read(body(*[small] * 10_000), contract(most=1_500_000))
    with pytest.raises(payloads.RequestError, match=r"instances\[\d+\]: with this tile of 1 x 1 pixels the answer"):
        payloads.read(body(*[small] * 400), contract(ServedOutput(name="p" * 200), most=60_000))


def test_a_request_over_the_limit_is_not_read() -> None:
    with pytest.raises(payloads.RequestError, match="the request has 1,600,000 bytes, over the contract's") as caught:
        payloads.read(b" " * 1_600_000, contract(most=1_500_000))
    assert caught.value.status == 413


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(list(GOOD.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*INPUTS, "x", "array"]), inner),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=3), st.binary(max_size=40))
def test_any_body_is_read_or_refused(instances: list[Any], noise: bytes) -> None:
    for request in (body(*instances), noise, body(*instances)[: len(noise)]):
        try:
            payloads.read(request, contract(most=20_000))
        except payloads.RequestError as error:
            assert str(error)
