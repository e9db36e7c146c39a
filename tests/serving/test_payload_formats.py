"""Every payload format that Earth Engine can send, from the real client to the real server, through Vertex AI."""

import json
import shutil
import sys
from typing import Any

import numpy as np
import pytest

from tests.components.outcomes import outcome as told
from tests.components.scene import CRS, MASKED, TRANSFORM, save
from tests.serving.conftest import BANDS

ASSET = "projects/sandbox/assets/payload_formats/scene"
SHAPE = (26, 30)
HTTP = ("SERIALIZED_TF_TENSORS", "RAW_JSON", "ND_ARRAYS")
GRPC = ("GRPC_TF_TENSORS", "GRPC_SERIALIZED_TF_TENSORS", "GRPC_SERIALIZED_TF_EXAMPLES", "GRPC_TF_EXAMPLES")
STEPS = """
import json, sys
import numpy as np
from google.api_core import exceptions
from google.cloud import aiplatform
import ee
from earthline.earth_engine.connection import connect
from earthline.earth_engine.pixels import fetch
from earthline.grid import Grid
case = json.load(open(sys.argv[1]))
aiplatform.init(project="sandbox", location="us-central1", api_transport="grpc")
there = aiplatform.Endpoint.list(filter='display_name="payload-formats"')
if not there:
    model = aiplatform.Model.upload(
        display_name="payload-formats", serving_container_image_uri="test:1", artifact_uri=case["uri"],
        serving_container_command=["python3", "-m", "serving"], serving_container_ports=[8080],
        serving_container_grpc_ports=[8500], serving_container_predict_route="/predict",
        serving_container_health_route="/health")
    there = [aiplatform.Endpoint.create(display_name="payload-formats")]
    there[0].deploy(model, machine_type="n1-standard-4")
endpoint = there[0]
connect("sandbox")
grid = Grid.from_json(case["grid"])
scene = ee.Image(case["asset"])
valid = scene.mask().reduce("min").gt(0).unmask(0, False).rename("earthline_valid")
image = scene.toFloat().divide(100).unmask(0, False).addBands(valid.toFloat())
answers = {}
for payload_format, given in case["formats"]:
    model = ee.Model.fromVertexAi(
        endpoint=endpoint.resource_name, inputTileSize=[8, 8], inputOverlapSize=[4, 4], fixInputProj=True,
        proj=ee.Projection(grid.crs, list(grid.transform)), maxPayloadBytes=20_000, payloadFormat=payload_format,
        outputBands={"probabilities": {"type": ee.PixelType.float(), "dimensions": 1}})
    sent = image.toArray() if given == "array" else image
    bands = model.predictImage(sent).select(["probabilities"]).arrayFlatten([["a", "b", "c"]])
    pixels = fetch(bands.unmask(-1, False), grid, 2, "the map")
    answers[f"{payload_format} {given}"] = np.stack([pixels[name] for name in "abc"], axis=-1)
np.savez(case["found"], **answers)
method = "/tensorflow.serving.PredictionService/Predict"
try:
    endpoint.direct_raw_predict(method_name=method, request=b"nonsense")
except exceptions.InvalidArgument as error:
    assert "not a serialized tensorflow.serving.PredictRequest" in str(error), error
else:
    raise AssertionError("not refused")
answer = endpoint.raw_predict(b'{"instances": []}', {"Content-Type": "application/json"})
assert answer.status_code == 400 and "`instances` is empty" in answer.text, answer.text
print("OUTCOME{}")
"""


@pytest.mark.slow
def test_all_of_them_make_the_same_map(sandbox: Any, saved_model: Any, tmp_path: Any) -> None:
    shutil.copytree(saved_model, sandbox.home / "storage" / "earthline-sandbox" / "payload-formats")
    random = np.random.default_rng(8)
    scene = random.integers(0, 200, (2, *SHAPE)).astype(np.uint8)
    scene[0, 3:9, 5:14] = MASKED
    sandbox.command("add", ASSET, save(tmp_path / "scene.tif", scene), "--bands", ",".join(BANDS))
    every: dict[str, np.ndarray] = {}
    for reading, formats in (("batched", (*HTTP, *GRPC)), ("single", GRPC)):
        sandbox.command("readings", f"grpc={reading}")
        case = {
            "uri": "gs://earthline-sandbox/payload-formats",
            "asset": ASSET,
            "grid": {"crs": CRS, "transform": TRANSFORM, "shape": SHAPE},
            "formats": [(name, "bands") for name in formats] + [(name, "array") for name in formats[:2]],
            "found": str(tmp_path / "found.npz"),
        }
        (tmp_path / "case.json").write_text(json.dumps(case))
        told(sandbox.run([sys.executable, "-c", STEPS, str(tmp_path / "case.json")], timeout=180))
        with np.load(tmp_path / "found.npz") as found:
            every |= {f"{name} {reading}": found[name] for name in found}
    sandbox.command("readings", "grpc=batched")
    usual = every["SERIALIZED_TF_TENSORS bands batched"]
    assert np.allclose(usual.sum(axis=-1), 1, atol=1e-5)
    assert usual.std(axis=(0, 1)).min() > 0.01, "the model tells pixels apart"
    assert len(every) == 15
    for name, found in every.items():
        np.testing.assert_allclose(found, usual, atol=1e-5, err_msg=name)
