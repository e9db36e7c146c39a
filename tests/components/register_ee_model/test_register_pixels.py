"""Training patches and what an endpoint receives through predictImage are the same pixels, or the run ends here."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from earthline.formats.placed_patches import PATCHES, PatchesFileError, PlacedPatches
from earthline.formats.served.outputs import ServedOutput

from ..outcomes import outcome as told
from ..scene import CRS, MASKED, TRANSFORM, save, section
from ..served import NAMES, contract

SERVER = Path(__file__).parents[1] / "model_server.py"
FOLDER = "projects/sandbox/assets/pixels_test"
SHAPE, SIDE = (50, 70), 16
PLACES = np.array([[3, 5], [29, 37]])
OUTPUTS = (
    ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),
    ServedOutput(name="probabilities", entries=3, used=3),
)
CONTRACT = contract(OUTPUTS)
STEPS = """
import json, sys
from dataclasses import replace
from pathlib import Path
import ee
import numpy as np
from google.cloud import aiplatform
from kfp import dsl
from components.register_ee_model.run import run as register
from earthline.config import Data, Serving
from earthline.earth_engine import ee_model, imagery, same_pixels
from earthline.earth_engine.connection import connect
from earthline.formats.served.contract import Contract
from earthline.formats.manifest import expression_hash
from earthline.formats.placed_patches import PlacedPatches
from components.export_examples.fetching import windows
case = json.load(open(sys.argv[1]))
folder = Path(case["folder"])
data, other = Data.model_validate(case["data"]), Data.model_validate(case["other"])
contract, placed = Contract.read(folder), PlacedPatches.read(folder)
connect("sandbox")
aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
model = aiplatform.Model.upload(
    display_name="pixels-test", serving_container_image_uri="test:1",
    serving_container_command=["python3", case["server"], json.dumps(case["options"])],
    serving_container_ports=[8080], serving_container_predict_route="/predict",
    serving_container_health_route="/health")
endpoint = model.deploy(machine_type="n1-standard-2").resource_name
known = expression_hash(ee.serializer.encode(windows.request_image(data, imagery.grid(data))))
placed = replace(placed, expression_hash=known)
def asked(placed, data=data):
    return [[each.name, each.passed, each.detail, each.fix] for each in
            same_pixels.findings(data, contract, endpoint, placed)]
def changed(values, *where, by=1):
    values = values.copy()
    values[where] += by
    return values
outcome = {"same": asked(placed)}
if case["once"]:
    print("OUTCOME" + json.dumps(outcome))
    raise SystemExit
outcome["changed"] = asked(replace(placed, image=changed(placed.image, 0, 2, 3, 1, by=7)))
moved = np.stack([np.roll(each, 1, axis=0) for each in placed.image])
outcome["moved"] = asked(replace(placed, image=moved, valid=np.ones_like(placed.valid)))
outcome["foreign"] = asked(replace(placed, image=moved, told="by files"))
outcome["redefined"] = asked(placed, other)
outcome["unplaced"] = asked(None)
rolled = np.roll(placed.outputs, 1, axis=-1)
outcome["another model"] = asked(replace(placed, outputs=rolled))
edge = placed.outputs.copy()
edge[:, :2] = rolled[:, :2]
outcome["edges"] = asked(replace(placed, outputs=edge))
described, network_input = ee_model.arguments, imagery.network_input
def shifted(endpoint, contract, grid):
    return described(endpoint, contract, grid.window(1, 0, grid.shape))
ee_model.arguments = shifted
outcome["shifted"] = asked(placed)
ee_model.arguments = described
imagery.network_input = lambda data: network_input(data).addBands(network_input(data).select("b2").add(1), None, True)
outcome["other road"] = asked(placed)
imagery.network_input = network_input
prepared, registration = dsl.Artifact(uri=str(folder / "moved")), dsl.Artifact(uri=str(folder / "registration"))
Path(prepared.path).mkdir()
contract.write(Path(prepared.path))
replace(placed, outputs=rolled).write(Path(prepared.path))
try:
    register(name="pixels-test", data=data, serving=Serving(), project="sandbox", location="us-central1",
             prepared=prepared, vertex_endpoint=dsl.Artifact(metadata={"resourceName": endpoint}),
             registration=registration)
except same_pixels.OtherPixelsError as error:
    outcome["step"] = [str(error), registration.metadata["same_pixels"], Path(registration.path).exists()]
