"""What is read without the library is what the library reads; what is not ours is left to it."""

import numpy as np
import pytest
from google.protobuf.internal import encoder
from hypothesis import given
from hypothesis import strategies as st

from earthline.formats import examples, wire
from earthline.formats.examples import Patch


def example(strings: dict[str, list[bytes]], integers: dict[str, list[int]], floats: dict[str, list[float]]) -> bytes:
    made = examples.Example()
    for name, values in strings.items():
        made.features.feature[name].bytes_list.value.extend(values)
    for name, whole in integers.items():
        made.features.feature[name].int64_list.value.extend(whole)
    for name, reals in floats.items():
        made.features.feature[name].float_list.value.extend(reals)
    return bytes(made.SerializeToString(deterministic=True))


NAMES = st.text(max_size=4).map(lambda name: f"s{name}")


@given(
    st.dictionaries(NAMES, st.lists(st.binary(max_size=300), min_size=1, max_size=3), max_size=3),
    st.dictionaries(NAMES.map(str.upper), st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3)),
)
def test_byte_strings_and_integers_are_what_the_library_reads(
    strings: dict[str, list[bytes]], integers: dict[str, list[int]]
) -> None:
    strings = {name: values for name, values in strings.items() if name not in integers}
    found = wire.features(example(strings, integers, {}))
    assert {name: [bytes(each) for each in values.strings] for name, values in found.items() if values.strings} == (
        strings
    )
    assert {name: list(values.integers) for name, values in found.items() if values.integers} == integers


def test_a_patch_is_not_copied() -> None:
    patch = Patch(np.ones((4, 4, 2), np.uint16), np.zeros((4, 4), np.uint8), np.ones((4, 4), bool), 3, -5)
    record = patch.encode()
    image = Patch.decode(record, (4, 4), 2, "uint16", "uint8").image
    assert np.shares_memory(image.view(np.uint8), np.frombuffer(record, np.uint8))


def test_integers_may_stand_one_by_one() -> None:
    def message(number: int, content: bytes) -> bytes:
        return bytes(encoder.TagBytes(number, 2) + encoder._VarintBytes(len(content)) + content)

    one_by_one = b"".join(encoder.TagBytes(1, 0) + encoder._VarintBytes(value) for value in (7, 300))
    entry = message(1, b"row") + message(2, message(3, one_by_one))
    assert list(wire.features(message(1, message(1, entry)))["row"].integers) == [7, 300]


@given(st.dictionaries(NAMES, st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5), max_size=3))
def test_floats_are_what_the_library_reads(floats: dict[str, list[float]]) -> None:
    found = wire.features(example({}, {}, floats))
    assert {name: np.frombuffer(values.floats, "<f4").tolist() for name, values in found.items()} == floats


def test_floats_one_by_one_are_left_to_the_library() -> None:
    def message(number: int, content: bytes) -> bytes:
        return bytes(encoder.TagBytes(number, 2) + encoder._VarintBytes(len(content)) + content)

    one_by_one = b"".join(encoder.TagBytes(1, 5) + np.float32(value).tobytes() for value in (0.5, 2))
    record = message(1, message(1, message(1, b"B4") + message(2, message(2, one_by_one))))
    with pytest.raises(wire.Other):
        wire.features(record)
    assert np.frombuffer(examples.values(record)["B4"].floats, "<f4").tolist() == [0.5, 2]


def test_floats_beside_a_patch_do_not_matter() -> None:
    patch = Patch(np.ones((2, 2, 1), np.uint8), np.zeros((2, 2), np.uint8), np.ones((2, 2), bool), 3, -5)
    strings = {
        name: [bytes(each) for each in wire.features(patch.encode())[name].strings]
        for name in ("image", "label", "valid")
    }
    record = example(strings, {"row": [3], "column": [-5]}, {"cloud": [0.5]})
    again = Patch.decode(record, (2, 2), 1, "uint8", "uint8")
    assert again.encode() == patch.encode()


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    try:
        wire.features(noise)
    except wire.Other:
        pass


def test_a_number_without_an_end_is_refused() -> None:
    with pytest.raises(wire.Other):
        wire.features(b"\xff" * 1_000_000)
