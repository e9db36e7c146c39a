from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from google_cloud_pipeline_components.types import artifact_types

from components.evaluate_model import champion
from components.evaluate_model.champion import ChampionError
from components.prepare_saved_model import export, run
from components.prepare_saved_model.component import prepare_saved_model
from components.prepare_saved_model.proof import ProofError, prove
from earthline.config import Serving
from earthline.contract import Contract

# Keras hands TensorFlow's arrays to h5py, and those do not know NumPy 2's `copy` yet: nothing of ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

BANDS = ("swir", "nir", "red")
CLASSES = ("dark", "bright")
CONTRACT = Contract(
    bands=BANDS, class_names=CLASSES, tile_shape=(8, 8), overlap=(4, 4), stride=2, max_payload_bytes=1_500_000
)
IMAGE = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> Any:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((None, None, 3))
    x = keras.layers.MaxPooling2D()(keras.layers.Conv2D(3, 3, padding="same")(inputs))
    return keras.Model(inputs, keras.layers.Conv2D(2, 1, activation="softmax")(keras.layers.UpSampling2D()(x)))


@pytest.fixture(scope="module")
def good(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    export.save(network, CONTRACT, folder)
    return folder


def broken(module: Any, signatures: Any, folder: Path) -> Path:
    tf.saved_model.save(module, str(folder), signatures=signatures)
    CONTRACT.write(folder)
    return folder


def test_the_step_proves_its_work_in_a_fresh_process(trained: Any, tmp_path: Path) -> None:
    prepared = artifact_types.UnmanagedContainerModel(uri=str(tmp_path / "prepared"))
    prepare_saved_model.python_func(
        data=trained.data,
        serving=Serving(tile_shape=(8, 8), overlap=(4, 4)).model_dump_json(),
        image="registry/earthline:1",
        examples=trained.examples,
        model=trained.model,
        prepared=prepared,
    )
    assert prepared.metadata["containerSpec"] == {
        "imageUri": "registry/earthline:1",
        "command": ["python3", "-m", "serving"],
        "ports": [{"containerPort": 8080}],
        "predictRoute": "/predict",
        "healthRoute": "/health",
    }
    contract = Contract.read(tmp_path / "prepared")
    assert contract.bands == BANDS
    assert contract.max_difference is not None and contract.max_difference <= 1e-5


def test_the_proof_passes_what_export_writes(good: Path, network: Any) -> None:
    assert prove(good, IMAGE, BANDS, np.asarray(network(IMAGE))) <= 1e-5


def test_sizes_that_the_stride_does_not_divide_agree_where_no_padding_reaches(good: Path, network: Any) -> None:
    signature = tf.saved_model.load(str(good)).signatures["arrays"]
    cut = {band: tf.constant(IMAGE[:, :7, :5, place]) for place, band in enumerate(BANDS)}
    found = signature(**cut)["probabilities"]
    assert found.shape == (2, 7, 5, 2)
    np.testing.assert_allclose(found[:, :4, :2], network(IMAGE)[:, :4, :2], atol=1e-6)


def test_a_wrong_value_is_refused(good: Path, network: Any) -> None:
    with pytest.raises(ProofError, match=r"differs from the trained model by up to 0\.01"):
        prove(good, IMAGE, BANDS, np.asarray(network(IMAGE)) + 0.01)


def test_inputs_mapped_in_another_order_are_refused(network: Any, tmp_path: Path) -> None:
    # The trap of a wrapper that sorts: every name is there, every shape fits, the values are wrong.
    export.save(network, CONTRACT.model_copy(update={"bands": tuple(sorted(BANDS))}), tmp_path)
    with pytest.raises(ProofError, match="mapped in the order swir, nir, red"):
        prove(tmp_path, IMAGE, BANDS, np.asarray(network(IMAGE)))


def test_the_fresh_process_passes_the_reason_on(network: Any, tmp_path: Path) -> None:
    export.save(network, CONTRACT.model_copy(update={"bands": tuple(sorted(BANDS))}), tmp_path)
    with pytest.raises(run.PreparationError, match=r"refused: .*mapped in the order swir, nir, red"):
        run.prove(tmp_path, IMAGE, BANDS, np.asarray(network(IMAGE)))


def test_keras_own_export_is_refused(network: Any, tmp_path: Path) -> None:
    network.export(str(tmp_path), verbose=False)
    CONTRACT.write(tmp_path)
    with pytest.raises(ProofError, match="instead of the bands swir, nir, red"):
        prove(tmp_path, IMAGE, BANDS, np.asarray(network(IMAGE)))


def test_an_output_without_its_name_is_refused(tmp_path: Path) -> None:
    def unnamed(**texts: Any) -> dict[str, Any]:
        return {"output_0": texts["nir"]}

    function = tf.function(unnamed).get_concrete_function(
        **{band: tf.TensorSpec((None,), tf.string, name=band) for band in BANDS}
    )
    folder = broken(tf.Module(), {"serving_default": function}, tmp_path)
    with pytest.raises(ProofError, match="names its output output_0 instead of probabilities"):
        prove(folder, IMAGE, BANDS, np.zeros((2, 8, 8, 2)))


def test_renamed_inputs_are_refused(tmp_path: Path) -> None:
    def renamed(inputs: Any, inputs_1: Any, inputs_2: Any) -> dict[str, Any]:
        return {"probabilities": inputs}

    function = tf.function(renamed).get_concrete_function(*[tf.TensorSpec((None,), tf.string)] * 3)
    folder = broken(tf.Module(), {"serving_default": function}, tmp_path)
    with pytest.raises(ProofError, match="takes inputs, inputs_1, inputs_2 instead of the bands"):
        prove(folder, IMAGE, BANDS, np.zeros((2, 8, 8, 2)))


def test_a_model_without_the_signature_for_arrays_is_refused(good: Path, tmp_path: Path) -> None:
    loaded = tf.saved_model.load(str(good))
    folder = broken(loaded, {"serving_default": loaded.signatures["serving_default"]}, tmp_path)
    with pytest.raises(ProofError, match="no signature 'arrays'"):
        prove(folder, IMAGE, BANDS, np.zeros((2, 8, 8, 2)))


def test_a_contract_of_another_number_of_bands_is_refused(network: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the model has 3 bands and 2 classes"):
        export.save(network, CONTRACT.model_copy(update={"bands": ("nir", "red")}), tmp_path)


def test_a_champion_is_asked_by_band_name(good: Path, network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def linked(deployed: Any, project: str, folder: Path) -> None:
        for path in good.iterdir():
            (folder / path.name).symlink_to(path)

    monkeypatch.setattr(champion, "_download", linked)
    deployed = champion.Champion("models/1@1", "gs://bucket/model")
    expected = np.asarray(network(IMAGE)).argmax(-1)
    turned = (2, 0, 1)
    bands = tuple(BANDS[place] for place in turned)
    found, contract = champion.predict(deployed, "sandbox", IMAGE[..., turned], bands, CLASSES)
    assert contract == Contract.read(good)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ChampionError, match="takes the bands"):
        champion.predict(deployed, "sandbox", IMAGE, ("a", "b", "c"), CLASSES)
    with pytest.raises(ChampionError, match="tells dark, bright apart"):
        champion.predict(deployed, "sandbox", IMAGE, BANDS, ("bright", "dark"))
