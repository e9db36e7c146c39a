"""Deploy, register and predict against a sandbox: a model whose every answer is known, so the map is known as well.

The model server is a few lines of Python that keep Vertex AI's container contract. Its class depends on the
5 x 5 pixels around, so that a seam between tiles, a shifted grid or bands in the wrong order all change the map.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from components.evaluate_model.accuracy import accuracy, confusion
from components.evaluate_model.evaluation import Evaluation, decide
from earthline.config import Data, Predict, Serving
from earthline.contract import Contract
from earthline.examples import UNLABELLED, Manifest, SourceRecord

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (70, 90)
NAMES = ("low", "middle", "high")
TILE, OVERLAP = (16, 24), (4, 8)
FOLDER = "projects/sandbox/assets/predict_test"
SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import numpy as np
from earthline import tensors
def classes(b1, b2):
    padded = np.pad(b1 - 2 * b2, 2)
    total = sum(padded[r:r + b1.shape[0], c:c + b1.shape[1]] for r in range(5) for c in range(5))
    return np.digitize(total, [-800, 400])
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({})
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        predictions = []
        for instance in request["instances"]:
            b1, b2 = (tensors.decode(instance[band], 10**6)[..., 0] for band in ("b1", "b2"))
            hot = np.eye(3, dtype=np.float32)[classes(b1, b2)]
            predictions.append({"probabilities": tensors.encode(hot * float(sys.argv[1]))})
        self.answer({"predictions": predictions})
    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
ThreadingHTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
"""
STEPS = """
import json, sys
from pathlib import Path
from google_cloud_pipeline_components.types.artifact_types import UnmanagedContainerModel, VertexEndpoint, VertexModel
from kfp import dsl
case = json.load(open(sys.argv[1]))
def artifact(kind, name, **metadata):
    made = kind(name=name, uri=case["root"] + "/" + name, metadata=metadata)
    Path(made.path).parent.mkdir(parents=True, exist_ok=True)
    return made
def prepared(sum_of_probabilities):
    return artifact(UnmanagedContainerModel, "prepared", containerSpec={
        "imageUri": "test:1", "command": ["python3", "-c", case["server"], str(sum_of_probabilities)],
        "ports": [{"containerPort": 8080}], "predictRoute": "/predict", "healthRoute": "/health"})
evaluation = artifact(dsl.Artifact, "evaluation")
from components.deploy_model.run import run as deploy
from google.cloud import aiplatform
def attempt(model, **changes):
    serving = json.dumps({**json.loads(case["serving"]), **changes})
    made = artifact(VertexModel, "vertex_model"), artifact(VertexEndpoint, "vertex_endpoint")
    try:
        deploy(name="predict-test", serving=serving, resource_labels='{"workflow": "predict-test"}', project="sandbox",
               location="us-central1", endpoint_name="predict-test", prepared=model, evaluation=evaluation,
               gcp_resources=case["gcp_resources"], vertex_model=made[0], vertex_endpoint=made[1])
        error = ""
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    endpoints = aiplatform.Endpoint.list(filter='display_name="predict-test"')
    versions = aiplatform.Model.list(filter='display_name="predict-test"')[0].versioning_registry.list_versions()
    return made[1], {
        "error": error,
        "model": [made[0].uri, made[0].metadata],
        "endpoint": [made[1].uri, made[1].metadata],
        "endpoints": len(endpoints),
        "labels": endpoints[0].labels,
        "deployed": {
            each.display_name: endpoints[0].traffic_split.get(each.id, 0) for each in endpoints[0].list_models()
        },
        "aliases": {each.version_id: sorted(each.version_aliases) for each in versions},
    }
outcome = {}
_, outcome["first"] = attempt(prepared(1))
_, outcome["canary"] = attempt(prepared(1), traffic_percent=20)
_, outcome["broken"] = attempt(prepared(2), traffic_percent=50)
vertex_endpoint, outcome["second"] = attempt(prepared(1))
from components.predict_map.run import run as predict
from components.register_ee_model.run import run as register
registration = artifact(dsl.Artifact, "registration")
register(name="predict-test", data=case["data"], serving=case["serving"], project="sandbox", location="us-central1",
         prepared=prepared(1), vertex_endpoint=vertex_endpoint, registration=registration)
register(name="predict-test", data=case["data"], serving=case["serving"], project="sandbox", location="us-central1",
         prepared=prepared(1), vertex_endpoint=vertex_endpoint, registration=registration)
outcome["registration"] = registration.metadata
map_, report = artifact(dsl.Artifact, "map"), artifact(dsl.HTML, "report.html")
predict(name="predict-test", data=case["data"], predict=case["predict"], serving=case["serving"], project="sandbox",
        registration=registration, examples=artifact(dsl.Dataset, "examples"), model=artifact(dsl.Model, "model"),
        evaluation=evaluation, map=map_, report=report)
outcome["map"] = [map_.path, map_.metadata, report.path]
import ee
from earthline import ee_model
asset = registration.metadata["asset"]
scene = ee.Image(case["scene"])
scene = scene.updateMask(scene.mask().reduce(ee.Reducer.min()))
def histogram(image):
    # Pixels at the region's edge count by the part inside it, which is whole but for rounding.
    counts = image.reduceRegion("frequencyHistogram", scene.geometry(), 30).getInfo()["class_id"]
    return {value: round(count) for value, count in counts.items()}
for name, model in {
    "load": ee_model.load(asset),
    "expression": ee.Model(ee.deserializer.fromJSON(ee.data.getAsset(asset)["properties"]["ee_model"])),
}.items():
    outcome[name] = histogram(ee_model.predict(model, scene, "probabilities"))
outcome["asset"] = histogram(ee.Image(case["asset"]))
outcome["palette"] = ee.data.getAsset(case["asset"])["properties"]["class_id_class_palette"]
print("OUTCOME" + json.dumps(outcome))
"""


