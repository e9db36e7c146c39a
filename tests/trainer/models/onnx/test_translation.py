"""A whole file becomes a model of its own numbers, with stride and receptive field; what cannot be taken is told."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.trainer.models.onnx.graphs import BANDS, drawn, made, node, require_equal, u_net, written
from trainer.models.onnx import files, graph
from trainer.models.onnx.graph import Refused
from trainer.models.parts.declared import Declared

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_a_whole_network_sees_as_far_as_is_said() -> None:
    found = require_equal(u_net(), 4, (16, 24))
    network = lambda image, _: found.model(image)  # noqa: E731
    side = found.receptive_field
    Declared(stride=4, receptive_field=side).require(network, BANDS)
    with pytest.raises(ValueError, match="too small"):
        Declared(stride=4, receptive_field=side - 2).require(network, BANDS)


def test_a_fixed_size_is_made_free_where_nothing_holds_it() -> None:
    for shape in ((1, BANDS, 64, 64), ("n", BANDS, 64, None)):
        found = files.read(u_net(shape=shape), "theirs.onnx", 4)
        assert found.stride == 4 and found.model.inputs[0].shape == (None, None, None, BANDS)


def test_other_numbers_than_the_files_own_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of a translation would be seen, and where."""
    from trainer.models.onnx.operators import step

    right = step.REGISTRY["Relu"]

    def wrong(given: step.Step) -> Any:
        found = right(given)
        return found.pointwise(found.tensor * 1.001)  # type: ignore[union-attr]

    monkeypatch.setitem(step.REGISTRY, "Relu", wrong)
    with pytest.raises(ValueError, match=r"gives other numbers than the file itself: entry \d of the pixel in row \d+"):
        files.read(u_net(), "theirs.onnx", 4)


def test_a_stride_that_is_too_small_is_told_with_one_that_is_not() -> None:
    with pytest.raises(Refused, match=r"divide by 4, with 1 its sizes do not fit.*declare stride 4"):
        made(u_net(), 1)


CHANNELS = {"channels": np.asarray([1]), "space": np.asarray([2, 3])}


