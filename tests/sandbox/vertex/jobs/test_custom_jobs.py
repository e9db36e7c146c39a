import json
import threading
import time

import pytest

from earthline_sandbox.vertex.containers import machines
from earthline_sandbox.vertex.jobs import training

MACHINE = {"machineType": "n1-standard-4"}


def pool(script, replicas=1, **extra):
    return {
        "machineSpec": MACHINE,
        "replicaCount": replicas,
        "containerSpec": {"imageUri": "earthline:0.1.0", "command": ["python3", "-c"], "args": [script], **extra},
    }


def job(*pools, **spec):
    return {"displayName": "train", "jobSpec": {"workerPoolSpecs": list(pools), **spec}}


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
    done = vertex.wait(made["name"])
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
    done = vertex.wait(vertex.call("POST", "customJobs", job(pool(script)))["name"])
    assert done["state"] == "JOB_STATE_FAILED"
    assert "The replica workerpool0-0 exited with a non-zero status of 1." in done["error"]["message"]
    assert "ValueError: no labels in any patch" in done["error"]["message"]


TELL = """
import os, time
from pathlib import Path
for name in ("TF_CONFIG", "CLUSTER_SPEC"):
    print(name, os.environ[name], flush=True)
(Path.cwd() / "told").touch()
"""
# The job ends with its primary replica, which must give the others the time to tell.
WAIT_FOR_ALL = """
while len(list(Path.cwd().parent.glob("*/told"))) < 5:
    time.sleep(0.02)
time.sleep(0.2)
"""


def test_replicas_are_told_of_each_other_as_documented(vertex):
    forever = TELL + "time.sleep(60)"
    pools = [pool(TELL + WAIT_FOR_ALL), pool(TELL, 2), pool(forever), pool(forever)]
    done = vertex.wait(vertex.call("POST", "customJobs", job(*pools))["name"])
    assert done["state"] == "JOB_STATE_SUCCEEDED", done
    told: dict[str, dict] = {}
    for line in log(vertex, done["name"]).splitlines():
        replica, name, text = line.split(" ", 2)
        told.setdefault(replica.strip("[]"), {})[name] = json.loads(text)
    roles = {
        "workerpool0-0": ("chief", 0),
        "workerpool1-0": ("worker", 0),
        "workerpool1-1": ("worker", 1),
        "workerpool2-0": ("ps", 0),
        "workerpool3-0": ("evaluator", 0),
    }
    assert set(told) == set(roles)
    for replica, (kind, index) in roles.items():
        config, spec = told[replica]["TF_CONFIG"], told[replica]["CLUSTER_SPEC"]
        assert (config["task"]["type"], config["task"]["index"]) == (kind, index)
        assert spec["task"] == {"type": replica.partition("-")[0], "index": index}
        # An evaluator is never part of TensorFlow's cluster.
        assert {name: len(members) for name, members in config["cluster"].items()} == {"chief": 1, "worker": 2, "ps": 1}
        pools = {name: len(members) for name, members in spec["cluster"].items()}
        assert pools == {"workerpool0": 1, "workerpool1": 2, "workerpool2": 1, "workerpool3": 1}
        assert config["cluster"]["worker"] == spec["cluster"]["workerpool1"]
        assert config["environment"] == spec["environment"] == "cloud"
        assert config["job"] == spec["job"] == done["jobSpec"]
        assert config["cluster"] == told["workerpool0-0"]["TF_CONFIG"]["cluster"]


def test_a_skipped_pool_keeps_the_position_of_the_later_ones(vertex):
    body = job(pool(TELL.replace("os.environ[name]", "os.environ.get(name)") + "time.sleep(0.5)"), {}, {}, pool("pass"))
    done = vertex.wait(vertex.call("POST", "customJobs", body)["name"])
    spec = json.loads(log(vertex, done["name"]).partition("CLUSTER_SPEC ")[2].splitlines()[0])
    assert set(spec["cluster"]) == {"workerpool0", "workerpool3"}