def scene():
    """Imagery uint8 (bands, rows, columns), 0 where masked; no valid pixel is 0."""
    imagery = np.random.default_rng(4).integers(1, 120, (2, *SHAPE)).astype(np.uint8)
    imagery[0] += (np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]][1]).astype(np.uint8)
    imagery[0, :9, :11] = 0
    imagery[1, 30:33, 50:60] = 0
    return imagery


def expected():
    """The map: masked pixels count as 0 in the window around, as Earth Engine sends them."""
    imagery = scene().astype(float)
    seen = (imagery > 0).all(axis=0)
    b1, b2 = np.where(seen, imagery, 0)
    padded = np.pad(b1 - 2 * b2, 2)
    total = sum(padded[row : row + SHAPE[0], column : column + SHAPE[1]] for row in range(5) for column in range(5))
    return np.where(seen, np.digitize(total, [-800, 400]), UNLABELLED).astype(np.uint8)


DATA = Data.model_validate(
    {
        "imagery": {"image": f"{FOLDER}/scene", "bands": ["b1", "b2"], "data_type": "uint8"},
        "labels": {
            "image": f"{FOLDER}/scene",
            "band": "b1",
            "classes": [
                {"name": name, "color": color, "values": [index + 1]}
                for index, (name, color) in enumerate(zip(NAMES, ("#111111", "#22aa22", "#3333ff"), strict=True))
            ],
        },
    }
)
SERVING = Serving(tile_shape=TILE, overlap=OVERLAP)


def write_inputs(folder):
    """What the steps before would have left: contract, evaluation and manifest."""
    for name in ("prepared", "evaluation", "examples", "model"):
        (folder / name).mkdir(parents=True)
    Contract(
        bands=("b1", "b2"),
        class_names=NAMES,
        tile_shape=TILE,
        overlap=OVERLAP,
        stride=4,
        max_payload_bytes=SERVING.max_payload_bytes,
    ).write(folder / "prepared")
    truth = np.repeat(np.arange(3), 50)
    figures = accuracy(confusion(truth, np.where(np.arange(150) % 5 == 0, 0, truth), 3), NAMES)
    Evaluation(
        model=figures,
        baseline=figures,
        baseline_description="made up",
        gate=decide(0.8, 0.7, 0.0, None, ""),
    ).write(folder / "evaluation")
    Manifest(
        grid={"crs": "EPSG:32119", "transform": [30, 0, 630000, 0, -30, 228000], "shape": list(SHAPE)},
        bands=("b1", "b2"),
        data_type="uint8",
        patch_shape=(8, 8),
        class_names=NAMES,
        splits={},
        gap=8,
        split_areas={},
        seed=0,
        expression_hash="0",
        sources=(SourceRecord(asset=f"{FOLDER}/scene", role="imagery", attribution="Nobody & <Co>", license="CC0"),),
    ).write(folder / "examples")


