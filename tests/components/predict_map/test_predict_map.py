"""Map and preview against a sandbox: a model whose every answer is known, so the map is known as well."""

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import rasterio
from affine import Affine

from earthline.config import Data, Predict
from earthline.formats.manifest import Manifest, SourceRecord
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification
from trainer.description import KERAS_MODEL, Description

from ..evaluated import evaluation
from ..outcomes import mounted
from ..outcomes import outcome as told
from ..scene import CRS, MASKED, TRANSFORM, classes, save, section

SHAPE = (70, 90)
NAMES = ("low", "middle US$ 5 and US$ 10", "高い")
TILE, OVERLAP = (16, 24), (4, 8)
FOLDER = "projects/sandbox/assets/predict_test"
NAN_ABOVE = 150
BANDS = ("set_size", "probability", "margin", "dissimilarity", "applicable")
SET_LIMIT, UNLIKE = 0.3, 0.7
STEPS = """
import json, sys
from pathlib import Path
import ee
from google.cloud import aiplatform
from kfp import dsl
from earthline.config.sections.outputs import Output
from earthline.earth_engine import ee_model
from earthline.formats.certainty import Certainty
from earthline.formats.served.contract import Contract
from earthline.grid import Grid
from earthline.task.classification.task import Classification
from earthline.task.serving import served
from components.predict_map import asset
from components.predict_map.run import run as predict
case = json.load(open(sys.argv[1]))
def artifact(kind, name):
    made = kind(name=name, uri=case["root"] + "/" + name)
    Path(made.path).parent.mkdir(parents=True, exist_ok=True)
    return made
def problem(call, *arguments):
    try:
        return call(*arguments) or ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"
aiplatform.init(project="sandbox", location="us-central1")
task = Classification(tuple(case["names"]))
outputs = served([Output(name="class_id"), *(Output(name=name) for name in case["bands"])], task, ["dissimilarity"],
                 Certainty.model_validate(case["certainty"]))
options = {"nan_above": case["nan_above"], "doubts": True, "outputs": [each.model_dump() for each in outputs]}
model = aiplatform.Model.upload(
    display_name="predict-test", serving_container_image_uri="test:1",
    serving_container_command=["python3", case["server"], json.dumps(options)],
    serving_container_ports=[8080], serving_container_predict_route="/p", serving_container_health_route="/h")
endpoint = aiplatform.Endpoint.create(display_name="predict-test")
endpoint.deploy(model, machine_type="n1-standard-4")
def registered(name, **served):
    contract = Contract(bands=("b1", "b2"), task=task.record, tile_shape=case["tile"], overlap=case["overlap"],
                        stride=4, max_payload_bytes=1_500_000, further=("dissimilarity",), **served)
    made = artifact(dsl.Artifact, name)
    Path(made.path).mkdir()
    (Path(made.path) / "ee_model.json").write_text(json.dumps({
        "asset": "projects/sandbox/assets/earthline/predict-test", "certainty": case["certainty"],
        "outputs": [each.model_dump() for each in contract.outputs], "further": list(contract.further),
        "arguments": ee_model.arguments(endpoint.resource_name, contract, Grid.from_json(case["grid"]))}))
    return made
registration = registered("registration", outputs=outputs)
examples, evaluation = artifact(dsl.Dataset, "examples"), artifact(dsl.Artifact, "evaluation")
inputs = dict(name="predict-test", data=case["data"], project="sandbox", examples=examples,
              model=artifact(dsl.Model, "model"), evaluation=evaluation)
map_, report = artifact(dsl.Artifact, "map"), artifact(dsl.HTML, "report.html")
outcome = {}
predict(**inputs, predict=case["predict"], registration=registration, map=map_,
        report_file=report)
outcome["map"] = [map_.path, map_.metadata, report.path]
whole = artifact(dsl.Artifact, "whole")
predict(**inputs,
        predict=json.dumps({**json.loads(case["predict"]), "asset": None}),
        registration=registered("all_entries"), map=whole, report_file=artifact(dsl.HTML, "whole.html"))
outcome["whole"] = whole.path
def histogram(image):
    # Pixels at the region's edge count by the part inside it, which is whole but for rounding.
    counts = image.reduceRegion("frequencyHistogram", ee.Image(case["scene"]).geometry(), 30).getInfo()["class_id"]
    return {value: round(count) for value, count in counts.items()}
outcome["asset"] = histogram(ee.Image(case["asset"]))
wide = ee.data.computePixels({"expression": ee.Image(case["asset"]).unmask(-9999, False).toFloat(),
                              "fileFormat": "NUMPY_NDARRAY", "grid": case["pixels"]})
outcome["asset bands"] = {name: wide[name].tolist() for name in wide.dtype.names}
outcome["properties"] = ee.data.getAsset(case["asset"])["properties"]
outcome["task"] = ee.data.getTaskStatus(map_.metadata["task"])[0]["state"]
outcome["writable"] = {
    "own map": problem(asset.require_writable, case["asset"]),
    "nothing": problem(asset.require_writable, case["scene"] + "_2"),
    "scene": problem(asset.require_writable, case["scene"]),
    "folder": problem(asset.require_writable, case["asset"].rpartition("/")[0]),
}
def refused(**section):
    changed = json.dumps({**json.loads(case["predict"]), **section})
    return problem(lambda: predict(**inputs, predict=changed, registration=registration,
                                   map=map_, report_file=report))
outcome["over the scene"] = refused(asset=case["scene"])
outcome["outside"] = refused(region={"west": 20, "south": 10, "east": 20.1, "north": 10.1})
outcome["bands"] = ee.Image(case["scene"]).bandNames().getInfo()

import httplib2
from earthline.earth_engine import retry
from earthline.task.classification.task import Classification
from earthline.earth_engine.requests.transport import Transport
answered, asked = Transport.request, []
# The import is begun and its answer lost; then more questions stay without an answer than are tried at a time.
plan = {"image:import": [503, "lost"], "/operations/": [503] * 8 + [429, "broken"], "again": [500]}
def failing(self, uri, *arguments, **named):
    kind = next((key for key in plan if key in uri), "")
    asked.append(kind)
    what = plan[kind].pop(0) if plan.get(kind) else ""
    if what == "broken":
        raise ConnectionError("the connection broke")
    if what == "lost":
        answered(self, uri, *arguments, **named)
    if what:
        status = what if what != "lost" else 503
        content = json.dumps({"error": {"code": status, "message": "busy", "status": "UNAVAILABLE"}})
        return httplib2.Response({"status": status, "content-type": "application/json"}), content.encode()
    return answered(self, uri, *arguments, **named)
Transport.request, retry.FIRST_PAUSE, retry.LONGEST_PAUSE, asset.PAUSE_SECONDS = failing, 0.01, 0.02, 0.1
legend = Classification(tuple(case["names"]), ("#111111", "#22aa22", "#3333ff"))
again = case["asset"] + "_again"
elsewhere = Path(registration.path)
task = asset.ingest(map_.uri + "/map.tif", again, legend, {}, elsewhere)
outcome["again"] = histogram(ee.Image(again))
outcome["tried"] = {kind: asked.count(kind) for kind in plan}
outcome["failed import"] = problem(asset.ingest, map_.uri + "/none.tif", again, legend, {}, elsewhere)
Transport.request = answered

from components.preview_map import run as previewing
preview, of_preview = artifact(dsl.Artifact, "preview"), artifact(dsl.HTML, "preview.html")
previewing.run(**inputs, predict=case["predict"], preview=preview, report_file=of_preview)
outcome["preview"] = [preview.path, preview.metadata, of_preview.path]
previewing.MOST_PIXELS = 32
part, of_part = artifact(dsl.Artifact, "part"), artifact(dsl.HTML, "part.html")
previewing.run(**inputs, predict=case["predict"], preview=part, report_file=of_part)
outcome["part"] = [part.path, part.metadata, of_part.path]
endpoint.delete(force=True)
print("OUTCOME" + json.dumps(outcome))
"""


