import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import openvino
import pytest

from earthline import runtimes
from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput
from earthline.formats.served.runtime_record import RuntimeName, RuntimeRecord
from earthline.runtimes import openvino_graph
from tests import small_network

RANDOM = np.random.default_rng(0)


def tiles(shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    valid = (RANDOM.random(shape) > 0.1).astype(np.float32)
    bands = {name: RANDOM.normal(size=shape).astype(np.float32) for name in ("red", "nir")}
    bands["nir"][:, ::3, ::2] = np.nan
    return bands | {"earthline_valid": valid}


def test_both_give_the_same_whatever_the_shape_and_however_often(prepared: Path) -> None:
    openvino, tensorflow = (runtimes.load(prepared, name) for name in ("openvino", "tensorflow"))
    assert (openvino.name, tensorflow.name) == ("openvino", "tensorflow")
    # The plan's two, more tiles than calls at once, sides that the stride does not divide; one shape until it is known.
    for shape in ((1, 12, 12), (1, 16, 16), (7, 12, 12), (2, 5, 3), (1, 1, 1), *[(3, 9, 14)] * 5):
        inputs = tiles(shape)
        found, wanted = openvino.predict(inputs), tensorflow.predict(inputs)
        assert found.shape == wanted.shape == (*shape, 3) and found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["openvino", "tensorflow"])
