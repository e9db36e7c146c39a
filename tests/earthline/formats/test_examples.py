import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from earthline.formats.examples import Patch
from earthline.formats.manifest import (
    MANIFEST,
    Manifest,
    Shard,
    SourceRecord,
    SplitSummary,
    expression_hash,
    shard_name,
)
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

SEEN = np.ones((4, 4), bool)
DATA_TYPES = ("uint8", "uint16", "int16", "float32")


@st.composite
def patches(draw: st.DrawFn) -> Patch:
    height, width, bands = draw(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5)))
    data_type = draw(st.sampled_from(DATA_TYPES))
    order = draw(st.sampled_from(["<", ">"]))
    image = draw(arrays.arrays(np.dtype(data_type).newbyteorder(order), (height, width, bands)))
    valid = draw(arrays.arrays(np.bool_, (height, width)))
    label = np.where(valid, draw(arrays.arrays(np.uint8, (height, width))), UNLABELLED).astype(np.uint8)
    return Patch(image, label, valid, draw(st.integers(0, 2**40)), draw(st.integers(-(2**40), 2**40)))


@given(patches())
def test_what_is_encoded_is_decoded(patch: Patch) -> None:
    height, width, bands = patch.image.shape
    again = Patch.decode(patch.encode(), (height, width), bands, patch.image.dtype.name, "uint8")
    np.testing.assert_array_equal(again.image, patch.image)
    np.testing.assert_array_equal(again.label, patch.label)
    np.testing.assert_array_equal(again.valid, patch.valid)
    assert (again.row, again.column) == (patch.row, patch.column)
    assert again.encode() == patch.encode()


@given(patches(), st.binary(max_size=40))
def test_damaged_bytes_are_refused_by_name_or_read(patch: Patch, noise: bytes) -> None:
    height, width, bands = patch.image.shape
    serialized = patch.encode()
    damaged = serialized[: len(serialized) // 2] + noise
    try:
        Patch.decode(damaged, (height, width), bands, patch.image.dtype.name, "uint8")
    except ValueError as error:
        assert "feature '" in str(error) or "not a tf.train.Example" in str(error)


def test_a_wrong_shape_names_the_feature() -> None:
    serialized = Patch(np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4), np.uint8), SEEN, 0, 0).encode()
    with pytest.raises(ValueError, match=r"feature 'image' holds 32 bytes; \(4, 4, 3\) of uint8 are 48"):
        Patch.decode(serialized, (4, 4), 3, "uint8", "uint8")
    with pytest.raises(ValueError, match="feature 'image' holds 32 bytes"):
        Patch.decode(serialized, (4, 4), 2, "uint16", "uint8")


def test_an_empty_example_lacks_the_image() -> None:
    with pytest.raises(ValueError, match="feature 'image' holds 0 byte strings"):
        Patch.decode(b"", (1, 1), 1, "uint8", "uint8")


def test_image_and_label_cover_the_same_pixels() -> None:
    with pytest.raises(ValueError, match="do not cover the same pixels"):
        Patch(np.zeros((4, 4, 1)), np.zeros((4, 5), np.uint8), SEEN, 0, 0).encode()
    with pytest.raises(ValueError, match="labels are uint8"):
        Patch(np.zeros((4, 4, 1)), np.zeros((4, 4), np.int64), SEEN, 0, 0).encode()
    with pytest.raises(ValueError, match="masked pixel has a label"):
        Patch(np.zeros((4, 4, 1)), np.zeros((4, 4), np.uint8), ~SEEN, 0, 0).encode()


READ_BY_TENSORFLOW = """
import json, sys
from tensorflow.core.example.example_pb2 import Example
read = []
for line in sys.stdin:
    example = Example.FromString(bytes.fromhex(line))
    feature = example.features.feature
    read.append({
        "names": sorted(feature),
        "image": feature["image"].bytes_list.value[0].hex(),
        "label": feature["label"].bytes_list.value[0].hex(),
        "row": list(feature["row"].int64_list.value),
        "column": list(feature["column"].int64_list.value),
        "again": example.SerializeToString(deterministic=True).hex(),
    })
print(json.dumps(read))
"""


