from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from google_cloud_pipeline_components.types import artifact_types

from components.prepare_saved_model import export, run
from components.prepare_saved_model.component import prepare_saved_model
from components.prepare_saved_model.proof import ProofError, Prover
from earthline.config import Serving
from earthline.formats.contract import Contract
from earthline.formats.references import Reference
from earthline.task.classification.task import Classification

# Keras hands TensorFlow's arrays to h5py, and those do not know NumPy 2's `copy` yet: nothing of ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

BANDS = ("swir", "nir", "red")
CLASSES = ("dark", "bright")
CONTRACT = Contract(
    bands=BANDS,
    task=Classification(CLASSES).record,
    tile_shape=(8, 8),
    overlap=(4, 4),
    stride=2,
    max_payload_bytes=1_500_000,
)
IMAGE = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
VALID = np.ones((2, 8, 8), np.float32)
VALID[1, 2:5] = 0


def small_network(bands: int) -> Any:
    keras.utils.set_random_seed(3)
    image, valid = keras.Input((None, None, bands)), keras.Input((None, None, 1))
    x = keras.layers.Concatenate()([keras.layers.Multiply()([image, valid]), valid])
    x = keras.layers.MaxPooling2D()(keras.layers.Conv2D(3, 3, padding="same")(x))
    x = keras.layers.Conv2D(2, 1, activation="softmax")(keras.layers.UpSampling2D()(x))
    return keras.Model([image, valid], x)


def given(network: Any, image: Any = IMAGE, valid: Any = VALID) -> Any:
    """What the trained model gives."""
    return np.asarray(network([image, valid[..., np.newaxis]], training=False))


def prove(folder: Path, probabilities: Any, image: Any = IMAGE, bands: Any = BANDS) -> float:
    return Prover(folder, image, VALID, bands, probabilities).prove()


@pytest.fixture(scope="module")
def network() -> Any:
    return small_network(3)


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
        serving_image="registry/earthline-serving:1",
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
    assert contract.arguments == {}
    probe = Reference.read(tmp_path / "prepared")
    assert probe.shape == contract.sent_shape == (16, 16)
    assert (probe.valid == 0).any(), "a tile with a mask is asked as well"
    signature = tf.saved_model.load(str(tmp_path / "prepared")).signatures["arrays"]
    tiles = {band: tf.constant(probe.image[..., place]) for place, band in enumerate(BANDS)}
    np.testing.assert_allclose(
        signature(**tiles, earthline_valid=tf.constant(probe.valid))["probabilities"], probe.outputs, atol=1e-6
    )


def test_the_proof_passes_what_export_writes(good: Path, network: Any) -> None:
    assert prove(good, given(network)) <= 1e-5


ODD = (
    *("0_B2", "nir-2", "vv.mean", "über", "a b", "a/b", "_x", "x__y", "input_1", "input_0", "inputs", "B1", "b1"),
    *("self", "name", "args", "kwargs", "class", "None", "training", "b1_1", "valid", "image", "probabilities"),
)


def test_bands_of_any_name_are_served(tmp_path: Path) -> None:
    contract = CONTRACT.model_copy(update={"bands": ODD, "arguments": export.arguments((*ODD, CONTRACT.valid))})
    odd = small_network(len(ODD))
    image = np.random.default_rng(1).normal(size=(2, 8, 8, len(ODD))).astype(np.float32)
    export.save(odd, contract, tmp_path)
    assert prove(tmp_path, given(odd, image), image, ODD) <= 1e-5


def test_plain_names_are_kept() -> None:
    names = ("B4", "SR_B10", "VV", "red", "earthline_valid", "sur_refl_b01")
    assert export.arguments(names) == {}
    assert export.arguments(("red", "0_B2")) == {"0_B2": "input_1"}


class Leaky(tf.Module):
    """A wrapper that forgets one term of the contract."""

    def __init__(self, network: Any, image: Any = None, valid: Any = None) -> None:
        super().__init__()
        self.network, self.image, self.valid = network, image or (lambda x, _: x), valid or (lambda _, y: y)

    def save(self, folder: Path) -> Path:
        def compute(tiles: Any) -> Any:
            image = tf.stack([tiles[band] for band in BANDS], axis=-1)
            valid = tiles["earthline_valid"][..., tf.newaxis]
            return self.network([self.image(image, valid), self.valid(image, valid)], training=False)

        def arrays(**tiles: Any) -> Any:
            return {"probabilities": compute(tiles)}

        def texts(**texts: Any) -> Any:
            decoded = {name: export._decoded(text)[..., 0] for name, text in texts.items()}
            return {"probabilities": export._encoded(compute(decoded))}

        kinds = {"arrays": (arrays, (None, None, None), tf.float32), "serving_default": (texts, (None,), tf.string)}
        signatures = {
            key: tf.function(function).get_concrete_function(
                **{name: tf.TensorSpec(shape, kind, name=name) for name in CONTRACT.inputs}
            )
            for key, (function, shape, kind) in kinds.items()
        }
        return broken(self, signatures, folder)


def test_a_model_that_reads_what_lies_under_the_mask_is_refused(network: Any, tmp_path: Path) -> None:
    folder = Leaky(network).save(tmp_path)
    with pytest.raises(ProofError, match="NaN under the mask changes probabilities"):
        prove(folder, given(network))


def test_a_model_in_which_what_is_no_number_spreads_is_refused(network: Any, tmp_path: Path) -> None:
    folder = Leaky(network, image=lambda image, valid: tf.where(valid > 0.5, image, 0.0)).save(tmp_path)
    with pytest.raises(ProofError, match="NaN in one band of a valid pixel"):
        prove(folder, given(network))


