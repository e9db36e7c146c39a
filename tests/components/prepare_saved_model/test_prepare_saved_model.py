import json

import numpy as np
import pytest
import tensorflow as tf
from google_cloud_pipeline_components.types import artifact_types

from components.prepare_saved_model import export
from components.prepare_saved_model.component import prepare_saved_model
from components.prepare_saved_model.proof import process
from components.prepare_saved_model.run import run
from earthline.config import Serving
from earthline.finding import Finding
from earthline.formats.manifest import Manifest
from earthline.formats.placed_patches import PlacedPatches
from earthline.formats.served.contract import Contract
from earthline.formats.served.references import Reference

from ..conftest import BANDS
from ..wrapped import CONTRACT, IMAGE, VALID, evidence, small_network

# Keras hands TensorFlow's arrays to h5py, and those do not know NumPy 2's `copy` yet: nothing of ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_the_step_proves_its_work_in_a_fresh_process(trained, tmp_path, capfd):
    prepared = artifact_types.UnmanagedContainerModel(uri=str(tmp_path / "prepared"))
    prepare_saved_model.python_func(
        data=trained.data,
        serving=Serving(tile_shape=(8, 8)).model_dump_json(),
        image="registry/earthline:1",
        serving_image="registry/earthline-serving:1",
        examples=trained.examples,
        model=trained.model,
        prepared=prepared,
    )
    folder = tmp_path / "prepared"
    contract = Contract.read(folder)
    # Both runtimes were measured; the image is that of the faster one.
    runtime = contract.runtime
    assert {each.name for each in runtime.figures} == {"openvino", "tensorflow"}
    assert prepared.metadata["runtime"] == f"{runtime.name}: {runtime.reason}"
    assert prepared.metadata["containerSpec"] == {
        "imageUri": {"openvino": "registry/earthline-serving:1", "tensorflow": "registry/earthline:1"}[runtime.name],
        "command": ["python3", "-m", "serving"],
        "ports": [{"containerPort": 8080}],
        "predictRoute": "/predict",
        "healthRoute": "/health",
    }
    assert contract.bands == BANDS
    assert contract.max_difference is not None and contract.max_difference <= 1e-5
    assert contract.arguments == {}
    assert contract.types == {**dict.fromkeys(BANDS, "uint16"), "earthline_valid": "uint8"}
    assert (contract.reach, contract.overlap) == (10, (20, 20)), "all that a U-Net of depth 1 sees"
    assert prepared.metadata["tiles"].startswith("tiles of 8 x 8 px with overlap 20 x 20, up to ")
    assert prepared.metadata["proof"]["edges of tiles"].startswith("holds: tiles of 8 x 8 px")
    probe = Reference.read(folder)
    assert probe.shape == contract.sent_shape == (48, 48)
    assert (probe.valid == 0).any(), "a tile with a mask is asked as well"
    signature = tf.saved_model.load(str(folder)).signatures["arrays"]
    tiles = {band: tf.constant(probe.image[..., place]) for place, band in enumerate(BANDS)}
    np.testing.assert_allclose(
        signature(**tiles, earthline_valid=tf.constant(probe.valid))["probabilities"], probe.outputs, atol=1e-6
    )
    # What was found stands in the log, beside the artifact and in a file.
    findings = json.loads((folder / "proof.json").read_text())
    assert {finding["passed"] for finding in findings} <= {True, None} and len(findings) > 15
    assert prepared.metadata["proof"][process.ORACLE].startswith("holds: `earthengine model prepare`")
    said = capfd.readouterr()
    assert all(finding["detail"] in said.out + said.err for finding in findings)
    # What is asked of Earth Engine before every map.
    placed, manifest = PlacedPatches.read(folder), Manifest.read(tmp_path / trained.examples.path)
    assert placed is not None and placed.grid == manifest.grid and placed.shape == manifest.patch_shape
    assert placed.receptive_field > 1
    assert len({tuple(place) for place in placed.places.tolist()}) == len(placed.places) == 4, "each patch once"
    np.testing.assert_allclose(
        signature(
            **{band: tf.constant(placed.image[..., place]) for place, band in enumerate(BANDS)},
            earthline_valid=tf.constant(placed.valid),
        )["probabilities"],
        placed.outputs,
        atol=1e-5,
    )


def test_a_refusal_ends_the_step_and_tells_all_that_was_found(trained, tmp_path, monkeypatch, capfd):
    found = (
        Finding("size", True, "0.2 MiB"),
        Finding("names", False, "there is no signature 'arrays'", "write one"),
        Finding("swapped bands", None, "not asked"),
        Finding("a session loads it", False, "it cannot", "hold the variables"),
    )
    monkeypatch.setattr(process, "prove", lambda *arguments: process.Proof(found, None))
    prepared = artifact_types.UnmanagedContainerModel(uri=str(tmp_path / "prepared"))
    with pytest.raises(process.ProofError) as refused:
        run(
            data=trained.data,
            serving=Serving(tile_shape=(8, 8)).model_dump_json(),
            image="registry/earthline:1",
            serving_image="registry/earthline:1",
            examples=trained.examples,
            model=trained.model,
            prepared=prepared,
        )
    assert str(refused.value) == (
        "the SavedModel was refused: names: there is no signature 'arrays' (write one); a session loads it: it cannot "
        "(hold the variables)"
    )
    said = [" ".join(line.split()) for line in capfd.readouterr().err.splitlines()]
    assert said[said.index("prepare_saved_model: holds size 0.2 MiB") :] == [
        "prepare_saved_model: holds size 0.2 MiB",
        "prepare_saved_model: REFUSED names there is no signature 'arrays'",
        "prepare_saved_model: to do: write one",
        "prepare_saved_model: note swapped bands not asked",
        "prepare_saved_model: REFUSED a session loads it it cannot",
        "prepare_saved_model: to do: hold the variables",
    ]
    assert not prepared.metadata, "nothing that could be deployed"


def test_plain_names_are_kept():
    names = ("B4", "SR_B10", "VV", "red", "earthline_valid", "sur_refl_b01")
    assert export.arguments(names) == {}
    assert export.arguments(("red", "0_B2")) == {"0_B2": "input_1"}


def test_sizes_that_the_stride_does_not_divide_agree_where_no_padding_reaches(tmp_path):
    network = small_network()
    export.save(network, CONTRACT, tmp_path)
    signature = tf.saved_model.load(str(tmp_path)).signatures["arrays"]
    cut = {band: tf.constant(IMAGE[:, :7, :5, place]) for place, band in enumerate(CONTRACT.bands)}
    found = signature(**cut, earthline_valid=tf.constant(VALID[:, :7, :5]))["probabilities"]
    assert found.shape == (2, 7, 5, 2)
    np.testing.assert_allclose(found[:, :4, :2], evidence(network).outputs[:, :4, :2], atol=1e-6)


def test_a_contract_of_another_number_of_bands_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the model has 3 bands and 2 classes"):
        export.save(small_network(), CONTRACT.model_copy(update={"bands": ("nir", "red")}), tmp_path)
