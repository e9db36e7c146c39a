import gzip
import json
import time
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HOST = "earthengine.googleapis.com"
BODIES = json.loads((Path(__file__).parent / "hostile_bodies.json").read_text())
VALUE = "/v1/projects/sandbox/value:compute"


@pytest.fixture(scope="module")
def client(sandbox):
    with httpx.Client(
        base_url=f"http://127.0.0.1:{sandbox.port}", headers={"Host": HOST}, trust_env=False, timeout=60
    ) as client:
        yield client


def expression(value, **others):
    return json.dumps({"expression": {"result": "0", "values": {"0": value, **others}}})


def nested(depth, start, end, inside):
    return start * depth + inside + end * depth


CONSTANT = '{"expression": {"result": "0", "values": {"0": {"constantValue": %s}}}}'
LARGE = {
    "lists within lists": CONSTANT % nested(500, "[", "]", "1"),
    "lists beyond what JSON is read to": CONSTANT % nested(100_000, "[", "]", "1"),
    "objects within objects": CONSTANT % nested(500, '{"a":', "}", "1"),
    "calls within calls": CONSTANT.replace('{"constantValue": %s}', "%s")
    % nested(
        5000,
        '{"functionInvocationValue": {"functionName": "Number.abs", "arguments": {"input": ',
        "}}}",
        '{"constantValue": 1}',
    ),
    "a chain of too many references": expression(
        {"valueReference": "1"},
        **{str(number): {"valueReference": str(number + 1)} for number in range(1, 20_000)},
        **{"20000": {"constantValue": 1}},
    ),
    "too many values": expression({"arrayValue": {"values": [{"constantValue": 1}] * 250_000}}),
    "ten megabytes of brackets": "[" * 10_400_000,
    "more than ten megabytes": CONSTANT % f'"{"x" * 10_485_760}"',
    "a list of five million lists": CONSTANT % f"[{'[],' * 3_000_000}[]",
    "an argument twice in itself": expression(
        {"functionInvocationValue": {"functionReference": "1", "arguments": {"f": {"valueReference": "1"}}}},
        **{
            "1": {"functionDefinitionValue": {"argumentNames": ["f"], "body": "2"}},
            "2": {
                "functionInvocationValue": {
                    "functionReference": "3",
                    "arguments": {"f": {"argumentReference": "f"}},
                }
            },
            "3": {"argumentReference": "f"},
        },
    ),
}


def refused(answer, name):
    """Whether an answer is a refusal as Google writes one."""
    assert 400 <= answer.status_code < 500, (name, answer.status_code, answer.text[:300])
    error = answer.json()["error"]
    assert error["code"] == answer.status_code and error["status"] and error["message"], (name, error)
    assert "Traceback" not in error["message"] and "site-packages" not in error["message"], (name, error)
    return error


def test_bodies_that_mean_nothing_get_a_400_in_googles_shape(client):
    for name, body in BODIES.items():
        for path in (VALUE, "/v1/projects/sandbox/image:computePixels", "/v1/projects/sandbox/table:computeFeatures"):
            answer = client.post(path, content=body.encode())
            assert refused(answer, (name, path))["code"] == 400, name


def test_large_and_deep_bodies_get_a_400_at_once(client):
    for name, body in LARGE.items():
        begun = time.monotonic()
        refused(client.post(VALUE, content=body.encode()), name)
        assert time.monotonic() - begun < 20, name


def test_of_two_equal_keys_the_last_counts(client):
    body = '{"expression": {"result": "0", "values": {"0": {"constantValue": 1}, "0": {"constantValue": 2}}}}'
    assert client.post(VALUE, content=body).json() == {"result": 2}


def test_bytes_that_are_no_text_and_gzip_that_is_none(client):
    for body in (b"\xff\xfe", b'{"a": "\xc3\x28"}', b"\0" * 100, b"\xef\xbb\xbf{}"):
        refused(client.post(VALUE, content=body), body)
    headers = {"Content-Encoding": "gzip"}
    for body in (b"no gzip", gzip.compress(b"{}")[:-9], gzip.compress(b" " * 50_000_000)):
        refused(client.post(VALUE, content=body, headers=headers), body[:20])