def test_sizes_that_no_wrapper_pads_are_refused(network: Any, tmp_path: Path) -> None:
    def seen(image: Any, valid: Any) -> Any:
        return tf.logical_and(valid > 0.5, tf.reduce_all(tf.math.is_finite(image), -1, True))

    folder = Leaky(
        network,
        image=lambda image, valid: tf.where(seen(image, valid), image, 0.0),
        valid=lambda image, valid: tf.cast(seen(image, valid), tf.float32),
    ).save(tmp_path)
    with pytest.raises(ProofError, match="tile sizes must be free"):
        prove(folder, given(network))


def test_a_tile_whose_answer_is_too_large_is_refused(network: Any, tmp_path: Path) -> None:
    # Four inputs of 16 x 16 pixels go out, 16 x 16 x 2 come back: limits between and below the two.
    export.save(network, CONTRACT.model_copy(update={"max_payload_bytes": 4000}), tmp_path)
    with pytest.raises(ProofError, match=r"a request of 5,\d+ bytes, over max_payload_bytes 4,000"):
        Prover(tmp_path, IMAGE, VALID, BANDS, given(network)).write_probe()
    many = CONTRACT.model_copy(update={"task": Classification(tuple("abcdefgh")).record, "max_payload_bytes": 8000})
    wide = keras.Model(network.inputs, keras.layers.Conv2D(8, 1, activation="softmax")(network.outputs[0]))
    export.save(wide, many, tmp_path)
    with pytest.raises(ProofError, match=r"an answer of 1\d,\d+ bytes"):
        Prover(tmp_path, IMAGE, VALID, BANDS, given(wide)).write_probe()


def test_sizes_that_the_stride_does_not_divide_agree_where_no_padding_reaches(good: Path, network: Any) -> None:
    signature = tf.saved_model.load(str(good)).signatures["arrays"]
    cut = {band: tf.constant(IMAGE[:, :7, :5, place]) for place, band in enumerate(BANDS)}
    found = signature(**cut, earthline_valid=tf.constant(VALID[:, :7, :5]))["probabilities"]
    assert found.shape == (2, 7, 5, 2)
    np.testing.assert_allclose(found[:, :4, :2], given(network)[:, :4, :2], atol=1e-6)


def test_a_wrong_value_is_refused(good: Path, network: Any) -> None:
    with pytest.raises(ProofError, match=r"differs from the trained model by up to 0\.01"):
        prove(good, given(network) + 0.01)


def test_inputs_mapped_in_another_order_are_refused(network: Any, tmp_path: Path) -> None:
    # The trap of a wrapper that sorts: every name is there, every shape fits, the values are wrong.
    export.save(network, CONTRACT.model_copy(update={"bands": tuple(sorted(BANDS))}), tmp_path)
    with pytest.raises(ProofError, match="mapped in the order swir, nir, red"):
        prove(tmp_path, given(network))


def test_the_fresh_process_passes_the_reason_on(network: Any, tmp_path: Path) -> None:
    export.save(network, CONTRACT.model_copy(update={"bands": tuple(sorted(BANDS))}), tmp_path)
    with pytest.raises(run.PreparationError, match=r"refused: .*mapped in the order swir, nir, red"):
        run.prove(tmp_path, IMAGE, VALID, BANDS, given(network))


def test_keras_own_export_is_refused(network: Any, tmp_path: Path) -> None:
    network.export(str(tmp_path), verbose=False)
    CONTRACT.write(tmp_path)
    with pytest.raises(ProofError, match="instead of swir, nir, red, earthline_valid"):
        prove(tmp_path, given(network))


def test_an_output_without_its_name_is_refused(tmp_path: Path) -> None:
    def unnamed(**texts: Any) -> dict[str, Any]:
        return {"output_0": texts["nir"]}

    function = tf.function(unnamed).get_concrete_function(
        **{band: tf.TensorSpec((None,), tf.string, name=band) for band in CONTRACT.inputs}
    )
    folder = broken(tf.Module(), {"serving_default": function}, tmp_path)
    with pytest.raises(ProofError, match="names its output output_0 instead of probabilities"):
        prove(folder, np.zeros((2, 8, 8, 2)))


def test_renamed_inputs_are_refused(tmp_path: Path) -> None:
    def renamed(inputs: Any, inputs_1: Any, inputs_2: Any) -> dict[str, Any]:
        return {"probabilities": inputs}

    function = tf.function(renamed).get_concrete_function(*[tf.TensorSpec((None,), tf.string)] * 3)
    folder = broken(tf.Module(), {"serving_default": function}, tmp_path)
    with pytest.raises(ProofError, match="takes inputs, inputs_1, inputs_2 instead of swir"):
        prove(folder, np.zeros((2, 8, 8, 2)))


def test_a_model_without_the_signature_for_arrays_is_refused(good: Path, tmp_path: Path) -> None:
    loaded = tf.saved_model.load(str(good))
    folder = broken(loaded, {"serving_default": loaded.signatures["serving_default"]}, tmp_path)
    with pytest.raises(ProofError, match="no signature 'arrays'"):
        prove(folder, np.zeros((2, 8, 8, 2)))


def test_a_contract_of_another_number_of_bands_is_refused(network: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the model has 3 bands and 2 classes"):
        export.save(network, CONTRACT.model_copy(update={"bands": ("nir", "red")}), tmp_path)