def test_a_job_of_one_replica_has_no_tf_config(vertex):
    script = "import os, sys; sys.exit('TF_CONFIG' in os.environ or 'CLUSTER_SPEC' not in os.environ)"
    assert vertex.wait(vertex.call("POST", "customJobs", job(pool(script)))["name"])["state"] == "JOB_STATE_SUCCEEDED"


def test_a_job_has_succeeded_when_its_primary_replica_has(vertex):
    began = time.monotonic()
    body = job(pool("pass"), pool("import time; time.sleep(60)", 2))
    assert vertex.wait(vertex.call("POST", "customJobs", body)["name"])["state"] == "JOB_STATE_SUCCEEDED"
    assert time.monotonic() - began < 15
    assert vertex.service.status()["custom_jobs"] == {}


# Each start of a replica leaves a mark; it ends as told until it has as many as wanted.
ENDING = """
import os, signal, sys, time
from pathlib import Path
(Path.cwd() / f"mark{time.monotonic_ns()}").touch()
if len(list(Path.cwd().glob("mark*"))) < int(sys.argv[1]):
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))
print("done", flush=True)
"""


def ending(starts, signal, replicas=1):
    found = pool(ENDING, replicas)
    found["containerSpec"]["args"] += [str(starts), signal]
    return found


def marks(vertex, name):
    folder = vertex.home / "vertex" / "custom_jobs" / name.rpartition("/")[2]
    return {replica.name: len(list(replica.glob("mark*"))) for replica in folder.iterdir()}


def test_a_worker_whose_machine_goes_away_is_restarted_alone(vertex):
    chief = pool(
        "import time\nfrom pathlib import Path\nPath('mark').touch()\n"
        "while len(list(Path('..').glob('workerpool1-0/mark*'))) < 4: time.sleep(0.02)"
    )
    done = vertex.wait(vertex.call("POST", "customJobs", job(chief, ending(4, "SIGTERM")))["name"])
    assert done["state"] == "JOB_STATE_SUCCEEDED", done
    assert marks(vertex, done["name"]) == {"workerpool0-0": 1, "workerpool1-0": 4}
    text = log(vertex, done["name"])
    assert text.count("[service] The replica workerpool1-0 exited with a non-zero status of 143.") == 3
    assert "It is restarted: restart 3 of 5." in text


# Each run of the job leaves a mark of either replica before the worker goes away.
TOGETHER = """
import os, signal, time
from pathlib import Path
(Path.cwd() / f"mark{time.monotonic_ns()}").touch()
def marks(name):
    return len(list(Path.cwd().parent.glob(f"{name}/mark*")))
while marks("workerpool0-0") != marks("workerpool1-0"):
    time.sleep(0.02)
"""


def test_the_whole_job_is_restarted_where_its_scheduling_says_so(vertex):
    chief = TOGETHER + "while marks('workerpool1-0') < 3: time.sleep(0.02)"
    worker = TOGETHER + "if marks('workerpool1-0') < 3: os.kill(os.getpid(), signal.SIGKILL)"
    body = job(pool(chief), pool(worker), scheduling={"restartJobOnWorkerRestart": True})
    done = vertex.wait(vertex.call("POST", "customJobs", body)["name"])
    assert done["state"] == "JOB_STATE_SUCCEEDED", done
    assert marks(vertex, done["name"]) == {"workerpool0-0": 3, "workerpool1-0": 3}
    assert "The job is restarted: restart 2 of 5." in log(vertex, done["name"])


@pytest.mark.parametrize(("scheduling", "starts"), [({}, 4), ({"disableRetries": True}, 1)])
def test_a_job_that_crashes_is_retried_three_times(vertex, scheduling, starts):
    body = job(ending(99, "SIGABRT"), scheduling=scheduling)
    done = vertex.wait(vertex.call("POST", "customJobs", body)["name"])
    assert done["state"] == "JOB_STATE_FAILED"
    assert "The replica workerpool0-0 exited with a non-zero status of 134." in done["error"]["message"]
    assert marks(vertex, done["name"]) == {"workerpool0-0": starts}


