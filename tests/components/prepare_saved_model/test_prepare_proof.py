"""What the proof refuses: each way in which wrappers go wrong, by the term that tells it, with what to do."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from components.prepare_saved_model import export
from components.prepare_saved_model.proof import graph, process
from trainer import training

from ..wrapped import BANDS, CONTRACT, IMAGE, Unpadded, Wrapper, evidence, failed, found, small_network

# Keras hands TensorFlow's arrays to h5py, and those do not know NumPy 2's `copy` yet: nothing of ours to mend.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
)
SESSION, EQUAL, SWAPPED = "a session loads it", "equal to the trained model", "swapped bands"


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture(scope="module")
def good(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    export.save(network, CONTRACT, folder)
    return folder


def test_what_export_writes_passes_every_term(good, network, tmp_path):
    findings = found(good, evidence(network))
    assert {finding.passed for finding in findings.values()} == {True}, findings
    # And the tests' own wrapper does, so that what follows is refused for what is changed in it.
    assert not failed(found(Wrapper(network).save(tmp_path), evidence(network)))


ODD = (
    *("0_B2", "nir-2", "vv.mean", "über", "a b", "a/b", "_x", "x__y", "input_1", "input_0", "inputs", "B1", "b1"),
    *("self", "name", "args", "kwargs", "class", "None", "training", "b1_1", "valid", "image", "probabilities"),
)


def test_bands_of_any_name_are_served(tmp_path):
    contract = CONTRACT.model_copy(update={"bands": ODD, "arguments": export.arguments((*ODD, CONTRACT.valid))})
    odd = small_network(len(ODD))
    image = np.random.default_rng(1).normal(size=(2, 8, 8, len(ODD))).astype(np.float32)
    export.save(odd, contract, tmp_path)
    terms = ("names", SESSION, EQUAL, "serialized examples", "order of inputs")
    assert {each.passed for each in found(tmp_path, evidence(odd, image, ODD), terms).values()} == {True}


def test_keras_own_export_is_refused(network, tmp_path):
    network.export(str(tmp_path), verbose=False)
    CONTRACT.write(tmp_path)
    findings = found(tmp_path, evidence(network))
    told = findings["names"].detail
    assert "names its output output_0 instead of class_id, probabilities" in told
    assert "instead of swir, nir, red, earthline_valid" in told and "there is no signature 'arrays'" in told
    # What cannot be asked any more is said, and what can is.
    assert findings["size of a batch"].passed is None and "not asked" in findings["size of a batch"].detail
    assert failed(findings) == {"names", SESSION}


def test_a_keras_model_saved_as_it_is_is_refused_for_its_names_and_by_the_session(tmp_path):
    inputs = [keras.Input((None, None, 1), name=band) for band in (*BANDS, "earthline_valid")]
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(keras.layers.Concatenate()(inputs)))
    tf.saved_model.save(model, str(tmp_path))
    CONTRACT.write(tmp_path)
    findings = found(tmp_path, evidence(small_network()))
    assert "serving_default takes" in findings["names"].detail and "inputs_1" in findings["names"].detail
    assert failed(findings) == {"names", SESSION}


def test_variables_that_only_tensorflow_2_finds_are_refused_by_the_session(network, tmp_path):
    wrapper = Wrapper(network)
    del wrapper.weights
    findings = found(wrapper.save(tmp_path), evidence(network))
    assert failed(findings) == {SESSION}
    assert "cannot compute it" in findings[SESSION].detail and "Could not find variable" in findings[SESSION].detail


def test_inputs_mapped_in_sorted_order_are_refused(network, tmp_path):
    # Every name is there, every shape fits, the values are wrong.
    export.save(network, CONTRACT.model_copy(update={"bands": tuple(sorted(BANDS))}), tmp_path)
    CONTRACT.write(tmp_path)
    terms = {EQUAL, SESSION, "size of a batch"}
    assert failed(found(tmp_path, evidence(network), terms)) == terms


WRONG = {
    "values a little off": ({"answer": lambda values: values + 0.01}, {EQUAL, SESSION, "size of a batch"}),
    "another class": (
        {"served": lambda outputs: {**outputs, "class_id": 1 - outputs["class_id"]}},
        {EQUAL, SESSION, "size of a batch"},
    ),
    "classes as floats": (
        {"served": lambda outputs: {**outputs, "class_id": tf.cast(outputs["class_id"], tf.float32)}},
        {EQUAL, SESSION, "size of a batch", "order of inputs", "sizes of tiles", "tiles that are all masked"},
    ),
    "the standard alphabet": (
        {"write": lambda tiles: tf.strings.regex_replace(export._encoded(tiles), "[_]|[-]", "/")},
        {"web-safe base64"},
    ),
    "the standard alphabet is read as something else": (
        {"read": lambda texts: export._decoded(tf.strings.regex_replace(texts, "[+/]", "A"))},
        {"web-safe base64"},
    ),
    "examples in another order of bands": (
        {"example": lambda image: image[..., ::-1]},
        {"serialized examples"},
    ),
    "what lies under the mask is read": (
        {"image": lambda image, valid: image, "valid": lambda image, valid: valid},
        {"masked pixels", "tiles that are all masked", "pixels that are no number"},
    ),
    "what is no number spreads": (
        {"image": lambda image, valid: tf.where(valid > 0.5, image, 0.0), "valid": lambda image, valid: valid},
        {"pixels that are no number"},
    ),
    "nothing is said of masked tiles": (
        {"answer": lambda values: values / tf.cast(tf.reduce_any(values[:1] != values[:1, :1, :1]), tf.float32)},
        {"tiles that are all masked"},
    ),
    "other tiles of the batch count": (
        {"image": lambda image, valid: image - tf.reduce_mean(image, axis=0) + image[0]},
        {EQUAL, "size of a batch"},
    ),
    "random numbers": (
        {"answer": lambda values: values + tf.random.uniform(tf.shape(values), maxval=0.01)},
        {"repetition", EQUAL},
    ),
    "Python code": (
        {"answer": lambda values: tf.ensure_shape(tf.numpy_function(lambda x: x, [values], tf.float32), values.shape)},
        {"operations"},
    ),
    "files of the server": (
        {"answer": lambda values: values + 0.0 * tf.cast(tf.strings.length(tf.io.read_file("/proc/stat")), tf.float32)},
        {"operations"},
    ),
}


@pytest.mark.parametrize(("changes", "terms"), WRONG.values(), ids=WRONG)
def test_a_wrapper_that_goes_wrong_is_refused(network, tmp_path, changes, terms):
    assert failed(found(Wrapper(network, **changes).save(tmp_path), evidence(network), terms)) == terms


def test_sizes_that_no_wrapper_pads_are_refused(network, tmp_path):
    findings = found(Unpadded(network).save(tmp_path), evidence(network))
    assert "tile sizes must be free" in findings["sizes of tiles"].detail
    assert failed(findings) == {"sizes of tiles"}


def test_operations_that_the_server_lacks_are_refused_without_loading_anything(good, network, tmp_path):
    read = saved_model_pb2.SavedModel.FromString((good / graph.FILE).read_bytes())
    functions = read.meta_graphs[0].graph_def.library.function
    node = next(node for function in functions for node in function.node_def if node.op == "Conv2D")
    node.op = "MyFastConvolution"
    (tmp_path / graph.FILE).write_bytes(read.SerializeToString())
    CONTRACT.write(tmp_path)
    findings = found(tmp_path, evidence(network))
    assert "MyFastConvolution: operations that TensorFlow does not have" in findings["operations"].detail
    assert {"operations", "TensorFlow 2 loads it", SESSION} <= failed(findings)
    node.op = "CudnnRNNV3"
    (tmp_path / graph.FILE).write_bytes(read.SerializeToString())
    told = found(tmp_path, evidence(network), ["operations"])["operations"]
    assert told.passed is False and "CudnnRNNV3: nothing computes them on a processor" in told.detail


def test_a_band_that_the_model_makes_no_use_of_is_said_and_refuses_nothing(tmp_path):
    lazy = small_network(ignored=(1, 2))
    export.save(lazy, CONTRACT, tmp_path)
    finding = found(tmp_path, evidence(lazy), [SWAPPED])[SWAPPED]
    assert finding.passed is None and "makes no use of nir, red;" in finding.detail


def test_bands_that_are_the_same_are_said_and_a_model_that_sees_none_is_refused(network, good, tmp_path):
    same = IMAGE.copy()
    same[..., 2] = same[..., 1]
    finding = found(good, evidence(network, same), [SWAPPED])[SWAPPED]
    assert finding.passed is None and "nir and red can change places" in finding.detail
    blind = small_network(ignored=(0, 1, 2))
    export.save(blind, CONTRACT, tmp_path)
    findings = found(tmp_path, evidence(blind))
    assert failed(findings) == {SWAPPED} and "no band makes any difference" in findings[SWAPPED].detail


def test_sizes_of_requests_answers_and_files_are_told(network, tmp_path, monkeypatch):
    # Four inputs of 16 x 16 pixels go out, 16 x 16 x 3 bytes come back: limits between and below the two.
    export.save(network, CONTRACT.model_copy(update={"max_payload_bytes": 4000}), tmp_path)
    told = found(tmp_path, evidence(network), ["requests and answers"])["requests and answers"]
    assert told.passed is False and "makes a request of 5," in told.detail and "serving.tile_shape" in told.fix
    floats = CONTRACT.outputs[1].model_copy(update={"type": "float32", "entries": 0, "used": 1})
    many = tuple(floats.model_copy(update={"name": f"p{place}"}) for place in range(6))
    export.save(network, CONTRACT.model_copy(update={"max_payload_bytes": 8000, "outputs": many}), tmp_path)
    monkeypatch.setattr(graph, "MOST_BYTES", 1000)
    findings = found(tmp_path, evidence(network), ["requests and answers", "size"])
    told = findings["requests and answers"]
    assert told.passed is False and "makes an answer of 8," in told.detail and "fewer serving.outputs" in told.fix
    assert findings["size"].passed is None and "takes no more than 400 MiB" in findings["size"].detail


@pytest.mark.slow
def test_a_fresh_process_and_googles_own_tool_tell_all_that_they_find(network, good, tmp_path):
    export.save(network, CONTRACT.model_copy(update={"bands": tuple(sorted(BANDS))}), tmp_path / "wrong")
    CONTRACT.write(tmp_path / "wrong")
    other = keras.models.clone_model(network)
    (tmp_path / "trained").mkdir()
    training._save(other, tmp_path / "trained", 2, CONTRACT.output)
    proof = process.prove(tmp_path / "wrong", evidence(network), tmp_path / "trained" / "saved_model")
    with pytest.raises(process.ProofError) as refused:
        proof.require()
    for name in (EQUAL, SESSION, process.ORACLE):
        assert f"{name}: " in str(refused.value)
    assert "`earthengine model prepare` of the trained model gives something else" in str(refused.value)
    assert "export.py" in str(refused.value), "what to do"
    assert (tmp_path / "wrong" / "proof.json").exists() and not (tmp_path / "wrong" / "probe.npz").exists()
