"""Whatever a client sends, it is answered, and never by a fault of the sandbox."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PARENT = "/v1/projects/sandbox/locations/us-central1"
KEYS = st.sampled_from(
    "model displayName containerSpec jobSpec workerPoolSpecs deployedModel trafficSplit labels instances id"
    " versionAliases deployedModelId modelEvaluation updateMask replicaCount imageUri dedicatedResources".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
PATHS = st.sampled_from(
    "models:upload endpoints customJobs endpoints/fixed:deployModel endpoints/fixed:undeployModel"
    " endpoints/fixed:predict endpoints/fixed:rawPredict endpoints/fixed:mutateDeployedModel"
    " models/fixed:mergeVersionAliases models/fixed/evaluations:import customJobs/1:cancel schedules"
    " operations/1:wait operations/1:cancel".split()
)


@pytest.fixture
def fixed(vertex):
    """A service with an endpoint and a model named `fixed`."""
    vertex.call("POST", "endpoints", {"displayName": "a"}, params={"endpointId": "fixed"})
    vertex.result(vertex.call("POST", "models:upload", {**vertex.model(), "modelId": "fixed"}))
    return vertex


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS, body=VALUES)
def test_any_json_is_answered_without_a_fault(fixed, path, body):
    answer = fixed.client.post(f"{PARENT}/{path}", content=json.dumps(body))
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert error["code"] == answer.status_code
        assert error["message"]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 5000, b'{"displayName": "\\ud800"}', b'{"displayName": NaN}'])
def test_a_body_that_is_no_json_is_refused(vertex, body):
    answer = vertex.client.post(f"{PARENT}/endpoints", content=body)
    assert answer.status_code == 400
    assert "Invalid JSON payload" in answer.json()["error"]["message"]


def test_an_endless_body_is_cut_off(vertex):
    answer = vertex.client.post(f"{PARENT}/endpoints", content=b" " * (33 * 2**20))
    assert answer.status_code == 400
    assert "exceeds the limit" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["..%2F..%2Fetc", "%2e%2e", "a%00b", "a" * 300, "é"])
def test_odd_names_are_not_found_or_refused(vertex, name):
    answer = vertex.client.get(f"{PARENT}/endpoints/{name}")
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["message"]
