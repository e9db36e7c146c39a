"""A model in a file is taken as it is, or its weights are where a training begins; nothing that it brings is run."""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from earthline.config import ConfigError, Train, load
from earthline.config.model_file import ModelFile
from earthline.config.sections.train.init import Init
from earthline.formats.manifest import Manifest
from tests.trainer.models.onnx import graphs
from trainer import initial, model_file, saved_network, training
from trainer.confidence import applicability
from trainer.description import KERAS_MODEL, Description
from trainer.heads.classification import ClassificationHead
from trainer.input.store import Store
from trainer.layers import Dissimilarity
from trainer.models.file import File
from trainer.models.onnx import files
from trainer.network import build
from trainer.statistics import Statistics

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

ROOT = Path(__file__).parents[2]
MODEL = {"name": "pixel_mlp", "units": 6, "layers": 3, "windows": [5]}
# A rate at which no weight changes by more than rounding: what it begins with is what it ends with.
STILL: dict[str, Any] = {"epochs": 1, "batch_size": 4, "learning_rate": 1e-12, "weight_decay": 0.0}


@pytest.fixture(scope="module")
def examples(dataset: Callable[..., Path]) -> Path:
    return dataset()


@pytest.fixture(scope="module")
def trained(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model that learned something."""
    folder = tmp_path_factory.mktemp("trained")
    run(MODEL, examples, folder, epochs=2, batch_size=4, learning_rate=0.01)
    return folder


def run(model: Any, examples: Path, folder: Path, **train: Any) -> dict[str, float]:
    state = training.run(Train.model_validate({"model": model, **train}), examples, folder)
    return state.history[state.best_epoch - 1].metrics


def inputs(examples: Path) -> Any:
    image, valid = next(Store(examples, Manifest.read(examples), 0.5).validation.batches(4))
    return [np.asarray(image, np.float32), np.asarray(valid, np.float32)]


def test_a_model_of_ours_goes_on_as_it_is(trained: Path, examples: Path, tmp_path: Path) -> None:
    described = Description.read(trained)
    section = {
        "name": "file",
        "file": str(trained / KERAS_MODEL),
        "declares": {"stride": described.stride, "receptive_field": described.receptive_field},
    }
    metrics = run(section, examples, tmp_path / "taken")
    values = inputs(examples)
    expected = np.asarray(saved_network.read(trained)(values))
    np.testing.assert_allclose(saved_network.read(tmp_path / "taken")(values), expected, atol=1e-5)
    taken = Description.read(tmp_path / "taken")
    assert (taken.stride, taken.receptive_field) == (described.stride, described.receptive_field)
    labels = np.asarray(Store(examples, Manifest.read(examples), 0.5).validation.label)
    counts = labels != 255
    assert metrics["val_accuracy"] == pytest.approx((expected.argmax(-1) == labels)[counts].mean(), abs=1e-6)


def test_a_training_begins_at_the_weights_of_a_file(trained: Path, examples: Path, tmp_path: Path) -> None:
    run(MODEL, examples, tmp_path, init=str(trained / KERAS_MODEL), **STILL)
    before, after = (saved_network.read(each) for each in (trained, tmp_path))
    pairs = [each for each in zip(before.weights, after.weights, strict=True) if "moving" not in each[0].name]
    assert len(pairs) == 8
    for one, other in pairs:
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_what_tells_how_far_a_model_reaches_is_no_part_of_it(trained: Path, examples: Path, tmp_path: Path) -> None:
    network = saved_network.read(trained)
    far = Dissimilarity.of(np.zeros(3), np.ones(3), np.zeros((5, 3)), name="dissimilarity")
    applicability.attached(network, applicability.Applicability(far, 1.0)).save(tmp_path / "whole.keras")
    values = inputs(examples)
    read = model_file.read(ModelFile(file=str(tmp_path / "whole.keras")))
    np.testing.assert_allclose(read(values), network(values), atol=1e-5)
    run(MODEL, examples, tmp_path / "tuned", init=str(tmp_path / "whole.keras"), **STILL)
    assert saved_network.read(tmp_path / "tuned").outputs[0].shape[-1] == 2


def test_all_but_a_new_last_layer_begins_there(
    trained: Path, examples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init = Init(file=str(trained / KERAS_MODEL), head="new")
    # Bands are normalized as in the file, whatever the new examples are like.
    measured = initial.statistics(init, Statistics((1.0, 2.0, 3.0), (1.0, 1.0, 1.0), 9))
    described = Description.read(trained)
    np.testing.assert_allclose([measured.mean, measured.std], [described.mean, described.std], rtol=1e-5)
    train = Train.model_validate({"model": MODEL})
    head = ClassificationHead(train, Manifest.read(examples))
    keras.utils.set_random_seed(99)
    network = build(train.model, measured, head.outputs)  # type: ignore[arg-type]
    initial.begin(network, init, head)
    kernels = [
        [weight.numpy() for weight in each.weights if weight.name == "kernel"]
        for each in (saved_network.read(trained), network)
    ]
    alike = [np.array_equal(one, other) for one, other in zip(*kernels, strict=True)]
    assert all(alike[:-1]) and not alike[-1]
    layers = len([layer for layer in network.layers if layer.weights])
    assert f"{layers - 1} of {layers} layers begin at the weights of" in capsys.readouterr().out


def saved(path: Path, bands: int = 3, classes: int = 2, shape: Any = (None, None), **options: Any) -> Path:
    """A network from elsewhere: one input, raw bands, 3 x 3 convolutions."""
    image = keras.Input((*shape, bands))
    x = keras.layers.Rescaling(1e-3)(image)
    x = keras.layers.Conv2D(4, 3, padding=options.get("padding", "same"), activation="tanh")(x)
    keras.Model(image, keras.layers.Conv2D(classes, 1)(x)).save(path)
    return path


def taken(path: Path, **section: Any) -> Any:
    declares = {"stride": 1, "receptive_field": 3}
    return {"name": "file", "file": str(path), "activation": "softmax", "declares": declares, **section}


def test_a_network_that_knows_no_masks_is_taken_and_masked(examples: Path, tmp_path: Path) -> None:
    path = saved(tmp_path / "theirs.keras")
    run(taken(path), examples, tmp_path / "model", certainty={"temperature": False})
    network = saved_network.read(tmp_path / "model")
    image, valid = inputs(examples)
    assert (valid == 0).any()
    found = np.asarray(network([np.where(valid > 0, image, np.nan), valid]))
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
    whole = np.asarray(keras.ops.softmax(keras.models.load_model(path)(image)))
    # Pixels whose neighbours are all valid have what the file itself gives.
    inner = keras.ops.max_pool(1 - valid, 3, 1, "same")[..., 0] == 0
    np.testing.assert_allclose(found[np.asarray(inner)], whole[np.asarray(inner)], atol=1e-5)


def test_a_network_that_needs_some_pixels_declares_a_stride_of_as_many(tmp_path: Path) -> None:
    """As the land cover sample of People and Planet AI: what a convolution takes off, a transposed one gives back."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 5, activation="relu")(image)
    x = keras.layers.Conv2DTranspose(4, 5, activation="relu")(x)
    keras.Model(image, keras.layers.Dense(2, activation="softmax")(x)).save(tmp_path / "fcn.keras")
    values = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype(np.float32)
    for stride in (8, 1):
        declares = {"stride": stride, "receptive_field": 9}
        section = File(file=str(tmp_path / "fcn.keras"), declares=declares)  # type: ignore[arg-type]
        if stride == 1:
            with pytest.raises(ValueError, match="declare a larger stride"):
                section.network([0.0] * 3, [1.0] * 3, (2,))
        else:
            network = section.network([0.0] * 3, [1.0] * 3, (2,))
            expected = keras.models.load_model(tmp_path / "fcn.keras")(values)
            np.testing.assert_allclose(network([values, np.ones((1, 16, 16, 1), np.float32)]), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("made", "section", "said"),
    [
        ({"bands": 4}, {}, "takes 4 bands, the imagery has 3"),
        ({"classes": 5}, {}, "gives 5 values for each pixel, data.labels has 2"),
        ({"shape": (8, 8)}, {}, "images of 8 x 8 px alone"),
        ({"padding": "valid"}, {}, "train.model.declares.*the image's height and width"),
        ({}, {"declares": {"stride": 1, "receptive_field": 1}}, "receptive_field 1 is too small.*declare 3"),
        ({}, {"sha256": "0" * 64}, "it is another file than before"),
    ],
)
def test_what_does_not_fit_is_told(made: Any, section: Any, said: str, examples: Path, tmp_path: Path) -> None:
    path = saved(tmp_path / "theirs.keras", **made)
    with pytest.raises(ValueError, match=said):
        run(taken(path, **section), examples, tmp_path / "model")


@pytest.mark.parametrize(
    ("made", "section", "said"),
    [
        ({"bands": 4}, {}, "train.init: .* takes 4 bands, the imagery has 3"),
        ({"classes": 5}, {}, "gives 5 values for each pixel, data.labels has 2.*head: new"),
        ({}, {"head": "new"}, "no layer of train.model fits"),
    ],
)
def test_what_a_training_cannot_begin_with_is_told(
    made: Any, section: Any, said: str, examples: Path, tmp_path: Path
) -> None:
    path = saved(tmp_path / "theirs.keras", **made)
    with pytest.raises(ValueError, match=said):
        run(MODEL, examples, tmp_path / "model", init={"file": str(path), **section}, **STILL)


def onnx_file(path: Path, entries: int, **section: Any) -> dict[str, Any]:
    path.write_bytes(graphs.u_net(entries, 3))
    return taken(path, declares={"stride": 4, "receptive_field": 17}, **section)


def test_an_onnx_file_goes_on_as_a_keras_file_does(examples: Path, tmp_path: Path) -> None:
    mean, std = [1000.0, 2000.0, 3000.0], 500.0
    section = onnx_file(tmp_path / "theirs.onnx", 2, normalization={"mean": mean, "std": std})
    run(section, examples, tmp_path / "model", certainty={"temperature": False})
    network = saved_network.read(tmp_path / "model")
    image, _ = inputs(examples)
    normalized = ((image - mean) / std).astype(np.float32).transpose(0, 3, 1, 2)
    logits = ReferenceEvaluator(str(tmp_path / "theirs.onnx")).run(None, {"x": normalized})[0]
    expected = np.asarray(keras.ops.softmax(logits.transpose(0, 2, 3, 1)))
    np.testing.assert_allclose(network([image, np.ones_like(image[..., :1])]), expected, atol=1e-5)
    described = Description.read(tmp_path / "model")
    assert (described.stride, described.receptive_field) == (4, 17)


def test_one_logit_tells_two_classes_apart(tmp_path: Path) -> None:
    section = onnx_file(tmp_path / "theirs.onnx", 1)
    network = File.model_validate({**section, "activation": "sigmoid"}).network([0.0] * 3, [1.0] * 3, (2,))
    image = np.random.default_rng(0).normal(size=(1, 8, 12, 3)).astype(np.float32)
    logit = ReferenceEvaluator(str(tmp_path / "theirs.onnx")).run(None, {"x": image.transpose(0, 3, 1, 2)})[0]
    second = np.asarray(keras.ops.sigmoid(logit.transpose(0, 2, 3, 1)))
    found = network([image, np.ones((1, 8, 12, 1), np.float32)])
    np.testing.assert_allclose(found, np.concatenate([1 - second, second], axis=-1), atol=1e-5)


@pytest.mark.parametrize(
    ("entries", "section", "said"),
    [
        (1, {}, "gives 1 value for each pixel, data.labels has 2; if it is the logit .* `activation: sigmoid`"),
        (2, {"activation": "sigmoid"}, "sigmoid is for one logit.* gives 2 values"),
        (
            2,
            {"declares": {"stride": 1, "receptive_field": 17}},
            "divide by 4, with 1 .*declare stride 4 and receptive_field 17",
        ),
        (2, {"declares": {"stride": 4, "receptive_field": 15}}, "rests on a square of 17 px; declare 17"),
        (2, {"sha256": "0" * 64}, "it is another file than before"),
    ],
)
def test_what_does_not_fit_of_an_onnx_file_is_told(entries: int, section: Any, said: str, tmp_path: Path) -> None:
    read = File.model_validate({**onnx_file(tmp_path / "theirs.onnx", entries), **section})
    with pytest.raises(ValueError, match=said):
        read.network([0.0] * 3, [1.0] * 3, (2,))


def test_without_its_package_onnx_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = onnx_file(tmp_path / "theirs.onnx", 2)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match=r"pip install 'earthline\[onnx\]'"):
        File.model_validate(section).network([0.0] * 3, [1.0] * 3, (2,))


