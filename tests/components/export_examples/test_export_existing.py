"""TFRecords made elsewhere become a dataset like our own, or the mistake is named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kfp import dsl
from shapely.geometry import shape as geometry

from components.detect_changes.sources import examples as of_examples
from components.evaluate_model.run import run as evaluate
from components.export_examples.existing.records import look
from components.export_examples.run import run
from components.prepare_saved_model.run import prepare
from components.train_model.run import run as train
from components.validate_examples.findings import ExamplesError
from components.validate_examples.run import run as validate
from earthline.config import Data, Evaluate, Export, Serving, Train
from earthline.formats import shards
from earthline.formats.examples import Patch
from earthline.formats.learned_ground import LearnedGround
from earthline.formats.manifest import SPLITS, Manifest
from earthline.patches import read as read_patches
from earthline.vertex.champion import NONE

from .. import foreign

# Keras hands TensorFlow's arrays to h5py, and those do not know NumPy 2's `copy` yet: nothing of ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIDE = foreign.SIDE


def take(folder: Path, section: dict[str, Any], **export: Any) -> Manifest:
    out = folder / "out"
    run(
        data=json.dumps(section),
        export=json.dumps({"patch_shape": [SIDE, SIDE], **export}),
        project="p",
        temp_location="gs://b/temp",
        examples=dsl.Dataset(uri=str(out)),
    )
    return Manifest.read(out)


def patches(folder: Path, manifest: Manifest, split: str) -> list[Patch]:
    return [
        Patch.decode(record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type)
        for path in manifest.shards(folder / "out", split)
        for record in shards.read(path)
    ]


def every(folder: Path, manifest: Manifest, each: int = 1) -> dict[int, Patch]:
    """All patches by the place of their record, where files of so many records each are strips."""
    return {
        patch.row // SIDE * each + patch.column // SIDE: patch
        for split in SPLITS
        for patch in patches(folder, manifest, split)
    }


def write_files(folder: Path, count: int = 6, each: int = 4, *, packed: bool = False, **more: Any) -> None:
    for number in range(count):
        pictures = [{**foreign.picture(number * each + index), **more} for index in range(each)]
        name = f"part-{number}.tfrecord{'.gz' if packed else ''}"
        foreign.write(folder / name, [foreign.example(each_) for each_ in pictures], packed=packed)


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain"])
@pytest.mark.parametrize(
    "kinds", [{}, {"cover": "int", "red": "int"}, {"cover": "bytes"}], ids=["floats", "integers", "bytes"]
)
def test_every_layout_gives_the_same_pixels(packed: bool, kinds: dict[str, str], tmp_path: Path) -> None:
    records = [foreign.example(foreign.picture(index), kinds) for index in range(6)]
    for number in range(3):
        foreign.write(tmp_path / f"part-{number}.tfrecord", records[2 * number : 2 * number + 2], packed=packed)
    manifest = take(tmp_path, foreign.data(files=[str(tmp_path / "part-*")], split={"by": "file"}))
    found = every(tmp_path, manifest, 2)
    assert sorted(found) == list(range(6))
    for index, patch in found.items():
        expected = foreign.picture(index)
        np.testing.assert_array_equal(patch.image, np.stack([expected[band] for band in foreign.BANDS], axis=-1))
        np.testing.assert_array_equal(patch.label, expected["cover"] == 7)
        assert patch.valid.all()
    assert (manifest.placed, manifest.gap, manifest.told) == (False, 0, "by file, 3 files")
    assert LearnedGround.of(manifest) is None
    assert {split: manifest.splits[split].examples for split in SPLITS} == dict.fromkeys(SPLITS, 2)


def test_a_value_is_taken_in_its_unit(tmp_path: Path) -> None:
    pictures = [{**foreign.picture(index), "height": np.arange(SIDE * SIDE) / 4.0 + index} for index in range(3)]
    pictures[1]["height"][5] = np.nan
    for number, values in enumerate(pictures):
        values["height"][0] = -1
        foreign.write(tmp_path / f"{number}.tfrecord", [foreign.example(values)])
    section = foreign.data(files=[str(tmp_path / "*.tfrecord")], split={"by": "file"})
    value = {"name": "height", "unit": "m", "range": [0, 10], "multiply": 0.5}
    manifest = take(tmp_path, {**section, "labels": {"feature": "height", "ignore": [-1], "value": value}})
    assert (manifest.label_type, manifest.task.name) == ("float32", "regression")
    for index, patch in every(tmp_path, manifest).items():
        expected = (pictures[index]["height"] * 0.5).astype(np.float32)
        expected[[0, 5] if index == 1 else [0]] = np.finfo(np.float32).min
        np.testing.assert_array_equal(patch.label.ravel(), expected)
    train = every(tmp_path, manifest)
    labels = np.concatenate([patch.label.ravel() for patch in train.values()])
    counted = [manifest.splits[split].labels["pixels"] for split in SPLITS]
    assert sum(counted) == (labels >= 0).sum() == 3 * SIDE * SIDE - 4


def test_features_have_other_names_and_what_is_not_finite_is_masked(tmp_path: Path) -> None:
    pictures = [foreign.picture(index) for index in range(3)]
    for number, values in enumerate(pictures):
        values["B4"] = values.pop("red").astype(float)
        values["B4"][1, 2] = np.nan
        foreign.write(tmp_path / f"{number}.tfrecord", [foreign.example(values)])
    section = foreign.data(files=[str(tmp_path / "*.tfrecord")], split={"by": "file"}, features={"red": "B4"})
    manifest = take(tmp_path, section)
    for index, patch in every(tmp_path, manifest).items():
        assert (np.argwhere(~patch.valid) == [[1, 2]]).all() and (patch.label[1, 2], patch.image[1, 2, 0]) == (255, 0)
        assert patch.image[0, 0, 2] == pictures[index]["B4"][0, 0]
    assert manifest.splits["train"].masked_pixels == manifest.splits["train"].unlabelled_pixels == 1


def test_no_file_and_no_value_of_a_key_is_in_two_splits(tmp_path: Path) -> None:
    for number in range(12):
        values = [{**foreign.picture(number * 5 + index), "region": float(number % 7)} for index in range(5)]
        foreign.write(tmp_path / f"{number:02}.tfrecord", [foreign.example(each) for each in values])
    files = [str(tmp_path / "*.tfrecord")]
    for split, count in (({"by": "file"}, 12), ({"by": "key", "key": "region"}, 7)):
        manifest = take(tmp_path, foreign.data(files=files, split=split))
        # What came together is a strip, as its pixels tell.
        strips = [{patch.row // SIDE for patch in patches(tmp_path, manifest, name)} for name in SPLITS]
        assert all(strips) and len(set.union(*strips)) == sum(map(len, strips)) == count
        assert sum(manifest.splits[name].examples for name in SPLITS) == 60
        assert manifest.splits["train"].examples >= 25
        together: dict[int, set[int]] = {}
        pictures = {foreign.picture(place)["red"].astype(float).tobytes(): place for place in range(60)}
        for name in SPLITS:
            for patch in patches(tmp_path, manifest, name):
                place = pictures[patch.image[..., 2].astype(float).tobytes()]
                together.setdefault(patch.row // SIDE, set()).add(place // 5 if count == 12 else place // 5 % 7)
        assert all(len(units) == 1 for units in together.values())


def test_what_came_together_is_one_block_where_there_is_enough_of_it(tmp_path: Path) -> None:
    write_files(tmp_path, 24, 3)
    files = [str(tmp_path / "part-*.tfrecord")]
    manifest = take(tmp_path, foreign.data(files=files, split={"by": "file"}))
    assert manifest.grid["shape"] == [24 * SIDE, 3 * SIDE] and manifest.block_shape == (SIDE, 3 * SIDE)
    test = read_patches(tmp_path / "out", manifest, "test")
    of_file = test.corner[np.nonzero(test.labelled)[0], 0] // SIDE
    assert len(set(of_file.tolist())) >= 5
    np.testing.assert_array_equal(test.blocks(manifest), np.unique(of_file, return_inverse=True)[1])
    assert manifest.caveat.endswith("in one file or with one value of the key, as one observation")
    few = take(tmp_path, foreign.data(files=[str(tmp_path / "part-?.tfrecord")], split={"by": "file"}))
    assert few.block_shape == (SIDE, SIDE) and few.caveat.endswith("so they are too narrow")


def test_a_key_that_names_the_split_and_files_of_each_split_are_taken_at_their_word(tmp_path: Path) -> None:
    kinds = {"split": "bytes"}
    for number, name in enumerate(SPLITS):
        values = {**foreign.picture(number), "split": name.encode()}
        foreign.write(tmp_path / f"{name}.tfrecord", [foreign.example(values, kinds)])
    by_key = foreign.data(files=[str(tmp_path / "*.tfrecord")], split={"by": "key", "key": "split"})
    by_name = foreign.data(**{name: [str(tmp_path / f"{name}*")] for name in SPLITS})
    order = {name: place for place, name in enumerate(sorted(SPLITS))}
    for section in (by_key, by_name):
        manifest = take(tmp_path, section)
        assert {name: patches(tmp_path, manifest, name)[0].row // SIDE for name in SPLITS} == order


def test_record_by_record_every_split_has_about_its_share_whatever_the_order(tmp_path: Path) -> None:
    write_files(tmp_path, 1, 200)
    section = foreign.data(files=[str(tmp_path / "part-0.tfrecord")], split={"by": "record"})
    manifest = take(tmp_path, section, shards=3)
    counts = [manifest.splits[name].examples for name in SPLITS]
    assert sum(counts) == 200 and np.allclose(np.array(counts) / 200, [0.6, 0.15, 0.25], atol=0.1)
    assert [len(manifest.splits[name].shards) for name in SPLITS] == [3, 3, 3]


def mixed(folder: Path, down: int, across: int, total: int) -> dict[str, Any]:
    """An Earth Engine image export of which each pixel's value tells its place."""
    rows, columns = np.mgrid[: down * SIDE, : across * SIDE]
    records = []
    for index in range(total):
        top, left = index // across * SIDE, index % across * SIDE
        here = np.s_[top : top + SIDE, left : left + SIDE]
        values = {"swir": rows[here], "nir": columns[here], "red": rows[here] + columns[here]}
        records.append(foreign.example({**values, "cover": np.where(rows[here] % 2, 3, 7)}))
    half = total // 2
    foreign.write(folder / "scene-00000.tfrecord.gz", records[:half], packed=True)
    foreign.write(folder / "scene-00001.tfrecord.gz", records[half:], packed=True)
    mixer = {
        "projection": {"crs": "EPSG:32633", "affine": {"doubleMatrix": [10.0, 0.0, 5e5, 0.0, -10.0, 5e6]}},
        "patchDimensions": [SIDE, SIDE],
        "patchesPerRow": across,
        "totalPatches": total,
    }
    (folder / "scene-mixer.json").write_text(json.dumps(mixer))
    split = {"by": "mixer", "mixer": str(folder / "scene-mixer.json")}
    return foreign.data(files=[str(folder / "scene-*.tfrecord.gz")], split=split)