def test_when_one_is_loaded_it_has_computed_tiles_as_callers_send_them(
    prepared: Path, name: RuntimeName, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[tuple[int, ...]] = []
    kind = type(runtimes.load(prepared, name))
    predict = kind.predict

    def noted(self: Any, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        found: np.ndarray = predict(self, inputs)
        computed.append(found.shape[1:3])
        return found

    monkeypatch.setattr(kind, "predict", noted)
    runtimes.load(prepared, name)
    # With the overlap as a total, and at each edge.
    assert set(computed) == {(12, 12), (16, 16)}


def test_openvino_divides_where_the_network_does(tmp_path: Path) -> None:
    """Left to itself it multiplies by an inverse, and joins that with the subtraction before: digits cancel out."""
    mean, deviation = np.float32([127.3, 81.9]), np.float32([74.1, 33.7])
    image, valid = keras.Input((None, None, 2)), keras.Input((None, None, 1))
    normal = keras.layers.Lambda(lambda bands: (bands - mean) / deviation)(image)
    small_network.prepare(
        keras.Model([image, valid], keras.layers.Concatenate()([normal, valid])), ("red", "nir"), tmp_path
    )
    bands = RANDOM.integers(0, 256, (4, 64, 64, 2)).astype(np.float32)
    inputs = {"red": bands[..., 0], "nir": bands[..., 1], "earthline_valid": np.ones(bands.shape[:3], np.float32)}
    found = runtimes.load(tmp_path).predict(inputs)[..., :2]
    wanted = (bands.astype(np.float64) - mean) / deviation
    # Two roundings, of a difference and of a ratio, to half a unit in the last place each.
    assert (np.abs(found - wanted) / np.abs(wanted)).max() < 2.01 * 2**-24


def test_many_threads_get_each_their_own(prepared: Path) -> None:
    runtime = runtimes.load(prepared)
    asked = [tiles((count, 12, 12)) for count in (1, 3, 1, 2, 5, 1, 4, 1)] * 4
    alone = [runtime.predict(each) for each in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(runtime.predict, asked))
    for found, wanted in zip(together, alone, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_openvino_needs_no_tensorflow(prepared: Path) -> None:
    code = f"""
import sys, numpy, pathlib
sys.modules["tensorflow"] = sys.modules["keras"] = None
from earthline import runtimes
runtime = runtimes.load(pathlib.Path({str(prepared)!r}))
ones = numpy.ones((2, 8, 8), numpy.float32)
print(runtime.name, runtime.predict(dict(red=ones, nir=ones, earthline_valid=ones)).shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "openvino (2, 8, 8, 3)", done.stderr
    # A process may end while a network is still being compiled.
    code = f"""
import pathlib, time
from earthline.runtimes import loading, openvino_runtime
compiled = openvino_runtime.OpenVinoRuntime._widen
openvino_runtime.OpenVinoRuntime._widen = lambda self: [compiled(self) for _ in range(8)]
loading.load(pathlib.Path({str(prepared)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_tensorflow_needs_no_keras_and_leaves_it_whole(prepared: Path) -> None:
    code = f"""
import sys, numpy, pathlib
from earthline.runtimes.tensorflow_runtime import TensorFlowRuntime
import components.prepare_saved_model.proof.__main__
runtime = TensorFlowRuntime(pathlib.Path({str(prepared)!r}))
ones = numpy.ones((2, 8, 8), numpy.float32)
print(runtime.predict(dict(red=ones, nir=ones, earthline_valid=ones)).shape, "keras" in sys.modules)
import keras
import tensorflow as tf
network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
network.compile("adam", "mse")
network.fit(ones[0, :, :2], ones[0, :, :1], verbose=0)
print(type(network.optimizer) is tf.keras.optimizers.Adam)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["(2, 8, 8, 3) False", "True"], done.stderr


def test_where_openvinos_network_is_missing_tensorflow_takes_its_place(
    prepared: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(prepared, folder, ignore=shutil.ignore_patterns("openvino"))
    assert runtimes.load(folder).name == "tensorflow"
    assert "OpenVINO cannot compute the model" in caplog.text
    with pytest.raises(runtimes.RuntimeFault, match="prepare the model again"):
        runtimes.load(folder, "openvino")


def test_a_network_of_other_bands_is_refused(prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(prepared, folder)
    Contract.read(folder).model_copy(update={"bands": ("red", "nir", "swir")}).write(folder)
    with pytest.raises(runtimes.RuntimeFault, match="the contract asks for 4 planes and 3 entries"):
        runtimes.load(folder, "openvino")


def test_a_contract_from_before_runtimes_were_recorded_means_tensorflow(prepared: Path) -> None:
    content = Contract.read(prepared).model_dump(mode="json")
    del content["runtime"]
    assert Contract.model_validate(content).runtime == RuntimeRecord(name="tensorflow")


def test_a_folder_without_a_contract_is_refused(tmp_path: Path) -> None:
    with pytest.raises(runtimes.RuntimeFault, match="no usable contract"):
        runtimes.load(tmp_path)


@pytest.mark.parametrize("entries", [0, 3])
def test_a_softmax_is_computed_over_planes_whatever_is_made_of_it(prepared: Path, tmp_path: Path, entries: int) -> None:
    folder = tmp_path / "model"
    shutil.copytree(prepared, folder)
    kind = {"made": "entries", "entries": 3} if entries else {"made": "most_probable", "type": "uint8"}
    output = ServedOutput.model_validate({"name": "given", "used": 3, **kind})
    Contract.read(folder).model_copy(update={"outputs": (output,)}).write(folder)
    network = openvino.Core().read_model(folder / "openvino" / "model.xml")
    assert openvino_graph.end_on_planes(network, turned=bool(entries)) == (not entries)
    (softmax,) = [each for each in network.get_ops() if each.get_type_name() == "Softmax"]
    assert softmax.get_attributes()["axis"] == 1
    runtime, tensorflow = runtimes.load(folder, "openvino"), runtimes.load(prepared, "tensorflow")
    for shape in ((2, 12, 12), (1, 9, 7)):
        inputs = tiles(shape)
        found = runtime.predict(inputs)
        np.testing.assert_allclose(found, tensorflow.predict(inputs), atol=1e-6)
        # Where classes are made of it, entries lie in planes; where they are answered, pixel by pixel.
        assert (found.strides[-1] == found.itemsize) == bool(entries)