def larger(path: Path, interpolation: str) -> Any:
    image = keras.Input((None, None, 3))
    inner = keras.Sequential([keras.layers.UpSampling2D((2, 4), interpolation=interpolation)])
    x = keras.layers.AveragePooling2D((2, 4))(keras.layers.Conv2D(4, 3, padding="same")(image))
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(inner(x)))
    model.save(path)
    return model


def test_what_keras_enlarges_at_a_fixed_shape_alone_is_enlarged_at_any(tmp_path: Path) -> None:
    theirs = larger(tmp_path / "theirs.keras", "bilinear")
    with pytest.raises(ValueError, match="cannot be computed for images of any height and width"):
        # Where this is not raised any more, Keras does it by itself.
        model_file.require_any_shape(theirs, "theirs.keras")
    given = {"name": "file", "file": "theirs.keras"}
    network = File.model_validate(given, context={"folder": tmp_path}).network([0.0] * 3, [1.0] * 3, (2,))
    values = np.random.default_rng(0).normal(size=(1, 8, 12, 3)).astype(np.float32)
    np.testing.assert_allclose(network([values, np.ones((1, 8, 12, 1), np.float32)]), theirs(values), atol=1e-5)
    network.export(tmp_path / "saved", verbose=False)
    larger(tmp_path / "theirs.keras", "bicubic")
    with pytest.raises(ValueError, match=r"interpolation='bicubic'.*use 'bilinear' or 'nearest'"):
        File.model_validate(given, context={"folder": tmp_path})