def test_a_mixer_tells_where_patches_lie_and_keeps_splits_apart(tmp_path: Path) -> None:
    section = mixed(tmp_path, 20, 24, 475)
    manifest = take(tmp_path, section, block_shape=[4 * SIDE, 4 * SIDE])
    assert manifest.placed and manifest.grid["crs"] == "EPSG:32633" and manifest.gap == SIDE
    assert manifest.grid["shape"] == [20 * SIDE, 24 * SIDE]
    found = {split: patches(tmp_path, manifest, split) for split in SPLITS}
    for split, of_split in found.items():
        area = geometry(manifest.split_areas[split])
        assert area.area == len(of_split) * SIDE * SIDE
        for patch in of_split:
            assert (patch.row, patch.column) == (patch.image[0, 0, 0], patch.image[0, 0, 1])
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        apart = min(max(abs(a.row - b.row), abs(a.column - b.column)) - SIDE for a in found[one] for b in found[other])
        assert apart >= SIDE
    kept = sum(map(len, found.values()))
    assert kept > 475 / 2 and manifest.told.endswith(
        f"; {475 - kept} of 475 patches are left out to keep the splits apart"
    )
    report = audit(tmp_path, section)
    assert "splits at least 8 pixels apart" in report and "leakage cannot be excluded" not in report


