"""Google Cloud Pipeline Components, unmodified, in one compiled pipeline: their launchers over REST and gRPC."""

import json
import sys

import pytest

from tests.sandbox.vertex.rest_client import HOST, client_of

CLIENT = """
import json, sys, warnings
warnings.simplefilter("ignore")
from google.cloud import aiplatform, storage
from google_cloud_pipeline_components.types import artifact_types
from google_cloud_pipeline_components.v1.batch_predict_job import ModelBatchPredictOp
from google_cloud_pipeline_components.v1.custom_job import CustomTrainingJobOp
from google_cloud_pipeline_components.v1.endpoint import EndpointCreateOp, ModelDeployOp
from google_cloud_pipeline_components.v1.model import ModelUploadOp
from kfp import compiler, dsl

FOLDER, SERVER = sys.argv[1:]
IMAGE, MACHINE = "earthline:0.1.0", "n1-standard-4"

def pool(code):
    container = {"image_uri": IMAGE, "command": ["python3", "-c", code]}
    return {"machine_spec": {"machine_type": MACHINE}, "replica_count": 1, "container_spec": container}

TRAIN = "import os; print('trained'); assert os.environ['AIP_MODEL_DIR'] == 'gs://components/train/model/'"

@dsl.pipeline(name="components")
def pipeline():
    trained = CustomTrainingJobOp(
        display_name="train", worker_pool_specs=[pool(TRAIN), pool("import time; time.sleep(60)")],
        base_output_directory="gs://components/train", labels={"team": "maps"})
    imported = dsl.importer(
        artifact_uri="gs://components/weights", artifact_class=artifact_types.UnmanagedContainerModel,
        metadata={"containerSpec": {
            "imageUri": IMAGE, "command": ["python3", SERVER, "one"],
            "healthRoute": "/health", "predictRoute": "/predict"}})
    uploaded = ModelUploadOp(
        display_name="components", unmanaged_container_model=imported.outputs["artifact"],
        version_aliases=["champion"], labels={"team": "maps"}).after(trained)
    endpoint = EndpointCreateOp(display_name="components")
    ModelDeployOp(
        model=uploaded.outputs["model"], endpoint=endpoint.outputs["endpoint"], traffic_split={"0": 100},
        dedicated_resources_machine_type=MACHINE, dedicated_resources_min_replica_count=1,
        dedicated_resources_max_replica_count=1)
    ModelBatchPredictOp(
        job_display_name="components", model=uploaded.outputs["model"], gcs_source_uris=["gs://components/in.jsonl"],
        gcs_destination_output_uri_prefix="gs://components/out", machine_type=MACHINE, starting_replica_count=1)

@dsl.pipeline(name="failing")
def failing():
    CustomTrainingJobOp(
        display_name="fail", worker_pool_specs=[pool("print('epoch 1'); raise SystemExit('no labels in any patch')")])

client = storage.Client()
bucket = client.create_bucket("components")
bucket.blob("weights/saved_model.pb").upload_from_string(b"graph")
bucket.blob("in.jsonl").upload_from_string('1\\n{"b": [2]}\\n')
aiplatform.init(project="sandbox", location="us-central1")
names = []
for name, function in (("components", pipeline), ("failing", failing)):
    compiler.Compiler().compile(function, f"{FOLDER}/{name}.yaml")
    job = aiplatform.PipelineJob(
        display_name=name, template_path=f"{FOLDER}/{name}.yaml", pipeline_root="gs://components/root")
    job.submit()
    names.append(job.resource_name)
print(json.dumps(names))
"""


@pytest.fixture(scope="module")
def jobs(sandbox, tmp_path_factory):
    """The two pipeline jobs at their end."""
    from tests.sandbox.vertex.conftest import SERVER

    folder = tmp_path_factory.mktemp("components")
    (folder / "server.py").write_text(SERVER)
    (folder / "client.py").write_text(CLIENT)
    done = sandbox.run([sys.executable, str(folder / "client.py"), str(folder), str(folder / "server.py")], timeout=180)
    found = []
    for name in json.loads(done.stdout.splitlines()[-1]):
        found.append(client_of(sandbox).wait(name, seconds=180))
    return found


def get(sandbox, name):
    return client_of(sandbox).call("GET", f"/v1/{name}")


def resources(task):
    """Names of what a task's launcher began."""
    text = task["execution"]["metadata"]["output:gcp_resources"]
    return [item["resourceUri"].partition("/v1/")[2] for item in json.loads(text)["resources"]]


@pytest.mark.slow
def test_the_operators_run_unmodified(sandbox, jobs):
    job = jobs[0]
    assert job["state"] == "PIPELINE_STATE_SUCCEEDED", job.get("error")
    tasks = {task["taskName"]: task for task in job["jobDetail"]["taskDetails"]}
    [training] = resources(tasks["custom-training-job"])
    trained = get(sandbox, training)
    assert (trained["state"], trained["labels"]["team"]) == ("JOB_STATE_SUCCEEDED", "maps")

    [model] = tasks["model-upload"]["outputs"]["model"]["artifacts"]
    name = model["metadata"]["resourceName"]
    assert set(get(sandbox, name)["versionAliases"]) == {"default", "champion"}
    [endpoint] = tasks["endpoint-create"]["outputs"]["endpoint"]["artifacts"]
    deployed = get(sandbox, endpoint["metadata"]["resourceName"])
    assert [item["model"] for item in deployed["deployedModels"]] == [name.partition("@")[0]]
    answer = sandbox.request("POST", HOST, f"/v1/{deployed['name']}:predict", json={"instances": [5]})
    assert answer.json()["predictions"] == [["one", 5]]

    [batch] = resources(tasks["model-batch-predict"])
    predicted = get(sandbox, batch)
    assert predicted["completionStats"]["successfulCount"] == "2"
    [output] = tasks["model-batch-predict"]["outputs"]["gcs_output_directory"]["artifacts"]
    assert output["uri"] == predicted["outputInfo"]["gcsOutputDirectory"]


@pytest.mark.slow
def test_no_launcher_sleeps_while_its_work_is_done(sandbox, jobs):
    # Each of them would sleep 20 s between two polls, and says so.
    identifier = jobs[0]["name"].rpartition("/")[2]
    logs = [path.read_text() for path in (sandbox.home / "vertex").rglob("log.txt") if identifier in path.parts]
    assert len(logs) == 5
    assert not [text for text in logs if "Waiting for 20 seconds" in text or "The resource is creating" in text]


@pytest.mark.slow
def test_the_reason_of_a_failed_custom_job_is_in_the_tasks_error(sandbox, jobs):
    job = jobs[1]
    assert job["state"] == "PIPELINE_STATE_FAILED"
    [task] = [task for task in job["jobDetail"]["taskDetails"] if task["taskName"] == "custom-training-job"]
    message = task["error"]["message"]
    assert "The replica workerpool0-0 exited with a non-zero status of 1." in message
    assert "no labels in any patch" in message