def scene() -> np.ndarray:
    """Imagery uint8 (bands, rows, columns), 255 where masked; zeros are valid."""
    imagery = np.random.default_rng(4).integers(0, 120, (2, *SHAPE)).astype(np.uint8)
    imagery[0] += np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]][1].astype(np.uint8)
    imagery[0, :9, :11] = MASKED
    imagery[1, 30:33, 50:60] = MASKED
    return imagery


def expected(nan_above: float = np.inf) -> np.ndarray:
    """The map, nodata where the model gives no number."""
    imagery = scene()
    return np.where(imagery[0] <= nan_above, classes(imagery), UNLABELLED).astype(np.uint8)


GRID = {"crs": CRS, "transform": list(TRANSFORM), "shape": list(SHAPE)}
DATA = Data.model_validate(section(f"{FOLDER}/scene", NAMES))


def network() -> Any:
    """The same model for Keras: sums over 5 x 5 pixels, then straight lines that cross where the class changes."""
    inputs = keras.Input((None, None, 2), name="image"), keras.Input((None, None, 1), name="valid")
    total = keras.layers.Conv2D(1, 5, padding="same", use_bias=False)
    lines = keras.layers.Conv2D(3, 1, activation="softmax")
    model = keras.Model(list(inputs), lines(total(inputs[0] * inputs[1])))
    total.set_weights([np.broadcast_to(np.array([1.0, -2.0]).reshape(1, 1, 2, 1), (5, 5, 2, 1))])
    lines.set_weights([np.array([-1.0, 0.0, 1.0]).reshape(1, 1, 1, 3), np.array([-800.5, 0.0, -399.5])])
    return model