@pytest.mark.parametrize(
    ("status", "kills", "cause"),
    [
        (1, 0, "USER"),
        (1, 9, "USER"),
        (137, 1, "MEMORY"),
        (137, 0, "LOST"),
        (143, 0, "LOST"),
        (134, 0, "TRANSIENT"),
        (139, 0, "TRANSIENT"),
        (6, 0, "TRANSIENT"),
    ],
)
def test_what_an_exit_status_means(status, kills, cause):
    assert training.cause_of(status, kills).name == cause


def test_the_lines_of_a_log_are_told_apart_by_replica(vertex):
    chief = "import time; print('from the chief', flush=True); time.sleep(1)"
    done = vertex.wait(vertex.call("POST", "customJobs", job(pool(chief), pool("print('from a worker')")))["name"])
    query = {"resourceNames": ["projects/sandbox"], "filter": f'resource.labels.job_id="{done["name"].split("/")[-1]}"'}
    found = {
        entry["resource"]["labels"]["task_name"]: entry["jsonPayload"]["message"]
        for entry in vertex.call("POST", "/v2/entries:list", query)["entries"]
    }
    assert found == {"workerpool0-0": "from the chief", "workerpool1-0": "from a worker"}


def test_one_failed_replica_fails_the_job_and_ends_the_others(vertex):
    wait, fail = "import time; time.sleep(60)", "raise SystemExit(4)"
    began = time.monotonic()
    done = vertex.wait(vertex.call("POST", "customJobs", job(pool(wait), pool(fail)))["name"])
    assert time.monotonic() - began < 10
    assert "workerpool1-0 exited with a non-zero status of 4" in done["error"]["message"]
    assert vertex.service.status()["custom_jobs"] == {}


def test_cancel_and_delete(vertex):
    name = vertex.call("POST", "customJobs", job(pool("import time; time.sleep(60)")))["name"]
    vertex.wait(name, ["JOB_STATE_RUNNING"])
    assert vertex.service.busy()
    vertex.call("DELETE", f"/v1/{name}", expect=400)
    # The launcher cancels with an empty body.
    assert vertex.client.post(f"/v1/{name}:cancel", content=b"").json() == {}
    assert vertex.wait(name)["state"] == "JOB_STATE_CANCELLED"
    vertex.call("POST", f"/v1/{name}:cancel", expect=400)
    vertex.result(vertex.call("DELETE", f"/v1/{name}"))
    vertex.call("GET", f"/v1/{name}", expect=404)
    assert not vertex.service.busy()


def test_a_job_over_its_timeout_is_ended(vertex):
    body = job(pool("import time; time.sleep(60)"), scheduling={"timeout": "1s"})
    done = vertex.wait(vertex.call("POST", "customJobs", body)["name"])
    assert done["state"] == "JOB_STATE_CANCELLED"
    assert "timeout of 1 s" in done["error"]["message"]


def test_the_pipeline_launcher_is_answered_when_the_job_ends(vertex):
    name = vertex.call("POST", "customJobs", job(pool("import time; time.sleep(1)")))["name"]
    vertex.wait(name, ["JOB_STATE_RUNNING"])
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
    vertex.wait(name, ["JOB_STATE_RUNNING"])
    vertex.call("POST", f"/v1/{name}:cancel")
    for thread in threads:
        thread.join()
    assert states == ["JOB_STATE_CANCELLED"] * 60


def test_a_restart_fails_what_ran_with_the_reason(vertex):
    name = vertex.call("POST", "customJobs", job(pool("import time; time.sleep(60)")))["name"]
    vertex.wait(name, ["JOB_STATE_RUNNING"])
    vertex.stop()
    vertex.start()
    found = vertex.call("GET", f"/v1/{name}")
    assert found["state"] == "JOB_STATE_FAILED"
    assert "sandbox" in found["error"]["message"]


