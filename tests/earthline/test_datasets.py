"""The reader of exported datasets: what was written comes back, in each form, and damage is said."""

import json
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthline import datasets
from earthline.datasets import DatasetError
from earthline.formats import band_lists
from earthline.formats.examples import Patch
from earthline.formats.manifest import Manifest, Shard
from earthline.formats.shards import ShardError, frame
from earthline.task.regression.task import Regression
from tests import datasets as written

BANDS = ("red", "nir", "swir")
GRID = {"crs": "EPSG:32633", "transform": [10.0, 0, 500_000, 0, -10.0, 5_000_000], "shape": [400, 200]}
COUNTS = {"train": 7, "validation": 2, "test": 3}


def patches() -> dict[str, list[Patch]]:
    random = np.random.default_rng(2)
    return {
        split: [written.square(random, 10 * place, noise=300, masked=2) for place in range(count)]
        for split, count in COUNTS.items()
    }


def in_two_files(folder: Path, manifest: Manifest, suffix: str = "") -> Manifest:
    """Deals the training split to two files."""
    (shard,) = manifest.splits["train"].shards
    from earthline.formats.shards import read

    records = list(read(folder / shard.name))
    named = []
    for number, part in enumerate((records[:4], records[4:])):
        name = f"train-{number:05d}-of-00002.tfrecord{suffix}"
        (folder / name).write_bytes(b"".join(map(frame, part)))
        named.append(Shard(name=name, examples=len(part)))
    summary = manifest.splits["train"].model_copy(update={"shards": tuple(named)})
    changed = manifest.model_copy(update={"splits": {**manifest.splits, "train": summary}})
    changed.write(folder)
    return changed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manifest = written.write(tmp_path, patches(), bands=BANDS, class_names=written.CLASSES, grid=GRID)
    in_two_files(tmp_path, manifest)
    return tmp_path


@pytest.fixture(params=["none", "gzip"])
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same in Earth Engine's layout."""
    import gzip

    manifest = written.write(tmp_path, patches(), bands=BANDS, class_names=written.CLASSES, grid=GRID)
    pack = gzip.compress if request.param == "gzip" else bytes
    for split, of_split in patches().items():
        (shard,) = manifest.splits[split].shards
        content = b"".join(frame(band_lists.encode(patch, BANDS)) for patch in of_split)
        (tmp_path / shard.name).write_bytes(pack(content))
    manifest.model_copy(update={"format": "earth_engine", "compress": request.param}).write(tmp_path)
    return tmp_path


def same(sample: dict[str, Any], patch: Patch, *, placed: bool = True) -> None:
    np.testing.assert_array_equal(sample["image"], patch.image)
    np.testing.assert_array_equal(sample["mask"], patch.label)
    np.testing.assert_array_equal(sample["valid"], patch.valid)
    kinds = [np.asarray(sample[key]).dtype for key in ("image", "mask", "valid")]
    assert kinds == [np.uint16, np.uint8, np.bool_]
    assert ("row" in sample) is placed
    if placed:
        assert (int(sample["row"]), int(sample["column"])) == (patch.row, patch.column)


def test_a_folder_tells_what_it_holds(folder: Path) -> None:
    dataset = datasets.open(folder)
    assert dataset.splits == ("train", "validation", "test")
    assert {name: len(dataset[name]) for name in dataset} == COUNTS
    assert (dataset.bands, dataset.patch_shape) == (BANDS, (8, 8))
    assert (dataset.classes, dataset.no_label) == (written.CLASSES, 255)
    place = dataset.place(20, 30)
    assert (place.crs, place.shape) == ("EPSG:32633", (8, 8))
    assert place.transform == (10, 0, 500_300, 0, -10, 4_999_800)
    for words in ("8 x 8 px, EPSG:32633", "red, nir, swir (uint16)", "dark, bright (0 to 1); 255", "train: 7 patches"):
        assert words in str(dataset)


def test_patches_come_by_position_in_order_and_in_batches(folder: Path) -> None:
    split, expected = datasets.open(folder)["train"], patches()["train"]
    for sample, patch in zip(split, expected, strict=True):
        same(sample, patch)
    for place in (5, 0, -1):
        same(split[place], expected[place])
    with pytest.raises(IndexError, match="has 7 patches, none of position 7"):
        split[7]
    batches = list(split.batches(3))
    assert [len(batch["image"]) for batch in batches] == [3, 3, 1]
    assert batches[1]["row"].tolist() == [30, 40, 50]
    mixed = [row for batch in split.batches(3, seed=1) for row in batch["row"].tolist()]
    assert sorted(mixed) == [10 * place for place in range(7)] != mixed
    assert mixed == [row for batch in split.batches(2, seed=1) for row in batch["row"].tolist()]


