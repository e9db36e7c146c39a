import base64

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from earthline.formats import tensors
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
    if values.size > 1:
        assert tensors.serialize(values) == tf.make_tensor_proto(values).SerializeToString()


@pytest.mark.parametrize("kind", tensors.TYPES)
def test_each_type_is_read_as_tensorflow_writes_it_and_the_other_way_round(kind: str) -> None:
    values = np.array([[0, 1, 100], [-100, 127, 3]]).astype(kind)
    if kind[-2:] in ("16", "32"):
        values[0, 1] = 40_000 if kind != "int16" else 30_000
    parsed = tf.io.parse_tensor(tf.io.decode_base64(encode(values)), values.dtype)
    np.testing.assert_array_equal(parsed, values)
    # One by one, in content, and a single value for all.
    for written in (tf.io.serialize_tensor(values).numpy(), tf.make_tensor_proto(values).SerializeToString()):
        found = tensors.parse(written, 6, (kind,))
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)
    same = tf.make_tensor_proto(100, dtype=values.dtype, shape=(2, 3)).SerializeToString()
    np.testing.assert_array_equal(tensors.parse(same, 6, (kind,)), np.full((2, 3), 100))


def test_values_that_their_type_cannot_hold_are_refused() -> None:
    proto = tf.make_tensor_proto(np.array([1, 2], np.uint16))
    proto.int_val[1] = 70_000
    with pytest.raises(TensorError, match="uint16 holds numbers that are none"):
        tensors.parse(proto.SerializeToString(), 2, ("uint16",))


def test_a_tensor_is_read_where_it_lies() -> None:
    for values in (np.ones((128, 130, 1), np.float32), np.ones((300, 3), np.uint8)):
        serialized = tf.make_tensor_proto(values).SerializeToString()
        found = tensors.parse(serialized, values.size, ("float32", "uint8"))
        assert np.shares_memory(found, np.frombuffer(serialized, np.uint8)) and not found.flags.writeable


def test_fields_in_another_order_are_the_same_tensor() -> None:
    """Protocol buffers may come in any order: what is not as usual is left to the library."""
    whole = tf.make_tensor_proto(np.arange(6, dtype=np.float32).reshape(2, 3))
    kind, shape, content = tf.make_tensor_proto(0.0), tf.make_tensor_proto(0.0), tf.make_tensor_proto(0.0)
    for part, kept in ((kind, "dtype"), (shape, "tensor_shape"), (content, "tensor_content")):
        part.CopyFrom(whole)
        for field in {"dtype", "tensor_shape", "tensor_content"} - {kept}:
            part.ClearField(field)
    turned = b"".join(part.SerializeToString() for part in (content, shape, kind))
    np.testing.assert_array_equal(tensors.parse(turned, 6), [[0, 1, 2], [3, 4, 5]])
    twice = whole.SerializeToString() + content.SerializeToString()
    np.testing.assert_array_equal(tensors.parse(twice, 6), [[0, 1, 2], [3, 4, 5]])


def test_byte_strings() -> None:
    proto = tf.make_tensor_proto([b"a", b"\x00\xff"])
    assert tensors.strings(proto.SerializeToString(), 2) == ((2,), [b"a", b"\x00\xff"])
    assert tensors.serialize_strings([b"a", b"\x00\xff"], (2,)) == proto.SerializeToString()
    assert tensors.type_of(proto.SerializeToString()) == "string"
    with pytest.raises(TensorError, match="more than 1 values"):
        tensors.strings(proto.SerializeToString(), 1)
    del proto.string_val[1]
    with pytest.raises(TensorError, match=r"asks for 2 strings, the tensor holds 1"):
        tensors.strings(proto.SerializeToString(), 2)


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


@pytest.mark.parametrize("letter", ["+", "/", "\\", "\n", "=", " "])
@pytest.mark.parametrize("place", [0, 5, 700, 1003])
def test_no_other_letter_is_taken_wherever_it_stands(letter: str, place: int) -> None:
    whole = base64.urlsafe_b64encode(bytes(range(256)) * 3 + bytes(64)).decode()
    assert tensors.from_base64(whole) == tensors.from_base64(memoryview(whole.encode()))
    wrong = whole[:place] + letter + whole[place + 1 :]
    for text in (wrong, memoryview(wrong.encode())):
        with pytest.raises(TensorError, match="not web-safe base64"):
            tensors.from_base64(text)


@pytest.mark.parametrize("shape", [(), (1,), (2, 1), (3, 1, 1), (5, 7, 1), (300, 2)])
def test_a_text_in_parts_is_the_text(shape: tuple[int, ...]) -> None:
    for kind in ("uint8", "float32"):
        values = np.ones(shape, kind)
        wanted = base64.urlsafe_b64encode(tensors.serialize(values))
        assert b"".join(tensors.text_parts(values)) == wanted == tensors.encode(values).encode()


def test_content_that_does_not_fill_the_shape_is_refused() -> None:
    proto = tf.make_tensor_proto(np.zeros((2, 2), np.float32))
    proto.tensor_content = b"\0" * 12
    with pytest.raises(TensorError, match="asks for 16 bytes, the tensor holds 12"):
        decode(base64.urlsafe_b64encode(proto.SerializeToString()).decode(), 100)


@given(st.text(max_size=60), st.text("-_=AZaz09", max_size=40))
def test_any_text_is_read_or_refused(anything: str, almost: str) -> None:
    for text in (anything, almost):
        try:
            decode(text, 1000)
        except TensorError:
            pass


@given(st.data())
def test_a_tensor_with_any_damage_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(tensors.serialize(np.ones(data.draw(st.sampled_from([(), (2,), (1, 3, 1)])), np.float32)))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        tensors.parse(damaged, 1000, ("float32", "uint8"))
    except TensorError:
        pass
    try:
        tensors.strings(damaged, 1000)
    except TensorError:
        pass
