"""TFRecord files: what TensorFlow reads and writes, this reads and writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline.formats.shards import ShardError, crc32c, frame, read, unframed


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_what_is_framed_is_read(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("shards") / "a.tfrecord"
    path.write_bytes(b"".join(map(frame, records)))
    assert list(read(path)) == records


def test_the_framing_is_tensorflows():
    # Written by tf.io.TFRecordWriter: the record b"earthline".
    written = bytes.fromhex("0900000000000000" + "37f97139" + b"earthline".hex() + "d7f5db8e")
    assert frame(b"earthline") == written


@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_cut_and_any_flipped_bit_is_found(tmp_path_factory, record, data):
    path = tmp_path_factory.mktemp("shards") / "a.tfrecord"
    whole = frame(b"first") + frame(record)
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(len(frame(b"first")) + 1, len(whole) - 1))]
    else:
        bit = data.draw(st.integers(0, 8 * len(whole) - 1))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(damaged))
    with pytest.raises(ShardError, match=r"a\.tfrecord, record [01]: "):
        list(read(path))


def test_another_whole_file_is_found_by_its_checksum(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(frame(b"first") + frame(b"second"))
    told = crc32c(path)
    assert list(read(path, told)) == [b"first", b"second"]
    path.write_bytes(frame(b"second") + frame(b"first"))
    with pytest.raises(ShardError, match=rf"a\.tfrecord: .* instead of {told.replace('+', '.')}"):
        list(read(path, told))


def test_checksums_are_as_cloud_storage_shows_them(tmp_path):
    # https://cloud.google.com/storage/docs/json_api/v1/objects: CRC32C, big-endian, in base64. CRC32C of "123456789" is
    # 0xE3069283 (RFC 3720, and the check value of every catalogue of CRCs).
    path = tmp_path / "a"
    path.write_bytes(b"123456789")
    assert crc32c(path) == "4waSgw=="


@given(st.binary(max_size=60))
def test_a_frame_comes_off(record):
    assert unframed(frame(record)) == record
