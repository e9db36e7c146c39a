"""The REST surface against the published protos: every method, with requests that are well-formed and mostly nonsense.

Each request is drawn from the descriptor of its message, put into REST by its `google.api.http` rule, and must be
answered: in time, in Google's shape, and never by a fault.
"""

import inspect
import logging
import re
import time
from typing import Any

import httpx
import pytest
from google.cloud.aiplatform_v1.services import (
    endpoint_service,
    job_service,
    model_service,
    pipeline_service,
    prediction_service,
    schedule_service,
)
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from earthline_sandbox.gateway import rpc

SERVICES = (
    endpoint_service,
    job_service,
    model_service,
    pipeline_service,
    prediction_service,
    schedule_service,
)
PLACE = "projects/sandbox/locations/us-central1"
IDS = st.sampled_from(["fixed", "fixed@1", "fixed@default", "fixed@none", "1", "..", "é", "a" * 200])
TEXTS = st.sampled_from(
    [
        "fixed",
        "default",
        "jsonl",
        "n1-standard-4",
        "gs://bucket/in.jsonl",
        "gs://bucket",
        "gs://../x",
        "/path",
        f"{PLACE}/models/fixed",
        f"{PLACE}/endpoints/fixed",
        "* * * * *",
        "name=a AND",
        "\x00",
    ]
) | st.text(max_size=4)
# What runs here must be harmless, and end.
COMMANDS = st.sampled_from(["true", "false", "no-such-program", "$(AIP_HTTP_PORT)", ""])
MASKS = st.sampled_from(["displayName", "labels.a", "trafficSplit", "dedicatedResources.minReplicaCount", "x"])
NUMBERS = st.sampled_from([0, 1, 2, 3, 100, -1, 2**31 - 1])
UNSIGNED = NUMBERS.map(abs)
SCALARS = {
    FieldDescriptor.CPPTYPE_INT32: NUMBERS,
    FieldDescriptor.CPPTYPE_INT64: NUMBERS | st.just(-(2**63)),
    FieldDescriptor.CPPTYPE_UINT32: UNSIGNED,
    FieldDescriptor.CPPTYPE_UINT64: UNSIGNED,
    FieldDescriptor.CPPTYPE_DOUBLE: st.sampled_from([0.0, 0.5, -1.0, 1e300]),
    FieldDescriptor.CPPTYPE_FLOAT: st.sampled_from([0.0, 0.5, -1.0, 1e30]),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KNOWN = {
    "google.protobuf.Value": JSON,
    "google.protobuf.Struct": st.dictionaries(st.text(max_size=3), JSON, max_size=2),
    "google.protobuf.ListValue": st.lists(JSON, max_size=2),
    "google.protobuf.Any": st.just({"@type": "type.googleapis.com/google.protobuf.Empty"}),
    "google.protobuf.Duration": st.sampled_from(["0s", "1s", "-5s", "315576000000s"]),
    "google.protobuf.Timestamp": st.sampled_from(["2024-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]),
    "google.protobuf.FieldMask": MASKS,
}


def methods() -> list[tuple[str, rpc.Method]]:
    """Every unary method of the services, as the sandbox's own bridge knows them."""
    found = []
    for service in SERVICES:
        name, client = next(
            (name.removesuffix("Client"), kind)
            for name, kind in inspect.getmembers(service, inspect.isclass)
            if name.endswith("Client") and "Async" not in name
        )
        base = rpc.libraries.load(f"{client.__module__.rpartition('.')[0]}.transports.rest_base")
        for attribute in vars(getattr(base, f"_Base{name}RestTransport")):
            match = re.fullmatch(r"_Base([A-Z]\w*)", attribute)
            if match:
                try:
                    method = rpc.find_method(f"/google.cloud.aiplatform.v1.{name}/{match[1]}")
                except LookupError:
                    continue  # it streams, or belongs to another service that every client has
                found.append((f"{name}.{match[1]}", method))
    return found


METHODS = methods()
SERVED = [
    pair
    for pair in METHODS
    if re.search(
        r"\.\w*(Model|Version|Evaluation|Endpoint|CustomJob|PredictionJob|PipelineJob|Schedule|Predict)", pair[0]
    )
]


CONTAINER = {"imageUri": "image", "command": ["true"]}
MACHINE = {"machineType": "n1-standard-4"}
POOL = {"machineSpec": MACHINE, "replicaCount": 1, "containerSpec": CONTAINER}
MODEL = f"{PLACE}/models/fixed"
PIPELINE = {
    "displayName": "a",
    "runtimeConfig": {"gcsOutputDirectory": "gs://bucket/root"},
    "pipelineSpec": {
        "schemaVersion": "2.1.0",
        "pipelineInfo": {"name": "a"},
        "deploymentSpec": {"executors": {"e": {"container": {"image": "image", "command": ["true"]}}}},
        "components": {"c": {"executorLabel": "e"}},
        "root": {"dag": {"tasks": {"t": {"taskInfo": {"name": "t"}, "componentRef": {"name": "c"}}}}},
    },
}
# Requests that are taken as they stand: without them nearly all would end at the first check.
TAKEN: dict[str, Any] = {
    "CreateBatchPredictionJob": {
        "batchPredictionJob": {
            "displayName": "a",
            "model": MODEL,
            "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://bucket/in.jsonl"]}},
            "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://bucket/out"}},
            "dedicatedResources": {"machineSpec": MACHINE},
        }
    },
    "CreateCustomJob": {"customJob": {"displayName": "a", "jobSpec": {"workerPoolSpecs": [POOL, POOL]}}},
    "CreateEndpoint": {"endpoint": {"displayName": "a"}},
    "CreatePipelineJob": {"pipelineJob": PIPELINE},
    "CreateSchedule": {
        "schedule": {
            "displayName": "a",
            "cron": "0 0 1 1 *",
            "maxConcurrentRunCount": 1,
            "createPipelineJobRequest": {"parent": PLACE, "pipelineJob": PIPELINE},
        }
    },
    "DeployModel": {
        "deployedModel": {"model": MODEL, "dedicatedResources": {"machineSpec": MACHINE, "minReplicaCount": 1}},
        "trafficSplit": {"0": 100},
    },
    "ImportModelEvaluation": {"modelEvaluation": {"displayName": "a", "metrics": {"accuracy": 0.5}}},
    "MergeVersionAliases": {"versionAliases": ["champion"]},
    "Predict": {"instances": [1]},
    "RawPredict": {"httpBody": {"contentType": "application/json", "data": "eyJpbnN0YW5jZXMiOiBbMV19"}},
    "UpdateEndpoint": {"endpoint": {"displayName": "a"}, "updateMask": "displayName"},
    "UpdateModel": {"model": {"displayName": "a"}, "updateMask": "displayName"},
    "UploadModel": {"model": {"displayName": "a", "containerSpec": CONTAINER}},
}
CHANGING = [pair for pair in METHODS if pair[0].partition(".")[2] in TAKEN]


