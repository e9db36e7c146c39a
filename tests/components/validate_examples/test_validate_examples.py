"""Every kind of damage to a dataset fails validation, with the shard and the field named."""

import json
from pathlib import Path

import numpy as np
import pytest
from kfp import dsl

from components.validate_examples.findings import ExamplesError
from components.validate_examples.run import run
from earthline.config import Data
from earthline.formats.examples import Patch
from earthline.formats.manifest import MANIFEST, SPLITS, shard_name
from earthline.formats.shards import crc32c, frame, read
from earthline.task.classification.classes import UNLABELLED
from tests import datasets

SHAPE = (8, 8)
BANDS = ("B1", "B2")
DATA = Data.model_validate(
    {
        "imagery": {"image": "projects/p/assets/image", "bands": BANDS, "data_type": "float32"},
        "labels": {
            "image": "projects/p/assets/labels",
            "band": "class",
            "classes": [
                {"name": "land", "color": "#1b7837", "values": [1]},
                {"name": "water", "color": "#2b8cbe", "values": [2]},
            ],
        },
    }
)


def patches(split):
    """Two patches of each split, splits 50 pixels apart, both classes in each."""
    random = np.random.default_rng(SPLITS.index(split))
    for index in range(2):
        label = np.zeros(SHAPE, np.uint8)
        label[:3], label[3] = 1, UNLABELLED
        image = random.normal(100, 10, (*SHAPE, len(BANDS))).astype(np.float32)
        yield Patch(image, label, np.ones(SHAPE, bool), 50 * SPLITS.index(split), 20 * index)


def write(folder, changed=None):
    """A sound dataset, or one whose patches `changed(split, index, patch)` replaces, with a manifest to match."""
    made = {split: list(patches(split)) for split in SPLITS}
    if changed is not None:
        made = {split: [changed(split, index, patch) for index, patch in enumerate(made[split])] for split in SPLITS}
    grid = {"crs": "EPSG:32119", "transform": [30, 0, 0, 0, -30, 0], "shape": [200, 200]}
    return datasets.write(folder, made, bands=BANDS, class_names=("land", "water"), data_type="float32", grid=grid)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "examples"
    made.mkdir()
    return made


def validate(folder, data=DATA):
    beside = folder.parent
    run(
        data=data.model_dump_json(),
        examples=dsl.Dataset(uri=str(folder)),
        statistics=dsl.Artifact(uri=str(beside / "statistics")),
        report=dsl.HTML(uri=str(beside / "report.html")),
    )
    return json.loads((beside / "statistics" / "statistics.json").read_text())


def replaced(patch, **parts):
    return Patch(**{**vars(patch), **parts})


