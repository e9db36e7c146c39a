"""A registered model as anybody finds it: applied without Earthline, in one line, before and after a rollback."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from earthline.formats.served.outputs import ServedOutput
from earthline.formats.served.references import Reference

from ..outcomes import mounted
from ..outcomes import outcome as told
from ..scene import MASKED, save, section
from ..scene import classes as mapped
from ..served import NAMES, contract

SERVER = Path(__file__).parents[1] / "model_server.py"
SHAPE = (50, 70)
FOLDER = "projects/sandbox/assets/register_test"
CONFIG = {
    "name": "register-test",
    "data": section(f"{FOLDER}/scene", NAMES),
    "serving": {"tile_shape": [16, 24], "overlap": [4, 8], "seams": "allowed", "keep_previous": 0},
}
OUTPUTS = (
    ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),
    ServedOutput(name="probabilities", type="uint8", entries=3, used=3),
)
STEPS = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from google.cloud import aiplatform
from google_cloud_pipeline_components.types.artifact_types import UnmanagedContainerModel, VertexEndpoint, VertexModel
from kfp import dsl
from components.deploy_model import run as deploying
from components.register_ee_model.run import run as register
from earthline.config import load
from tests.components.evaluated import evaluation
case = json.load(open(sys.argv[1]))
config = load(Path(case["config"]))
deploying.Evaluation = SimpleNamespace(read=lambda folder: evaluation(("a", "b", "c"), 6, 0.0))
def artifact(kind, name, **metadata):
    made = kind(name=name, uri=f"{case['root']}/{name}", metadata=metadata)
    Path(made.path).parent.mkdir(parents=True, exist_ok=True)
    return made
def attempt(name, options):
    prepared = artifact(UnmanagedContainerModel, name, containerSpec={
        "imageUri": "test:1",
        "command": ["python3", case["server"], json.dumps({**options, "outputs": case["outputs"]})],
        "ports": [{"containerPort": 8080}], "predictRoute": "/predict", "healthRoute": "/health"})
    made = artifact(VertexModel, "vertex_model"), artifact(VertexEndpoint, "vertex_endpoint")
    deploying.run(name=config.name, serving=config.serving.model_dump_json(), resource_labels='{"workflow": "w"}',
                  project="sandbox", location="us-central1", endpoint_name=config.endpoint_name, prepared=prepared,
                  evaluation=artifact(dsl.Artifact, "evaluation"), gcp_resources=case["gcp_resources"],
                  vertex_model=made[0], vertex_endpoint=made[1])
    registration = artifact(dsl.Artifact, "registration")
    register(name=config.name, data=config.data.model_dump_json(), serving=config.serving.model_dump_json(),
             project="sandbox", location="us-central1", prepared=prepared, vertex_endpoint=made[1],
             registration=registration)
    return {"model": [made[0].uri, made[0].metadata], "endpoint": [made[1].uri, made[1].metadata],
            "file": str(Path(registration.path) / "ee_model.json")}
from components.deploy_model import rollback
from earthline.earth_engine import ee_model
import ee
outcome = {"first": attempt("first", {"name": "first"})}
try:
    rollback.find(config.name, config.endpoint_name, None, "sandbox")
except rollback.RollbackError as error:
    outcome["alone"] = str(error)
outcome["second"] = attempt("second", {"wrong_from": 0})
mine = f"{case['assets']}/mine"
ee.data.createAsset({"type": "IMAGE_COLLECTION", "properties": {"mine": 1}}, mine)
try:
    ee_model.store(mine, {"earthline_arguments": "{}"})
except ee_model.RegistrationError as error:
    outcome["taken"] = [str(error), ee.data.getAsset(mine)["properties"]]
print("OUTCOME" + json.dumps(outcome))
"""
STRANGER = """
import json, sys
import ee
ee.Initialize(project="sandbox")
described = json.load(open(sys.argv[1]))
def histogram(classes):
    classes = classes.select(["class_id"]).unmask(255, False)
    counts = classes.reduceRegion("frequencyHistogram", scene.geometry(), 30).getInfo()["class_id"]
    return {value: round(count) for value, count in counts.items()}
scene = ee.Image(sys.argv[2])
variables = {"ee": ee, "image": scene.addBands(scene.select([0]).rename("unused"))}
exec(described["python"], variables)
given = ee.Image(ee.deserializer.fromJSON(described["ee_map"]).call(scene))
one, unmasked = scene.toFloat().unmask(0, False), scene.mask().reduce("min").gt(0).unmask(0, False)
model = variables["model"].predictImage(one.addBands(unmasked.rename("earthline_valid").toFloat()))
assert "earthline" not in sys.modules
print(json.dumps({
    "asset": histogram(variables["classes"]),
    "file": histogram(given),
    "model": histogram(model.select(["probabilities"]).arrayArgmax().arrayGet([0]).rename("class_id").mask(unmasked)),
    "types": {band["id"]: band["data_type"] for band in model.select("class_id|probabilities").getInfo()["bands"]},
    "bands": variables["classes"].bandNames().getInfo(),
    "names": [ee.data.getAsset(described["asset"])["properties"][name] for name in ("class_names", "outputs")],
}))
"""

ROLLBACKS = """
import contextlib, io, json, sys
from cli.app import main
outcome = []
config, commands = sys.argv[1:]
for options in json.loads(commands):
    sys.argv = ["earthline", "rollback", config, *options]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    outcome.append([code, said.getvalue()])
print("OUTCOME" + json.dumps(outcome))
"""


