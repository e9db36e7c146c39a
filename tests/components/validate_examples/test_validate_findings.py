"""Examples that no model can learn from: each kind is one clear line."""

import json

import numpy as np
import pytest
import shapely

from components.validate_examples.findings import ExamplesError, Findings
from earthline.config import Data
from earthline.formats.label_features import FEATURES, FeatureRecord, FeatureRecords
from earthline.formats.manifest import SPLITS, shard_name
from earthline.formats.shards import frame
from earthline.task.classification.classes import UNLABELLED

from .test_validate_examples import DATA, SHAPE, folder, patches, replaced, validate, write

__all__ = ["folder"]


def errors(folder, data=DATA):
    with pytest.raises(ExamplesError) as told:
        validate(folder, data)
    return str(told.value).splitlines()[1:]


def test_a_split_that_is_masked_everywhere_is_one_line(folder):
    def hidden(split, _, patch):
        if split != "train":
            return patch
        nothing = np.zeros(SHAPE, bool)
        return replaced(patch, valid=nothing, image=0 * patch.image, label=np.full(SHAPE, UNLABELLED, np.uint8))

    write(folder, hidden)
    (line,) = errors(folder)
    assert line.startswith("masked: train: all 128 pixels of its 2 patches are masked; check the dates, the cloud mask")


def test_labels_of_one_class_are_one_line(folder):
    write(folder, lambda split, _, patch: replaced(patch, label=np.minimum(patch.label, 0)))
    (line,) = errors(folder)
    assert line.startswith("class balance: every labelled pixel is 'land', so there is nothing to tell apart")


def test_no_label_at_all_is_a_line_for_each_split_and_nothing_else(folder):
    write(folder, lambda split, _, patch: replaced(patch, label=np.full(SHAPE, UNLABELLED, np.uint8)))
    assert [line.partition(";")[0] for line in errors(folder)] == [
        f"labels: {split}: no pixel has a label" for split in SPLITS
    ]


def test_images_with_another_number_of_bands_say_how_many_and_where(folder):
    write(folder)
    other = [replaced(patch, image=np.repeat(patch.image[..., :1], 3, axis=-1)) for patch in patches("validation")]
    shard = folder / shard_name("validation", 0, 1)
    shard.write_bytes(b"".join(frame(patch.encode()) for patch in other))
    told = errors(folder)
    assert told == [
        f"schema: validation-00000-of-00001.tfrecord, record {index}: feature 'image' holds 3 bands, the manifest has "
        "2 (B1, B2); export the examples again"
        for index in range(2)
    ]
    found = json.loads((folder.parent / "statistics" / "statistics.json").read_text())["findings"]
    assert [(each["severity"], each["shard"], each["example"]) for each in found[:2]] == [
        ("error", "validation-00000-of-00001.tfrecord", index) for index in range(2)
    ]


def test_a_shard_that_cannot_be_read_hides_no_other_finding_and_makes_none_up(folder):
    write(folder)
    (folder / shard_name("train", 0, 1)).write_bytes(b"no TFRecord at all")
    told = errors(folder)
    assert len(told) == 1 and told[0].startswith("shard: train-00000-of-00001.tfrecord, record 0: the checksum")
    assert "was not judged" in (folder.parent / "report.html").read_text()


def test_classes_that_nobody_labelled_or_hardly_anybody_are_told_in_a_line(folder):
    """Of 80 patches four pixels are water and three ice; nobody has seen a desert."""
    names = ("land", "water", "ice", "desert")
    data = Data.model_validate(
        {
            **DATA.model_dump(),
            "labels": {
                "image": "a/b",
                "band": "c",
                "classes": [{"name": name, "color": "#123456", "values": [id_]} for id_, name in enumerate(names)],
            },
        }
    )
    from components.validate_examples.checks import values
    from earthline.task import task_of

    task = task_of(data)
    counts = np.array([9000, 80, 40, 0])
    ground = {"train": task.statistics(np.repeat(np.arange(4), counts).astype(np.uint8))}
    findings = Findings()
    values._check_rare(task, ground["train"].by_stratum, findings)
    (line,) = findings.warnings()
    assert line.startswith(
        "rare in train: 'water' (80 pixels, 0.88 %) and 'ice' (40 pixels, 0.44 %) of the labelled ground"
    )
    assert [text for text in task.label_findings(ground).warnings if "desert" in text] == [
        "class 'desert' has no pixel in any split: the map cannot show it"
    ]


def test_one_polygon_for_each_class_is_one_line(folder):
    def drawn(split, index, patch):
        label = np.full(SHAPE, UNLABELLED, np.uint8)
        if (split, index) == ("train", 0):
            label[1:7, 1:4], label[1:7, 4:7] = 0, 1
        return replaced(patch, label=label)

    write(folder, drawn)
    boxes = [shapely.box(1, 1, 4, 7), shapely.box(4, 1, 7, 7)]
    found = [FeatureRecord(class_id, False, class_id, "train", shape) for class_id, shape in enumerate(boxes)]
    (folder / FEATURES).write_text(FeatureRecords(found, all_touched=False).text())
    with pytest.raises(ExamplesError):
        validate(folder)
    warnings = json.loads((folder.parent / "statistics" / "statistics.json").read_text())["warnings"]
    told = [line for line in warnings if "polygon" in line]
    assert len(told) == 1
    assert told[0].startswith(
        "'land' (one polygon) and 'water' (one polygon) in all: a single feature lies in one split"
    )


def test_many_of_a_kind_are_counted_and_the_first_ones_are_told_whatever_the_order():
    parts = []
    for shard in range(4):
        part = Findings()
        for example in range(5):
            part.error("schema", f"shard {shard}, record {example}", shard=f"{shard}", example=example)
        parts.append(part)
    forward, backward = Findings(), Findings()
    for part in parts:
        forward, backward = forward + part, part + backward
    for total in (forward, backward, parts[3] + parts[0] + parts[2] + parts[1]):
        assert total.errors() == [
            *(f"schema: shard 0, record {example}" for example in range(5)),
            "schema: 15 more like these",
        ]
