"""Custom training through the unmodified client: scripts, packages and containers, and the models that they leave."""

from typing import Any

import pytest

CLIENT = """
import json, pathlib, sys, tempfile, time
from google.api_core import exceptions
from google.cloud import aiplatform, storage

client = storage.Client()
bucket = client.bucket("training-pipelines")
if not bucket.exists():
    client.create_bucket(bucket)
aiplatform.init(project="sandbox", location="us-central1", staging_bucket="gs://training-pipelines/staging")
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "task.py").write_text('''
import os, sys
from google.cloud import storage

bucket, _, path = os.environ["AIP_MODEL_DIR"].removeprefix("gs://").partition("/")
text = " ".join([*sys.argv[1:], os.environ["COLOUR"]])
storage.Client().bucket(bucket).blob(path + "weights.txt").upload_from_string(text)
print("trained with", text)
''')
IMAGE = "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-14.py310:latest"
SERVING = {
    "model_serving_container_image_uri": "earthline:0.1.0",
    "model_serving_container_predict_route": "/predict",
    "model_serving_container_health_route": "/health",
}

# A script, which the client packs and uploads; a container; both at the same time.
scripted = aiplatform.CustomTrainingJob(
    display_name="scripted", script_path=str(folder / "task.py"), container_uri=IMAGE,
    requirements=["google-cloud-storage>=2"], labels={"team": "maps"}, **SERVING)
one = scripted.run(
    model_display_name="landcover", args=["--epochs", 3], environment_variables={"COLOUR": "red"},
    base_output_dir="gs://training-pipelines/one", machine_type="n1-standard-4",
    model_version_aliases=["candidate"], sync=False)
contained = aiplatform.CustomContainerTrainingJob(
    display_name="contained", container_uri="earthline:0.1.0", command=["python3", "-c", "print('no model')"])
none = contained.run(machine_type="n1-standard-4", replica_count=1, sync=False)
scripted.wait()
assert contained.wait() is None and contained.state.name == "PIPELINE_STATE_SUCCEEDED", contained.state
assert (one.display_name, one.version_id) == ("landcover", "1")
assert sorted(one.version_aliases) == ["candidate", "default"], one.version_aliases
assert one.uri == "gs://training-pipelines/one/model"
assert bucket.blob("one/model/weights.txt").download_as_text() == "--epochs 3 red"
found = aiplatform.CustomTrainingJob.get(scripted.resource_name)
assert found.get_model().resource_name == one.resource_name
assert found.resource_name in [
    job.resource_name for job in aiplatform.CustomTrainingJob.list(filter='labels.team="maps"', order_by="create_time")]
backing = aiplatform.CustomJob.get(found.gca_resource.training_task_metadata["backingCustomJob"])
assert backing.state.name == "JOB_STATE_SUCCEEDED" and backing.display_name == "scripted-custom-job"

# The package that the client made, as a package; a second version of the model, not the default one.
(package,) = [blob.name for blob in client.list_blobs(bucket) if blob.name.endswith(".tar.gz")]
packaged = aiplatform.CustomPythonPackageTrainingJob(
    display_name="packaged", python_package_gcs_uri=f"gs://training-pipelines/{package}",
    python_module_name="aiplatform_custom_trainer_script.task", container_uri=IMAGE, **SERVING)
two = packaged.run(
    model_display_name="landcover", args=["again"], environment_variables={"COLOUR": "blue"},
    base_output_dir="gs://training-pipelines/two", machine_type="n1-standard-4",
    parent_model=one.resource_name, is_default_version=False, sync=False)

# A requirement that is not here, and a job that is cancelled, meanwhile.
wanting = aiplatform.CustomTrainingJob(
    display_name="wanting", script_path=str(folder / "task.py"), container_uri=IMAGE, requirements=["no-such-thing>=9"])
wanting.run(machine_type="n1-standard-4", sync=False)
endless = aiplatform.CustomContainerTrainingJob(
    display_name="endless", container_uri="earthline:0.1.0", command=["sleep", "600"])
endless.run(machine_type="n1-standard-4", sync=False)
local = aiplatform.CustomJob.from_local_script(
    display_name="local", script_path=str(folder / "task.py"), container_uri=IMAGE, args=["local"],
    environment_variables={"COLOUR": "green"}, base_output_dir="gs://training-pipelines/local")
local.submit()
endless.wait_for_resource_creation()
endless.cancel()
packaged.wait()
assert (two.resource_name, two.version_id, list(two.version_aliases)) == (one.resource_name, "2", [])
assert bucket.blob("two/model/weights.txt").download_as_text() == "again blue"
try:
    wanting.wait()
except RuntimeError as error:
    assert "no-such-thing>=9, which is not here" in str(error) and "downloads none" in str(error), error
else:
    raise AssertionError("trained without what it requires")
assert wanting.state.name == "PIPELINE_STATE_FAILED"
try:
    endless.wait()
except RuntimeError as error:
    assert "CANCELED" in str(error), error
assert endless.state.name == "PIPELINE_STATE_CANCELLED", endless.state
name = endless.resource_name
# Not `endless.delete()`, which would raise its failure once more.
aiplatform.CustomContainerTrainingJob.get(name).delete()
try:
    aiplatform.CustomContainerTrainingJob.get(name)
except exceptions.NotFound:
    print("deleted")
while local.state.name in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING"):
    time.sleep(0.2)
assert local.state.name == "JOB_STATE_SUCCEEDED", local.error
assert bucket.blob("local/model/weights.txt").download_as_text() == "local green"

# What the model's registry keeps is its own: it leaves by an export, and is copied, also when the source is gone.
bucket.blob("one/model/weights.txt").delete()
output = aiplatform.Model(f"{one.resource_name}@1").export_model(
    export_format_id="custom-trained", artifact_destination="gs://training-pipelines/exported")
uri = output["artifactOutputUri"]
assert uri.startswith("gs://training-pipelines/exported/model-export-landcover-"), uri
path = uri.removeprefix("gs://training-pipelines/")
assert bucket.blob(f"{path}/weights.txt").download_as_text() == "--epochs 3 red"
copied = aiplatform.Model(f"{one.resource_name}@1").copy(
    destination_location="us-central1", destination_model_id=f"copied-{time.time_ns()}")
assert copied.version_id == "1" and copied.display_name == "landcover" and copied.resource_name != one.resource_name
again = copied.export_model(export_format_id="custom-trained", artifact_destination="gs://training-pipelines/again/")
path = again["artifactOutputUri"].removeprefix("gs://training-pipelines/")
assert bucket.blob(f"{path}/weights.txt").download_as_text() == "--epochs 3 red"
third = aiplatform.Model(f"{one.resource_name}@2").copy(
    destination_location="us-central1", destination_parent_model=copied.resource_name)
assert (third.resource_name, third.version_id) == (copied.resource_name, "2")
print("done")
"""

