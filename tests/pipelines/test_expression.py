"""A trained model as an Earth Engine expression: proved, written, and applied by a stranger in one line."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import yaml

from earthline.config import Data, Train, load
from earthline.config.model import find
from earthline.config.sections.labels import VALUE_BAND
from earthline.earth_engine.model_expressions.expression import ExpressionError
from earthline.formats.certainty import Certainty
from earthline.formats.placed_patches import PlacedPatches
from earthline.task.classification.task import Classification
from earthline.task.regression.task import Regression
from pipelines.expression import make
from tests.components.outcomes import outcome as told
from tests.components.scene import CRS, MASKED, TRANSFORM, save, section
from trainer import heads, network
from trainer.confidence.applicability import attached
from trainer.description import KERAS_MODEL, Description
from trainer.layers import Dissimilarity, FlatTrees, TreeEnsemble
from trainer.several.averaging import averaged
from trainer.statistics import Statistics

FOLDER = "projects/sandbox/assets/expression_test"
SHAPE, SIDE = (40, 60), 24
PLACES = np.array([[4, 2], [10, 30]])
NAMES = ("low", "middle", "high")
MEASURED = Statistics(mean=(50.0, 70.0), std=(30.0, 20.0), pixels=1)
MODELS = {
    "classes": {"name": "pixel_mlp", "context": 3, "windows": [5, 9], "units": 6, "layers": 2},
    "values": {"name": "linear", "windows": [7]},
}
STEPS = """
import json, sys
from pathlib import Path
import ee
import numpy as np
from cli.app import main
import contextlib, io
case, outcome = json.load(open(sys.argv[1])), {}
ee.Initialize(project="sandbox")
kept = {"earthline_arguments": "{}", "ee_model": "{}"}
ee.data.createAsset({"type": "IMAGE_COLLECTION", "properties": kept}, case["endpoint"])
def command(name, *options):
    sys.argv = ["earthline", "expression", *map(str, options)]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    outcome[name] = [code, said.getvalue()]
for name, asked in case["commands"].items():
    command(name, *asked)
