import base64

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from earthline.formats.tensors import TensorError, decode, encode

FLOATS = npst.arrays(
    np.float32, npst.array_shapes(max_dims=3, max_side=5), elements=st.floats(width=32, allow_nan=False)
)


def text(values: object, **options: object) -> str:
    return base64.urlsafe_b64encode(tf.make_tensor_proto(values, **options).SerializeToString()).decode()


@given(FLOATS)
def test_reads_what_tensorflow_writes(values: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(text(values), 1000), values)
    np.testing.assert_array_equal(decode(text(values).rstrip("="), 1000), values)


@given(FLOATS)
def test_tensorflow_reads_what_it_writes(values: np.ndarray) -> None:
    parsed = tf.io.parse_tensor(tf.io.decode_base64(encode(values)), tf.float32)
    np.testing.assert_array_equal(parsed, values)


def test_float_values_one_by_one_and_repeated() -> None:
    listed = tf.make_tensor_proto([1.0, 2.0, 3.0, 3.0], shape=(2, 2))
    listed.tensor_content = b""
    del listed.float_val[:]
    listed.float_val.extend([1.0, 2.0, 3.0])
    encoded = base64.urlsafe_b64encode(listed.SerializeToString()).decode()
    np.testing.assert_array_equal(decode(encoded, 4), [[1, 2], [3, 3]])
    np.testing.assert_array_equal(decode(text(7.0, shape=(2, 3)), 6), np.full((2, 3), 7))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("ab+/", r"standard alphabet"),
        ("ab cd", r"other characters"),
        ("A", r"cut off"),
        ("_____w==", r"not a serialized TensorProto"),
        (text(np.zeros((1, 1, 1), np.int64)), r"int64 instead of float32; call .toFloat\(\)"),
        (text(np.zeros((1, 1, 1), np.uint8)), r"uint8"),
        (text(np.zeros((20, 20), np.float32)), r"more than 100 values"),
        (text(0.0, shape=(1 << 20, 1 << 20), dtype=tf.float32), r"more than 100 values"),
    ],
)
def test_what_is_no_float_tensor_is_refused(wrong: str, message: str) -> None:
    with pytest.raises(TensorError, match=message):
        decode(wrong, 100)


def test_content_that_does_not_fill_the_shape_is_refused() -> None:
    proto = tf.make_tensor_proto(np.zeros((2, 2), np.float32))
    proto.tensor_content = b"\0" * 12
    with pytest.raises(TensorError, match="asks for 16 bytes, the tensor holds 12"):
        decode(base64.urlsafe_b64encode(proto.SerializeToString()).decode(), 100)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(anything: str) -> None:
    try:
        decode(anything, 1000)
    except TensorError:
        pass
