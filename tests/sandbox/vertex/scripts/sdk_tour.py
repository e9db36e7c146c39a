"""A tour of Vertex AI by calls of the `aiplatform` SDK alone; nothing in it knows of a sandbox.

It runs as it stands wherever the Google clients lead: on the cloud with a project, a bucket and an image, or in a
shell after `eval "$(earthline-sandbox env)"`.

Usage: sdk_tour.py BUCKET PIPELINE
"""

import os
import sys
import time

from google.api_core import exceptions
from google.cloud import aiplatform
from google.protobuf import json_format

BUCKET, PIPELINE = sys.argv[1:]
IMAGE = "earthline:0.1.0"
MACHINE = "n1-standard-4"

SERVER = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def reply(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply({})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply({"predictions": [{"by": os.environ["ANSWER"], "of": item} for item in request["instances"]]})

HTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
"""

# One step of data-parallel training whose gradients only come out right if both replicas took part.
TRAIN = """
import json, os
import tensorflow as tf

strategy = tf.distribute.MultiWorkerMirroredStrategy()
assert strategy.num_replicas_in_sync == 2, strategy.num_replicas_in_sync
rank = strategy.cluster_resolver.task_type, strategy.cluster_resolver.task_id
assert os.environ["AIP_MODEL_DIR"].startswith("gs://")
with strategy.scope():
    weight = tf.Variable(1.0)
    data = tf.data.Dataset.from_tensor_slices([1.0, 3.0]).batch(2)
    shards = iter(strategy.experimental_distribute_dataset(data))

@tf.function
def step(values):
    def replica(value):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(weight * value)
        gradient = tape.gradient(loss, weight)
        gradient = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradient)
        weight.assign_sub(0.125 * gradient)
    strategy.run(replica, args=(values,))