MODEL = "ensemble: of unet and linear, weights equal, 59 numbers"
"""As reports tell it."""


def write_inputs(folder: Path) -> None:
    """What the steps before would have left."""
    for name in ("evaluation", "examples", "model"):
        (folder / name).mkdir(parents=True)
    network().save(folder / "model" / KERAS_MODEL)
    Description(
        bands=("b1", "b2"),
        data_type="uint8",
        task=Classification(NAMES).record,
        stride=4,
        receptive_field=5,
        patch_shape=(8, 8),
        mean=(0, 0),
        std=(1, 1),
        parameters=59,
        model={"name": "ensemble", "weights": "equal", "members": [{"name": "unet", "depth": 1}, {"name": "linear"}]},
        expression_hash="0",
    ).write(folder / "model")
    evaluation(NAMES, 6, 0.9).write(folder / "evaluation")
    Manifest(
        grid=GRID,
        bands=("b1", "b2"),
        data_type="uint8",
        patch_shape=(8, 8),
        task=Classification(NAMES).record,
        label_type="uint8",
        splits={},
        gap=8,
        block_shape=(16, 16),
        split_areas={},
        seed=0,
        expression_hash="0",
        sources=(SourceRecord(asset=f"{FOLDER}/scene", role="imagery", attribution="Nobody & <Co>", license="CC0"),),
    ).write(folder / "examples")


def imported() -> dict[str, Any]:
    """The grid of the whole map, as Earth Engine takes it."""
    scale_x, shear_x, left, shear_y, scale_y, top = TRANSFORM
    affine = {
        "scaleX": scale_x,
        "shearX": shear_x,
        "translateX": left,
        "shearY": shear_y,
        "scaleY": scale_y,
        "translateY": top,
    }
    return {"dimensions": {"width": SHAPE[1], "height": SHAPE[0]}, "affineTransform": affine, "crsCode": CRS}


