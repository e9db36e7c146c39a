"""A map through predictImage is one prediction of the whole image, however Earth Engine counts overlap."""

import json
import sys
from typing import Any

import keras
import numpy as np
import pytest

from components.prepare_saved_model import export
from earthline import tile_plan
from earthline.formats.served.contract import Contract
from earthline.task.classification.task import Classification
from earthline.tile_plan import Sight, Wire
from trainer import network
from trainer.models.unet import UNet
from trainer.statistics import Statistics

from .outcomes import outcome as told
from .scene import CRS, MASKED, TRANSFORM, save

# Keras hands TensorFlow's arrays to h5py, and those do not know NumPy 2's `copy` yet: nothing of ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

Array = np.ndarray[Any, Any]
ASSET = "projects/sandbox/assets/seams_test/scene"
SHAPE = (70, 90)
LIMIT = 60_000
MODEL = UNet(depth=1, filters=4)
STEPS = """
import json, sys
from pathlib import Path
import numpy as np
from google.cloud import aiplatform
import ee
from earthline.earth_engine import ee_model
from earthline.earth_engine.connection import connect
from earthline.earth_engine.pixels import fetch
from earthline.formats.served.contract import Contract
from earthline.grid import Grid
case = json.load(open(sys.argv[1]))
aiplatform.init(project="sandbox", location="us-central1")
contract = Contract.read(Path(case["folder"])).model_copy(update=case["changes"])
there = aiplatform.Endpoint.list(filter='display_name="seams-test"')
if not there:
    model = aiplatform.Model.upload(
        display_name="seams-test", serving_container_image_uri="test:1", artifact_uri=case["uri"],
        serving_container_command=["python3", "-m", "serving"], serving_container_ports=[8080],
        serving_container_predict_route="/predict", serving_container_health_route="/health")
    there = [aiplatform.Endpoint.create(display_name="seams-test")]
    there[0].deploy(model, machine_type="n1-standard-4")
connect("sandbox")
grid = Grid.from_json(case["grid"])
scene = ee.Image(case["asset"])
valid = scene.mask().reduce("min").gt(0).unmask(0, False).rename("earthline_valid")
model = ee_model.build(ee_model.arguments(there[0].resource_name, contract, grid))
given = model.predictImage(scene.toFloat().unmask(0, False).addBands(valid.toFloat())).select(["probabilities"])
bands = given.arrayFlatten([["a", "b", "c"]])
pixels = fetch(bands, grid, 2, "the map")
np.save(case["found"], np.stack([pixels[name] for name in "abc"], axis=-1))
print("OUTCOME{}")
"""


def scene() -> Array:
    """uint8 (bands, rows, columns) with holes and a ragged edge; zeros are valid."""
    random = np.random.default_rng(6)
    smooth = random.normal(size=(2, *SHAPE)).cumsum(axis=1).cumsum(axis=2)
    found: Array = (100 + 60 * np.sin(smooth / smooth.std(axis=(1, 2), keepdims=True))).astype(np.uint8)
    found[:, random.random(SHAPE) < 0.02] = MASKED
    found[1, 20:38, 25:60] = MASKED
    found[:, np.arange(SHAPE[0])[:, np.newaxis] > 55 + 10 * np.sin(np.arange(SHAPE[1]) / 9)] = MASKED
    return found


def trained() -> Any:
    """A network whose statistics are not those of the start, so that everything that it sees counts."""
    keras.utils.set_random_seed(5)
    made: Any = network.build(
        MODEL, Statistics((100.0,) * 2, (40.0,) * 2, 1), lambda x: keras.layers.Conv2D(3, 1, activation="softmax")(x)
    )
    random = np.random.default_rng(3)
    for variable in made.variables:
        if "moving_variance" in variable.path:
            variable.assign(random.uniform(0.5, 2, variable.shape))
        elif "moving_mean" in variable.path or "beta" in variable.path:
            variable.assign(random.normal(0, 0.3, variable.shape))
    return made


def whole(built: Any) -> Array:
    """One prediction, with what Earth Engine has around an image: masked pixels."""
    around = -(-MODEL.reach // MODEL.stride) * MODEL.stride
    imagery = np.pad(scene(), ((0, 0), (around, around), (around, around)), constant_values=MASKED)
    valid = (imagery < MASKED).all(axis=0)
    image = np.where(valid, imagery, 0).astype(np.float32).transpose(1, 2, 0)
    answer = np.asarray(built([image[np.newaxis], valid[np.newaxis, ..., np.newaxis].astype(np.float32)]))[0]
    inner: Array = answer[around:-around, around:-around]
    return inner


@pytest.fixture(scope="module")
def found(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Array]:
    folder = tmp_path_factory.mktemp("seams")
    prepared = sandbox.home / "storage" / "earthline-sandbox" / "seams-test"
    prepared.mkdir(parents=True)
    plan = tile_plan.best(Sight(MODEL.stride, MODEL.reach), Wire((1, 1, 1), (12,), LIMIT))
    assert plan is not None and 3 * plan.tile[0] <= min(SHAPE), "several tiles make the map"
    contract = Contract(
        bands=("b1", "b2"),
        types={"b1": "uint8", "b2": "uint8", "earthline_valid": "uint8"},
        task=Classification(("a", "b", "c")).record,
        tile_shape=plan.tile,
        overlap=plan.overlap,
        reach=MODEL.reach,
        stride=MODEL.stride,
        max_payload_bytes=LIMIT,
    )
    built = trained()
    export.save(built, contract, prepared)
    sandbox.command("add", ASSET, save(folder / "scene.tif", scene()), "--bands", "b1,b2")
    answers = {"whole": whole(built)}
    for name, reading, changes in (
        ("total", "total", {}),
        ("each edge", "each_edge", {}),
        ("told each edge", "each_edge", {"overlap_reading": "each_edge"}),
        ("too little", "total", {"overlap": [4, 4]}),
    ):
        sandbox.command("readings", f"overlap={reading}")
        case = {
            "folder": str(prepared),
            "uri": "gs://earthline-sandbox/seams-test",
            "asset": ASSET,
            "grid": {"crs": CRS, "transform": TRANSFORM, "shape": SHAPE},
            "changes": changes,
            "found": str(folder / f"{name}.npy"),
        }
        (folder / "case.json").write_text(json.dumps(case))
        told(sandbox.run([sys.executable, "-c", STEPS, str(folder / "case.json")], timeout=180))
        answers[name] = np.load(folder / f"{name}.npy")
    sandbox.command("readings", "overlap=total")
    return answers


def test_the_map_is_one_prediction_of_the_whole_under_both_readings(found: dict[str, Array]) -> None:
    valid = (scene() < MASKED).all(axis=0)
    for name in ("total", "each edge", "told each edge"):
        np.testing.assert_allclose(found[name][valid], found["whole"][valid], atol=1e-5)
    # What a smaller overlap would give: edges of tiles.
    difference = np.abs(found["too little"] - found["whole"]).max(axis=-1) * valid
    assert difference.max() > 1e-3