def test_tensorflows_own_example_reads_and_writes_the_same_bytes() -> None:
    random = np.random.default_rng(0)
    made = [
        Patch(
            random.integers(0, 200, (5, 4, 3)).astype(data_type),
            random.integers(0, 9, (5, 4), np.uint8),
            np.ones((5, 4), bool),
            7 * index,
            -index,
        )
        for index, data_type in enumerate(DATA_TYPES)
    ]
    lines = "".join(f"{patch.encode().hex()}\n" for patch in made)
    # In another process: TensorFlow registers the same message names for the whole process.
    reply = subprocess.run(
        [sys.executable, "-c", READ_BY_TENSORFLOW], input=lines, capture_output=True, text=True, check=True
    )
    for patch, read in zip(made, json.loads(reply.stdout), strict=True):
        assert read["names"] == ["column", "image", "label", "row", "valid"]
        assert bytes.fromhex(read["image"]) == patch.image.tobytes()
        assert bytes.fromhex(read["label"]) == patch.label.tobytes()
        assert (read["row"], read["column"]) == ([patch.row], [patch.column])
        assert bytes.fromhex(read["again"]) == patch.encode()


def manifest() -> Manifest:
    splits = {
        split: SplitSummary(
            examples=3,
            shards=(Shard(name=shard_name(split, 0, 2), examples=2), Shard(name=shard_name(split, 1, 2), examples=1)),
            labels={"class_pixels": {"land": 10}},
            labelled_pixels=10,
            unlabelled_pixels=2,
            masked_pixels=1,
        )
        for split in ("train", "validation", "test")
    }
    return Manifest(
        grid={"crs": "EPSG:32119", "transform": [1, 0, 0, 0, -1, 0], "shape": [8, 8]},
        bands=("B1", "B2"),
        data_type="uint8",
        patch_shape=(4, 4),
        task=Classification(("land", "water")).record,
        label_type="uint8",
        splits=splits,
        gap=4,
        block_shape=(8, 8),
        split_areas={},
        seed=0,
        expression_hash=expression_hash({"b": 1, "a": 2}),
        sources=(SourceRecord(asset="a/b", role="imagery"),),
    )


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest().write(tmp_path)
    again = Manifest.read(tmp_path)
    assert again == manifest()
    assert [path.name for path in again.shards(tmp_path, "test")] == [
        "test-00000-of-00002.tfrecord",
        "test-00001-of-00002.tfrecord",
    ]


def test_a_manifest_of_a_version_that_told_less_is_still_read(tmp_path: Path) -> None:
    content = json.loads(manifest().model_dump_json())
    for key in ("format", "compress", "series", "sampling", "placed", "told"):
        content.pop(key)
    for split in content["splits"].values():
        split.pop("lost")
        split["shards"] = [{"name": shard["name"], "examples": shard["examples"]} for shard in split["shards"]]
    (tmp_path / MANIFEST).write_text(json.dumps(content | {"requests": 99}))
    shard = Manifest.read(tmp_path).splits["test"].shards[0]
    assert shard.problem(tmp_path) == f"{shard.name}: missing; export the examples again"
    (tmp_path / shard.name).write_bytes(b"of any length")
    assert shard.problem(tmp_path) == ""


def test_a_layout_for_other_readers_is_refused_by_ours(tmp_path: Path) -> None:
    other = manifest().model_copy(update={"format": "earth_engine"})
    with pytest.raises(ValueError, match=r"export\.format: earth_engine .* export them as earthline"):
        other.shards(tmp_path, "train")


def test_the_hash_of_the_split_follows_the_areas_and_the_grid_alone() -> None:
    one = manifest()
    assert one.model_copy(update={"seed": 7}).split_hash == one.split_hash
    for change in ({"split_areas": {"train": {"type": "Polygon", "coordinates": []}}}, {"grid": {"shape": [9, 9]}}):
        assert one.model_copy(update=change).split_hash != one.split_hash


def test_a_manifest_with_a_strange_key_names_it(tmp_path: Path) -> None:
    content = json.loads(manifest().model_dump_json()) | {"bandz": []}
    (tmp_path / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="bandz"):
        Manifest.read(tmp_path)


def test_the_hash_of_an_expression_ignores_the_order_of_keys_alone() -> None:
    assert expression_hash({"a": 1, "b": [1, 2]}) == expression_hash({"b": [1, 2], "a": 1})
    assert expression_hash({"a": 1, "b": [1, 2]}) != expression_hash({"a": 1, "b": [2, 1]})
    assert expression_hash({"a": 1}, {"b": 1}) != expression_hash({"b": 1}, {"a": 1})