PIXEL = {"width": 1, "height": 1}
GRIDS = [
    None,
    [],
    {"dimensions": {"width": -1, "height": 1}},
    {"dimensions": {"width": "a", "height": 1}},
    {"dimensions": {"width": 10**12, "height": 10**12}},
    {"dimensions": PIXEL, "affineTransform": {"scaleX": 0, "scaleY": 0}},
    {
        "dimensions": PIXEL,
        "affineTransform": {"scaleX": 1e308, "scaleY": -1e308},
        "crsCode": "EPSG:0",
    },
    {"dimensions": PIXEL, "affineTransform": {"scaleX": "x"}},
    {"dimensions": PIXEL, "affineTransform": {"scaleX": 1, "scaleY": 1}, "crsCode": ["EPSG:4326"]},
    {"dimensions": PIXEL, "affineTransform": {"scaleX": 1, "scaleY": 1}, "crsWkt": "PROJCS[" * 99},
]


def test_grids_that_are_none_are_refused(client):
    image = {
        "functionInvocationValue": {"functionName": "Image.constant", "arguments": {"value": {"constantValue": 1}}}
    }
    body = json.loads(expression(image))
    for grid in GRIDS:
        asked = {**body, "fileFormat": "NPY", "grid": grid}
        refused(client.post("/v1/projects/sandbox/image:computePixels", json=asked), grid)
    for wrong in ({"fileFormat": 3}, {"bandIds": "constant"}, {"bandIds": [{}]}, {"visualizationOptions": []}):
        asked = {**body, "grid": {"dimensions": PIXEL}, **wrong}
        answer = client.post("/v1/projects/sandbox/image:computePixels", json=asked)
        assert answer.status_code in (200, 400), (wrong, answer.text)


PATHS = [
    "/v1/projects/sandbox/assets/%2e%2e/%2e%2e/etc/passwd",
    "/v1/projects/sandbox/assets/..%2f..%2fetc%2fpasswd",
    "/v1/projects/sandbox/assets/a%00b",
    "/v1/projects/%2e%2e/assets/a",
    "/v1/projects/sandbox/assets/a//b",
    "/v1/projects/sandbox/assets/" + "a/" * 400 + "b",
    "/v1/projects/sandbox/assets/%ff%fe",
    "/v1/projects/sandbox/assets/-rf",
    "/v1/projects/sandbox/operations/../../x",
    "/v1/projects/sandbox/maps/x/tiles/99999999999/0/0",
    "/v1/projects/sandbox/thumbnails/..%2f..:getPixels",
    "/v9/projects/sandbox/algorithms",
]


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_lead_elsewhere_lead_nowhere(client, sandbox, path):
    refused(client.get(f"http://127.0.0.1:{sandbox.port}{path}"), path)


KINDS = ["constantValue", "integerValue", "valueReference", "argumentReference", "functionReference", "arrayValue"]
KINDS += ["dictionaryValue", "functionDefinitionValue", "functionInvocationValue"]
FIELDS = [
    "values",
    "argumentNames",
    "body",
    "functionName",
    "functionReference",
    "arguments",
    "0",
    "1",
    "input",
    "list",
]
NAMES = ["Number.add", "List.map", "Image.constant", "Collection.map", "If", "String", "List.sequence", "Image.load"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
LEAVES |= st.sampled_from([*NAMES, "0", "1", "_MAPPING_VAR_0_0"]) | st.text(st.characters(codec="utf-8"), max_size=5)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KINDS), inner, min_size=1, max_size=1)
        | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.fixed_dictionaries({"0": TREES, "1": TREES}), st.sampled_from(["value:compute", "maps", "image:export"]))
def test_no_tree_gets_worse_than_a_refusal(client, values, method):
    body = json.dumps({"expression": {"result": "0", "values": values}, "fileExportOptions": values["1"]})
    answer = client.post(f"/v1/projects/sandbox/{method}", content=body)
    if answer.status_code != 200:
        refused(answer, body)


HEX = {
    "functionInvocationValue": {
        "functionName": "Number.parse",
        "arguments": {"input": {"constantValue": "f" * 20}, "radix": {"constantValue": 16}},
    }
}


@pytest.mark.parametrize(
    "value", [{"integerValue": 2**64}, {"integerValue": str(-(2**63) - 1)}, {"integerValue": 1e300}, HEX]
)
def test_an_integer_beyond_64_bits_is_refused(client, value):
    body = json.dumps({"expression": {"result": "0", "values": {"0": value}}})
    answer = client.post("/v1/projects/sandbox/value:compute", content=body)
    refused(answer, body)
    assert "64 bits" in answer.text
