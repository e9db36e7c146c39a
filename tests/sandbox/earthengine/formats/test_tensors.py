import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from earthline_sandbox.earthengine.formats import tensors

DTYPES = [
    "float32",
    "float64",
    "float16",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "bool",
]
ANY_ARRAY = st.sampled_from(DTYPES).flatmap(
    lambda name: arrays.arrays(name, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)


def same(first, second):
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()


@settings(deadline=None)
@given(ANY_ARRAY)
def test_a_tensor_survives_the_wire(array):
    assert same(tensors.decode(tensors.encode(array)), array)
    assert same(tensors.decode_base64(tensors.encode_base64(array)), array)


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=300)
def test_no_bytes_do_more_than_raise_a_tensor_error(data):
    try:
        tensors.decode(data)
    except tensors.TensorError:
        pass


@given(arrays.arrays("float32", (3, 4)))
def test_text_is_web_safe(array):
    assert not set(tensors.encode_base64(array)) & set("+/")


def test_both_alphabets_and_missing_padding_are_read():
    array = np.frombuffer(bytes([251, 255, 190] * 4), "uint8")
    text = tensors.encode_base64(array)
    assert "-" in text or "_" in text
    for variant in (text.rstrip("="), text.replace("-", "+").replace("_", "/")):
        assert same(tensors.decode_base64(variant), array)


@pytest.mark.parametrize("text", ["not base64 at all!", "AAAA", "{}"])
def test_text_that_is_no_tensor_is_refused(text):
    with pytest.raises(tensors.TensorError):
        tensors.decode_base64(text)


def test_contradicting_sizes_are_refused():
    good = bytearray(tensors.encode(np.arange(4, dtype="float32")))
    good[good.index(b"\x08\x04") + 1] = 5
    with pytest.raises(tensors.TensorError, match="do not fill"):
        tensors.decode(bytes(good))


def test_bytes_equal_those_of_tensorflow():
    code = """
import numpy as np, tensorflow as tf
from earthline_sandbox.earthengine.formats import tensors
generator = np.random.default_rng(1)
import sys
for name in sys.argv[1:]:
    for shape in [(), (1,), (0,), (5,), (2, 3), (1, 1, 1), (2, 0)]:
        array = np.asarray(generator.integers(0, 2, shape) if name == "bool" else generator.random(shape) * 9, name)
        wire = tf.make_tensor_proto(array).SerializeToString()
        assert tensors.encode(array) == wire, (name, shape)
        assert np.array_equal(tensors.decode(wire), array)
# What TensorFlow writes value by value, with the repeated end dropped.
proto = tf.make_tensor_proto(np.float32([0, 0, 0, 0]))
proto.ClearField("tensor_content")
proto.float_val.extend([1.5, 2.5])
assert tf.make_ndarray(proto).tolist() == [1.5, 2.5, 2.5, 2.5]
assert tensors.decode(proto.SerializeToString()).tolist() == [1.5, 2.5, 2.5, 2.5]
text = np.array(["a", "bc"], dtype=object)
assert tensors.encode(text) == tf.make_tensor_proto(text).SerializeToString()
assert tf.io.decode_base64(tensors.encode_base64(np.arange(9.0))).numpy() == tensors.encode(np.arange(9.0))
"""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *DTYPES], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
