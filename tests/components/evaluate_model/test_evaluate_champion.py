"""The champion through Google's own clients: the registry, the endpoint and the bucket are the sandbox's."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from components.prepare_saved_model import export
from earthline.formats.served.contract import Contract
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

BANDS = ("swir", "nir")
CLASSES = ("dark", "bright")

SERVER = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

HTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Healthy).serve_forever()
"""

SCRIPT = """
import os, pathlib
import numpy as np
from google.cloud import aiplatform, storage
from components.evaluate_model import champion
from earthline.patches import Patches
from earthline.task.classification.task import Classification
from earthline.vertex import champion as serving

PROJECT, LOCATION = "sandbox", "us-central1"
assert serving.find(PROJECT, LOCATION, "champion-test") is None
aiplatform.init(project=PROJECT, location=LOCATION, api_transport="rest")
aiplatform.Endpoint.create(display_name="champion-test")
assert serving.find(PROJECT, LOCATION, "champion-test") is None, "an endpoint without a model has no champion"

bucket = storage.Client(project=PROJECT).create_bucket("champion-test")
folder = pathlib.Path(os.environ["FOLDER"])
for path in folder.rglob("*"):
    if path.is_file():
        bucket.blob(f"model/{path.relative_to(folder)}").upload_from_filename(str(path))

bucket.blob("other/weights.bin").upload_from_string(b"of another kind of model")

def upload(uri, parent=None):
    return aiplatform.Model.upload(
        display_name="champion-test", artifact_uri=uri, parent_model=parent,
        serving_container_image_uri="earthline:0.1.0",
        serving_container_command=["python3", "-c", os.environ["SERVER"]],
        serving_container_predict_route="/predict", serving_container_health_route="/health")

endpoint = aiplatform.Endpoint.list(filter='display_name="champion-test"')[0]
first = upload("gs://champion-test/model")
endpoint.deploy(first, machine_type="n1-standard-4")
canary = upload("gs://champion-test/other", parent=first.resource_name)
endpoint.deploy(canary, machine_type="n1-standard-4", traffic_percentage=10)

found = serving.find(PROJECT, LOCATION, "champion-test")
assert found == serving.Champion(f"{first.resource_name}@1", "gs://champion-test/model"), found
loaded = np.load(folder / "patches.npz")
patches = Patches(loaded["image"], loaded["valid"], loaded["label"], np.zeros((2, 2), int), loaded["label"])
task = Classification(("dark", "bright")).record
classes, contract = champion.predict(found, PROJECT, patches, ("swir", "nir"), task)
assert contract.task.entries == ("dark", "bright"), contract
np.save(os.environ["RESULT"], classes)
try:
    other = serving.Champion("m@2", "gs://champion-test/other")
    champion.predict(other, PROJECT, patches, ("swir", "nir"), Classification(("a", "b")).record)
except champion.ChampionError as error:
    assert "gs://champion-test/other has no readable contract.json" in str(error), error
else:
    raise AssertionError("a folder without a contract was taken for a model")
endpoint.delete(force=True)
"""


@pytest.mark.slow
def test_the_model_with_most_traffic_is_found_and_scored_again(sandbox: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((None, None, 2), name="image"), keras.Input((None, None, 1), name="valid")
    convolved = keras.layers.Conv2D(2, 3, padding="same", activation="softmax")(keras.layers.Concatenate()(inputs))
    network = keras.Model(list(inputs), convolved)
    contract = Contract(
        bands=BANDS,
        task=Classification(CLASSES).record,
        tile_shape=(8, 8),
        overlap=(4, 4),
        stride=1,
        max_payload_bytes=1_500_000,
    )
    folder = tmp_path / "model"
    export.save(network, contract, folder)
    random = np.random.default_rng(0)
    image = random.normal(size=(2, 8, 8, 2)).astype(np.float32)
    valid = random.random((2, 8, 8)) < 0.8
    image[~valid] = 0
    label = np.where(valid & (random.random((2, 8, 8)) < 0.7), 1, UNLABELLED).astype(np.uint8)
    np.savez(folder / "patches.npz", image=image, valid=valid, label=label)

    result = tmp_path / "result.npy"
    sandbox.python(SCRIPT, timeout=300, FOLDER=str(folder), RESULT=str(result), SERVER=SERVER)
    expected = np.asarray(network([image, valid[..., np.newaxis].astype(np.float32)])).argmax(-1)
    np.testing.assert_array_equal(np.load(result), expected[label != UNLABELLED])
