"""Google's own client library, unmodified, in a process of its own, over gRPC and over REST."""

import json
import os
import re
import signal
import sys
import time

import pytest

from tests.sandbox.vertex.rest_client import HOST, client_of

COMMON = """
import json, sys, time
from google.api_core import exceptions
from google.cloud import aiplatform

aiplatform.init(location="us-central1", staging_bucket="gs://bucket", **OPTIONS)

def upload(answer, **options):
    return aiplatform.Model.upload(
        display_name="tiny", serving_container_image_uri="earthline:0.1.0",
        serving_container_command=[sys.executable, SERVER], serving_container_args=[answer],
        serving_container_predict_route="/predict", serving_container_health_route="/health", **options)

def pool(code):
    container = {"image_uri": "earthline:0.1.0", "command": ["python3", "-c", code]}
    return [{"machine_spec": {"machine_type": "n1-standard-4"}, "replica_count": 1, "container_spec": container}]

def refusal(kind, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except kind as error:
        return str(error)
    raise AssertionError("not refused")
"""

WORKFLOW = """
one = upload("one", labels={"team": "maps"})
two = upload("two", parent_model=one.resource_name, is_default_version=False, version_aliases=["canary"])
assert (one.version_id, one.version_aliases) == ("1", ["default"])
assert (two.resource_name, two.version_id, two.version_aliases) == (one.resource_name, "2", ["canary"])
assert [found.version_id for found in one.versioning_registry.list_versions()] == ["1", "2"]
one.versioning_registry.add_version_aliases(["champion"], version="2")
assert aiplatform.Model(f"{one.resource_name}@champion").version_id == "2"
assert one.resource_name in [found.resource_name for found in aiplatform.Model.list(filter='labels.team="maps"')]

endpoint = aiplatform.Endpoint.create(display_name=f"maps {time.time()}")
endpoint.deploy(one, machine_type="n1-standard-4", min_replica_count=1, max_replica_count=1)
first = endpoint.list_models()[0].id
endpoint.deploy(two, machine_type="n1-standard-4", traffic_percentage=20)
assert sorted(endpoint.traffic_split.values()) == [20, 80] and endpoint.traffic_split[first] == 80
answers = [endpoint.predict([{"a": 1}]).predictions[0] for _ in range(40)]
assert {answer[0] for answer in answers} == {"one", "two"} and answers[0][1] == {"a": 1}, answers
raw = endpoint.raw_predict(b"any bytes", {"X-Raw": "echo", "Content-Type": "text/plain"})
assert (raw.status_code, raw.content) == (200, b"echo|any bytes")
assert raw.headers["X-Vertex-AI-Deployed-Model-Id"] in endpoint.traffic_split
if OPTIONS["api_transport"] == "grpc":
    from google.api.httpbody_pb2 import HttpBody
    from google.cloud.aiplatform_v1 import PredictionServiceClient
    predictor = PredictionServiceClient(client_options={"api_endpoint": "us-central1-aiplatform.googleapis.com"})
    body = HttpBody(content_type='application/json; name="größe"', data=b'{"instances": [5]}')
    answer = predictor.raw_predict(endpoint=endpoint.resource_name, http_body=body)
    assert json.loads(answer.data)["predictions"][0][1] == 5 and answer.content_type == "application/json"
    body.content_type = "text/plain\\r\\nHost: elsewhere"
    text = refusal(exceptions.InvalidArgument, predictor.raw_predict, endpoint=endpoint.resource_name, http_body=body)
    assert "holds a control character" in text
assert aiplatform.Endpoint.list(filter=f'display_name="{endpoint.display_name}"')[0].name == endpoint.name
assert "1572864 bytes" in refusal(exceptions.BadRequest, endpoint.predict, ["x" * 1_600_000])
assert "must be a number" in refusal(exceptions.BadRequest, endpoint.predict, ["refuse"])

failing = aiplatform.Model.upload(
    display_name="failing", serving_container_image_uri="earthline:0.1.0",
    serving_container_command=["python3", "-c", "print('no weights'); raise SystemExit(3)"])
text = refusal(exceptions.FailedPrecondition, endpoint.deploy, failing, machine_type="n1-standard-4")
assert "no weights" in text and "status of 3" in text, text
assert len(endpoint.list_models()) == 2

assert "undeploy it first" in refusal(exceptions.BadRequest, one.delete)
second = next(found.id for found in endpoint.list_models() if found.id != first)
endpoint.update(traffic_split={first: 100, second: 0})
endpoint.undeploy(second)
assert endpoint.predict([1]).predictions == [["one", 1]]
endpoint.undeploy_all()
endpoint.delete()
one.delete()
refusal(exceptions.NotFound, aiplatform.Model, one.resource_name)

job = aiplatform.CustomJob(display_name="train", worker_pool_specs=pool("print('trained')"), labels={"a": "b"})
job.submit()
while (state := job.state.name) in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING"):
    time.sleep(0.05)
assert state == "JOB_STATE_SUCCEEDED", job.error
cancelled = aiplatform.CustomJob(display_name="train", worker_pool_specs=pool("import time; time.sleep(60)"))
cancelled.submit()
cancelled.cancel()
while cancelled.state != aiplatform.gapic.JobState.JOB_STATE_CANCELLED:
    time.sleep(0.05)
wrong = aiplatform.CustomJob(display_name="train", worker_pool_specs=pool("pass"))
wrong._gca_resource.job_spec.worker_pool_specs[0].machine_spec.machine_type = "laptop"
assert '"laptop"' in refusal(exceptions.BadRequest, wrong.submit)
print("done")
"""