def test_a_sound_dataset_passes_and_its_figures_are_right(folder):
    write(folder)
    statistics = validate(folder)
    train = statistics["splits"]["train"]
    assert statistics["anomalies"] == []
    assert train["labels"]["class_pixels"] == {"land": 64, "water": 48}
    assert train["unlabelled_pixels"] == 16
    seen = np.concatenate([patch.image[patch.valid] for patch in patches("train")])
    for index, band in enumerate(BANDS):
        assert train["bands"][band]["mean"] == pytest.approx(seen[:, index].mean(), rel=1e-5)
        assert train["bands"][band]["std"] == pytest.approx(seen[:, index].std(), rel=1e-4)
        assert train["bands"][band]["minimum"] == pytest.approx(seen[:, index].min())
    page = Path(folder.parent / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 13
    assert "http://" not in page and "https://" not in page


def test_not_a_number_names_shard_record_and_band(folder):
    def spoil(split, index, patch):
        if (split, index) == ("validation", 1):
            patch.image[2, 3, 1] = np.nan
            patch.image[2, 4, 1] = np.inf
        return patch

    write(folder, spoil)
    with pytest.raises(
        ExamplesError, match=r"validation-00000-of-00001\.tfrecord, record 1: field 'image', band B2: 2"
    ):
        validate(folder)
    assert "band B2" in (folder.parent / "report.html").read_text(), "the report is there when the step fails"


def test_a_constant_band_is_named(folder):
    def flatten(split, _, patch):
        if split == "train":
            patch.image[..., 0] = 7
        return patch

    write(folder, flatten)
    with pytest.raises(ExamplesError, match="constant band: train: B1"):
        validate(folder)


def test_a_class_that_train_lacks_is_named(folder):
    write(folder, lambda split, _, patch: replaced(patch, label=patch.label % 2 * 0) if split == "train" else patch)
    with pytest.raises(ExamplesError, match=r"class balance: 'water' has no pixel in train \(48 in validation"):
        validate(folder)


def test_patches_of_two_splits_that_are_too_near_are_named(folder):
    near = {"train": 0, "validation": 15, "test": 100}
    write(folder, lambda split, index, patch: replaced(patch, row=near[split], column=40 * index))
    with pytest.raises(
        ExamplesError, match=r"leakage: .*row 0, column 0\) of train and \(row 15.* 7 pixels apart"
    ) as seen:
        validate(folder)
    assert "test" not in str(seen.value)


def test_patches_just_far_enough_apart_pass(folder):
    near = {"train": 0, "validation": 16, "test": 32}
    write(folder, lambda split, index, patch: replaced(patch, row=near[split], column=40 * index))
    validate(folder)


def test_the_same_patch_twice_is_named(folder):
    write(folder, lambda split, _, patch: replaced(patch, column=0))
    with pytest.raises(ExamplesError, match=r"duplicate: the patch at row 0, column 0 is in train and again in train"):
        validate(folder)


def test_an_unknown_label_value_names_the_field(folder):
    def spoil(split, index, patch):
        if (split, index) == ("test", 0):
            patch.label[5, 5] = 9
        return patch

    write(folder, spoil)
    with pytest.raises(ExamplesError, match=r"test-00000-of-00001\.tfrecord, record 0: field 'label' holds \[9\]"):
        validate(folder)


def test_a_damaged_record_names_the_shard_and_others_are_still_read(folder):
    write(folder)
    shard = folder / shard_name("train", 0, 1)
    content = bytearray(shard.read_bytes())
    content[-30] ^= 0xFF
    shard.write_bytes(bytes(content))
    with pytest.raises(ExamplesError, match=r"shard: train-00000-of-00001\.tfrecord, record 1: the checksum") as seen:
        validate(folder)
    assert "validation-00000" not in str(seen.value)


def test_a_foreign_record_names_the_missing_field(folder):
    manifest = write(folder)
    shard = folder / shard_name("test", 0, 1)
    shard.write_bytes(shard.read_bytes() + frame(b""))
    with pytest.raises(
        ExamplesError, match=r"schema: test-00000-of-00001\.tfrecord, record 2: feature 'image'"
    ) as seen:
        validate(folder)
    assert f"holds 3 examples, the manifest says {manifest.splits['test'].examples}" in str(seen.value)


def test_a_missing_shard_and_a_missing_manifest_are_named(folder):
    write(folder)
    (folder / shard_name("test", 0, 1)).unlink()
    with pytest.raises(ExamplesError, match=r"test-00000-of-00001\.tfrecord: missing"):
        validate(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(ExamplesError, match="the manifest cannot be used"):
        validate(folder)


def test_a_shard_that_is_not_the_manifests_is_named(folder):
    manifest = write(folder)
    split = manifest.splits["test"]
    path = folder / split.shards[0].name
    told = split.shards[0].model_copy(update={"bytes": path.stat().st_size, "crc32c": crc32c(path)})
    known = split.model_copy(update={"shards": (told,)})
    manifest.model_copy(update={"splits": {**manifest.splits, "test": known}}).write(folder)
    validate(folder)
    whole = path.read_bytes()
    path.write_bytes(b"".join(frame(record) for record in reversed(list(read(path)))))
    with pytest.raises(ExamplesError, match=r"shard: test-00000-of-00001\.tfrecord: .* not the file that the manifest"):
        validate(folder)
    path.write_bytes(whole[:-1])
    with pytest.raises(ExamplesError, match=r"shard: test-00000-of-00001\.tfrecord: cut off: it has [\d,]+ bytes"):
        validate(folder)


def test_the_layout_for_other_trainers_is_refused(folder):
    write(folder).model_copy(update={"format": "earth_engine"}).write(folder)
    with pytest.raises(ExamplesError, match=r"export\.format: the examples are laid out as earth_engine"):
        validate(folder)


def test_counts_that_differ_from_the_manifest_are_named(folder):
    manifest = write(folder)
    train = manifest.splits["train"].model_copy(update={"labels": {"class_pixels": {"land": 65, "water": 48}}})
    manifest.model_copy(update={"splits": {**manifest.splits, "train": train}}).write(folder)
    with pytest.raises(ExamplesError, match="counts: train: 64 pixels of 'land', the manifest says 65"):
        validate(folder)


def test_a_class_of_a_few_pixels_names_split_and_class(folder):
    def thin(split, index, patch):
        if split == "train":
            patch.label[patch.label == 1] = UNLABELLED
            patch.label[0, : 2 + index] = 1
        return patch

    write(folder, thin)
    with pytest.raises(ExamplesError, match=r"class balance: 'water' has only 5 pixels in train \(48 in validation"):
        validate(folder)


def test_a_class_that_validation_or_test_lacks_is_said(folder):
    write(folder, lambda split, _, patch: replaced(patch, label=patch.label * 0) if split != "train" else patch)
    warnings = validate(folder)["warnings"]
    assert any("'water' has no pixel in validation" in text for text in warnings)
    assert any("'water' has no pixel in test: its accuracy stays unknown" in text for text in warnings)


def test_ground_under_several_patches_counts_once(folder):
    """Two patches that share 7 of 8 rows: 9 rows of ground, with labels that agree where they overlap."""

    def shifted(split, index, patch):
        label = np.zeros(SHAPE, np.uint8)
        label[:, :4] = 1
        return replaced(patch, column=40, row=50 * SPLITS.index(split) + index, label=label)

    write(folder, shifted)
    statistics = validate(folder)
    train = statistics["splits"]["train"]
    assert train["labels"]["class_pixels"] == {"land": 64, "water": 64}
    assert train["ground_labels"]["class_pixels"] == {"land": 36, "water": 36}
    assert train["patches_of_ground"] == pytest.approx(72 / 64, abs=0.05)
    assert any("train: 2 patches hold only 1 patches' worth of ground" in text for text in statistics["warnings"])


def test_figures_are_of_valid_pixels_whatever_their_value(folder):
    def holed(split, _, patch):
        patch.image[:2] = 0  # valid zeros
        valid = patch.valid.copy()
        valid[-1] = False
        patch.image[-1] = 0
        label = np.where(valid, patch.label, UNLABELLED).astype(np.uint8)
        return replaced(patch, valid=valid, label=label)

    write(folder, holed)
    train = validate(folder)["splits"]["train"]
    assert train["masked_pixels"] == 16
    assert train["bands"]["B1"]["pixels"] == 2 * 7 * 8 and train["bands"]["B1"]["minimum"] == 0
    # The mean of two rows of zeros and five of about 100.
    assert train["bands"]["B1"]["mean"] == pytest.approx(100 * 5 / 7, rel=0.1)


def test_a_band_at_the_end_of_its_type_is_an_anomaly_with_the_type_that_fits(folder):
    def cut(split, _, patch):
        image = np.minimum(patch.image * 2.4, 255).astype(np.uint8)
        return replaced(patch, image=image)

    manifest = write(folder, cut).model_copy(update={"data_type": "uint8"})
    manifest.write(folder)
    data = DATA.model_copy(update={"imagery": DATA.imagery.model_copy(update={"data_type": "uint8"})})
    with pytest.raises(ExamplesError, match=r"saturated band: train: \d+ % of B1 holds 255, .*data_type: uint16"):
        validate(folder, data)