def audit(folder: Path, section: dict[str, Any]) -> str:
    """The report of validate_examples."""
    page = folder / "validation.html"
    validate(
        data=json.dumps(section),
        examples=dsl.Dataset(uri=str(folder / "out")),
        statistics=dsl.Artifact(uri=str(folder / "statistics")),
        report=dsl.HTML(uri=str(page)),
    )
    return page.read_text()


def test_the_same_picture_in_two_splits_fails_validation(tmp_path: Path) -> None:
    write_files(tmp_path)
    pictures = [foreign.example(foreign.picture(seed)) for seed in (0, 0)]
    for number, picture in enumerate(pictures):
        foreign.write(tmp_path / f"more-{number}.tfrecord", [picture])
    named = {"train": ["part-[0-3]*", "more-0*"], "validation": ["part-4*"], "test": ["part-5*", "more-1*"]}
    section = foreign.data(**{split: [str(tmp_path / name) for name in names] for split, names in named.items()})
    take(tmp_path, section)
    with pytest.raises(ExamplesError, match="leakage: 1 patches are in train and, pixel for pixel, in test"):
        audit(tmp_path, section)


@pytest.mark.parametrize(
    ("change", "export", "problem"),
    [
        (
            {"features": {"red": "B9"}},
            {},
            r"part-0\.tfrecord, record 0: no feature 'B9'; name it by data\.examples\.fe",
        ),
        ({}, {"patch_shape": [16, 16]}, r"feature 'swir' holds 64 values.* 256; write export\.patch_shape: \[8, 8\]"),
        ({"files": ["{folder}/none-*"]}, {}, r"none-\* matches no file; check the name"),
        ({"files": ["{folder}/part-0*"]}, {}, "1 files cannot be dealt to train, validation, test"),
        ({"split": {"by": "key", "key": "plot"}}, {}, "record 0: no feature 'plot', which data.examples.split.key"),
    ],
)
def test_a_mistake_in_the_config_is_named(
    change: dict[str, Any], export: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    write_files(tmp_path)
    given = {"files": ["{folder}/part-*"], "split": {"by": "file"}, **change}
    given["files"] = [name.format(folder=tmp_path) for name in given["files"]]
    with pytest.raises(ValueError, match=problem):
        take(tmp_path, foreign.data(**given), **export)
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"red": np.full((SIDE, SIDE), 70_000)}, "record 1: feature 'red' holds 70000, which uint16 cannot hold"),
        ({"red": np.full((SIDE, SIDE), 0.5)}, "record 1: feature 'red' holds 0.5, which uint16 cannot hold"),
        ({"cover": np.full((SIDE, SIDE), 4)}, r"record 1: feature 'cover': values of no class: 4 \(64 pixels\)"),
        ({"nir": np.zeros(7)}, "record 1: feature 'nir' holds 7 values.* must say how many pixels"),
    ],
)
def test_a_record_that_is_wrong_is_named(values: dict[str, Any], problem: str, tmp_path: Path) -> None:
    write_files(tmp_path)
    wrong = [foreign.example(foreign.picture(1)), foreign.example({**foreign.picture(2), **values})]
    foreign.write(tmp_path / "part-3.tfrecord", wrong)
    section = foreign.data(files=[str(tmp_path / "part-*")], split={"by": "file"})
    with pytest.raises(ValueError, match=rf"part-3\.tfrecord, {problem}"):
        take(tmp_path, section)