@pytest.mark.parametrize(("name", "seen"), [("theirs.onnx", (4, 17)), ("theirs.keras", (1, 3))])
def test_what_is_not_declared_is_known_from_the_file(name: str, seen: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".onnx":
        path.write_bytes(graphs.u_net(2, 3))
    else:
        saved(path)
    given = {"name": "file", "file": name}
    read = File.model_validate(given, context={"folder": tmp_path})
    assert (read.stride, read.receptive_field) == seen
    # What a step is told has both: it plans tiles before it has the file.
    told = read.model_dump_json()
    read.network([0.0] * 3, [1.0] * 3, (2,))
    path.unlink()
    assert File.model_validate_json(told) == read
    with pytest.raises(ValueError, match=r"is not read before a run: write `declares: \{stride: "):
        File.model_validate({"name": "file", "file": f"gs://models/{name}"}, context={"folder": tmp_path})
    with pytest.raises(ValueError, match="is not read before a run"):
        File.model_validate(given)


def test_a_file_that_no_map_can_be_made_of_is_told_before_a_run(tmp_path: Path) -> None:
    saved(tmp_path / "fixed.keras", shape=(8, 8))
    saved(tmp_path / "smaller.keras", padding="valid")
    (tmp_path / "whole.onnx").write_bytes(
        graphs.written([graphs.node("GlobalAveragePool", "x", "g"), graphs.node("Mul", "x g", "y")])
    )
    for name, said in (
        ("fixed.keras", "images of 8 x 8 px alone"),
        ("smaller.keras", r"smaller.keras: .*no stride up to 256 helps"),
        ("whole.onnx", "GlobalAveragePool .* over all pixels"),
    ):
        with pytest.raises(ValueError, match=said):
            File.model_validate({"name": "file", "file": name}, context={"folder": tmp_path})


def test_a_file_of_other_bands_is_told_before_a_run(tmp_path: Path) -> None:
    saved(tmp_path / "theirs.keras", bands=4)
    section = {"name": "file", "file": str(tmp_path / "theirs.keras")}
    changes = [f"train.model={json.dumps(section)}", "train.loss=null"]
    with pytest.raises(ConfigError, match=r"train.model.file: .*theirs.keras takes 4 bands, the imagery has 5"):
        load(ROOT / "configs" / "quickstart.yaml", changes)
    # What travels to a step was looked at before, and the file is read there.
    read = File.model_validate({**section, "declares": {"stride": 1, "receptive_field": 3}})
    assert read.suited(("red", "nir", "swir")) is read


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs.onnx").write_bytes(graphs.u_net(2, 3))
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match=r"theirs\.onnx is larger than 1,000 bytes"):
        File.model_validate({"name": "file", "file": "theirs.onnx"}, context={"folder": tmp_path})