def test_list_filters(vertex):
    for number in range(3):
        name = vertex.call("POST", "customJobs", {**job(pool("pass")), "labels": {"n": str(number)}})["name"]
        vertex.wait(name)
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
        (job({**pool("pass"), "machineSpec": {}}), 'Machine type "" is not supported.'),
        (job(*[pool("pass")] * 5), "at most 4 are valid"),
        (job({**pool("pass"), "replicaCount": "many"}), "Invalid JSON payload"),
        (
            job({"machineSpec": MACHINE, "pythonPackageSpec": {"pythonModule": "m"}}),
            "pythonPackageSpec.executorImageUri is not set",
        ),
        (
            job({"pythonPackageSpec": {"executorImageUri": "i", "packageUris": ["/a.tar.gz"], "pythonModule": "m"}}),
            "'/a.tar.gz', which does not begin with gs://",
        ),
        (job(pool("pass"), baseOutputDirectory={"outputUriPrefix": "/local"}), "must begin with gs://"),
    ],
)
def test_malformed_jobs_are_refused(vertex, body, words):
    error = vertex.call("POST", "customJobs", body, expect=400)["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert words in error["message"]


def machine(name, kind="", count=0):
    spec = {"machineType": name}
    return {**spec, "acceleratorType": kind, "acceleratorCount": count} if kind else {**spec, "acceleratorCount": count}


BOTH = (
    "List of found errors:\t1.Field: job_spec.worker_pool_specs[0].machine_spec.accelerator_type; Message: Both"
    " `accelerator_type` and `accelerator_count` should be specified or none.\t"
)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (machine("n1-standard-5"), 'Machine type "n1-standard-5" is not supported.'),
        # Prediction has it, training does not.
        (machine("n1-standard-2"), 'Machine type "n1-standard-2" is not supported.'),
        (machine("n1-standard-4", count=1), BOTH),
        (machine("n1-standard-4", "NVIDIA_TESLA_T4"), BOTH),
        (
            machine("n1-standard-4", "NVIDIA_TESLA_K80", 1),
            'Accelerator "NVIDIA_TESLA_K80" is not supported for machine type "n1-standard-4"',
        ),
        (
            machine("e2-standard-8", "NVIDIA_TESLA_T4", 1),
            'Accelerator "NVIDIA_TESLA_T4" is not supported for machine type "e2-standard-8"',
        ),
        (machine("n1-standard-4", "NVIDIA_TESLA_T4", 3), "these numbers are: 1, 2, 4."),
        (machine("n1-standard-32", "NVIDIA_TESLA_V100", 2), "these numbers are: 4, 8."),
        (machine("g2-standard-24", "NVIDIA_L4", 1), "these numbers are: 2."),
        (machine("a2-highgpu-1g"), 'must be used with 1 of "NVIDIA_TESLA_A100"'),
        (machine("cloud-tpu", "TPU_V3", 40), "these numbers are: 8, 32."),
        (machine("n1-standard-4", "NVIDIA_GTX", 1), "Invalid JSON payload received."),
    ],
)
def test_machines_are_refused_in_googles_words(vertex, spec, words):
    error = vertex.call("POST", "customJobs", job({**pool("pass"), "machineSpec": spec}), expect=400)["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert words in error["message"]


@pytest.mark.parametrize(
    "spec",
    [
        machine("e2-standard-4"),
        machine("n1-standard-4", "NVIDIA_TESLA_T4", 2),
        machine("n1-highcpu-64", "NVIDIA_TESLA_P100", 4),
        machine("a2-megagpu-16g", "NVIDIA_TESLA_A100", 16),
        machine("g2-standard-96", "NVIDIA_L4", 8),
        machine("a3-highgpu-8g", "NVIDIA_H100_80GB", 8),
        machine("cloud-tpu", "TPU_V2", 64),
        {"machineType": "ct5lp-hightpu-4t", "tpuTopology": "2x2"},
    ],
)
def test_documented_machines_are_taken(spec):
    machines.check_training(spec, "machine_spec")


def test_a_job_without_a_command_fails_with_the_reason(vertex):
    spec = {"machineSpec": MACHINE, "containerSpec": {"imageUri": "image"}}
    done = vertex.wait(vertex.call("POST", "customJobs", job(spec))["name"])
    assert done["state"] == "JOB_STATE_FAILED"
    assert "gives no command" in done["error"]["message"]
