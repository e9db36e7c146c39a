"""The spool and what is written from it: whole after whatever happens, and the same every time."""

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.export_examples.writing import chunks, folders, layout
from components.export_examples.writing.chunks import ChunkError, ChunkWriter, EncodedPatch, LostPatch
from components.export_examples.writing.spool import KEPT_SECONDS, OWNER, Spool
from components.export_examples.writing.write import write
from earthline.formats.examples import Patch, features
from earthline.formats.manifest import LOST, SPLITS, Manifest
from earthline.formats.shards import crc32c, read, records
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

KEY = {"grid": "of a test"}
SIDE = 4
MANIFEST = Manifest(
    grid={},
    bands=("a", "b"),
    data_type="int16",
    patch_shape=(SIDE, SIDE),
    task=Classification(("land", "water")).record,
    label_type="uint8",
    splits={},
    gap=0,
    block_shape=(8, 8),
    split_areas={},
    seed=0,
    expression_hash="0",
    sources=(),
)


def patch(row, column):
    """A patch whose values tell its place; one pixel is masked."""
    valid = np.ones((SIDE, SIDE), bool)
    valid[row % SIDE, column % SIDE] = False
    image = np.full((SIDE, SIDE, 2), (row, -column), np.int16)
    image[~valid] = 0
    label = np.full((SIDE, SIDE), (row + column) % 2, np.uint8)
    label[~valid] = UNLABELLED
    return Patch(image, label, valid, row, column)


def encoded(split, row, column):
    return EncodedPatch(split, row, column, patch(row, column).encode())