def test_no_function_of_a_file_is_run(tmp_path: Path) -> None:
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Lambda(lambda x: 2 * x)(image)).save(tmp_path / "lambda.keras")
    with pytest.raises(ValueError, match=r"cannot be read as a Keras model .*no Lambda"):
        model_file.read(ModelFile(file=str(tmp_path / "lambda.keras")))


def test_what_is_no_keras_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.keras").write_text("weights")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    for name, said in (("text", "is no Keras 3 model"), ("other", "cannot be read"), ("absent", "is not there")):
        with pytest.raises(ValueError, match=said):
            model_file.read(ModelFile(file=str(tmp_path / f"{name}.keras")))
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(1_000_000))
    monkeypatch.setattr(model_file, "MOST_BYTES", 100_000)
    assert (tmp_path / "bomb.keras").stat().st_size < 100_000
    with pytest.raises(ValueError, match="larger than 100,000 bytes"):
        model_file.read(ModelFile(file=str(tmp_path / "bomb.keras")))


def test_the_config_fixes_a_local_file_and_refuses_other_kinds(tmp_path: Path) -> None:
    path = saved(tmp_path / "theirs.keras")
    read = File.model_validate(taken(Path(path.name)), context={"folder": tmp_path})
    assert read.file == str(path) and read.sha256 is not None and len(read.sha256) == 64
    # A step reads the section again, on a machine that need not have the folder.
    assert File.model_validate_json(read.model_dump_json()) == read
    for name, said in (
        ("a.onnx", "not there"),
        ("a.pt", "is a file of PyTorch"),
        ("a.h5", "tf_keras"),
        ("saved_model/", "SavedModel"),
        ("a.keras", "not there"),
    ):
        with pytest.raises(ValueError, match=said):
            File.model_validate(taken(Path(name)), context={"folder": tmp_path})