step(next(shards))
assert weight.numpy() == 0.5, weight.numpy()
print(rank, "trained")
"""


def upload(answer: str, **options: object) -> aiplatform.Model:
    """Uploads a model that answers with its name beside every instance."""
    return aiplatform.Model.upload(
        display_name="tour",
        serving_container_image_uri=IMAGE,
        serving_container_command=["python3", "-c", SERVER],
        serving_container_environment_variables={"ANSWER": answer},
        serving_container_predict_route="/predict",
        serving_container_health_route="/health",
        **options,
    )


def models() -> tuple[aiplatform.Model, aiplatform.Model]:
    """Two versions of one model, with aliases and labels."""
    one = upload("one", version_aliases=["default"], labels={"team": "maps"})
    two = upload("two", parent_model=one.resource_name, is_default_version=False, version_aliases=["champion"])
    assert (one.resource_name, one.version_id, one.version_aliases) == (two.resource_name, "1", ["default"])
    assert (two.version_id, two.version_aliases) == ("2", ["champion"])
    registry = one.versioning_registry
    assert [version.version_id for version in registry.list_versions()] == ["1", "2"]
    registry.add_version_aliases(["challenger"], version="1")
    registry.add_version_aliases(["default"], version="champion")
    assert aiplatform.Model(one.resource_name).version_id == "2"
    registry.remove_version_aliases(["challenger"], version="1")
    assert aiplatform.Model(f"{one.resource_name}@1").version_aliases == []
    registry.add_version_aliases(["default"], version="1")
    evaluate(two)
    one.update(description="A tour", labels={"team": "roads"})
    assert one.resource_name in [found.resource_name for found in aiplatform.Model.list(filter='labels.team="roads"')]
    return one, two


def evaluate(model: aiplatform.Model) -> None:
    """Figures of a version in the registry, which no other version shows."""
    client = aiplatform.gapic.ModelServiceClient(
        client_options={"api_endpoint": "us-central1-aiplatform.googleapis.com"}
    )
    evaluation = {"display_name": "test blocks", "metrics": {"accuracy": 0.75, "classes": ["forest", "water"]}}
    client.import_model_evaluation(
        parent=f"{model.resource_name}@{model.version_id}",
        model_evaluation=json_format.ParseDict(evaluation, aiplatform.gapic.ModelEvaluation.pb()()),
    )
    [found] = aiplatform.Model(f"{model.resource_name}@{model.version_id}").list_model_evaluations()
    assert dict(found.metrics)["accuracy"] == 0.75
    assert model.get_model_evaluation(found.resource_name.rpartition("/")[2]).metrics == found.metrics


def serve(one: aiplatform.Model, two: aiplatform.Model) -> None:
    """An endpoint whose traffic is split 80 to 20, then undeployed."""
    endpoint = aiplatform.Endpoint.create(display_name=f"tour {time.time()}")
    endpoint.deploy(one, machine_type=MACHINE, min_replica_count=1, max_replica_count=2)
    first = endpoint.list_models()[0].id
    endpoint.deploy(two, machine_type=MACHINE, traffic_percentage=20)
    [second] = [deployed.id for deployed in endpoint.list_models() if deployed.id != first]
    assert endpoint.traffic_split == {first: 80, second: 20}
    deployed = next(found for found in endpoint.gca_resource.deployed_models if found.id == first)
    assert deployed.dedicated_resources.min_replica_count == 1
    assert deployed.dedicated_resources.max_replica_count == 2
    answers = [endpoint.predict([[1, 2]]).predictions[0] for _ in range(60)]
    assert {answer["by"] for answer in answers} == {"one", "two"}
    assert answers[0]["of"] == [1, 2]
    raw = endpoint.raw_predict(b'{"instances": [7]}', {"Content-Type": "application/json"})
    assert raw.status_code == 200
    assert raw.json()["predictions"][0]["of"] == 7
    try:
        one.delete()
    except exceptions.GoogleAPICallError as error:
        assert "deployed" in str(error)
    else:
        raise AssertionError("a deployed model was deleted")
    endpoint.undeploy(second)
    assert endpoint.traffic_split == {first: 100}
    assert {endpoint.predict([1]).predictions[0]["by"] for _ in range(5)} == {"one"}
    endpoint.undeploy_all()
    endpoint.delete()
    one.versioning_registry.delete_version("2")
    one.delete()


def pipelines() -> None:
    """A pipeline that is waited for, and one that is cancelled."""

    def job(seconds: float) -> aiplatform.PipelineJob:
        return aiplatform.PipelineJob(
            display_name="tour",
            template_path=PIPELINE,
            pipeline_root=f"gs://{BUCKET}/pipelines",
            parameter_values={"seconds": seconds},
            enable_caching=False,
            labels={"team": "maps"},
        )

    done = job(0.1)
    done.submit()
    done.wait()
    assert done.state.name == "PIPELINE_STATE_SUCCEEDED"
    assert dict(done.gca_resource.labels)["team"] == "maps"
    stopped = job(600)
    stopped.submit()
    stopped.cancel()
    stopped.wait()
    assert stopped.state.name == "PIPELINE_STATE_CANCELLED"
    done.delete()


def schedules() -> None:
    """A schedule from its creation to its end; the year's first minute is not waited for."""
    job = aiplatform.PipelineJob(
        display_name="tour",
        template_path=PIPELINE,
        pipeline_root=f"gs://{BUCKET}/pipelines",
        parameter_values={"seconds": 0.1},
        labels={"team": "maps"},
    )
    schedule = aiplatform.PipelineJobSchedule(pipeline_job=job, display_name="tour")
    schedule.create(cron="TZ=Europe/Berlin 0 0 1 1 *", max_concurrent_run_count=1, max_run_count=2)
    schedule.pause()
    assert schedule.state.name == "PAUSED"
    schedule.update(display_name="tour by night", cron="TZ=Europe/Berlin 30 3 1 1 *")
    schedule.resume(catch_up=False)
    assert schedule.state.name == "ACTIVE"
    found = aiplatform.PipelineJobSchedule.list(filter='display_name="tour by night"')
    assert [other.resource_name for other in found] == [schedule.resource_name]
    assert found[0].cron == "TZ=Europe/Berlin 30 3 1 1 *"
    assert schedule.list_jobs() == []
    schedule.delete()


def train() -> None:
    """A custom job of two workers that take one step together."""

    def pool() -> dict[str, object]:
        container = {"image_uri": IMAGE, "command": ["python3", "-c", TRAIN]}
        return {"machine_spec": {"machine_type": MACHINE}, "replica_count": 1, "container_spec": container}

    job = aiplatform.CustomJob(
        display_name="tour", worker_pool_specs=[pool(), pool()], base_output_dir=f"gs://{BUCKET}/training"
    )
    job.run(timeout=300)
    assert job.state.name == "JOB_STATE_SUCCEEDED"
    job.delete()


# Without a project the SDK speaks REST; with one, gRPC.
aiplatform.init(project=os.environ["GOOGLE_CLOUD_PROJECT"], location="us-central1", staging_bucket=f"gs://{BUCKET}")
serve(*models())
pipelines()
schedules()
train()
print("the tour is over")