@pytest.fixture(scope="module")
def outcome(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 2,
        "height": SHAPE[0],
        "width": SHAPE[1],
        "crs": "EPSG:32119",
        "transform": Affine(30, 0, 630000, 0, -30, 228000),
        "nodata": 0,
    }
    with rasterio.open(folder / "scene.tif", "w", **profile) as file:
        file.write(scene())
    sandbox.command("add", f"{FOLDER}/scene", str(folder / "scene.tif"))
    root = sandbox.home / "storage" / "earthline-sandbox" / "predict-test"
    write_inputs(root)
    asset = f"{FOLDER}/map"
    case = {
        "root": "gs://earthline-sandbox/predict-test",
        "server": SERVER,
        "data": DATA.model_dump_json(),
        "serving": SERVING.model_dump_json(),
        "predict": Predict(tile_shape=(40, 50), asset=asset).model_dump_json(),
        "gcp_resources": str(folder / "outputs" / "gcp_resources"),
        "scene": f"{FOLDER}/scene",
        "asset": asset,
    }
    (folder / "case.json").write_text(json.dumps(case))
    done: subprocess.CompletedProcess[str] = sandbox.run(
        [sys.executable, "-c", STEPS, str(folder / "case.json")],
        timeout=280,
        SANDBOX_GCS_MOUNT=f"{sandbox.home}/storage/",
        PYTHONPATH=str(ROOT / "sandbox" / "vertex" / "site"),
    )
    last = next(line for line in done.stdout.splitlines() if line.startswith("OUTCOME"))
    found = json.loads(last.removeprefix("OUTCOME"))
    found["gcp_resources"] = json.loads(Path(case["gcp_resources"]).read_text())
    return found


def test_the_first_model_gets_all_traffic_and_becomes_the_champion(outcome):
    first = outcome["first"]
    assert first["error"] == ""
    assert first["deployed"] == {"predict-test-1": 100}
    assert first["aliases"] == {"1": ["champion", "default"]}
    assert first["labels"] == {"workflow": "predict-test"}


def test_artifacts_name_the_resources_as_googles_components_do(outcome):
    for kind, (uri, metadata) in (("models", outcome["first"]["model"]), ("endpoints", outcome["first"]["endpoint"])):
        resource = metadata["resourceName"]
        assert f"/locations/us-central1/{kind}/" in resource
        assert uri == f"https://us-central1-aiplatform.googleapis.com/v1/{resource}"
    written = outcome["gcp_resources"]["resources"]
    assert [each["resourceType"] for each in written] == ["Model", "Endpoint"]
    assert written[1]["resourceUri"] == outcome["second"]["endpoint"][0]


def test_a_canary_gets_its_share_and_the_champion_stays(outcome):
    canary = outcome["canary"]
    assert canary["error"] == ""
    assert canary["deployed"] == {"predict-test-1": 80, "predict-test-2": 20}
    assert canary["aliases"] == {"1": ["champion", "default"], "2": []}


def test_a_model_that_answers_wrongly_is_taken_back(outcome):
    broken = outcome["broken"]
    assert broken["error"].startswith("DeploymentError: predict-test-3 was deployed and taken back")
    assert "do not sum to 1" in broken["error"]
    assert broken["deployed"] == outcome["canary"]["deployed"]
    assert broken["aliases"] == {"1": ["champion", "default"], "2": [], "3": []}


def test_a_new_champion_replaces_the_others_on_the_same_endpoint(outcome):
    second = outcome["second"]
    assert second["error"] == ""
    assert second["endpoints"] == 1
    assert second["deployed"] == {"predict-test-4": 100}
    assert second["aliases"] == {"1": [], "2": [], "3": [], "4": ["champion", "default"]}


def test_the_map_is_right_to_the_last_pixel(outcome):
    path, metadata, _ = outcome["map"]
    with rasterio.open(Path(path) / "map.tif") as file:
        found = file.read(1)
        assert file.crs.to_epsg() == 32119
        assert tuple(file.transform)[:6] == (30, 0, 630000, 0, -30, 228000)
        assert file.nodata == UNLABELLED
        assert file.colormap(1)[1] == (0x22, 0xAA, 0x22, 255)
        assert [file.tags()[f"class_{index}"] for index in range(3)] == list(NAMES)
    np.testing.assert_array_equal(found, expected())
    assert {0, 1, 2} <= set(np.unique(found).tolist()), "the scene shows every class"
    assert (metadata["height"], metadata["width"]) == SHAPE
    assert not list(Path(path).glob("*.part.*"))


def test_the_report_needs_nothing_else_and_escapes_what_it_shows(outcome):
    page = Path(outcome["map"][2]).read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http://" not in page and "https://" not in page
    assert "Nobody &amp; &lt;Co&gt;" in page
    for name in NAMES:
        assert name in page
    assert (Path(outcome["map"][0]) / "map.png").read_bytes().startswith(b"\x89PNG")


def test_anybody_rebuilds_the_model_in_one_call(outcome):
    found = expected()
    counts = {str(class_id): int((found == class_id).sum()) for class_id in range(3)}
    assert outcome["registration"]["asset"] == "projects/sandbox/assets/earthline/predict-test"
    assert outcome["load"] == outcome["expression"] == counts


def test_the_map_becomes_an_asset_with_its_palette(outcome):
    found = expected()
    assert outcome["asset"] == {str(class_id): int((found == class_id).sum()) for class_id in range(3)}
    assert outcome["palette"] == ["111111", "22aa22", "3333ff"]