def merged(base: Any, change: Any) -> Any:
    """The first with what the second has in its place; the items of a list one by one."""
    if isinstance(base, dict) and isinstance(change, dict):
        return {**base, **{key: merged(base[key], item) if key in base else item for key, item in change.items()}}
    if isinstance(base, list) and isinstance(change, list) and change and isinstance(change[0], dict):
        return [merged(old, new) for old, new in zip(base, change, strict=False)] + base[len(change) :]
    return change


@st.composite
def message(draw: Any, kind: Descriptor, base: Any, depth: int = 0) -> Any:
    """A message as JSON with a few of its fields, most often such as `base` has."""
    if kind.full_name in KNOWN:
        return draw(KNOWN[kind.full_name])
    base = base if isinstance(base, dict) else {}
    there = [field for field in kind.fields if field.json_name in base]
    fields = there * 3 + list(kind.fields)
    found, groups = {}, set()
    for field in draw(st.lists(st.sampled_from(fields), max_size=3 if depth else 2)) if fields else []:
        group = field.containing_oneof.name if field.containing_oneof else field.name
        if depth < 7 and group not in groups:
            groups.add(group)
            found[field.json_name] = draw(value(field, base.get(field.json_name), depth))
    return found


def value(field: FieldDescriptor, base: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name["value"]
        return st.dictionaries(st.sampled_from(["0", "a", "fixed", ""]), single(entry, None, depth), max_size=2)
    if field.is_repeated:
        return st.lists(single(field, base[0] if isinstance(base, list) and base else None, depth), max_size=2)
    return single(field, base, depth)


def single(field: FieldDescriptor, base: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.name in ("command", "args"):
        return COMMANDS
    if field.message_type is not None:
        return message(field.message_type, base, depth + 1)
    if field.enum_type is not None:
        return st.sampled_from([entry.name for entry in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.just("AAAA")
    return SCALARS.get(field.cpp_type, TEXTS)


@st.composite
def request(draw: Any) -> tuple[str, rpc.Method, Message]:
    name, method = draw(st.sampled_from(CHANGING) | st.sampled_from(SERVED) | st.sampled_from(METHODS))
    found = method.request()
    base = TAKEN.get(name.partition(".")[2], {})
    drawn = draw(message(method.request.DESCRIPTOR, base))
    try:
        json_format.ParseDict(merged(base, drawn), found)
    except json_format.ParseError:
        reject()  # two fields of a oneof
    # The variables of the path, so that it leads to the method.
    for path, pattern in re.findall(r"\{([\w.]+)=([^}]+)\}", method.bindings[0]["uri"]):
        ids = st.just("live") if name.endswith("Predict") else IDS
        text = re.sub(r"\*+", lambda _, ids=ids: draw(ids), pattern.replace("projects/*/locations/*", PLACE, 1))
        *owners, last = path.split(".")
        target = found
        for owner in owners:
            target = getattr(target, owner)
        setattr(target, last, text)
    return name, method, found


@pytest.fixture(scope="module")
def surface(vertex_service: Any) -> Any:
    """A service with a bucket and an endpoint that predicts, which all requests share."""
    bucket = vertex_service.home / "storage" / "bucket"
    bucket.mkdir(parents=True, exist_ok=True)
    (bucket / "in.jsonl").write_text("1\n")
    live = vertex_service.call("POST", "endpoints", {"displayName": "a"}, params={"endpointId": "live"})
    vertex_service.result(vertex_service.deploy(live["response"]["name"], vertex_service.upload("one")))
    yield vertex_service
    vertex_service.reset()


def restore(surface: Any) -> None:
    """Makes the model and the endpoint that most requests name, unless they are there."""
    place = f"/v1/{PLACE}"
    if surface.client.get(f"{place}/endpoints/fixed").status_code == 404:
        surface.call("POST", "endpoints", {"displayName": "a"}, params={"endpointId": "fixed"})
    if surface.client.get(f"{place}/models/fixed").status_code == 404:
        body = {**surface.model(containerSpec={"command": ["false"], "args": []}), "modelId": "fixed"}
        surface.result(surface.call("POST", "models:upload", body))


@settings(
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(drawn=request())
def test_every_method_is_answered(surface: Any, caplog: pytest.LogCaptureFixture, drawn: Any) -> None:
    name, method, body = drawn
    restore(surface)
    caplog.clear()
    try:
        rest = rpc.transcode(method, body)
        url = httpx.URL(f"http://127.0.0.1:{surface.port}{rest['uri']}", params=rest["query"])
    except (ValueError, httpx.InvalidURL):
        return  # a client could not send it either
    answer = surface.client.request(rest["method"], url, content=rest["content"], timeout=30)
    check(name, answer)
    # What goes on behind an answer may fail, but by the caller's fault, not by the sandbox's.
    assert not [entry for entry in caplog.records if entry.levelno >= logging.ERROR], name


def check(name: str, answer: httpx.Response) -> None:
    assert answer.status_code < 500 or answer.status_code in (503, 504), (name, answer.text)
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert error["code"] == answer.status_code, name
        assert error["message"], name
        assert error["status"], name


SEGMENTS = st.sampled_from(
    "v1 v1beta1 ui projects sandbox locations us-central1 models endpoints customJobs batchPredictionJobs"
    " schedules pipelineJobs operations fixed fixed@1 1 evaluations versions {} * ..%2f %00 :predict :cancel"
    " models:upload".split()
) | st.text(max_size=3)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"]),
    base=st.sampled_from(["", f"/v1/{PLACE}/", f"/ui/{PLACE}/", "/v2/entries:list"]),
    segments=st.lists(SEGMENTS, max_size=4),
    query=st.dictionaries(
        st.sampled_from("filter orderBy pageSize pageToken updateMask endpointId pipelineJobId $alt".split()),
        TEXTS | st.sampled_from(["-1", "9" * 30, "a=b", "(((", "createTime desc", "a:*"]),
        max_size=3,
    ),
    body=st.binary(max_size=20) | st.just(b"{}"),
)
def test_any_path_is_answered(
    surface: Any, method: str, base: str, segments: list[str], query: dict[str, str], body: bytes
) -> None:
    path = base + "/".join(segments)
    try:
        url = httpx.URL(f"http://127.0.0.1:{surface.port}/{path.lstrip('/')}", params=query)
    except (httpx.InvalidURL, UnicodeEncodeError):
        return
    answer = surface.client.request(method, url, content=body, timeout=30)
    if method in ("HEAD", "OPTIONS"):
        assert answer.status_code < 500
    else:
        check(f"{method} {path}", answer)


def test_nothing_that_was_begun_met_a_fault(surface: Any) -> None:
    """What the requests above began goes on behind their answers; it may fail, but not by the sandbox's mistake."""
    deadline = time.monotonic() + 60
    parts = surface.service._parts
    while busy := [name for name, part in parts.items() if name != "schedules" and part.busy()]:
        assert time.monotonic() < deadline, {name: parts[name].status() for name in busy}
        time.sleep(0.1)
    for kind in ("customJobs", "batchPredictionJobs", "pipelineJobs", "operations"):
        page = surface.call("GET", kind, params={"pageSize": "1000"})
        found = [record["error"]["message"] for record in page[kind] if "error" in record]
        assert not [text for text in found if "The sandbox failed" in text], kind