def test_arrays_are_whole_or_mapped_from_files_written_once(folder: Path, tmp_path: Path) -> None:
    split, expected = datasets.open(folder)["train"], patches()["train"]
    keep = tmp_path / "arrays"
    for found in (split.arrays(), split.arrays(keep), split.arrays(keep)):
        np.testing.assert_array_equal(found.image, np.stack([patch.image for patch in expected]))
        np.testing.assert_array_equal(found.mask, np.stack([patch.label for patch in expected]))
        np.testing.assert_array_equal(found.valid, np.stack([patch.valid for patch in expected]))
        np.testing.assert_array_equal(found.corner, [[patch.row, 0] for patch in expected])
    assert isinstance(found.image, np.memmap) and not found.image.flags.writeable
    moment = (keep / "train-image.npy").stat().st_mtime_ns
    split.arrays(keep)
    assert (keep / "train-image.npy").stat().st_mtime_ns == moment

    # Files that an interrupted call left, or of another dataset, are no arrays of this one.
    told = json.loads((keep / "train.json").read_text())
    for other in (None, {**told, "expression_hash": "another"}):
        (keep / "train.json").unlink()
        if other is not None:
            (keep / "train.json").write_text(json.dumps(other))
        np.save(keep / "train-mask.npy", np.zeros(3))
        assert split.arrays(keep).mask.shape == (7, 8, 8)


def test_earth_engines_layout_holds_the_same(foreign: Path) -> None:
    split, expected = datasets.open(foreign)["train"], patches()["train"]
    for sample, patch in zip(split, expected, strict=True):
        same(sample, patch, placed=False)
    assert (split.arrays().corner == -1).all()
    if split.manifest.compress == "none":
        same(split[3], expected[3], placed=False)
    else:
        with pytest.raises(TypeError, match="compress: none"):
            split[3]


def test_tensorflow_gives_the_same_samples(folder: Path, tmp_path: Path) -> None:
    split, expected = datasets.open(folder)["train"], patches()["train"]
    found = split.tensorflow()
    assert found.cardinality() == 7
    assert found.element_spec["image"].shape == (8, 8, 3)
    for sample, patch in zip(found.as_numpy_iterator(), expected, strict=True):
        same(sample, patch)
    rows = [[int(sample["row"]) for sample in split.tensorflow(shuffle=True, seed=3)] for _ in range(2)]
    assert rows[0] == rows[1] and sorted(rows[0]) == [10 * place for place in range(7)] != rows[0]
    passes = split.tensorflow(shuffle=True)
    assert [int(each["row"]) for each in passes] != [int(each["row"]) for each in passes], "each pass has its own order"


def test_tensorflow_reads_earth_engines_layout(foreign: Path) -> None:
    found = datasets.open(foreign)["train"].tensorflow()
    for sample, patch in zip(found.as_numpy_iterator(), patches()["train"], strict=True):
        same(sample, patch, placed=False)