def script(body, server, transport):
    # Without a transport and a project the library speaks REST.
    options = {"api_transport": transport}
    return f"OPTIONS = {options!r}\nSERVER = {str(server)!r}\n{COMMON}{body}"


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_upload_deploy_predict_train(sandbox, model_server, transport):
    assert sandbox.python(script(WORKFLOW, model_server, transport)).endswith("done\n")


MACHINE = {"machineType": "n1-standard-4"}
LAUNCH = "google_cloud_pipeline_components.container.v1.custom_job.launcher"


def test_the_pipeline_launcher_runs_unmodified_and_does_not_sleep(sandbox, tmp_path):
    # The launcher hands its payload to the protos of the client library, whose names are in snake case.
    container = {"image_uri": "earthline:0.1.0", "command": ["python3", "-c", "import time; time.sleep(1)"]}
    spec = {"machine_spec": {"machine_type": "n1-standard-4"}, "container_spec": container}
    payload = json.dumps({"display_name": "train", "job_spec": {"worker_pool_specs": [{**spec, "replica_count": 1}]}})
    place = ["--project", "sandbox", "--location", "us-central1", "--gcp_resources", str(tmp_path / "resources")]
    done = sandbox.run([sys.executable, "-m", LAUNCH, "--type", "CustomJob", "--payload", payload, *place])
    job = re.search(r"projects/[^\"]*/customJobs/\d+", (tmp_path / "resources").read_text())[0]
    assert sandbox.request("GET", HOST, f"/v1/{job}").json()["state"] == "JOB_STATE_SUCCEEDED"
    # One poll that is held, not one every twenty seconds.
    assert "Waiting for 20 seconds" not in done.stderr + done.stdout


def pool(code):
    container = {"imageUri": "earthline:0.1.0", "command": ["python3", "-c", f"import time; {code}"]}
    return {"machineSpec": MACHINE, "containerSpec": container}


def test_a_killed_sandbox_loses_no_endpoint(sandbox, model_server):
    vertex = client_of(sandbox)
    call, result = vertex.call, vertex.result
    container = {
        "imageUri": "earthline:0.1.0",
        "command": ["python3", str(model_server), "one"],
        "healthRoute": "/health",
        "predictRoute": "/predict",
    }
    model = {"displayName": "tiny", "containerSpec": container}
    model = result(call("POST", "models:upload", {"model": model}))["model"]
    endpoint = result(call("POST", "endpoints", {"displayName": "maps"}))["name"]
    resources = {"machineSpec": MACHINE, "minReplicaCount": 1}
    body = {"deployedModel": {"model": model, "dedicatedResources": resources}, "trafficSplit": {"0": 100}}
    result(call("POST", f"/v1/{endpoint}:deployModel", body))
    server = call("POST", f"/v1/{endpoint}:predict", {"instances": ["pid"]})["predictions"][0][1]
    spec = {"workerPoolSpecs": [pool("time.sleep(60)")]}
    job = call("POST", "customJobs", {"displayName": "train", "jobSpec": spec})["name"]

    os.kill(json.loads((sandbox.home / "state.json").read_text())["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 20
    while is_running(server):
        assert time.monotonic() < deadline, "the model server outlived the sandbox"
        time.sleep(0.05)
    sandbox.command("start")
    found = call("GET", f"/v1/{job}")
    assert found["state"] == "JOB_STATE_FAILED"
    assert "sandbox ended" in found["error"]["message"]
    assert call("POST", f"/v1/{endpoint}:predict", {"instances": [1]})["predictions"] == [["one", 1]]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