CUSTOM_TASK = "gs://google-cloud-aiplatform/schema/trainingjob/definition/custom_task_1.0.0.yaml"
POOL = {
    "machine_spec": {"machine_type": "n1-standard-4"},
    "replica_count": 1,
    "container_spec": {"image_uri": "any", "command": ["true"]},
}


@pytest.mark.slow
def test_the_clients_training_jobs_run_unmodified(sandbox: Any) -> None:
    lines = sandbox.python(CLIENT, timeout=400).splitlines()
    assert lines[-1] == "done" and "deleted" in lines


def pipeline(**fields: Any) -> dict[str, Any]:
    inputs = {"worker_pool_specs": [POOL]}
    return {"displayName": "t", "trainingTaskDefinition": CUSTOM_TASK, "trainingTaskInputs": inputs, **fields}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"trainingTaskDefinition": CUSTOM_TASK.replace("custom_task", "automl_tabular")}, "custom training alone"),
        ({"inputDataConfig": {"datasetId": "7"}}, "no managed datasets"),
        ({"trainingTaskInputs": [1]}, "must be an object"),
        ({"trainingTaskInputs": {"worker_pool": []}}, 'Unknown name "worker_pool"'),
        ({"trainingTaskInputs": {"worker_pool_specs": []}}, "workerPoolSpecs is not set"),
        ({"trainingTaskInputs": {"worker_pool_specs": [{**POOL, "machine_spec": {}}]}}, "Machine type"),
        ({"modelToUpload": {"displayName": "m"}}, "baseOutputDirectory is not"),
        ({"modelToUpload": {"displayName": ""}}, "model.displayName is not set"),
        ({"colour": "red"}, 'Unknown name "colour"'),
    ],
)
def test_malformed_pipelines_are_refused(vertex: Any, fields: dict[str, Any], words: str) -> None:
    error = vertex.call("POST", "trainingPipelines", pipeline(**fields), expect=400)["error"]
    assert error["status"] == "INVALID_ARGUMENT" and words in error["message"], error
    assert vertex.call("GET", "trainingPipelines") == {"trainingPipelines": []}
    assert vertex.call("GET", "customJobs") == {"customJobs": []}