def test_a_damaged_file_and_one_that_is_no_mixer_are_named(tmp_path: Path) -> None:
    section = mixed(tmp_path, 20, 24, 475)
    whole = (tmp_path / "scene-mixer.json").read_text()
    for text, problem in (
        (whole.replace("475", "480"), "tells of 480 patches, the files hold 475"),
        (whole.replace("475", "470"), "tells of 470 patches, the files hold more"),
        (whole.replace("patchesPerRow", "perRow"), "scene-mixer.json: no mixer file .* `patchesPerRow` is missing"),
        (whole.replace("[8, 8]", "[4, 8]"), r"write export\.patch_shape: \[8, 4\]"),
    ):
        (tmp_path / "scene-mixer.json").write_text(text)
        with pytest.raises(ValueError, match=problem):
            take(tmp_path, section, block_shape=[4 * SIDE, 4 * SIDE])
    (tmp_path / "scene-00001.tfrecord.gz").write_bytes(b"\x01\x02\x03")
    (tmp_path / "scene-mixer.json").write_text(whole)
    with pytest.raises(shards.ShardError, match=r"scene-00001\.tfrecord\.gz, record 0: the file ends inside"):
        take(tmp_path, section, block_shape=[4 * SIDE, 4 * SIDE])


def test_from_files_of_others_to_a_model_that_is_proved(tmp_path: Path) -> None:
    write_files(tmp_path, 10, 4, packed=True)
    section = foreign.data(files=[str(tmp_path / "part-*")], split={"by": "file"})
    take(tmp_path, section)
    report = audit(tmp_path, section)
    assert "leakage cannot be excluded" in report and "Made elsewhere, split by file, 10 files." in report
    model, examples = dsl.Model(uri=str(tmp_path / "model")), dsl.Dataset(uri=str(tmp_path / "out"))
    asked = Train.model_validate({"model": {"name": "pixel_mlp"}, "epochs": 3, "learning_rate": 0.01})
    train(
        data=json.dumps(section), train=asked.model_dump_json(), examples=examples, model=model, metrics=dsl.Metrics()
    )
    evaluation = dsl.Artifact(uri=str(tmp_path / "evaluation"))
    verdict = evaluate(
        data=json.dumps(section),
        evaluate=Evaluate(min_gain=-1).model_dump_json(),
        project="p",
        location="l",
        champion_name=NONE,
        examples=examples,
        model=model,
        metrics=dsl.Metrics(),
        matrix=dsl.ClassificationMetrics(),
        evaluation=evaluation,
    )
    assert verdict == "blessed"
    scored = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    assert scored["test"]["blocks"] == Manifest.read(tmp_path / "out").splits["test"].examples
    contract, _ = prepare(Serving(), tmp_path / "model", tmp_path / "out", tmp_path / "saved")
    assert contract.learned_ground is None and contract.bands == foreign.BANDS


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"examples": {"files": ["a"]}}, r"`files` needs `split`"),
        ({"examples": {"train": ["a"], "test": ["b"]}}, r"`validation` is missing"),
        ({"examples": {"files": ["a"], "train": ["b"]}}, r"give `files` and `split`, or"),
        ({"examples": {"files": ["a"], "split": {"by": "key"}}}, r"`by: key` needs `key`"),
        ({"examples": {"files": ["a"], "split": {"by": "file", "mixer": "m"}}}, r"`mixer` goes with `by: mixer`"),
        ({"examples": {"files": ["a"], "split": {"by": "file"}, "features": {"x": "y"}}}, r"`x` is no band"),
        ({"examples": None}, r"`feature` names a feature of `data.examples`, which is not given"),
        ({"labels": {"image": "a/b", "band": "c", "classes": list(foreign.CLASSES)}}, r"give `feature`, and what"),
    ],
)
def test_a_config_that_does_not_fit_together_is_refused(change: dict[str, Any], problem: str) -> None:
    section = foreign.data(files=["a"], split={"by": "file"})
    with pytest.raises(ValueError, match=problem):
        Data.model_validate({**section, **change})


def test_check_looks_at_all_names_and_one_record(tmp_path: Path) -> None:
    write_files(tmp_path, packed=True)
    section = foreign.data(files=[str(tmp_path / "part-*")], split={"by": "file"})
    export = Export.model_validate({"patch_shape": [SIDE, SIDE]})
    said = look(Data.model_validate(section), export, "p")
    assert said.startswith("6 files, 0.0 MB; the first record has every band of 8 x 8 pixels")
    other = Data.model_validate({**section, "labels": {**section["labels"], "feature": "none"}})
    with pytest.raises(ValueError, match=r"record 0: no feature 'none'; name it by data\.labels\.feature"):
        look(other, export, "p")


def test_files_that_change_are_new_examples(tmp_path: Path) -> None:
    write_files(tmp_path)
    data = Data.model_validate(foreign.data(files=[str(tmp_path / "part-*")], split={"by": "file"}))
    (before,) = of_examples(data, None)
    assert (before.role, before.images) == ("examples", 6) and list(of_examples(data, None)) == [before]
    foreign.write(tmp_path / "part-6", [foreign.example(foreign.picture(0))])
    (after,) = of_examples(data, None)
    assert after.images == 7 and after.asset != before.asset