def imagery():
    """uint8 (bands, rows, columns), 255 where masked; zeros are valid."""
    found = np.random.default_rng(4).integers(0, 120, (2, *SHAPE)).astype(np.uint8)
    found[:, :, 20:] = 255
    found[:, 30:, 40:] = np.random.default_rng(5).integers(0, 120, (2, 20, 30))
    found[1, 5:8, 3:9] = 255
    return found


def classes(turned):
    """The map that a model's answers make, 255 where masked."""
    found = mapped(imagery())
    return np.where(found == MASKED, MASKED, (found + turned) % 3)


def counts(found):
    return {str(value): int((found == value).sum()) for value in np.unique(found)}


def write_prepared(folder, turned):
    folder.mkdir(parents=True)
    contract(OUTPUTS).write(folder)
    probabilities = runpy.run_path(str(SERVER))["probabilities"]
    image = np.random.default_rng(1).integers(0, 120, (1, 24, 40, 2)).astype(np.float32)
    valid = np.ones((1, 24, 40), np.float32)
    found = np.roll(probabilities(image[0, ..., 0], image[0, ..., 1], valid[0]), turned, axis=-1)
    Reference(image, valid, found[np.newaxis]).write(folder)


@pytest.fixture(scope="module")
def outcome(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("register")
    sandbox.command("add", f"{FOLDER}/scene", save(folder / "scene.tif", imagery()))
    root = sandbox.home / "storage" / "earthline-sandbox" / "register-test"
    for name, turned in (("first", 0), ("second", 1)):
        write_prepared(root / name, turned)
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    case = {
        "root": "gs://earthline-sandbox/register-test",
        "server": str(SERVER),
        "config": str(config),
        "gcp_resources": str(folder / "outputs" / "gcp_resources"),
        "assets": FOLDER,
        "outputs": [output.model_dump() for output in OUTPUTS],
    }

    def outcome_of(script, *arguments):
        command = [sys.executable, "-c", script, *arguments]
        return told(sandbox.run(command, timeout=280, EARTHLINE_TARGET="sandbox", **mounted(sandbox)))

    def rollbacks(*commands):
        return outcome_of(ROLLBACKS, str(config), json.dumps(commands))

    def stranger():
        done = sandbox.run([sys.executable, "-I", "-c", STRANGER, found["second"]["file"], f"{FOLDER}/scene"])
        return json.loads(done.stdout)

    (folder / "case.json").write_text(json.dumps(case))
    # The first question of each kind is refused once: it is asked again.
    for method in ("assets:*", "value:compute", "image:computePixels"):
        sandbox.command("faults", "add", "503", "--method", method, "--calls", "1")
    found = outcome_of(STEPS, str(folder / "case.json"))
    found["resources"] = json.loads(Path(case["gcp_resources"]).read_text())
    found["back"], *found["refused"] = rollbacks(
        [],
        ["--to", "7"],
        ["--to", "1"],
        ["--set", "data.imagery.bands=[b2, b1]"],
        ["--set", "serving.endpoint=nowhere"],
    )
    found["back stranger"] = stranger()
    (found["undone"],) = rollbacks(["--to", "2"])
    found["undone stranger"] = stranger()
    sandbox.command("readings", "overlap=each_edge", "prediction=alone")
    try:
        found["otherwise read stranger"] = stranger()
    finally:
        sandbox.command("readings", "overlap=total", "prediction=merged")
    return found


def test_artifacts_name_the_resources_as_googles_components_do(outcome):
    for kind in ("model", "endpoint"):
        uri, metadata = outcome["first"][kind]
        assert f"/locations/us-central1/{kind}s/" in metadata["resourceName"]
        assert uri == f"https://us-central1-aiplatform.googleapis.com/v1/{metadata['resourceName']}"
    assert [each["resourceType"] for each in outcome["resources"]["resources"]] == ["Model", "Endpoint"]
    assert outcome["resources"]["resources"][1]["resourceUri"] == outcome["second"]["endpoint"][0]


@pytest.mark.parametrize(("when", "turned"), [("back", 0), ("undone", 1), ("otherwise read", 1)])
def test_strangers_get_the_map_in_one_line(outcome, when, turned):
    wanted, found = counts(classes(turned)), outcome[f"{when} stranger"]
    assert found["asset"] == found["model"] == wanted
    assert found["bands"] == ["class_id"]
    assert found["names"] == ["low,middle,high", "class_id,probabilities"]
    byte = {"type": "PixelType", "precision": "int", "min": 0, "max": 255}
    assert found["types"] == {"class_id": byte, "probabilities": {**byte, "dimensions": 1}}
    # The file of the last run describes the same endpoint, so it follows as well.
    assert found["file"] == wanted


def test_a_rollback_says_what_serves_instead_of_what(outcome):
    code, said = outcome["back"]
    assert code == 0, said
    assert "version 1 of register-test serves instead of 2" in said
    assert "projects/sandbox/assets/earthline/register-test describes it" in said
    assert outcome["undone"][0] == 0, outcome["undone"][1]


def test_a_rollback_to_what_cannot_be_is_refused(outcome):
    assert "no version of register-test served before; versions: 1 (champion, default)" in outcome["alone"]
    wanted = (
        "has no version 7; it has 1 (champion, default), 2 (previous)",
        "version 1 of register-test has all of the traffic already",
        "data.imagery.bands: version 2 has b1, b2, the config b2, b1",
        "there is no endpoint 'nowhere' in the project sandbox: nothing was deployed from this config yet",
    )
    for (code, said), message in zip(outcome["refused"], wanted, strict=True):
        assert code == 2 and message in said


def test_an_asset_that_is_somebody_elses_is_left_alone(outcome):
    said, properties = outcome["taken"]
    assert "is there already, of the type IMAGE_COLLECTION, and describes no model" in said
    assert properties == {"mine": 1}