class Loader:
    """What a DataLoader of PyTorch does with its datasets, as far as they can tell, in one process."""

    def __init__(self, dataset: Any, batch_size: int, num_workers: int = 0) -> None:
        self.dataset, self.size, self.workers = dataset, batch_size, num_workers

    def __iter__(self) -> Iterator[dict[str, Any]]:
        data = sys.modules["torch.utils.data"]
        if not isinstance(self.dataset, data.IterableDataset):
            yield from self._joined(self.dataset[place] for place in range(len(self.dataset)))
            return
        for number in range(self.workers or 1):
            worker = types.SimpleNamespace(id=number, num_workers=self.workers) if self.workers else None
            data.get_worker_info = sys.modules["earthline.datasets.torch_data"].get_worker_info = lambda w=worker: w
            yield from self._joined(iter(self.dataset))

    def _joined(self, samples: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        from itertools import islice

        while batch := list(islice(samples, self.size)):
            yield {key: np.stack([each[key] for each in batch]) for key in batch[0]}


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Forgets what was imported for PyTorch, before and after."""

    def forget() -> None:
        sys.modules.pop("earthline.datasets.torch_data", None)
        vars(datasets).pop("torch_data", None)

    forget()
    yield monkeypatch
    forget()


@pytest.fixture
def load(no_torch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """PyTorch's DataLoader; where PyTorch is not installed, something that follows its protocol."""
    try:
        from torch.utils.data import DataLoader
    except ImportError:
        data: Any = types.ModuleType("torch.utils.data")
        data.Dataset, data.IterableDataset = type("Dataset", (), {}), type("IterableDataset", (), {})
        data.get_worker_info = lambda: None
        torch: Any = types.ModuleType("torch")
        torch.from_numpy = lambda array: array if array.flags.writeable else pytest.fail("PyTorch warns of these")
        for name, module in (("torch", torch), ("torch.utils", types.ModuleType("torch.utils")), (data.__name__, data)):
            no_torch.setitem(sys.modules, name, module)
        return Loader
    return DataLoader  # type: ignore[no-any-return]


def test_pytorch_takes_patches_by_position_or_as_a_stream(folder: Path, load: Callable[..., Any]) -> None:
    split, expected = datasets.open(folder)["train"], patches()["train"]
    image = np.stack([np.moveaxis(patch.image, -1, 0) for patch in expected])
    batches = list(load(split.torch(), batch_size=4))
    assert [len(batch["image"]) for batch in batches] == [4, 3]
    np.testing.assert_array_equal(np.concatenate([np.asarray(batch["image"]) for batch in batches]), image)
    first = {key: np.asarray(value) for key, value in batches[0].items()}
    assert (first["image"].dtype, first["mask"].dtype, first["valid"].dtype) == (np.float32, np.int64, np.bool_)
    np.testing.assert_array_equal(first["mask"], [patch.label for patch in expected[:4]])

    halved = split.torch(lambda sample: {**sample, "image": sample["image"] / 2}, stream=True)
    streamed = list(load(halved, batch_size=2, num_workers=2))
    rows = [row for batch in streamed for row in np.asarray(batch["row"]).tolist()]
    assert sorted(rows) == [10 * place for place in range(7)], "no patch comes twice, none is left out"
    images = np.concatenate([np.asarray(batch["image"]) for batch in streamed])
    np.testing.assert_array_equal(images[rows.index(20)], image[2] / 2)


def test_values_stay_values(tmp_path: Path, load: Callable[..., Any]) -> None:
    lowest = float(np.finfo(np.float32).min)
    label = np.array([[0.5, lowest], [2.5, -1]], np.float32)
    patch = Patch(np.ones((2, 2, 1), np.float32), label, np.ones((2, 2), bool), 0, 0)
    manifest = written.write(tmp_path, {"train": [patch]}, bands=("b",), class_names=("any",), grid=GRID)
    manifest.model_copy(
        update={"task": Regression("height", "m", (0, 3), (1, 2)).record, "label_type": "float32"}
    ).write(tmp_path)
    dataset = datasets.open(tmp_path)
    assert (dataset.classes, dataset.no_label) == ((), lowest)
    (batch,) = load(dataset["train"].torch(), batch_size=1)
    np.testing.assert_array_equal(batch["mask"], label[np.newaxis])
    assert np.asarray(batch["mask"]).dtype == np.float32
    assert "height" in str(dataset)


def test_what_is_missing_is_said(folder: Path, tmp_path: Path, no_torch: pytest.MonkeyPatch) -> None:
    split = datasets.open(folder)["train"]
    no_torch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="pip install torch"):
        split.torch()
    with pytest.raises(DatasetError, match="copy it to this machine first"):
        datasets.open("gs://bucket/examples")
    with pytest.raises(DatasetError, match=r"none: there is no manifest.json, nor a folder of this name"):
        datasets.open(tmp_path / "none")
    with pytest.raises(KeyError, match="train, validation, test"):
        datasets.open(folder)["valid"]


def test_damage_is_said(folder: Path) -> None:
    path = folder / "train-00001-of-00002.tfrecord"
    whole = path.read_bytes()
    split = datasets.open(folder)["train"]
    path.write_bytes(whole[:-3])
    with pytest.raises(ShardError, match=r"train-00001-of-00002.tfrecord, record 2: the file ends"):
        split[5]
    changed = bytearray(whole)
    changed[-40] ^= 1
    path.write_bytes(bytes(changed))
    same(split[5], patches()["train"][5])
    for read in (lambda: split[-1], lambda: list(split), split.arrays):
        with pytest.raises(ShardError, match=r"train-00001-of-00002.tfrecord.*checksum"):
            read()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ShardError, match="holds 6 examples, the manifest says 7"):
        datasets.open(folder)["train"].arrays()
    path.unlink()
    with pytest.raises(DatasetError, match=r"train-00001-of-00002.tfrecord: missing"):
        datasets.open(folder)
    (folder / "manifest.json").write_text('{"schema_version": 99}')
    with pytest.raises(DatasetError, match="export the examples again"):
        datasets.open(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(DatasetError, match="which its export writes last"):
        datasets.open(folder)


def test_numpy_needs_no_framework(folder: Path) -> None:
    program = (
        f"import sys; from earthline import datasets; split = datasets.open({str(folder)!r})['train']; split.arrays();"
        "split[0]; print(sorted({'tensorflow', 'torch', 'keras', 'ee', 'kfp', 'apache_beam'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
