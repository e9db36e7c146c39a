"""A version that served before answers the patches it was proven on before it serves again, or nothing changes."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from earthline.formats.placed_patches import PlacedPatches
from earthline.formats.served.outputs import ServedOutput
from earthline.formats.served.references import Reference

from ..outcomes import outcome as told
from ..scene import CRS, MASKED, TRANSFORM, save, section
from ..served import NAMES, contract

SERVER = Path(__file__).parents[1] / "model_server.py"
FOLDER = "projects/sandbox/assets/rollback_test"
SHAPE, SIDE = (50, 70), 16
PLACES = np.array([[3, 5], [29, 37]])
OUTPUTS = (
    ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),
    ServedOutput(name="probabilities", type="uint8", entries=3, used=3),
)
CONTRACT = contract(OUTPUTS)
STEPS = """
import contextlib, io, json, sys, threading
from dataclasses import replace
from pathlib import Path
import ee
import numpy as np
from google.cloud import aiplatform
from cli.app import main
from components.deploy_model import deployment, endpoints, registry
from components.deploy_model.probe import Probe
from earthline.config import load
from earthline.earth_engine import imagery
from earthline.earth_engine.connection import connect
from earthline.formats.manifest import expression_hash
from earthline.formats.placed_patches import PATCHES, PlacedPatches
from earthline.formats.served.contract import Contract
from earthline.formats.served.references import Reference
case = json.load(open(sys.argv[1]))
config = load(Path(case["config"]))
connect("sandbox")
aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
known = expression_hash(ee.serializer.encode(imagery.training_image(config.data, imagery.grid(config.data))))
folders = {version: Path(case["root"], version) for version in "12"}
kept = {key: replace(PlacedPatches.read(folder), expression_hash=known) for key, folder in folders.items()}
name = config.endpoint_name
probes = {key: Probe(Contract.read(folder), Reference.read(folder)) for key, folder in folders.items()}
def state():
    (endpoint,) = [each for each in aiplatform.Endpoint.list() if each.display_name.startswith(name)]
    versions = {each.id: each.model_version_id for each in endpoint.list_models()}
    aliases = registry.aliases(registry.find(name))
    return {"traffic": {versions[key]: share for key, share in endpoint.traffic_split.items() if share},
            "deployed": sorted(versions.values()), "champion": [key for key in aliases if "champion" in aliases[key]]}
def rolled(*options, **patches):
    for version, folder in folders.items():
        found = patches.get(f"of_{version}", kept[version])
        (folder / PATCHES).unlink(missing_ok=True)
        if found is not None:
            found.write(folder)
    sys.argv = ["earthline", "rollback", case["config"], *options]
    before, said, over, answered, code = state(), io.StringIO(), threading.Event(), set(), 0
    def ask():
        endpoint = endpoints.find(name)
        versions = {each.id: each.model_version_id for each in endpoint.list_models()}
        while not over.is_set():
            found = endpoint.predict([probes["1"].reference.instance(0, CONTRACT)])
            answered.add(versions.get(found.deployed_model_id, "another"))
    user = threading.Thread(target=ask)
    user.start()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main()
    except SystemExit as end:
        code = end.code or 0
    over.set()
    user.join()
    return {"code": code, "said": said.getvalue(), "before": before, "after": state(), "answered": sorted(answered)}
CONTRACT = probes["1"].contract
for version, starts in (("1", {}), ("2", {"wrong_from": 0})):
    command = ["python3", case["server"], json.dumps({**starts, "outputs": case["outputs"]})]
    container = {"imageUri": "test:1", "command": command, "ports": [{"containerPort": 8080}],
                 "predictRoute": "/predict", "healthRoute": "/health"}
    model = registry.upload(name, f"{case['uri']}/{version}", container, {}, "a version")
    deployment.deploy(model, endpoints.find_or_create(name, {}), config.serving, probes[version], {})
def changed(placed, by, of=0):
    image = placed.image.copy()
    image[of, 2, 3, 1] += by
    return replace(placed, image=image)