def some(count, seed=0):
    """Places of patches by split, distinct."""
    random = np.random.default_rng(seed)
    places = random.permutation(40 * 40)[:count]
    dealt = np.array_split(np.stack([places // 40, places % 40], axis=1), 3)
    return dict(zip(SPLITS, dealt, strict=True))


def every(corners):
    return [encoded(split, *place) for split, places in corners.items() for place in places.tolist()]


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@settings(max_examples=20)
@given(st.integers(3, 60), st.integers(1, 5), st.integers(0, 5), st.data())
def test_the_dataset_does_not_depend_on_how_patches_arrived(tmp_path_factory, count, asked, writers, data):
    tmp_path = tmp_path_factory.mktemp("spool")
    corners = some(count)
    arriving = every(corners)
    whole = Spool.open(str(tmp_path / "whole"), KEY)
    ChunkWriter(whole.folder).add(*arriving)
    chunks.write(whole.folder, arriving, [])
    whole.refresh()
    (tmp_path / "a").mkdir()
    manifest = write(whole, corners, MANIFEST, str(tmp_path / "a"), shards=asked)
    # In another order, by several workers, some of them twice, by a process that ends in between.
    mixed = data.draw(st.permutations(arriving + arriving[:writers]))
    for part in range(writers + 1):
        spool = Spool.open(str(tmp_path / "parts"), KEY)
        writer = ChunkWriter(spool.folder, most_bytes=300)
        for each in mixed[part :: writers + 1]:
            writer.add(each)
        writer.flush()
    spool = Spool.open(str(tmp_path / "parts"), KEY)
    assert spool.count == count == sum(len(spool.held(split)) for split in SPLITS)
    (tmp_path / "b").mkdir()
    shuffled = {split: places[::-1] for split, places in corners.items()}
    write(spool, shuffled, MANIFEST, str(tmp_path / "b"), shards=asked)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    for split, places in corners.items():
        by_shard = [
            [Patch.decode(record, (SIDE, SIDE), 2, "int16", "uint8") for record in read(path)]
            for path in manifest.shards(tmp_path / "a", split)
        ]
        for shard in by_shard:
            assert (order := [(each.row, each.column) for each in shard]) == sorted(order)
        found = [each for shard in by_shard for each in shard]
        assert sorted((each.row, each.column) for each in found) == sorted(map(tuple, places.tolist()))
        for each in found:
            assert each.encode() == patch(each.row, each.column).encode()
        sizes = [shard.examples for shard in manifest.splits[split].shards]
        assert len(sizes) == min(asked, len(places)) and max(sizes) - min(sizes) <= 1
        summary = manifest.splits[split]
        assert summary.masked_pixels == summary.unlabelled_pixels == len(places)
        assert sum(summary.labels["class_pixels"].values()) == summary.labelled_pixels == 15 * len(places)
        for shard in summary.shards:
            path = tmp_path / "a" / shard.name
            assert (shard.bytes, shard.crc32c) == (path.stat().st_size, crc32c(path)) and not shard.problem(path.parent)


@settings(max_examples=40)
@given(st.data())
def test_a_damaged_chunk_is_dropped_and_nothing_else(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("spool")
    spool = Spool.open(str(root), KEY)
    names = [chunks.write(spool.folder, [encoded("train", row, 1), encoded("test", row, 2)], []) for row in range(2)]
    path = Path(spool.folder, names[0])
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        bit = data.draw(st.integers(0, 8 * len(whole) - 1))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(damaged))
    again = Spool.open(str(root), KEY)
    assert again.held("train").tolist() == [[1, 1]] and again.held("test").tolist() == [[1, 2]]
    assert not path.exists()


def test_what_is_lost_is_known_to_the_next_run_and_listed(tmp_path):
    spool = Spool.open(str(tmp_path / "spool"), KEY)
    writer = ChunkWriter(spool.folder)
    writer.add(encoded("train", 1, 1), LostPatch("train", 5, 6, "the imagery is masked, all of it"))
    writer.flush()
    again = Spool.open(str(tmp_path / "spool"), KEY)
    assert [(each.row, each.column) for each in again.lost("train")] == [(5, 6)] and again.lost("test") == []
    manifest = write(again, {"train": np.array([[1, 1]])}, MANIFEST, str(tmp_path), lost={"train": again.lost("train")})
    assert (tmp_path / LOST).read_text() == 'split,row,column,reason\ntrain,5,6,"the imagery is masked, all of it"\n'
    assert manifest.splits["train"].lost == 1
    with pytest.raises(KeyError, match="row 5, column 6"):
        write(again, {"train": np.array([[5, 6]])}, MANIFEST, str(tmp_path))


def test_damage_after_the_spool_was_opened_is_no_example(tmp_path):
    spool = Spool.open(str(tmp_path / "spool"), KEY)
    name = chunks.write(spool.folder, [encoded("train", 1, 1)], [])
    spool.refresh()
    path = Path(spool.folder, name)
    damaged = bytearray(path.read_bytes())
    damaged[40] ^= 1
    path.write_bytes(bytes(damaged))
    with pytest.raises(ChunkError, match=name):
        write(spool, {"train": np.array([[1, 1]])}, MANIFEST, str(tmp_path))
    path.unlink()
    with pytest.raises(ChunkError, match="is gone: another export of the same patches has ended; run it again"):
        write(spool, {"train": np.array([[1, 1]])}, MANIFEST, str(tmp_path))
    assert not (tmp_path / "manifest.json").exists() and not list(tmp_path.glob("*.part"))


def test_only_what_is_ours_is_removed(tmp_path, caplog):
    caplog.set_level("INFO")
    old, used = (Spool.open(str(tmp_path), {"of": name}) for name in ("old", "used"))
    for spool in (old, used):
        chunks.write(spool.folder, [encoded("train", 1, 1)], [])
    stranger = tmp_path / ("0" * 32)
    stranger.mkdir()
    (stranger / "notes.txt").write_text("kept")
    Path(old.folder, "notes.txt").write_text("kept too")
    long_ago = time.time() - KEPT_SECONDS - 60
    for path in [*Path(old.folder).iterdir(), *stranger.iterdir()]:
        os.utime(path, (long_ago, long_ago))
    used.refresh()
    Spool.open(str(tmp_path), {"of": "new"})
    assert sorted(path.name for path in Path(old.folder).iterdir()) == ["notes.txt"]
    assert f"removes {old.folder}" in caplog.text and "21 days ago" in caplog.text
    assert (stranger / "notes.txt").read_text() == "kept"
    assert used.count == 1 and len(list(Path(used.folder).glob("*.chunk"))) == 1
    used.remove()
    assert not Path(used.folder).exists() and stranger.exists()


def test_another_key_is_another_spool(tmp_path):
    spool = Spool.open(str(tmp_path), KEY)
    chunks.write(spool.folder, [encoded("train", 1, 1)], [])
    assert Spool.open(str(tmp_path), {**KEY, "more": 1}).count == 0
    assert json.loads(Path(spool.folder, OWNER).read_text())["key"] == KEY
    assert Spool.open(str(tmp_path), KEY).count == 1


@pytest.mark.parametrize(
    ("examples", "size", "asked", "expected"),
    [
        (600, 60 << 20, None, 4),
        (3, 60 << 20, None, 3),
        (10_000, 1 << 30, None, 7),
        (10_000, 1 << 30, 1, 1),
        (5, 1, 1000, 5),
    ],
)
def test_shards_follow_the_bytes_unless_the_config_counts_them(examples, size, asked, expected):
    assert layout.count(examples, size, asked) == expected


WRITER = """
import sys
from components.export_examples.writing.chunks import ChunkWriter, EncodedPatch
writer = ChunkWriter(sys.argv[1], most_bytes=200_000)
print("ready", flush=True)
for number in range(100_000):
    writer.add(EncodedPatch("train", number, 0, number.to_bytes(4, "big") * 5_000))
"""


def test_a_killed_writer_leaves_whole_chunks_alone(tmp_path):
    root = tmp_path / "spool"
    folder = Spool.open(str(root), KEY).folder
    for kill in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, folder], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(0.05 + 0.07 * kill)
            process.kill()
    spool = Spool.open(str(root), KEY)
    found = spool.held("train")[:, 0]
    assert len(found) > 0 and found.tolist() == list(range(len(found)))
    for number, framed in zip(found.tolist(), spool.find("train", spool.held("train")).read(), strict=True):
        assert framed[12:-4] == number.to_bytes(4, "big") * 5_000


def test_many_threads_share_a_writer(tmp_path):
    writer = ChunkWriter(str(tmp_path), most_bytes=2_000)
    threads = [
        threading.Thread(target=lambda first=first: [writer.add(encoded("train", first, n)) for n in range(50)])
        for first in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.flush()
    spool = Spool(str(tmp_path))
    spool.refresh()
    assert spool.count == 400


def test_packed_files_in_earth_engines_layout_are_the_same_every_time(tmp_path):
    corners = some(30)
    spool = Spool.open(str(tmp_path / "spool"), KEY)
    chunks.write(spool.folder, every(corners), [])
    spool.refresh()
    asked = MANIFEST.model_copy(update={"format": "earth_engine", "compress": "gzip"})
    for name in ("a", "b"):
        manifest = write(spool, corners, asked, str(tmp_path / name), shards=2)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert Manifest.read(tmp_path / "a") == manifest
    for split, places in corners.items():
        found = []
        for shard in manifest.splits[split].shards:
            assert shard.name.endswith(".tfrecord.gz") and not shard.problem(tmp_path / "a")
            with gzip.open(tmp_path / "a" / shard.name) as file:
                found += [features(record) for record in records(file, shard.name)]
        assert all(sorted(each) == ["a", "b", "earthline_valid", "label"] for each in found)
        # The patches' values tell their places.
        assert sorted((each["a"].max(), -each["b"].min()) for each in found) == sorted(map(tuple, places.tolist()))


def test_a_dataset_folder_keeps_what_is_not_the_steps(tmp_path):
    ours = [
        "manifest.json",
        "manifest.json.part",
        LOST,
        "features.json",
        "train-00000-of-00002.tfrecord",
        "test-00001-of-00002.tfrecord.gz",
        "validation-00000-of-00001.tfrecord.part",
        "train-00003.part",
    ]
    others = ["README.md", "train.csv", "train-00000.tfrecord", ".unfinished/a.chunk", "old/manifest.json"]
    for name in (*ours, *others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    folders.clear(tmp_path)
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted(others)


def test_spools_outlive_a_run_wherever_there_is_a_place(tmp_path, monkeypatch):
    monkeypatch.setattr("kfp.dsl.types.artifact_types._GCS_LOCAL_MOUNT_PREFIX", "/mounted/")
    at = folders.spools
    assert at("gs://bucket/temp", tmp_path, remote=False) == "/mounted/bucket/temp/export_spools"
    assert at("gs://bucket/temp", tmp_path, remote=True) == "gs://bucket/temp/export_spools"
    assert at("/data/temp", tmp_path, remote=False) == "/data/temp/export_spools"
    assert at("", tmp_path, remote=False) == f"{tmp_path}/.unfinished"


REMOTE = """
import json, sys
import numpy as np
from google.cloud import storage
from components.export_examples.writing import chunks, files
from components.export_examples.writing.chunks import EncodedPatch, LostPatch
from components.export_examples.writing.spool import Spool
bucket = storage.Client(project="sandbox").create_bucket("export-spools")
root, key = "gs://export-spools/temp/export_spools", {"grid": "of a test"}
examples = [EncodedPatch("train", n, 7, bytes([n]) * 3_000_000) for n in range(4)]
spool = Spool.open(root, key, "sandbox")
for part in (examples[:2], examples[2:]):
    name = chunks.write(spool.folder, part, [LostPatch("test", part[0].row, 0, "masked")])
blob = bucket.blob(f"{spool.folder.removeprefix('gs://export-spools/')}/{name}")
content = blob.download_as_bytes()
blob.upload_from_string(content[:-1])
bucket.blob("temp/export_spools/notes.txt").upload_from_string("kept")
again = Spool.open(root, key, "sandbox")
held = again.held("train")
read = [len(record) for record in again.find("train", held).read("sandbox")]
blob.upload_from_string(content)
again.refresh()
count = again.count
again.remove()
left = [each.name for each in bucket.list_blobs()]
print(json.dumps([held.tolist(), read, count, left, len(again.lost("test"))]))
"""


def test_a_spool_in_cloud_storage(sandbox):
    held, read, count, left, lost = json.loads(sandbox.python(REMOTE).splitlines()[-1])
    assert held == [[0, 7], [1, 7]] and read == [3_000_016] * 2
    assert count == 4 and lost == 2 and left == ["temp/export_spools/notes.txt"]
