"""A network of the user's own comes from a package, is checked, trains, and is read back."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from earthline.config.model import Model, find
from trainer import network
from trainer.models.factory import Factory
from trainer.statistics import Statistics

PACKAGE = '''
"""Networks of mine."""

import keras


@keras.saving.register_keras_serializable("own_networks")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def build(image, valid, filters=4, padding="same"):
    x = keras.layers.Concatenate()([image, valid])
    x = keras.layers.Conv2D(filters, 5, padding=padding, activation="tanh")(x)
    return Doubled()(x)


def whole(image, valid):
    return image + keras.layers.GlobalAveragePooling2D(keepdims=True)(image)


def flat(image, valid):
    return keras.layers.Flatten()(keras.layers.Reshape((4, 4, 2))(image))
'''
STATISTICS = Statistics((20.0, 30.0), (10.0, 10.0), 1)
HONEST = {"declares": {"stride": 1, "receptive_field": 5}}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of an importable package that no other test has seen."""
    name = f"own_networks_{tmp_path.name.replace('-', '_')}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(PACKAGE.replace('"own_networks"', f'"{name}"'))
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def made(package: str, function: str = "build", **section: Any) -> Model:
    name = f"{package}:{function}"
    return find(name).model_validate({"name": name, **HONEST, **section})


def built(model: Model) -> Any:
    assert isinstance(model, Factory)
    return network.build(model, STATISTICS, lambda features: keras.layers.Conv2D(3, 1, activation="softmax")(features))


def test_its_layers_are_built_with_its_options(package: str) -> None:
    model = made(package, options={"filters": 6})
    assert (model.stride, model.receptive_field, model.modules) == (1, 5, (package,))
    assert built(model).count_params() == 3 * 6 * 25 + 6 + 6 * 3 + 3


def test_it_is_read_back_where_its_package_is_imported(package: str, tmp_path: Path) -> None:
    trained = built(made(package))
    trained.save(tmp_path / "model.keras")
    image, valid = np.ones((1, 6, 6, 2), np.float32), np.ones((1, 6, 6, 1), np.float32)
    np.savez(tmp_path / "inputs.npz", image=image, valid=valid)
    script = """
import importlib, sys
from pathlib import Path
import numpy as np
from trainer import saved_network
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
found = np.load(folder / "inputs.npz")
np.save(folder / "outputs.npy", saved_network.read(folder, sys.argv[2:])([found["image"], found["valid"]]))
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), package], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy"), trained([image, valid]), atol=1e-6)


@pytest.mark.parametrize(
    ("function", "section", "said"),
    [
        ("build", {"declares": {"stride": 1, "receptive_field": 3}}, "receptive_field 3 is too small.*declare 5"),
        ("whole", {}, "receptive_field 5 is too small.*global pooling"),
        ("build", {"options": {"padding": "valid"}}, "the image's height and width"),
        ("build", {"options": {"width": 3}}, "cannot be called with image, valid and the options width"),
        ("flat", {}, "must give one Keras tensor"),
        ("absent", {}, "cannot be loaded.*install its package"),
    ],
)
def test_what_it_does_not_keep_to_is_told(package: str, function: str, section: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        built(made(package, function, **section))


def test_a_package_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="no_such_package_here:build cannot be loaded"):
        built(made("no_such_package_here"))


@pytest.mark.parametrize("name", ["os.path", "a:b:c", "a b:c", "a:b()", ".a:b"])
def test_a_name_is_a_module_and_a_function(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        find(name).model_validate({"name": name, **HONEST})


def test_what_is_declared_holds_for_networks_of_ours() -> None:
    """The check agrees with receptive fields that are proved elsewhere."""
    from trainer.models.parts.declared import Declared
    from trainer.models.unet import UNet

    ours = UNet(depth=1, filters=4)
    net = network.build(ours, STATISTICS, lambda features: features)
    whole = Declared(stride=ours.stride, receptive_field=ours.receptive_field)
    whole.require(lambda image, valid: net([20 + 10 * image, valid], training=False), 2)
    with pytest.raises(ValueError, match="too small"):
        Declared(stride=ours.stride, receptive_field=ours.receptive_field - 2).require(
            lambda image, valid: net([20 + 10 * image, valid], training=False), 2
        )