for name, applied in case["applied"].items():
    ee.Initialize(project="sandbox")
    variables = {"ee": ee, "json": json, "image": ee.Image(case["scene"])}
    found = json.load(open(applied))
    exec(found["python"], variables)
    image = variables[name]
    grid = {"dimensions": {"width": case["shape"][1], "height": case["shape"][0]}, **case["grid"]}
    for kind, image in (("map", image.unmask(-1, False)), ("coarse", image.toFloat().unmask(-1, False))):
        if kind == "coarse":
            grid = json.loads(json.dumps(grid))
            for key in ("scaleX", "scaleY"):
                grid["affineTransform"][key] *= 4
            grid["dimensions"] = {key: value // 4 for key, value in grid["dimensions"].items()}
        pixels = ee.data.computePixels({"expression": image.toFloat(), "fileFormat": "NUMPY_NDARRAY", "grid": grid})
        np.savez(Path(applied).with_suffix(f".{kind}.npz"), **{band: pixels[band] for band in pixels.dtype.names})
print("OUTCOME" + json.dumps(outcome))
"""


def imagery():
    """uint8 (bands, rows, columns), 255 where masked: a hole, a gap, a pixel that one band lacks, an edge."""
    found = np.random.default_rng(8).integers(0, 160, (2, *SHAPE)).astype(np.uint8)
    found[:, 12:15, 6:11] = MASKED
    found[:, :, 40:42] = MASKED
    found[0, 20, 36] = MASKED
    found[:, 34:, :20] = MASKED
    # Windows without any variance.
    found[:, 24:36, 44:58] = 90
    return found


def valid():
    return (imagery() < MASKED).all(axis=0)


def whole(model):
    """What a network gives for the whole scene, (rows, columns, entries)."""
    image = np.where(valid(), imagery(), 0).astype(np.float32)
    return np.asarray(model([np.moveaxis(image, 0, -1)[np.newaxis], valid()[np.newaxis, ..., np.newaxis] * 1.0]))[0]


def head(kind):
    """The task's head, and what the dataset would have told it."""
    if kind == "classes":
        labels, task = {"class_pixels": dict.fromkeys(NAMES, 10)}, Classification(NAMES).record
        train = Train()
    else:
        labels, task = {"mean": 40.0, "std": 12.0}, values_task().record
        train = Train.model_validate({"loss": {"name": "quantile"}})
    manifest = SimpleNamespace(task=task, splits={"train": SimpleNamespace(labels=labels)})
    return heads.find(task.name)(train, manifest), task


def values_task():
    return Regression.of_labels(data("values").labels)


def data(kind):
    return Data.model_validate(sections(kind))


def sections(kind):
    found = dict(section(f"{FOLDER}/scene", NAMES))
    if kind == "values":
        found["labels"] = {"image": f"{FOLDER}/scene", "band": "b1", "value": {"name": "height", "range": [0, 100]}}
    return found


def trained(kind, model=None):
    """A network with random weights; where it has classes, with temperature, prior and dissimilarity behind it."""
    keras.utils.set_random_seed(4)
    own, task = head(kind)
    made = network.build(find(model["name"]).model_validate(model), MEASURED, own.outputs)
    for weight in made.trainable_variables:
        weight.assign(np.random.default_rng(sum(weight.shape)).normal(0, 0.7, weight.shape))
    if kind == "classes":
        made = keras.Model(made.inputs, own.tempered(made.outputs[0], 1.7))
        made = keras.Model(made.inputs, own.moved(made.outputs[0], np.array([1.0, 0.6, 2.5])))
        layer = Dissimilarity.of(np.zeros(2), np.ones(2), np.ones((4, 2)), name="dissimilarity")
        return attached(made, SimpleNamespace(layer=layer)), task, ("dissimilarity",)
    return made, task, own.further


def write_model(folder, kind, model, made, task, further):
    """The folder of train_model, and the config."""
    (folder / "trained").mkdir(parents=True)
    made.save(folder / "trained" / KERAS_MODEL)
    Description(
        bands=("b1", "b2"),
        data_type="uint8",
        task=task,
        further=further,
        certainty=Certainty(coverage=0.9, set_limit=0.2),
        stride=1,
        patch_shape=(SIDE, SIDE),
        mean=MEASURED.mean,
        std=MEASURED.std,
        parameters=made.count_params(),
        model=model,
        expression_hash="0",
    ).write(folder / "trained")
    (folder / "config.yaml").write_text(yaml.safe_dump({"name": "expression-test", "data": sections(kind)}))


def write(folder, kind, model):
    """The same, and the folder of prepare_saved_model; gives the network."""
    made, task, further = trained(kind, model)
    write_model(folder / kind, kind, model, made, task, further)
    prepared = folder / kind / "prepared"
    prepared.mkdir()
    windows = [(slice(row, row + SIDE), slice(column, column + SIDE)) for row, column in PLACES.tolist()]
    seen = np.stack([valid()[each] for each in windows])
    image = np.moveaxis(np.stack([imagery()[:, rows, columns] for rows, columns in windows]), 1, -1)
    image = np.where(seen[..., np.newaxis], image, 0).astype(np.float32)
    # A request holds fewer pixels than a patch.
    rows, columns = SIDE - 3, SIDE - 1
    given = [image[:, :rows, :columns], seen[:, :rows, :columns, np.newaxis].astype(np.float32)]
    grid = {"crs": CRS, "transform": list(TRANSFORM), "shape": list(SHAPE)}
    PlacedPatches(
        ("b1", "b2"), image, seen.astype(np.float32), PLACES, np.asarray(made(given)), grid, "0", "uint8"
    ).write(prepared)
    return made


def options(folder, kind, *further):
    return [
        str(folder / kind / "trained"),
        *("--prepared", str(folder / kind / "prepared")),
        *("--config", str(folder / kind / "config.yaml")),
        *further,
    ]


@pytest.fixture(scope="module")
def outcome(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("expression")
    sandbox.command("add", f"{FOLDER}/scene", save(folder / "scene.tif", imagery()))
    networks = {kind: write(folder, kind, model) for kind, model in MODELS.items()}
    other = folder / "tampered" / "trained"
    other.mkdir(parents=True)
    for each in ("description.json", KERAS_MODEL):
        (other / each).write_bytes((folder / "classes" / "trained" / each).read_bytes())
    changed = keras.models.load_model(other / KERAS_MODEL, compile=False)
    kernel = next(layer for layer in changed.layers if isinstance(layer, keras.layers.Conv2D)).kernel
    weights = np.array(kernel)
    weights[0, 0, 3, 2] += 0.01
    kernel.assign(weights)
    changed.save(other / KERAS_MODEL)
    placed = PlacedPatches.read(folder / "values" / "prepared")
    image = placed.image.copy()
    image[0, 1, 1] += 1
    for name, told_of in (("redefined", ""), ("elsewhere", "by files")):
        (folder / name).mkdir()
        replace(placed, image=image, told=told_of).write(folder / name)
    asset, file = f"{FOLDER}/mlp", str(folder / "classes.json")
    tampered = options(folder, "classes", "-o", str(folder / "tampered.json"))
    tampered[0] = str(other)
    case = {
        "commands": {
            "classes": options(folder, "classes", "--asset", asset, "-o", file, "--bands", "probability,set_size"),
            "values": options(folder, "values", "-o", str(folder / "values.json"), "--bands", "q0.05,q0.95"),
            "tampered": tampered,
            "unproved": [str(folder / "classes" / "trained"), "--config", str(folder / "classes" / "config.yaml")],
            "nowhere": options(folder, "classes"),
            "endpoint": options(folder, "values", "--asset", f"{FOLDER}/endpoint"),
            **{
                name: [*options(folder, "values", "-o", str(folder / f"{name}.json")), "--prepared", str(folder / name)]
                for name in ("redefined", "elsewhere")
            },
            "unknown": options(folder, "classes", "-o", str(folder / "unknown.json"), "--bands", "dissimilarity"),
        },
        "applied": {"classes": file, "values": str(folder / "values.json")},
        "scene": f"{FOLDER}/scene",
        "endpoint": f"{FOLDER}/endpoint",
        "shape": SHAPE,
        "grid": {
            "crsCode": CRS,
            "affineTransform": {
                "scaleX": TRANSFORM[0],
                "translateX": TRANSFORM[2],
                "scaleY": TRANSFORM[4],
                "translateY": TRANSFORM[5],
            },
        },
    }
    (folder / "case.json").write_text(json.dumps(case))
    command = [sys.executable, "-c", STEPS, str(folder / "case.json")]
    found = told(sandbox.run(command, timeout=280, EARTHLINE_TARGET="sandbox"))
    return SimpleNamespace(said=found, folder=folder, networks=networks)


def found(outcome, kind, which="map"):
    with np.load(outcome.folder / f"{kind}.{which}.npz") as arrays:
        return {band: arrays[band] for band in arrays.files}


def inner(context):
    """Pixels of the scene whose neighbours all lie in it."""
    seen = np.zeros(SHAPE, bool)
    edge = context // 2
    seen[edge : SHAPE[0] - edge, edge : SHAPE[1] - edge] = True
    return seen


def test_an_expression_gives_what_the_network_gives_also_beside_holes(outcome):
    given, wanted = found(outcome, "classes"), whole(outcome.networks["classes"])[..., :3]
    where = valid() & inner(3)
    assert set(given) == {"class_id", "probability", "set_size"}
    assert len(np.unique(wanted.argmax(axis=-1)[where])) == 3
    assert np.array_equal(given["class_id"][where], wanted.argmax(axis=-1)[where])
    assert np.abs(given["probability"] - wanted.max(axis=-1))[where].max() < 1e-5
    assert np.array_equal(given["set_size"][where], np.maximum((wanted >= 0.2).sum(axis=-1), 1)[where])
    for values in given.values():
        assert (values[~valid()] == -1).all() and (values[valid()] >= 0).all(), "masked where the image is"


def test_values_have_bounds(outcome):
    given, wanted = found(outcome, "values"), whole(outcome.networks["values"])
    for place, band in enumerate((VALUE_BAND, "q0.05", "q0.95")):
        apart = np.abs(given[band] - wanted[..., place])[valid()]
        assert apart.max() < 1e-5 * np.abs(wanted).max() and np.ptp(wanted[..., place]) > 1
        assert (given[band][~valid()] == -1).all()


def test_a_map_that_is_drawn_coarsely_has_the_pixels_of_the_fine_one(outcome):
    """Windows are of the pixels that the model learned from, at any zoom: each pixel is one of the fine ones."""
    fine, coarse = found(outcome, "classes")["class_id"], found(outcome, "classes", "coarse")["class_id"]
    assert any(np.array_equal(fine[row::4, column::4], coarse) for row in range(4) for column in range(4))


def test_what_is_written_says_how_it_was_proved_and_how_it_is_used(outcome):
    code, said = outcome.said["classes"]
    assert code == 0, said
    stored = json.loads((outcome.folder / "classes.json").read_text())
    assert f"an expression of {len(stored['ee_map']):,} bytes" in said
    assert stored["proof"] in said and stored["python"] in said and stored["javascript"] in said
    assert "note: an expression has no dissimilarity" in said and "dissimilarity" not in outcome.said["values"][1]
    assert stored["proof"].startswith("744 of 744 valid pixels of 2 patches have the same value in the map")
    assert stored["map"] == ["class_id", "probability", "set_size"] and stored["bands"] == ["b1", "b2"]
    assert f'ee.data.getAsset("{FOLDER}/mlp")["properties"]["ee_map"]).call(image)' in stored["python"]


def test_an_expression_that_differs_from_the_network_is_not_written(outcome):
    code, said = outcome.said["tampered"]
    assert code == 2
    assert "does not give what the network gave, and is not written: 744 of 744 valid pixels of 2 patches" in said
    assert "the numbers of the network differ by 0.0037 at most (1e-05 passes)" in said
    assert not (outcome.folder / "tampered.json").exists()


def test_patches_whose_imagery_has_changed_prove_nothing(outcome):
    code, said = outcome.said["elsewhere"]
    assert code == 0 and "note: patch at row 4, column 2: pixels: the examples were made elsewhere" in said
    assert "valid pixels of 1 patch have the same value" in said


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("unknown", "has no 'dissimilarity'; it has probability, margin, set_size"),
        ("unproved", "--prepared DIR, for the patches of the proof"),
        (
            "redefined",
            "cannot be proved with this config: patch at row 4, column 2: pixels: the examples were",
        ),
        ("nowhere", "name a file by --output, or an asset by --asset"),
        ("endpoint", f"{FOLDER}/endpoint describes a model with an endpoint; name another asset"),
    ],
)
def test_what_cannot_be_is_refused(outcome, command, why):
    code, said = outcome.said[command]
    assert code == 2 and why in " ".join(said.replace("│", " ").split())


