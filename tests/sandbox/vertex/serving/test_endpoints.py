import collections
import os
import re
import signal
import time

import pytest

from earthline_sandbox.vertex.containers import containers


def ids(vertex, endpoint):
    return [item["id"] for item in vertex.call("GET", f"/v1/{endpoint}").get("deployedModels", [])]


def server_status(vertex, endpoint):
    [status] = vertex.service.status()["endpoints"][endpoint]["deployedModels"].values()
    return status


def test_deploy_predict_undeploy_delete(vertex):
    model = vertex.upload("one")
    endpoint = vertex.endpoint(labels={"app": "maps"})
    deployed = vertex.result(vertex.deploy(endpoint, model, displayName="first"))["deployedModel"]
    answer = vertex.predict(endpoint, 1, {"b": [2.5]})
    assert answer == {
        "predictions": [["one", 1], ["one", {"b": [2.5]}]],
        "deployedModelId": deployed["id"],
        "model": model.partition("@")[0],
        "modelDisplayName": "first",
        "modelVersionId": "1",
    }
    assert vertex.call("GET", f"/v1/{endpoint}")["trafficSplit"] == {deployed["id"]: 100}
    assert vertex.call("GET", f"/v1/{model}")["deployedModels"][0]["endpoint"] == endpoint
    refusal = vertex.call("DELETE", f"/v1/{endpoint}", expect=400)["error"]
    assert refusal["status"] == "FAILED_PRECONDITION"
    assert deployed["id"] in refusal["message"]
    pid = server_status(vertex, endpoint)["pid"]
    vertex.result(vertex.call("POST", f"/v1/{endpoint}:undeployModel", {"deployedModelId": deployed["id"]}))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "traffic_split" in vertex.predict(endpoint, 1, expect=400)["error"]["message"]
    vertex.result(vertex.call("DELETE", f"/v1/{endpoint}"))
    vertex.call("GET", f"/v1/{endpoint}", expect=404)


def test_the_container_finds_what_vertex_promises(vertex):
    model = vertex.upload(
        "one",
        containerSpec={
            "env": [
                {"name": "ANSWER", "value": "on $(AIP_HTTP_PORT)"},
                {"name": "MY_OWN", "value": "$(ANSWER), $$(ANSWER) and $(ABSENT)"},
            ]
        },
    )
    endpoint = vertex.endpoint()
    deployed = vertex.result(vertex.deploy(endpoint, model))["deployedModel"]["id"]
    [[answer, found]] = vertex.predict(endpoint, "environment")["predictions"]
    assert answer == f"on {found['AIP_HTTP_PORT']}"
    assert found["MY_OWN"] == f"{answer}, $(ANSWER) and $(ABSENT)"
    assert found["AIP_HEALTH_ROUTE"] == "/health"
    assert found["AIP_PREDICT_ROUTE"] == "/predict"
    assert found["AIP_PROJECT_NUMBER"] == "123456789012"
    assert found["AIP_ENDPOINT_ID"] == endpoint.rpartition("/")[2]
    assert found["AIP_DEPLOYED_MODEL_ID"] == deployed
    assert found["AIP_MODE"] == "PREDICTION"
    assert found["AIP_STORAGE_URI"] == ""


def test_a_declared_port_is_used_where_the_command_names_it(vertex):
    port = containers.free_port()
    spec = {"args": ["$(ANSWER)", f"--port={port}"], "ports": [{"containerPort": port}]}
    endpoint = vertex.endpoint()
    vertex.result(vertex.deploy(endpoint, vertex.upload("one", containerSpec=spec)))
    assert vertex.predict(endpoint, "environment")["predictions"][0][1]["AIP_HTTP_PORT"] == str(port)


def test_traffic_follows_its_split(vertex):
    endpoint = vertex.endpoint()
    first = vertex.result(vertex.deploy(endpoint, vertex.upload("one")))["deployedModel"]["id"]
    second = vertex.result(vertex.deploy(endpoint, vertex.upload("two"), {"0": 20, first: 80}))["deployedModel"]["id"]
    answers = collections.Counter(vertex.predict(endpoint, 1)["predictions"][0][0] for _ in range(300))
    # 300 draws at 20 %: 60 expected, five standard deviations are 35.
    assert set(answers) == {"one", "two"}
    assert 25 <= answers["two"] <= 95
    body = {"trafficSplit": {second: 100}}
    vertex.call("PATCH", f"/v1/{endpoint}", body, params={"updateMask": "trafficSplit"})
    assert {vertex.predict(endpoint, 1)["predictions"][0][0] for _ in range(20)} == {"two"}
    undeploy = f"/v1/{endpoint}:undeployModel"
    error = vertex.call("POST", undeploy, {"deployedModelId": second}, expect=400)["error"]
    assert "100 % of the traffic" in error["message"]
    vertex.result(vertex.call("POST", undeploy, {"deployedModelId": second, "trafficSplit": {first: 100}}))
    assert vertex.predict(endpoint, 1)["predictions"] == [["one", 1]]