another = replace(kept["1"], outputs=np.roll(kept["1"].outputs, 1, axis=-1))
# One pixel is not what it is now, and does not change the answer.
older = changed(kept["1"], 1)
outcome = {"another, still deployed": rolled(of_1=another)}
outcome["redefined"] = rolled("--set", f"data.imagery.image={case['other']}")
there = next(each.id for each in endpoints.find(name).list_models() if each.model_version_id == "1")
endpoints.remove(endpoints.find(name), there)
outcome["another, deployed again"] = rolled(of_1=another)
outcome["good, deployed again"] = rolled()
outcome["good, still deployed"] = rolled()
outcome["older imagery"] = rolled(of_1=older)
outcome["at once"] = rolled("--at-once", of_2=replace(kept["2"], outputs=kept["1"].outputs))
outcome["no patches"] = rolled(of_1=None)
print("OUTCOME" + json.dumps(outcome))
"""


def imagery():
    """uint8 (bands, rows, columns), 255 where masked."""
    found = np.random.default_rng(4).integers(0, 120, (2, *SHAPE)).astype(np.uint8)
    found[1, 5:8, 3:9] = MASKED
    return found


def write_prepared(folder, turned):
    """What prepare_saved_model would have left of a model whose classes are turned by so many."""
    folder.mkdir(parents=True)
    CONTRACT.write(folder)
    probabilities = runpy.run_path(str(SERVER))["probabilities"]

    def answers(image, valid):
        found = [probabilities(each[..., 0], each[..., 1], seen) for each, seen in zip(image, valid, strict=True)]
        return np.roll(np.stack(found), turned, axis=-1)

    tile = np.random.default_rng(1).integers(0, 120, (1, 24, 40, 2)).astype(np.float32)
    seen = np.ones((1, 24, 40), np.float32)
    Reference(tile, seen, answers(tile, seen)).write(folder)
    patches = np.stack([imagery()[:, row : row + SIDE, column : column + SIDE] for row, column in PLACES])
    valid = (patches < MASKED).all(axis=1).astype(np.float32)
    image = np.where(valid[..., np.newaxis] > 0, np.moveaxis(patches, 1, -1), 0).astype(np.float32)
    grid = {"crs": CRS, "transform": list(TRANSFORM), "shape": list(SHAPE)}
    PlacedPatches(
        ("b1", "b2"), image, valid, PLACES, answers(image, valid), grid, "unknown", "uint8", receptive_field=5
    ).write(folder)


@pytest.fixture(scope="module")
def outcome(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rollback")
    for name, pixels in (("scene", imagery()), ("other", imagery()[::-1])):
        sandbox.command("add", f"{FOLDER}/{name}", save(folder / f"{name}.tif", pixels))
    root = sandbox.home / "storage" / "earthline-sandbox" / "rollback-test"
    for version, turned in (("1", 0), ("2", 1)):
        write_prepared(root / version, turned)
    config = folder / "config.yaml"
    serving = {"tile_shape": [16, 24], "overlap": [4, 8], "seams": "allowed", "keep_previous": 1}
    data = section(f"{FOLDER}/scene", NAMES)
    config.write_text(yaml.safe_dump({"name": "rollback-test", "data": data, "serving": serving}))
    case = {
        "root": str(root),
        "uri": "gs://earthline-sandbox/rollback-test",
        "server": str(SERVER),
        "config": str(config),
        "other": f"{FOLDER}/other",
        "outputs": [output.model_dump() for output in OUTPUTS],
    }
    (folder / "case.json").write_text(json.dumps(case))
    command = [sys.executable, "-c", STEPS, str(folder / "case.json")]
    return told(sandbox.run(command, timeout=280, EARTHLINE_TARGET="sandbox"))


@pytest.mark.parametrize(("where", "deployed"), [("still deployed", ["1", "2"]), ("deployed again", ["2"])])
def test_a_version_that_answers_its_patches_otherwise_gets_no_traffic(outcome, where, deployed):
    found = outcome[f"another, {where}"]
    assert found["code"] == 1, found["said"]
    said = found["said"]
    assert "rollback-test-1 was not put into service, rollback-test serves as before, 100 % by rollback-test-2" in said
    assert "'class_id' of a real tile differs from the proven SavedModel's in" in said
    assert "Name another version by --to VERSION" in said
    assert found["before"] == found["after"] == {"traffic": {"2": 100}, "deployed": deployed, "champion": ["2"]}
    assert found["answered"] == ["2"], "no user was answered by it meanwhile"


def test_a_config_with_other_imagery_of_the_same_bands_is_refused(outcome):
    found = outcome["redefined"]
    assert found["code"] == 1 and found["before"] == found["after"]
    assert "answers 2 patches as when it was proven" in found["said"], "the model itself is the one that was proven"
    assert "the examples were exported with another definition of imagery or labels than the config's" in found["said"]
    assert "bring back data.imagery as it was" in found["said"]


@pytest.mark.parametrize(
    ("case", "before", "after"),
    [("good, deployed again", "2", "1"), ("good, still deployed", "1", "2"), ("older imagery", "2", "1")],
)
def test_a_version_that_answers_as_it_did_serves_again(outcome, case, before, after):
    found = outcome[case]
    assert found["code"] == 0, found["said"]
    assert f"version {after} answers 2 patches as when it was proven" in found["said"]
    assert "Earth Engine gives it the pixels that it was trained on" in found["said"]
    assert found["before"]["traffic"] == {before: 100}
    assert found["after"] == {"traffic": {after: 100}, "deployed": ["1", "2"], "champion": [after]}


def test_imagery_that_has_changed_since_is_a_note(outcome):
    said = outcome["older imagery"]["said"]
    assert "note: patch at row 3, column 5: pixels: the imagery has changed since the examples were exported" in said
    assert "note" not in outcome["good, still deployed"]["said"]


def test_at_once_asks_for_no_patches(outcome):
    found = outcome["at once"]
    assert found["code"] == 0, found["said"]
    assert "patches" not in found["said"] and found["after"]["traffic"] == {"2": 100}


def test_a_version_without_placed_patches_is_proved_by_its_tiles(outcome):
    found = outcome["no patches"]
    assert found["code"] == 0, found["said"]
    assert "note: training patches: nobody knows where the training patches lie" in found["said"]
    assert found["after"]["traffic"] == {"1": 100}