def stump():
    """A tree of one node as a network, as the forests' are."""
    image, mask = keras.Input((None, None, 2)), keras.Input((None, None, 1), name="valid")
    nodes = np.array([[0, 0, ~0, ~1]], np.int32)
    trees = FlatTrees(nodes, np.eye(2, 3, dtype=np.float32), np.array([0], np.int32), np.zeros(3, np.float32))
    return keras.Model([image, mask], TreeEnsemble.of(trees, name="forest")(image))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ({"name": "fcn"}, "the layer zero_padding2d"),
        ({"name": "unet", "filters": 4, "depth": 1}, "the layer zero_padding2d"),
        ({"name": "context_unet", "filters": 4, "depth": 1}, "the layer zero_padding2d"),
        ({"name": "random_forest"}, "the layer forest (TreeEnsemble), which no expression has"),
        ({"name": "ensemble"}, "the layer member_0 (Functional), which no expression has"),
    ],
)
def test_other_models_are_refused_by_name(tmp_path, model, why):
    if model["name"] == "random_forest":
        made, (_, task) = stump(), head("classes")
    elif model["name"] == "ensemble":
        parts = [trained("classes", {"name": "linear"})[0] for _ in range(2)]
        made, (_, task) = averaged(parts, (0.5, 0.5), "probabilities"), head("classes")
    else:
        made, task, _ = trained("classes", model)
    write_model(tmp_path, "classes", model, made, task, ())
    with pytest.raises(ExpressionError) as refused:
        make(load(tmp_path / "config.yaml"), tmp_path / "trained", tmp_path, (), None, print)
    said = str(refused.value)
    assert f"the model {model['name']} becomes no expression: it has {why}" in said
    assert "`linear` and `pixel_mlp`" in said and "through its endpoint" in said and "`earthline predict`" in said