@pytest.fixture(scope="module")
def outcome(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("predict")
    sandbox.command("add", f"{FOLDER}/scene", save(folder / "scene.tif", scene()), "--bands", "b1,b2")
    write_inputs(sandbox.home / "storage" / "earthline-sandbox" / "predict-test")
    # Neither folder above the asset is there.
    asset = f"{FOLDER}_maps/2021/spring"
    case = {
        "root": "gs://earthline-sandbox/predict-test",
        "server": str(Path(__file__).parents[1] / "model_server.py"),
        "nan_above": NAN_ABOVE,
        "names": NAMES,
        "tile": TILE,
        "overlap": OVERLAP,
        "grid": GRID,
        "data": DATA.model_dump_json(),
        "predict": Predict(tile_shape=(40, 50), asset=asset, bands=BANDS).model_dump_json(),
        "scene": f"{FOLDER}/scene",
        "asset": asset,
        "certainty": {"coverage": 0.9, "set_limit": SET_LIMIT, "dissimilarity_limit": UNLIKE},
        "pixels": imported(),
        "bands": BANDS,
    }
    (folder / "case.json").write_text(json.dumps(case))
    command = [sys.executable, "-c", STEPS, str(folder / "case.json")]
    found: dict[str, Any] = told(sandbox.run(command, timeout=280, **mounted(sandbox)))
    return found


def counts(found: np.ndarray) -> dict[str, int]:
    return {str(class_id): int((found == class_id).sum()) for class_id in range(3)}


def test_the_map_is_right_to_the_last_pixel_and_what_is_no_number_is_no_class(outcome: dict[str, Any]) -> None:
    path, metadata, _ = outcome["map"]
    with rasterio.open(Path(path) / "map.tif") as file:
        found = file.read(1)
        assert file.crs.to_epsg() == 32119
        assert tuple(file.transform)[:6] == (30, 0, 630000, 0, -30, 228000)
        assert file.nodata == UNLABELLED
        assert file.colormap(1)[1] == (0x22, 0xAA, 0x22, 255)
        assert [file.tags()[f"class_{index}"] for index in range(3)] == list(NAMES)
    np.testing.assert_array_equal(found, expected(NAN_ABOVE))
    assert {0, 1, 2} <= set(np.unique(found).tolist()), "the scene shows every class"
    assert (expected(NAN_ABOVE) == UNLABELLED).sum() > (expected() == UNLABELLED).sum(), "and places without a number"
    assert (metadata["height"], metadata["width"]) == SHAPE
    assert not list(Path(path).glob("*.part.*"))


def test_the_map_says_how_far_it_can_be_believed(outcome: dict[str, Any]) -> None:
    imagery, mapped = scene().astype(np.float64), expected(NAN_ABOVE) != UNLABELLED
    doubt = imagery[1] / 250
    wanted = {
        "set_size": 1 + (0.75 * doubt >= SET_LIMIT),
        "probability": 1 - doubt,
        "margin": 1 - doubt - 0.75 * doubt,
        "dissimilarity": imagery[0] / 100,
        "applicable": imagery[0] / 100 <= UNLIKE,
    }
    with rasterio.open(Path(outcome["map"][0]) / "confidence.tif") as file:
        assert file.descriptions == BANDS and file.nodata == -9999
        assert file.tags(4)["title"].startswith("distance to the nearest training pixel")
        found = dict(zip(BANDS, file.read(), strict=True))
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], np.where(mapped, values, -9999), atol=1e-6, err_msg=name)
        np.testing.assert_array_equal(outcome["asset bands"][name], found[name], err_msg=name)
    assert list(outcome["asset bands"]) == ["class_id", *BANDS]


def test_a_model_that_serves_all_it_has_gives_the_same_map(outcome: dict[str, Any]) -> None:
    """Earth Engine makes classes and doubts of the array itself, as models need that were prepared before."""
    for name in ("map.tif", "confidence.tif"):
        with (
            rasterio.open(Path(outcome["map"][0]) / name) as one,
            rasterio.open(Path(outcome["whole"]) / name) as other,
        ):
            np.testing.assert_allclose(one.read(), other.read(), atol=1e-6)