@pytest.mark.parametrize("split", [{"0": 50}, {"0": 50, "7": 50}, {"0": 110, "7": -10}])
def test_a_wrong_traffic_split_is_refused_before_anything_starts(vertex, split):
    endpoint = vertex.endpoint()
    body = {
        "deployedModel": {
            "model": vertex.upload(),
            "dedicatedResources": {"machineSpec": {"machineType": "n1-standard-4"}, "minReplicaCount": 1},
        },
        "trafficSplit": split,
    }
    error = vertex.call("POST", f"/v1/{endpoint}:deployModel", body, expect=400)["error"]
    assert "traffic split" in error["message"]
    assert ids(vertex, endpoint) == []


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({}, "gives no resources"),
        ({"dedicatedResources": {"machineSpec": {"machineType": "laptop"}, "minReplicaCount": 1}}, '"laptop"'),
        ({"dedicatedResources": {"machineSpec": {"machineType": "n1-standard-4"}}}, "minReplicaCount must be"),
        (
            {
                "dedicatedResources": {
                    "machineSpec": {"machineType": "n1-standard-4"},
                    "minReplicaCount": 3,
                    "maxReplicaCount": 2,
                }
            },
            "maxReplicaCount 2 is below",
        ),
        ({"dedikatedResources": {}}, 'Unknown name "dedikatedResources"'),
    ],
)
def test_resources_must_be_explicit(vertex, resources, words):
    body = {"deployedModel": {"model": vertex.upload(), **resources}, "trafficSplit": {"0": 100}}
    error = vertex.call("POST", f"/v1/{vertex.endpoint()}:deployModel", body, expect=400)["error"]
    assert words in error["message"]


def test_replica_counts_are_kept_as_given_or_taken_for_granted(vertex):
    endpoint, model = vertex.endpoint(), vertex.upload("one")
    given = {"machineSpec": {"machineType": "g2-standard-8"}, "minReplicaCount": 2, "maxReplicaCount": 5}
    first = vertex.result(vertex.deploy(endpoint, model, dedicatedResources=given))["deployedModel"]
    assert first["dedicatedResources"] == given
    second = vertex.deploy(endpoint, model, {first["id"]: 100}, dedicatedResources={"minReplicaCount": 2})
    vertex.result(second)
    found = vertex.call("GET", f"/v1/{endpoint}")["deployedModels"]
    assert found[1]["dedicatedResources"] == {
        "machineSpec": {"machineType": "n1-standard-2"},
        "minReplicaCount": 2,
        "maxReplicaCount": 2,
    }
    # One process stands for all replicas.
    assert [item["status"]["availableReplicaCount"] for item in found] == [1, 1]
    body = {
        "deployedModel": {"id": first["id"], "dedicatedResources": {"minReplicaCount": 1, "maxReplicaCount": 3}},
        "updateMask": "dedicatedResources.minReplicaCount,dedicatedResources.maxReplicaCount",
    }
    mutated = vertex.result(vertex.call("POST", f"/v1/{endpoint}:mutateDeployedModel", body))["deployedModel"]
    assert mutated["dedicatedResources"] == {**given, "minReplicaCount": 1, "maxReplicaCount": 3}


def test_raw_predict_passes_body_and_headers(vertex):
    endpoint = vertex.endpoint()
    deployed = vertex.result(vertex.deploy(endpoint, vertex.upload("one")))["deployedModel"]["id"]
    answer = vertex.client.post(f"/v1/{endpoint}:rawPredict", content=b"\x00any", headers={"X-Raw": "echo"})
    assert answer.content == b"echo|\x00any"
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["X-Server"] == "one"
    assert answer.headers["X-Vertex-AI-Deployed-Model-Id"] == deployed
    assert answer.headers["X-Vertex-AI-Endpoint-Id"] == endpoint.rpartition("/")[2]
    # Any bytes are a header's value.
    name = {b"X-Raw": b"echo", b"X-Name": "é…".encode()}
    assert vertex.client.post(f"/v1/{endpoint}:rawPredict", content=b"", headers=name).content == b"echo|"


