"""Labels that somebody drew wrongly are found among those that are right, and nothing is doubted without a reason."""

import json

import numpy as np
import pytest

from components.validate_examples import label_noise, suspicious
from components.validate_examples.findings import Findings
from components.validate_examples.statistics.pixels import PixelSample
from earthline.formats.manifest import Manifest
from earthline.task.classification.task import Classification
from earthline.task.doubts import DoubtSide

NAMES = ("land", "water", "ice")
TASK = Classification(NAMES)
SIDE = 240


def manifest(placed=True):
    return Manifest.model_construct(
        placed=placed,
        grid={"crs": "EPSG:32632", "transform": [10, 0, 6e5, 0, -10, 5e6], "shape": [SIDE, SIDE]},
        block_shape=(40, 40),
    )


def sample(random, *, wrong=0.0, apart=3.0, patch=24):
    """Stripes of classes with imagery that tells them apart; gives the sample and which labels are wrong."""
    rows, columns = (each.ravel() for each in np.mgrid[0:SIDE:3, 0:SIDE:3])
    true = (rows // 12) % 3
    features = random.normal(size=(len(rows), 4)) + apart * np.eye(3, 4)[true]
    label, flipped = true.copy(), random.random(len(rows)) < wrong
    label[flipped] = (true[flipped] + random.integers(1, 3, flipped.sum())) % 3
    corner = np.stack([rows // patch * patch, columns // patch * patch], axis=1)
    label = label.astype(np.uint8)
    made = PixelSample(np.arange(len(rows), dtype=np.uint64), rows, columns, corner, label, TASK.strata_of(label),
                       features.astype(np.float32), 9999)  # fmt: skip
    return made, flipped


def test_wrong_labels_are_found_and_told_with_their_place():
    made, flipped = sample(np.random.default_rng(0), wrong=0.04)
    found = label_noise.find(manifest(), TASK, {"train": made})
    there = set(zip(made.row[flipped].tolist(), made.column[flipped].tolist(), strict=True))
    told = set(zip(found.row.tolist(), found.column.tolist(), strict=True))
    assert found.judged == len(made)
    assert len(told & there) / len(there) > 0.7, "most wrong labels are found"
    assert len(told & there) / len(told) > 0.7, "most of what is told is wrong"
    findings = Findings()
    suspicious.check(found, TASK, findings)
    assert not findings.failed and "have a doubtful label, most often" in findings.warnings()[0]
    lines = suspicious.table(found, TASK).splitlines()
    assert lines[0].startswith("split,row,column") and len(lines) == len(found) + 1
    places = json.loads(suspicious.places(found, TASK, manifest()))
    east, north = places["features"][0]["geometry"]["coordinates"]
    # 600,000 m east in zone 32 and 5,000,000 m north lie at 10.27 degrees east and 45.15 degrees north.
    assert 10.26 < east < 10.31 and 45.11 < north < 45.16
    assert {places["features"][0]["properties"][key] in NAMES for key in ("label", "likely")} == {True}


def test_classes_that_imagery_does_not_tell_apart_are_not_doubted():
    made, _ = sample(np.random.default_rng(0), apart=0.0)
    found = label_noise.find(manifest(), TASK, {"train": made})
    assert (len(found), found.judged) == (0, 0) and "learn too little" in found.reason


def test_clean_labels_are_hardly_doubted():
    made, _ = sample(np.random.default_rng(0))
    found = label_noise.find(manifest(), TASK, {"train": made})
    assert found.judged and len(found) / found.judged < 0.02


def test_a_class_of_one_block_is_not_judged_by_forests_that_never_saw_it():
    made, _ = sample(np.random.default_rng(0))
    label = np.where((made.row < 40) & (made.column < 40), 2, np.minimum(made.label, 1)).astype(np.uint8)
    changed = PixelSample(**{**vars(made), "label": label, "stratum": TASK.strata_of(label)})
    found = label_noise.find(manifest(), TASK, {"train": changed})
    assert found.judged == int((label < 2).sum()) and 2 not in found.label


def test_patches_without_a_place_are_judged_by_other_patches_and_get_no_map():
    made, flipped = sample(np.random.default_rng(0), wrong=0.04)
    found = label_noise.find(manifest(placed=False), TASK, {"train": made})
    assert len(found) > 0.5 * flipped.sum()
    assert suspicious.places(found, TASK, manifest(placed=False)) is None


def test_no_pixel_is_judged_by_a_forest_that_learned_from_its_block():
    blocks = np.random.default_rng(0).integers(0, 17, 500)
    folds = label_noise._folds(blocks)
    assert all(len(np.unique(folds[blocks == block])) == 1 for block in range(17))
    assert len(np.unique(folds)) == label_noise.FOLDS


@pytest.mark.parametrize("kind", ["float32", "int16"])
def test_numbers_are_doubted_where_errors_are_far_beyond_the_usual(kind):
    """Errors grow with the value, so a large one among large values is no doubt."""
    random, task = np.random.default_rng(0), DoubtSide()
    true = random.uniform(10, 1000, 3000)
    labels = (true * (1 + 0.05 * random.normal(size=3000))).astype(kind)
    labels[:20] = (true[:20] * 2 + 50).astype(kind)
    doubt, likely = task.doubts(labels, true[:, None])
    assert (doubt[:20] > 0).all() and (doubt[20:] > 0).mean() < 0.01
    assert likely.dtype == labels.dtype and abs(float(likely[0]) - true[0]) < 1
    assert task.skill(labels, true[:, None]) > 0.9 > 0.1 > task.skill(labels, np.full((3000, 1), labels.mean()))