def test_packages_that_are_no_packages_fail_the_job_with_what_pip_says(vertex: Any) -> None:
    (vertex.home / "storage" / "bucket").mkdir(parents=True)
    (vertex.home / "storage" / "bucket" / "broken-1.0.tar.gz").write_bytes(b"no archive")

    def failure(uri: str) -> str:
        packages = {"executorImageUri": "any", "packageUris": [uri], "pythonModule": "broken.task"}
        pool = {"machineSpec": {"machineType": "n1-standard-4"}, "replicaCount": 1, "pythonPackageSpec": packages}
        job = {"displayName": "t", "jobSpec": {"workerPoolSpecs": [pool], "scheduling": {"disableRetries": True}}}
        found = vertex.wait(vertex.call("POST", "customJobs", job)["name"])
        assert found["state"] == "JOB_STATE_FAILED"
        return str(found["error"]["message"])

    assert "The package gs://bucket/absent.tar.gz is not there" in failure("gs://bucket/absent.tar.gz")
    message = failure("gs://bucket/broken-1.0.tar.gz")
    assert "broken-1.0.tar.gz could not be installed" in message and "not a gzip file" in message


def test_a_training_that_leaves_no_model_fails_and_takes_the_version_back(vertex: Any) -> None:
    (vertex.home / "storage" / "bucket").mkdir(parents=True)
    inputs = {"worker_pool_specs": [POOL], "base_output_directory": {"output_uri_prefix": "gs://bucket/out"}}
    model = {"displayName": "m", "containerSpec": {"imageUri": "any"}}
    body = pipeline(trainingTaskInputs=inputs, modelToUpload=model)
    made = vertex.wait(vertex.call("POST", "trainingPipelines", body)["name"])
    assert made["state"] == "PIPELINE_STATE_FAILED"
    assert "gs://bucket/out/model holds no objects" in made["error"]["message"]
    assert vertex.call("GET", "models") == {"models": []}
    assert vertex.call("POST", f"/v1/{made['name']}:cancel", {}, expect=400)["error"]["status"] == "FAILED_PRECONDITION"
    assert vertex.call("DELETE", f"/v1/{made['name']}")["done"]
    vertex.call("GET", f"/v1/{made['name']}", expect=404)


def test_a_stopped_sandbox_fails_the_pipeline_with_the_reason(vertex: Any) -> None:
    pool = {**POOL, "container_spec": {"image_uri": "any", "command": ["sleep", "600"]}}
    body = pipeline(trainingTaskInputs={"worker_pool_specs": [pool]})
    name = vertex.call("POST", "trainingPipelines", body)["name"]
    assert vertex.call("DELETE", f"/v1/{name}", expect=400)["error"]["status"] == "FAILED_PRECONDITION"
    vertex.stop()
    vertex.start()
    found = vertex.wait(name)
    assert found["state"] == "PIPELINE_STATE_FAILED" and "sandbox" in found["error"]["message"]


def test_a_model_without_artifacts_or_an_unknown_format_is_not_exported(vertex: Any) -> None:
    model = vertex.upload().partition("@")[0]
    (vertex.home / "storage" / "bucket").mkdir(parents=True)
    target = {"artifactDestination": {"outputUriPrefix": "gs://bucket/x"}}

    def refusal(**output: Any) -> str:
        answer = vertex.call("POST", f"/v1/{model}:export", {"outputConfig": output}, expect=400)
        return str(answer["error"]["message"])

    assert "supported: custom-trained" in refusal(exportFormatId="tflite", **target)
    assert "has no artifacts" in refusal(exportFormatId="custom-trained", **target)
    image = {"imageDestination": {"outputUri": "r.pkg.dev/p/i:1"}}
    assert "no container registry" in refusal(exportFormatId="custom-trained", **image)
    elsewhere = {"artifactDestination": {"outputUriPrefix": "gs://missing/x"}}
    assert "'missing'" in refusal(exportFormatId="custom-trained", **elsewhere)
    copied = vertex.result(vertex.call("POST", "models:copy", {"sourceModel": f"{model}@1", "modelId": "twin"}))
    twin = vertex.call("GET", f"/v1/{copied['model']}")
    assert twin["originalModelInfo"] == {"model": f"{model}@1"} and twin["modelSourceInfo"]["copy"] is True
    assert twin["versionAliases"] == ["default"]
    error = vertex.call("POST", "models:copy", {"sourceModel": "models/1"}, expect=400)["error"]
    assert "not a name of the form" in error["message"]
    vertex.call("POST", "models:copy", {"sourceModel": model.replace("models/", "models/0")}, expect=404)


def test_a_cancelled_pipeline_has_the_error_of_its_job(vertex: Any) -> None:
    pool = {**POOL, "container_spec": {"image_uri": "any", "command": ["sleep", "600"]}}
    name = vertex.call("POST", "trainingPipelines", pipeline(trainingTaskInputs={"worker_pool_specs": [pool]}))["name"]
    vertex.call("POST", f"/v1/{name}:cancel", {})
    found = vertex.wait(name)
    job = vertex.call("GET", f"/v1/{found['trainingTaskMetadata']['backingCustomJob']}")
    assert (found["state"], job["state"]) == ("PIPELINE_STATE_CANCELLED", "JOB_STATE_CANCELLED")
    assert found["error"] == job["error"] and found["error"]["message"] == "CANCELED"