print("OUTCOME" + json.dumps(outcome))
"""


def imagery():
    """uint8 (bands, rows, columns), 255 where masked; zeros are valid."""
    found = np.random.default_rng(4).integers(0, 120, (2, *SHAPE)).astype(np.uint8)
    found[1, 5:8, 3:9] = MASKED
    return found


def write_patches(folder):
    """What the export stores of two patches, and what the model gives for them alone."""
    patches = np.stack([imagery()[:, row : row + SIDE, column : column + SIDE] for row, column in PLACES])
    valid = (patches < MASKED).all(axis=1).astype(np.float32)
    image = np.where(valid[..., np.newaxis] > 0, np.moveaxis(patches, 1, -1), 0).astype(np.float32)
    probabilities = runpy.run_path(str(SERVER))["probabilities"]
    outputs = np.stack(
        [probabilities(each[..., 0], each[..., 1], seen) for each, seen in zip(image, valid, strict=True)]
    )
    grid = {"crs": CRS, "transform": list(TRANSFORM), "shape": list(SHAPE)}
    PlacedPatches(("b1", "b2"), image, valid, PLACES, outputs, grid, "unknown", "uint8", receptive_field=5).write(
        folder
    )


@pytest.fixture(scope="module")
def outcome(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pixels")
    for name, pixels in (("scene", imagery()), ("other", imagery()[::-1])):
        sandbox.command("add", f"{FOLDER}/{name}", save(folder / f"{name}.tif", pixels))
    CONTRACT.write(folder)
    write_patches(folder)
    case = {
        "folder": str(folder),
        "server": str(SERVER),
        "data": section(f"{FOLDER}/scene", NAMES),
        "other": section(f"{FOLDER}/other", NAMES),
        "options": {"outputs": [output.model_dump() for output in OUTPUTS]},
        "once": False,
    }

    def asked(**changes):
        (folder / "case.json").write_text(json.dumps(case | changes))
        return told(sandbox.run([sys.executable, "-c", STEPS, str(folder / "case.json")], timeout=280))

    found = asked()
    sandbox.command("readings", "overlap=each_edge", "prediction=alone")
    try:
        found["otherwise read"] = asked(once=True)["same"]
    finally:
        sandbox.command("readings", "overlap=total", "prediction=merged")
    return found


@pytest.mark.parametrize("reading", ["same", "otherwise read"])
def test_patches_and_predictions_see_the_same_pixels(outcome, reading):
    found = outcome[reading]
    assert [passed for _, passed, *_ in found] == [True] * 4, found
    names = [name for name, *_ in found]
    assert names[:2] == ["patch at row 3, column 5: pixels", "patch at row 3, column 5: answer"]
    assert "16 x 16 px equal in each of b1, b2, earthline_valid" in found[0][2]
    assert (
        outcome["unplaced"]
        == [
            ["training patches", None, outcome["unplaced"][0][2], ""],
        ]
        and "nobody knows where" in outcome["unplaced"][0][2]
    )


def test_what_differs_is_said_by_band_and_pixel_with_the_cause(outcome):
    first, *_ = outcome["changed"]
    assert first[1] is False
    assert "b2 in 1 of 256 pixels, first at row 2, column 3:" in first[2] and "b1" not in first[2]
    assert "the imagery has changed since the examples were exported, with the same definition" in first[2]
    assert "detect_changes" in first[3]
    assert outcome["changed"][1][1:3] == [True, outcome["same"][2][2]], "other patches are asked all the same"
    assert "all are equal where the second is moved by" in outcome["moved"][1][2]
    assert outcome["foreign"][0][1] is None and "made elsewhere (by files)" in outcome["foreign"][0][2]
    redefined = outcome["redefined"][0]
    assert redefined[1] is False and "with another definition of imagery or labels" in redefined[2]


def test_an_endpoint_that_receives_other_pixels_or_is_another_model_is_refused(outcome):
    for case in ("shifted", "another model"):
        pixels, answer, *_ = outcome[case]
        assert pixels[1] is True and answer[1] is False
        assert "class_id in" in answer[2] and "probabilities in" in answer[2]
        assert "deploy_model" in answer[3]
    assert outcome["edges"][1][1] is None and "lays its tiles otherwise" in outcome["edges"][1][2]


def test_predictions_that_are_made_of_other_bands_are_refused(outcome):
    pixels = outcome["other road"][0]
    assert pixels[1] is False and "predictions would get other pixels than patches: b2 in" in pixels[2]


def test_the_step_registers_nothing_where_pixels_differ_and_leaves_what_it_found(outcome):
    told, shown, registered = outcome["step"]
    assert "Earth Engine gives the endpoint other pixels than the model was trained on: patch at row 3" in told
    assert told.count("deploy this one again") == 1 and "; likewise patch at row 29, column 37: answer (" in told
    assert shown["patch at row 3, column 5: pixels"].startswith("holds: 16 x 16 px")
    assert shown["patch at row 29, column 37: answer"].startswith("REFUSED: the endpoint's answer")
    assert not registered


def test_a_file_of_patches_that_was_cut_off_is_refused(tmp_path):
    assert PlacedPatches.read(tmp_path) is None
    write_patches(tmp_path)
    (tmp_path / PATCHES).write_bytes((tmp_path / PATCHES).read_bytes()[:-100])
    with pytest.raises(PatchesFileError, match="prepare the model again"):
        PlacedPatches.read(tmp_path)
