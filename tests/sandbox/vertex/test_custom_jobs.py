import json
import threading
import time

import pytest

MACHINE = {"machineType": "n1-standard-4"}
FINAL = {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"}


def pool(script, replicas=1, **extra):
    return {
        "machineSpec": MACHINE,
        "replicaCount": replicas,
        "containerSpec": {"imageUri": "earthline:0.1.0", "command": ["python3", "-c"], "args": [script], **extra},
    }


def job(*pools, **spec):
    return {"displayName": "train", "jobSpec": {"workerPoolSpecs": list(pools), **spec}}


def settle(vertex, name, state=None):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = vertex.call("GET", f"/v1/{name}")
        if found["state"] == state or (state is None and found["state"] in FINAL):
            return found
        time.sleep(0.03)
    raise AssertionError(found)


def log(vertex, name):
    return (vertex.home / "vertex" / "logs" / f"{name.rpartition('/')[2]}.log").read_text()


def test_a_job_succeeds_and_finds_its_environment(vertex):
    script = (
        "import json, os, sys; keys = 'AIP_MODEL_DIR AIP_CHECKPOINT_DIR AIP_TENSORBOARD_LOG_DIR CLOUD_ML_JOB_ID"
        " CLUSTER_SPEC OWN SANDBOX_GCS_MOUNT'.split(); print(json.dumps({k: os.environ[k] for k in keys}))"
    )
    body = job(
        pool(script, env=[{"name": "OWN", "value": "mine"}]),
        baseOutputDirectory={"outputUriPrefix": "gs://bucket/out/"},
    )
    made = vertex.call("POST", "customJobs", {**body, "labels": {"run": "a"}})
    assert made["state"] == "JOB_STATE_PENDING"
    done = settle(vertex, made["name"])
    assert done["state"] == "JOB_STATE_SUCCEEDED"
    assert done["startTime"] <= done["endTime"]
    assert done["labels"] == {"run": "a"}
    found = json.loads(log(vertex, made["name"]))
    assert found["AIP_MODEL_DIR"] == "gs://bucket/out/model/"
    assert found["AIP_CHECKPOINT_DIR"] == "gs://bucket/out/checkpoints/"
    assert found["AIP_TENSORBOARD_LOG_DIR"] == "gs://bucket/out/logs/"
    assert found["CLOUD_ML_JOB_ID"] == made["name"].rpartition("/")[2]
    assert json.loads(found["CLUSTER_SPEC"])["task"] == {"type": "workerpool0", "index": 0}
    assert found["OWN"] == "mine"
    assert found["SANDBOX_GCS_MOUNT"] == f"{vertex.home}/storage/"


def test_a_failed_job_tells_the_end_of_its_log(vertex):
    script = "print('epoch 1'); raise ValueError('no labels in any patch')"
    done = settle(vertex, vertex.call("POST", "customJobs", job(pool(script)))["name"])
    assert done["state"] == "JOB_STATE_FAILED"
    assert "The replica workerpool0-0 exited with a non-zero status of 1." in done["error"]["message"]
    assert "ValueError: no labels in any patch" in done["error"]["message"]


def test_replicas_know_each_other_and_share_a_log(vertex):
    script = "import os; print(os.environ['TF_CONFIG'])"
    forever = "import time; print('serving parameters'); time.sleep(60)"
    done = settle(vertex, vertex.call("POST", "customJobs", job(pool(script), pool(script, 2), pool(forever)))["name"])
    assert done["state"] == "JOB_STATE_SUCCEEDED"
    lines = dict(line[1:].split("] ", 1) for line in log(vertex, done["name"]).splitlines() if "cluster" in line)
    assert set(lines) == {"workerpool0-0", "workerpool1-0", "workerpool1-1"}
    found = {name: json.loads(text) for name, text in lines.items()}
    cluster = found["workerpool0-0"]["cluster"]
    assert {kind: len(addresses) for kind, addresses in cluster.items()} == {"chief": 1, "worker": 2, "ps": 1}
    assert all(config["cluster"] == cluster for config in found.values())
    assert found["workerpool1-1"]["task"] == {"type": "worker", "index": 1}


def test_one_failed_replica_fails_the_job_and_ends_the_others(vertex):
    wait, fail = "import time; time.sleep(60)", "raise SystemExit(4)"
    began = time.monotonic()
    done = settle(vertex, vertex.call("POST", "customJobs", job(pool(wait), pool(fail)))["name"])
    assert time.monotonic() - began < 10
    assert "workerpool1-0 exited with a non-zero status of 4" in done["error"]["message"]
    assert vertex.service.status()["custom_jobs"] == {}


def test_cancel_and_delete(vertex):
    name = vertex.call("POST", "customJobs", job(pool("import time; time.sleep(60)")))["name"]
    settle(vertex, name, "JOB_STATE_RUNNING")
    assert vertex.service.busy()
    vertex.call("DELETE", f"/v1/{name}", expect=400)
    # The launcher cancels with an empty body.
    assert vertex.client.post(f"/v1/{name}:cancel", content=b"").json() == {}
    assert settle(vertex, name)["state"] == "JOB_STATE_CANCELLED"
    vertex.call("POST", f"/v1/{name}:cancel", expect=400)
    vertex.result(vertex.call("DELETE", f"/v1/{name}"))
    vertex.call("GET", f"/v1/{name}", expect=404)
    assert not vertex.service.busy()


def test_a_job_over_its_timeout_is_ended(vertex):
    body = job(pool("import time; time.sleep(60)"), scheduling={"timeout": "1s"})
    done = settle(vertex, vertex.call("POST", "customJobs", body)["name"])
    assert done["state"] == "JOB_STATE_CANCELLED"
    assert "timeout of 1 s" in done["error"]["message"]


def test_the_pipeline_launcher_is_answered_when_the_job_ends(vertex):
    name = vertex.call("POST", "customJobs", job(pool("import time; time.sleep(1)")))["name"]
    settle(vertex, name, "JOB_STATE_RUNNING")
    assert vertex.call("GET", f"/v1/{name}")["state"] == "JOB_STATE_RUNNING"
    agent = {"x-goog-api-client": "google-cloud-pipeline-components gl-python/3.11"}
    assert vertex.call("GET", f"/v1/{name}", headers=agent)["state"] == "JOB_STATE_SUCCEEDED"


def test_held_replies_do_not_block_other_calls(vertex):
    name = vertex.call("POST", "customJobs", job(pool("import time; time.sleep(60)")))["name"]
    agent = {"x-goog-api-client": "google-cloud-pipeline-components"}
    states = []

    def hold():
        states.append(vertex.call("GET", f"/v1/{name}", headers=agent)["state"])

    threads = [threading.Thread(target=hold) for _ in range(60)]
    for thread in threads:
        thread.start()
    settle(vertex, name, "JOB_STATE_RUNNING")
    vertex.call("POST", f"/v1/{name}:cancel")
    for thread in threads:
        thread.join()
    assert states == ["JOB_STATE_CANCELLED"] * 60


def test_a_restart_fails_what_ran_with_the_reason(vertex):
    name = vertex.call("POST", "customJobs", job(pool("import time; time.sleep(60)")))["name"]
    settle(vertex, name, "JOB_STATE_RUNNING")
    vertex.stop()
    vertex.start()
    found = vertex.call("GET", f"/v1/{name}")
    assert found["state"] == "JOB_STATE_FAILED"
    assert "sandbox" in found["error"]["message"]


def test_list_filters(vertex):
    for number in range(3):
        name = vertex.call("POST", "customJobs", {**job(pool("pass")), "labels": {"n": str(number)}})["name"]
        settle(vertex, name)
    found = vertex.call("GET", "customJobs", params={"filter": 'labels.n="1" AND state="JOB_STATE_SUCCEEDED"'})
    assert [item["labels"]["n"] for item in found["customJobs"]] == ["1"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"displayName": "a"}, "workerPoolSpecs is not set"),
        (job(), "workerPoolSpecs is not set"),
        ({**job(pool("pass")), "jobSpek": {}}, 'Unknown name "jobSpek"'),
        (job({}), "is empty"),
        (job(pool("pass", 2)), "replicaCount must be 1"),
        (job({**pool("pass"), "machineSpec": {}}), "Machine type ''"),
        (
            job({**pool("pass"), "machineSpec": {"machineType": "n1-standard-4", "acceleratorCount": 1}}),
            "acceleratorType",
        ),
        (job({**pool("pass"), "replicaCount": "many"}), "Invalid JSON payload"),
        (
            job({"machineSpec": MACHINE, "pythonPackageSpec": {"pythonModule": "m"}}),
            "containerSpec",
        ),
        (job(pool("pass"), baseOutputDirectory={"outputUriPrefix": "/local"}), "must begin with gs://"),
    ],
)
def test_malformed_jobs_are_refused(vertex, body, words):
    error = vertex.call("POST", "customJobs", body, expect=400)["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert words in error["message"]


def test_a_job_without_a_command_fails_with_the_reason(vertex):
    spec = {"machineSpec": MACHINE, "containerSpec": {"imageUri": "image"}}
    done = settle(vertex, vertex.call("POST", "customJobs", job(spec))["name"])
    assert done["state"] == "JOB_STATE_FAILED"
    assert "gives no command" in done["error"]["message"]