def test_a_request_over_the_limit_is_refused_in_googles_words(vertex):
    shared, dedicated = vertex.endpoint(), vertex.endpoint(dedicatedEndpointEnabled=True)
    model = vertex.upload("one")
    vertex.result(vertex.deploy(shared, model))
    vertex.result(vertex.deploy(dedicated, model))
    large = "x" * 1_600_000
    error = vertex.predict(shared, large, expect=400)["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["message"].startswith("Request payload size exceeds the limit: 1572864 bytes.")
    assert vertex.predict(shared, large[:1_499_900])["predictions"][0][1] == large[:1_499_900]
    assert vertex.predict(dedicated, large)["predictions"][0][1] == large
    vertex.predict(dedicated, "x" * 10_600_000, expect=400)
    # The answer is counted as well, predicted or raw, and the request may be as long as it may.
    error = vertex.predict(shared, large[:1_500_000], expect=400)["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    number = shared.rpartition("/")[2]
    assert error["message"].startswith(f"Failed to handle request. endpoint_id: {number}, deployed_model_id: ")
    said = r"with error: `Response size too large. Received at least 15\d+ bytes; max is 1500000\.`"
    assert re.search(said, error["message"])
    raw = {"headers": {"X-Raw": "r"}, "content": b"x" * 1_510_000}
    answer = vertex.client.post(f"/v1/{shared}:rawPredict", **raw)
    assert answer.status_code == 400
    assert re.search(said, answer.json()["error"]["message"])
    assert len(vertex.client.post(f"/v1/{dedicated}:rawPredict", **raw).content) == 1_510_002
    too_long = {"headers": {"X-Raw": "r"}, "content": large.encode()}
    refused = vertex.client.post(f"/v1/{shared}:rawPredict", **too_long).json()["error"]
    assert refused["message"].startswith("Request payload size exceeds the limit: 1572864 bytes.")


def test_a_containers_own_refusal_reaches_the_caller(vertex):
    endpoint = vertex.endpoint()
    vertex.result(vertex.deploy(endpoint, vertex.upload("one")))
    error = vertex.predict(endpoint, "refuse", expect=400)["error"]
    assert (error["status"], error["message"]) == ("FAILED_PRECONDITION", "instances[0] must be a number")
    assert "predictions is missing" in vertex.predict(endpoint, "garbage", expect=400)["error"]["message"]
    body = {"instances": [1], "instance": 2}
    assert "instance" in vertex.call("POST", f"/v1/{endpoint}:predict", body, expect=400)["error"]["message"]
    assert "explain" in vertex.call("POST", f"/v1/{endpoint}:explain", {}, expect=400)["error"]["message"]


def test_deploying_waits_for_health(vertex):
    model = vertex.upload(
        "late", containerSpec={"env": [{"name": "ANSWER", "value": "x"}, {"name": "DELAY", "value": "1"}]}
    )
    endpoint = vertex.endpoint()
    operation = vertex.deploy(endpoint, model)
    assert not operation.get("done")
    assert ids(vertex, endpoint) == []
    began = time.monotonic()
    vertex.result(operation)
    assert time.monotonic() - began >= 0.9
    assert vertex.predict(endpoint, 1)["predictions"] == [["x", 1]]


def test_a_container_that_ends_fails_the_operation_with_the_end_of_its_log(vertex):
    spec = {"command": ["python3", "-c", "print('no weights here'); raise SystemExit(3)"], "args": []}
    endpoint = vertex.endpoint()
    error = vertex.settle(vertex.deploy(endpoint, vertex.upload(containerSpec=spec)))["error"]
    assert error["code"] == 9
    assert "Model server exited unexpectedly" in error["message"]
    assert "non-zero status of 3" in error["message"]
    assert error["message"].endswith("no weights here")
    assert ids(vertex, endpoint) == []


def test_a_container_that_is_never_healthy_fails_at_its_timeout(vertex):
    spec = {"command": ["sleep", "60"], "args": [], "deploymentTimeout": "1s"}
    endpoint = vertex.endpoint()
    error = vertex.settle(vertex.deploy(endpoint, vertex.upload(containerSpec=spec)))["error"]
    assert "never became ready" in error["message"]
    assert "/health" in error["message"]


def test_a_cancelled_deployment_leaves_nothing(vertex):
    endpoint = vertex.endpoint()
    operation = vertex.deploy(endpoint, vertex.upload(containerSpec={"command": ["sleep", "60"], "args": []}))
    vertex.call("POST", f"/v1/{operation['name']}:cancel")
    assert vertex.settle(operation)["error"]["code"] == 1
    assert ids(vertex, endpoint) == []


@pytest.mark.parametrize("spec", [{"command": []}, {"command": ["no-such-program"]}])
def test_a_container_that_cannot_run_here_says_why(vertex, spec):
    error = vertex.settle(vertex.deploy(vertex.endpoint(), vertex.upload(containerSpec=spec)))["error"]
    assert error["code"] == 9
    assert "command" in error["message"]


def test_a_crashed_server_is_restarted_and_reported(vertex):
    endpoint = vertex.endpoint()
    vertex.result(vertex.deploy(endpoint, vertex.upload("one")))
    before = vertex.predict(endpoint, "pid")["predictions"][0][1]
    error = vertex.predict(endpoint, "crash", expect=503)["error"]
    assert error["status"] == "UNAVAILABLE"
    # Held until the server is back.
    after = vertex.predict(endpoint, "pid")["predictions"][0][1]
    assert after != before
    status = server_status(vertex, endpoint)
    assert (status["state"], status["restarts"], status["pid"]) == ("serving", 1, after)
    [report] = [item["status"] for item in vertex.call("GET", f"/v1/{endpoint}")["deployedModels"]]
    assert report["availableReplicaCount"] == 1
    assert "is serving and was restarted 1 times" in report["message"]
    assert "exited with a non-zero status of 7" in report["message"]
    os.kill(after, signal.SIGKILL)
    while server_status(vertex, endpoint)["state"] == "serving":
        time.sleep(0.02)
    assert "signal 9" in server_status(vertex, endpoint)["failure"]
    [report] = [item["status"] for item in vertex.call("GET", f"/v1/{endpoint}")["deployedModels"]]
    assert report["availableReplicaCount"] == 0
    assert "is restarting" in report["message"]


def test_endpoints_outlive_the_sandbox(vertex):
    endpoint = vertex.endpoint()
    vertex.result(vertex.deploy(endpoint, vertex.upload("one")))
    before = vertex.predict(endpoint, "pid")["predictions"][0][1]
    vertex.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    vertex.start()
    assert server_status(vertex, endpoint)["state"] == "standby"
    assert "first request" in vertex.call("GET", f"/v1/{endpoint}")["deployedModels"][0]["status"]["message"]
    assert vertex.predict(endpoint, 1)["predictions"] == [["one", 1]]
    assert server_status(vertex, endpoint)["state"] == "serving"


def test_an_operation_that_the_sandbox_did_not_finish_fails_at_its_next_start(vertex):
    endpoint = vertex.endpoint()
    operation = vertex.deploy(endpoint, vertex.upload(containerSpec={"command": ["sleep", "60"], "args": []}))
    vertex.stop()
    vertex.start()
    found = vertex.call("GET", f"/v1/{operation['name']}")
    assert found["done"]
    assert found["error"]["code"] in (1, 10)
    assert ids(vertex, endpoint) == []


def test_list_and_update(vertex):
    named = vertex.endpoint(displayName="named", labels={"app": "maps"})
    other = vertex.endpoint()
    found = vertex.call("GET", "endpoints", params={"filter": 'display_name="named"'})["endpoints"]
    assert [item["name"] for item in found] == [named]
    assert [item["name"] for item in vertex.call("GET", "endpoints")["endpoints"]] == [other, named]
    change = {"displayName": "renamed", "labels": {"app": "roads"}}
    changed = vertex.call("PATCH", f"/v1/{named}", change, params={"updateMask": "display_name,labels"})
    assert (changed["displayName"], changed["labels"]) == ("renamed", {"app": "roads"})
    body = {"trafficSplit": {"1": 100}}
    vertex.call("PATCH", f"/v1/{named}", body, params={"updateMask": "traffic_split"}, expect=400)


def test_an_endpoint_may_have_an_id_of_the_users_own(vertex):
    made = vertex.result(vertex.call("POST", "endpoints", {"displayName": "a"}, params={"endpointId": "maps-1"}))
    assert made["name"].endswith("/endpoints/maps-1")
    again = vertex.call("POST", "endpoints", {"displayName": "a"}, params={"endpointId": "maps-1"}, expect=409)
    assert again["error"]["status"] == "ALREADY_EXISTS"
    vertex.call("POST", "endpoints", {"displayName": "a"}, params={"endpointId": "../x"}, expect=400)
    vertex.call("POST", "endpoints", {}, expect=400)


def test_reset_forgets_everything(vertex):
    endpoint = vertex.endpoint()
    vertex.result(vertex.deploy(endpoint, vertex.upload("one")))
    pid = vertex.predict(endpoint, "pid")["predictions"][0][1]
    vertex.reset()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    vertex.call("GET", f"/v1/{endpoint}", expect=404)
    vertex.upload("two")
