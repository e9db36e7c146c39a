"""The real `aiplatform.PipelineJob`, over gRPC and over REST, and GCPC's custom job wrapper, in one client process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CLIENT = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from google.cloud import aiplatform, storage
from google_cloud_pipeline_components.v1.custom_job import create_custom_training_job_from_component
from kfp import compiler, dsl

PLAIN = {"base_image": "earthline:0.1.0", "install_kfp_package": False}

@dsl.component(**PLAIN)
def train(model: dsl.Output[dsl.Model], epochs: int, rate: float = 0.1) -> float:
    with open(model.path, "w") as file:
        file.write("weights")
    model.metadata["epochs"] = epochs
    print("epoch", epochs)
    return rate * 2

@dsl.component(**PLAIN)
def check(model: dsl.Input[dsl.Model]) -> str:
    with open(model.path) as file:
        return f"{file.read()} after {model.metadata['epochs']} epochs, {model.uri}"

wrapped = create_custom_training_job_from_component(train, display_name="train", machine_type="n1-standard-4")

@dsl.pipeline(name="sdk")
def pipeline(epochs: int):
    trained = wrapped(epochs=epochs)
    with dsl.If(trained.outputs["Output"] > 0.1):
        check(model=trained.outputs["model"])

@dsl.pipeline(name="sdk-taker")
def taker(model: dsl.Input[dsl.Model]):
    check(model=model)

@dsl.container_component
def slow():
    return dsl.ContainerSpec(image="any", command=["sleep", "300"])

@dsl.pipeline(name="sdk-long")
def long():
    slow()

folder = sys.argv[1]
compiler.Compiler().compile(pipeline, f"{folder}/pipeline.yaml")
compiler.Compiler().compile(taker, f"{folder}/taker.yaml")
compiler.Compiler().compile(long, f"{folder}/long.yaml")
client = storage.Client()
bucket = client.bucket("pipeline-sdk")
if not bucket.exists():
    client.create_bucket(bucket)
found = {}

aiplatform.init(project="sandbox", location="us-central1")
job = aiplatform.PipelineJob(
    display_name="over-grpc", template_path=f"{folder}/pipeline.yaml", pipeline_root="gs://pipeline-sdk/root",
    parameter_values={"epochs": 3}, labels={"team": "maps"},
)
job.submit()
job.wait()
found["grpc"] = {
    "state": job.state.name,
    "tasks": {task.task_name: task.state.name for task in job.task_details},
    "outputs": {task.task_name: task.execution.metadata.get("output:Output") for task in job.task_details},
    "uri": [list(task.outputs["model"].artifacts)[0].uri for task in job.task_details if task.task_name == "train"][0],
}
aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
again = aiplatform.PipelineJob(
    display_name="over-rest", template_path=f"{folder}/pipeline.yaml", pipeline_root="gs://pipeline-sdk/root",
    parameter_values={"epochs": 3},
)
again.submit()
again.wait()
found["rest"] = {task.task_name: task.state.name for task in again.task_details}
(made,) = [list(task.outputs["model"].artifacts)[0] for task in job.task_details if task.task_name == "train"]
taking = aiplatform.PipelineJob(
    display_name="takes-artifact", template_path=f"{folder}/taker.yaml", pipeline_root="gs://pipeline-sdk/root",
    input_artifacts={"model": made.name.rpartition("/")[2]},
)
taking.submit()
taking.wait()
(checked,) = taking.task_details
taken = list(checked.inputs["model"].artifacts)[0]
found["taken"] = [taken.name == made.name, checked.execution.metadata["output:Output"]]
try:
    aiplatform.PipelineJob(
        display_name="no-artifact", template_path=f"{folder}/taker.yaml", pipeline_root="gs://pipeline-sdk/root",
        input_artifacts={"model": "17"},
    ).submit()
except Exception as error:
    found["unknown"] = f"{type(error).__name__}: {error}"
found["listed"] = [item.display_name for item in aiplatform.PipelineJob.list(order_by="create_time desc")][:2]
found["labelled"] = [item.display_name for item in aiplatform.PipelineJob.list(filter='labels.team="maps"')]

slow_job = aiplatform.PipelineJob(
    display_name="slow", template_path=f"{folder}/long.yaml", pipeline_root="gs://pipeline-sdk/root"
)
slow_job.submit()
slow_job.cancel()
for _ in range(100):
    found["cancelled"] = slow_job.state.name
    if found["cancelled"] == "PIPELINE_STATE_CANCELLED":
        break
    time.sleep(0.1)
slow_job.delete()
try:
    aiplatform.PipelineJob.get(slow_job.resource_name)
except Exception as error:
    found["deleted"] = type(error).__name__
try:
    aiplatform.PipelineJob(
        display_name="bad", template_path=f"{folder}/pipeline.yaml", pipeline_root="gs://pipeline-sdk/root",
        parameter_values={"epochs": "many"},
    ).submit()
except Exception as error:
    found["refused"] = f"{type(error).__name__}: {error}"
print("FOUND" + json.dumps(found))
"""


@pytest.mark.slow
def test_the_real_client_runs_cancels_lists_and_deletes(sandbox: Any, tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(CLIENT)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        env=sandbox.client_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.rpartition("FOUND")[2])
    grpc = found["grpc"]
    assert grpc["state"] == "PIPELINE_STATE_SUCCEEDED"
    assert grpc["tasks"] == {"train": "SUCCEEDED", "condition-1": "SUCCEEDED", "check": "SUCCEEDED"}
    assert grpc["outputs"]["train"] == 0.2
    assert grpc["outputs"]["check"] == f"weights after 3 epochs, {grpc['uri']}"
    assert grpc["uri"].startswith("gs://pipeline-sdk/root/")
    assert found["rest"] == {"train": "SKIPPED", "condition-1": "SUCCEEDED", "check": "SKIPPED"}
    assert found["taken"] == [True, f"weights after 3 epochs, {grpc['uri']}"]
    assert "NotFound" in found["unknown"] and "artifacts/17 does not exist" in found["unknown"]
    assert found["listed"] == ["takes-artifact", "over-rest"] and "over-grpc" in found["labelled"]
    assert found["cancelled"] == "PIPELINE_STATE_CANCELLED"
    assert found["deleted"] == "NotFound"
    assert found["refused"].startswith("BadRequest") or found["refused"].startswith("InvalidArgument")
    assert "'epochs' must be a NUMBER_INTEGER" in found["refused"]
