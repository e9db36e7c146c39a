"""Patches are decoded once, kept where there is room, and what is wrong with a shard is one clear line."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthline import patches
from earthline.formats import shards
from earthline.formats.manifest import Manifest
from trainer.input import free_memory, store
from trainer.input.store import Store

SHARD = "train-00000-of-00001.tfrecord"


def test_memory_and_disk_hold_the_same(dataset: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = dataset()
    manifest = Manifest.read(folder)
    memory, disk = Store(folder, manifest, 0.9), Store(folder, manifest, 0.0)
    assert memory.in_memory and not disk.in_memory
    expected = patches.read(folder, manifest, "train")
    for kept in (memory.train, disk.train):
        np.testing.assert_array_equal(kept.image, expected.image)
        np.testing.assert_array_equal(kept.valid[..., 0] == 1, expected.valid)
    assert isinstance(disk.train.image, np.memmap) and not isinstance(memory.train.image, np.memmap)
    place = Path(capsys.readouterr().out.split()[-1])
    assert sorted(path.name for path in place.iterdir()) == ["train-image", "train-label", "train-valid"]
    del disk
    gc.collect()
    assert not place.exists(), "nothing is left behind"


def test_no_room_anywhere_is_one_line(dataset: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = dataset()
    monkeypatch.setattr(store, "_SPARE_DISK", 1 << 62)
    with pytest.raises(
        ValueError, match=r"split 'train' takes .* GB decoded: more than train.memory_share .* set TMPDIR"
    ):
        _ = Store(folder, Manifest.read(folder), 0.0).train


def test_free_memory_is_what_the_machine_or_the_container_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (free_memory.free_memory() or 0) > 1 << 20
    for name, content in {"_MEMINFO": "MemAvailable: 1000 kB\n", "_LIMIT": "max", "_USED": "100", "_STAT": ""}.items():
        (tmp_path / name).write_text(content)
        monkeypatch.setattr(free_memory, name, tmp_path / name)
    assert free_memory.free_memory() == 1024000
    (tmp_path / "_LIMIT").write_text("5000")
    (tmp_path / "_STAT").write_text("inactive_file 50\n")
    assert free_memory.free_memory() == 4950


def test_a_patch_knows_where_it_comes_from(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    held = Store(folder, Manifest.read(folder), 0.5)
    assert held.place("train", 3) == f"{SHARD}, record 3"
    with pytest.raises(IndexError):
        held.place("train", 12)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(bytes(content))


def shorten(path: Path) -> None:
    path.write_bytes(b"".join(shards.frame(record) for record in list(shards.read(path))[:-1]))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, rf"{SHARD}, record 11: the file ends after"),
        (flip, rf"{SHARD}, record 0: the checksum"),
        (shorten, rf"{SHARD} holds 11 records where the manifest says 12; export the examples again"),
        (Path.unlink, rf"names {SHARD}, which is not there; export the examples again"),
    ],
)
def test_a_damaged_shard_is_one_line(dataset: Callable[..., Path], damage: Any, message: str) -> None:
    folder = dataset()
    damage(folder / SHARD)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        _ = Store(folder, Manifest.read(folder), 0.5).train


def test_a_file_of_another_length_is_found_before_it_is_read(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    manifest = Manifest.read(folder)
    train = manifest.splits["train"]
    told = train.shards[0].model_copy(update={"bytes": (folder / SHARD).stat().st_size + 7})
    other = manifest.model_copy(
        update={"splits": {**manifest.splits, "train": train.model_copy(update={"shards": (told,)})}}
    )
    with pytest.raises(ValueError, match=rf"{SHARD}: cut off: it has [\d,]+ bytes, the manifest says"):
        _ = Store(folder, other, 0.5).train


def test_another_number_of_bands_is_one_line(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    other = Manifest.read(folder).model_copy(update={"bands": ("red", "nir")})
    with pytest.raises(ValueError, match=rf"{SHARD}, record 0: feature 'image' .* the manifest says 2 bands of uint16"):
        _ = Store(folder, other, 0.5).train