@pytest.mark.parametrize(
    ("nodes", "constants", "said"),
    [
        ([node("GlobalAveragePool", "x", "g"), node("Mul", "x g", "y")], {}, r"GlobalAveragePool .* over all pixels"),
        ([node("ReduceMean", "x space", "g"), node("Mul", "x g", "y")], CHANNELS, "ReduceMean .*mean over all pixels"),
        ([node("InstanceNormalization", "x a a", "y")], {"a": drawn(BANDS)}, "normalizes over all pixels"),
        ([node("Softmax", "x", "y", axis=2)], {}, r"Softmax .*over all pixels"),
        ([node("Softmax", "x", "y", axis=-1)], {}, r"Softmax .*over all pixels"),
        ([node("Det", "x", "y")], {}, r"Det \(node 'y'\) is no operator that is understood here; take it out"),
        ([node("ArgMax", "x", "y", axis=1)], {}, "without its argmax"),
        ([node("Resize", "x - - size", "y")], {"size": np.asarray([1, 4, 64, 64])}, "holds the size of one image"),
        ([node("Resize", "x - f", "y", mode="cubic")], {"f": np.asarray([1, 1, 2, 2], np.float32)}, "mode 'cubic'"),
        ([node("Add", "x a", "y")], {"a": drawn(1, BANDS, 8, 8)}, "holds the size of one image"),
        (
            [node("Slice", "x a b c", "y")],
            {"a": np.asarray([0]), "b": np.asarray([64]), "c": np.asarray([2])},
            "holds the size of one image",
        ),
        (
            [node("Reshape", "x flat", "f"), node("Reshape", "f deep", "y")],
            {"flat": np.asarray([1, BANDS, 64 * 64]), "deep": np.asarray([1, BANDS, 64, 64])},
            "holds the size of one image",
        ),
        (
            [node("Reshape", "x flat", "f"), node("Transpose", "f", "t", perm=[0, 2, 1]), node("MatMul", "t f", "m"),
             node("Softmax", "m", "y")],
            {"flat": np.asarray([0, BANDS, -1])},
            "attention over all pixels",
        ),
        ([node("Conv", "x x", "y")], {}, "takes as its input 2 what depends on the image"),
        ([node("Conv", "x w", "y")], {"w": drawn(3, 5, 3, 3)}, "kernel of shape .* for 4 channels"),
        ([node("Conv", "x w", "y")], {"w": drawn(3, BANDS, 3, 3)}, "needs one of the same height and width"),
        ([node("Dropout", "x - on", "y")], {"on": np.asarray(True)}, "model.eval"),
        ([node("Cast", "x", "y", to=10)], {}, r"model.float\(\)"),
        ([node("ConstantOfShape", "a", "c"), node("Add", "x c", "y")], {"a": np.asarray([1 << 40])}, "an array of"),
        ([node("Reshape", "x a", "y")], {"a": np.asarray([0, 2, 2, -1])}, "makes .* of an array"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_names_operator_and_node(nodes: Any, constants: Any, said: str) -> None:
    used = {name for each in nodes for name in each.input}
    with pytest.raises(Refused, match=said):
        made(written(nodes, {name: array for name, array in constants.items() if name in used}))


RELU = [node("Relu", "x", "y")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no file", "is no ONNX model"),
        (b"", "is no ONNX model"),
        (written(RELU, shape=("n", "c", "h", "w")), "fixed number of bands"),
        (written(RELU, shape=("n", BANDS, "h")), r"must be \(patches, bands, height, width\)"),
        (written(RELU, opset=8), "8, and 9 is the oldest"),
        (written([node("Relu", "x", "z")]), "is no valid ONNX model"),
        (written([helper.make_node("Relu", ["x"], ["y"], domain="com.microsoft")]), "is no valid|not ONNX' own"),
    ],
)
def test_what_is_no_such_file_is_told(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        made(content)


def test_weights_in_other_files_are_not_looked_for() -> None:
    proto = onnx.load_model_from_string(written([node("Conv", "x w", "y")], {"w": drawn(2, BANDS, 1, 1)}))
    weight = proto.graph.initializer[0]
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../etc/passwd")
    weight.ClearField("raw_data")
    with pytest.raises(ValueError, match=r"keeps its weights in another file \('w'\); export it with external_data"):
        made(proto.SerializeToString())


def test_operators_of_another_domain_are_refused() -> None:
    proto = onnx.load_model_from_string(written([helper.make_node("FusedConv", ["x"], ["y"], domain="com.microsoft")]))
    proto.opset_import.add(domain="com.microsoft", version=1)
    with pytest.raises(ValueError, match=r"not ONNX' own: com.microsoft.FusedConv; export it from PyTorch itself"):
        graph.parsed(proto.SerializeToString(), "theirs.onnx")


def test_functions_of_a_file_are_put_in_place_of_their_calls() -> None:
    domain = "pkg.torch"
    body = helper.make_function(
        domain, "twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 18)]
    )
    proto = onnx.load_model_from_string(
        written([helper.make_node("twice", ["x"], ["y"], domain=domain)], functions=[body])
    )
    proto.opset_import.add(domain=domain, version=1)
    image = drawn(1, 3, 5, BANDS)
    np.testing.assert_allclose(made(proto.SerializeToString()).model(image), 2 * image)


def test_a_network_of_tensorflow_has_its_bands_last() -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t w", "c", pads=[1, 1, 1, 1]),
        node("Transpose", "c", "y", perm=[0, 2, 3, 1]),
    ]
    found = files.read(written(nodes, {"w": drawn(2, 3, 3, 3)}, shape=(1, 64, 64, 3)), "theirs.onnx", 1)
    assert found.receptive_field == 3 and found.model.inputs[0].shape[-1] == 3