def test_the_report_needs_nothing_else_escapes_what_it_shows_and_says_what_its_figures_rest_on(
    outcome: dict[str, Any],
) -> None:
    page = Path(outcome["map"][2]).read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http://" not in page and "https://" not in page
    for text in ("Nobody &amp; &lt;Co&gt;", "trees &amp; &lt;shrubs&gt;", "does not count: &lt;it is old&gt;", *NAMES):
        assert text in page
    assert "90 % intervals from resampling the 6 test blocks" in page
    assert f"Without test labels, and in no mean: {NAMES[2]}" in page
    assert "Areas are geodesic" in page and "errors included" in page
    # 30 m pixels, which the projection makes a little larger or smaller than they are.
    mapped = counts(expected(NAN_ABOVE))["0"] * 0.09
    assert f"<td>{mapped:,.0f}</td>" in page
    assert (Path(outcome["map"][0]) / "map.png").read_bytes().startswith(b"\x89PNG")
    card = (Path(outcome["map"][0]) / "map_card.md").read_text()
    assert "Nobody & <Co>; licence: CC0" in card and f"| {NAMES[0]} |" in card
    assert f"- model: {MODEL}\n" in card and f"<dt>model</dt><dd>{MODEL}</dd>" in page


def test_the_map_becomes_an_asset_with_its_palette_in_folders_that_are_made(outcome: dict[str, Any]) -> None:
    assert outcome["asset"] == counts(expected(NAN_ABOVE))
    assert outcome["properties"]["class_id_class_palette"] == ["111111", "22aa22", "3333ff"]
    assert outcome["task"] in ("COMPLETED", "SUCCEEDED")
    noted = json.loads((Path(outcome["map"][0]) / "asset_task.json").read_text())
    assert noted["task"] == outcome["map"][1]["task"]


def test_an_import_outlasts_lost_answers(outcome: dict[str, Any]) -> None:
    assert outcome["again"] == counts(expected(NAN_ABOVE))
    assert outcome["tried"]["image:import"] == 3 and outcome["tried"]["/operations/"] > 10
    assert "none.tif" in outcome["failed import"]


def test_an_asset_that_is_no_map_of_ours_is_left_as_it_is(outcome: dict[str, Any]) -> None:
    writable = outcome["writable"]
    assert writable["own map"].endswith("is a map of an earlier run, which the next one replaces")
    assert writable["nothing"].endswith("scene_2 is not there yet")
    assert "is no map of an earlier run (an image with the bands b1, b2)" in writable["scene"]
    assert "is no map of an earlier run (of type FOLDER)" in writable["folder"]
    assert outcome["over the scene"].startswith("AssetError: predict.asset: ")
    assert outcome["bands"] == ["b1", "b2"]


def test_a_region_outside_the_imagery_is_told_by_its_key(outcome: dict[str, Any]) -> None:
    assert outcome["outside"].startswith("ImageryError: predict.region: (20, 10, 20.1, 10.1) lies outside the imagery")


def test_a_rejected_model_is_shown_without_an_endpoint(outcome: dict[str, Any]) -> None:
    path, metadata, report = outcome["preview"]
    with rasterio.open(Path(path) / "preview.tif") as file:
        np.testing.assert_array_equal(file.read(1), expected())
        assert "not deployed" in file.tags()["title"]
    assert metadata["share"] == 1
    page = Path(report).read_text()
    assert "The model was not deployed" in page and "too little where evaluate.min_gain is 0.9" in page
    assert "of the whole region" in page and "made without an endpoint" in page
    assert f"<dt>model</dt><dd>{MODEL}</dd>" in page
    assert page.count("data:image/png;base64,") == 3


def test_a_preview_of_a_large_region_shows_where_most_imagery_is_valid(outcome: dict[str, Any]) -> None:
    path, metadata, report = outcome["part"]
    assert metadata["share"] == pytest.approx(32 * 32 / (70 * 90))
    with rasterio.open(Path(path) / "preview.tif") as file:
        found = file.read(1)
        column, row = (round(place) for place in ~Affine(*GRID["transform"]) @ (file.transform.c, file.transform.f))
    assert found.shape == (32, 32) and (found != UNLABELLED).all()
    np.testing.assert_array_equal(found, expected()[row : row + 32, column : column + 32])
    assert "16.3 % of the region" in Path(report).read_text()
