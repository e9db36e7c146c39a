"""Points and polygons in a dataset: counted by class and split, and never in two splits unseen."""

import json

import numpy as np
import pytest
import shapely

from components.validate_examples.findings import ExamplesError
from earthline.formats.label_features import FEATURES, FeatureRecord, FeatureRecords
from earthline.formats.manifest import SPLITS
from earthline.task.classification.classes import UNLABELLED

from .test_validate_examples import SHAPE, folder, patches, replaced, validate, write

__all__ = ["folder"]
GROUND = {"train": 0, "validation": 50, "test": 100}
"""First rows of the splits' patches."""


def sparse(split, index, patch):
    """A polygon of land of 2 x 2 pixels and a point of water in each patch, nothing else."""
    label = np.full(SHAPE, UNLABELLED, np.uint8)
    label[1:3, 1:3], label[5, 5] = 0, 1
    return replaced(patch, label=label)


def records(**changes):
    """Two polygons and two points of each split, as `sparse` draws them."""
    found = []
    for split in SPLITS:
        for patch in patches(split):
            box = shapely.box(patch.column + 1, patch.row + 1, patch.column + 3, patch.row + 3)
            point = shapely.Point(patch.column + 5.5, patch.row + 5.5)
            for class_id, shape in ((0, box), (1, point)):
                group = len(found)
                found.append(FeatureRecord(class_id, class_id == 1, group, split, shape))
    for index, change in changes.items():
        place = int(index.removeprefix("at_"))
        found[place] = FeatureRecord(**{**vars(found[place]), **change})
    return found


def keep(folder, found):
    (folder / FEATURES).write_text(FeatureRecords(found, all_touched=False).text())


def test_features_are_counted_by_class_and_split(folder):
    write(folder, sparse)
    keep(folder, records())
    statistics = validate(folder)
    for split in SPLITS:
        assert statistics["features"][split] == {
            "land": {"points": 0, "polygons": 2},
            "water": {"points": 2, "polygons": 0},
        }
    few = [text for text in statistics["warnings"] if "fewer than 10" in text]
    assert "class 'land' has 2 polygons (8 pixels) in train" in few[0] and "learned from few places" in few[0]
    assert any("class 'water' has 2 points (2 pixels) in test" in text for text in few)
    page = (folder.parent / "report.html").read_text()
    assert "polygons in train" in page


def test_few_pixels_are_no_reason_to_fail_but_none_is(folder):
    def dry(split, index, patch):
        label = sparse(split, index, patch).label
        return replaced(patch, label=np.where((label == 1) & (split == "train"), UNLABELLED, label).astype(np.uint8))

    write(folder, dry)
    keep(folder, records())
    with pytest.raises(ExamplesError, match="class balance: 'water' has no pixel in train"):
        validate(folder)


def test_a_class_of_one_feature_outside_of_train_says_so_and_nothing_else(folder):
    def once(split, index, patch):
        label = sparse(split, index, patch).label
        return replaced(patch, label=np.where((label == 1) & ((split, index) != ("test", 0)), UNLABELLED, label))

    write(folder, once)
    found = records()
    keep(folder, [each for place, each in enumerate(found) if each.value == 0 or place == len(found) - 3])
    with pytest.raises(ExamplesError) as told:
        validate(folder)
    (line,) = str(told.value).splitlines()[1:]
    assert line.startswith("class balance: 'water' comes from one point or polygon, which lies in another split than")
    warnings = json.loads((folder.parent / "statistics" / "statistics.json").read_text())["warnings"]
    assert not [text for text in warnings if "'water' has no pixel" in text]


def test_a_feature_with_pixels_in_two_splits_is_a_leak(folder):
    write(folder, sparse)
    wide = shapely.box(1, 1, 3, 53)
    keep(folder, records(at_0={"shape": wide}))
    with pytest.raises(
        ExamplesError, match="leakage: the polygon number 0 of 'land' has labelled pixels in train and "
    ):
        validate(folder)


def test_a_group_in_two_splits_is_a_leak(folder):
    write(folder, sparse)
    keep(folder, records(at_5={"group": 1}))
    with pytest.raises(ExamplesError, match="leakage: features of group 1 lie in train and validation"):
        validate(folder)


def test_features_without_a_pixel_are_counted(folder):
    write(folder, sparse)
    far = FeatureRecord(0, True, 99, "train", shapely.Point(150.5, 150.5))
    keep(folder, [*records(), far])
    assert any(text.startswith("1 of 13 features have no labelled pixel") for text in validate(folder)["warnings"])


def test_a_damaged_list_of_features_is_told(folder):
    write(folder, sparse)
    (folder / FEATURES).write_text("{}")
    with pytest.raises(ExamplesError, match=r"features\.json cannot be used.*export the examples again"):
        validate(folder)
