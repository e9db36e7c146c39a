"""The whole step against a sandbox: real client, real wire, a scene whose every value is known."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import box, shape
from shapely.prepared import prep

from earthline.config import Data, Export
from earthline.formats.examples import Patch
from earthline.formats.manifest import SPLITS, Manifest
from earthline.formats.shards import read
from earthline.task.classification.classes import UNLABELLED

from ..outcomes import outcome as told
from ..scene import save

SHAPE = (96, 130)
OFFSET = (1, -2)
BANDS = ("b1", "b2")
FOLDER = "projects/sandbox/assets/export_test"
STEP = """
import json, sys
from kfp import dsl
from components.export_examples.run import run
from components.export_examples.writing import chunks
if sys.argv[2:] == ["full-disk"]:
    def write_whole(folder, name, pieces):
        raise OSError(28, "No space left on device", name)
    chunks.write_whole = write_whole
outcomes = {}
for name, case in json.load(open(sys.argv[1])).items():
    try:
        examples = dsl.Dataset(uri=case["folder"], metadata={})
        run(data=case["data"], export=case["export"], project="sandbox", temp_location="", examples=examples)
        outcomes[name] = {"metadata": examples.metadata}
    except Exception as error:
        outcomes[name] = {"error": f"{type(error).__name__}: {error}"}
print("OUTCOME" + json.dumps(outcomes))
"""


def scene():
    """Imagery (bands, rows, columns) with 0 where masked, and labels: 1 land, 2 water, 3 unknown to most configs."""
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    imagery = np.stack([rows + 1, columns + 1]).astype(np.uint8)
    imagery[1, 40:44, 60:66] = 0
    labels = np.where((rows // 8 + columns // 8) % 4 == 0, 2, 1).astype(np.uint8)
    labels[10:14, 10:14] = 0
    return imagery, labels


def add_scene(sandbox, assets, folder):
    """Makes assets `scene` and `labels` of `scene`, by files in a folder; gives its imagery."""
    imagery, labels = scene()
    sandbox.command("add", f"{assets}/scene", save(folder / "scene.tif", imagery, nodata=0))
    sandbox.command("add", f"{assets}/labels", save(folder / "labels.tif", labels[None], nodata=0))
    return imagery


def section(**changes):
    classes = [
        {"name": "land", "color": "#1b7837", "values": [1]},
        {"name": "water", "color": "#2b8cbe", "values": [2]},
    ]
    imagery = {"image": f"{FOLDER}/scene", "bands": BANDS, "data_type": "uint8", **changes.pop("imagery", {})}
    labels = {
        "image": f"{FOLDER}/labels",
        "band": "b1",
        "offset": OFFSET,
        "classes": classes,
        **changes.pop("labels", {}),
    }
    return Data.model_validate({"imagery": imagery, "labels": labels, **changes}).model_dump_json()


EXPORT = {
    "patch_shape": [8, 6],
    "block_shape": [24, 24],
    "examples": {"train": 40, "validation": 12, "test": 16},
    "shards": 2,
    "seed": 5,
}


def export(**changes):
    return Export.model_validate({**EXPORT, **changes}).model_dump_json()


@pytest.fixture(scope="module")
def assets(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    imagery, labels = scene()
    sandbox.command(
        "add",
        f"{FOLDER}/scene",
        save(folder / "scene.tif", imagery, nodata=0),
        "--property",
        "attribution=Made up",
        "--property",
        "license=CC0",
    )
    sandbox.command("add", f"{FOLDER}/labels", save(folder / "labels.tif", labels[None], nodata=0))
    odd = labels.copy()
    odd[50:53, 50:55] = 3
    sandbox.command("add", f"{FOLDER}/odd_labels", save(folder / "odd.tif", odd[None], nodata=0))
    dark = imagery.copy()
    dark[0] = 0
    sandbox.command("add", f"{FOLDER}/dark", save(folder / "dark.tif", dark, nodata=0))
    cloudy = imagery.copy()
    cloudy[:, clouds()] = 0
    sandbox.command("add", f"{FOLDER}/cloudy", save(folder / "cloudy.tif", cloudy, nodata=0))
    return folder


def clouds():
    """Where the cloudy scene is masked, bool (rows, columns): most of it, and not all of what a patch covers."""
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    return (rows % 16 < 11) & (columns % 24 < 20)


def run_step(sandbox, folder, cases, *arguments):
    """Runs the step once per case in one fresh interpreter; gives outcomes by name."""
    file = folder / f"{next(iter(cases))}.json"
    file.write_text(
        json.dumps(
            {
                name: {"data": data, "export": asked, "folder": str(folder / name)}
                for name, (data, asked) in cases.items()
            }
        )
    )
    done = sandbox.run([sys.executable, "-c", STEP, str(file), *arguments])
    return told(done), done.stderr


@pytest.fixture(scope="module")
def outcomes(sandbox, assets):
    far = {"west": 10, "south": 50, "east": 11, "north": 51}
    cases = {
        "sound": (section(), export()),
        "again": (section(), export()),
        "unknown_value": (section(labels={"image": f"{FOLDER}/odd_labels"}), export()),
        "ignored_value": (section(labels={"image": f"{FOLDER}/odd_labels", "ignore": [3]}), export()),
        "cloudy": (section(imagery={"image": f"{FOLDER}/cloudy"}), export()),
        "masked": (section(imagery={"image": f"{FOLDER}/dark"}), export()),
        "too_large": (section(), export(patch_shape=[128, 128], block_shape=[256, 256])),
        "too_few_blocks": (section(), export(block_shape=[80, 80])),
        "outside": (section(region=far), export()),
        "no_band": (section(imagery={"bands": ["b1", "b9"]}), export()),
        "no_asset": (section(imagery={"image": f"{FOLDER}/nothing"}), export()),
    }
    return run_step(sandbox, assets, cases)


@pytest.fixture(scope="module")
def folder(outcomes, assets):
    assert "error" not in outcomes[0]["sound"], outcomes[0]["sound"]
    return assets / "sound"


def patches(folder, manifest, split):
    for path in manifest.shards(folder, split):
        for record in read(path):
            yield Patch.decode(
                record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type
            )


def test_every_pixel_is_the_sources(folder):
    manifest = Manifest.read(folder)
    imagery, labels = scene()
    seen = (imagery > 0).all(axis=0)
    height, width = manifest.patch_shape
    shifted = np.full(SHAPE, UNLABELLED, np.uint8)
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    rows, columns = rows + OFFSET[0], columns + OFFSET[1]
    there = (rows < SHAPE[0]) & (columns >= 0)
    shifted[there] = np.array([UNLABELLED, 0, 1], np.uint8)[labels[rows[there], columns[there]]]
    count = 0
    for split in SPLITS:
        for patch in patches(folder, manifest, split):
            window = slice(patch.row, patch.row + height), slice(patch.column, patch.column + width)
            expected = np.where(seen[window][..., None], imagery[:, *window].transpose(1, 2, 0), 0)
            np.testing.assert_array_equal(patch.image, expected)
            np.testing.assert_array_equal(patch.label, np.where(seen[window], shifted[window], UNLABELLED))
            count += 1
    assert count == sum(EXPORT["examples"].values())


def test_middle_pixels_are_balanced_over_classes(folder):
    manifest = Manifest.read(folder)
    height, width = manifest.patch_shape
    middle = [patch.label[height // 2, width // 2] for patch in patches(folder, manifest, "train")]
    assert [middle.count(class_id) for class_id in (0, 1)] == [20, 20]


def test_the_manifest_tells_with_what_chance_each_patch_was_drawn(folder):
    manifest = Manifest.read(folder)
    height, width = manifest.patch_shape
    _, labels = scene()
    for split in SPLITS:
        middle = [patch.label[height // 2, width // 2] for patch in patches(folder, manifest, split)]
        area = shape(manifest.split_areas[split])
        inside = prep(area)
        counts = [0, 0]
        for row in range(SHAPE[0] - height + 1):
            for column in range(SHAPE[1] - width + 1):
                if not inside.covers(box(column, row, column + width, row + height)):
                    continue
                place = row + height // 2 + OFFSET[0], column + width // 2 + OFFSET[1]
                # Places are drawn from the labels alone.
                if labels[place] in (1, 2):
                    counts[labels[place] - 1] += 1
        found = manifest.sampling[split]
        assert [each.name for each in found] == ["land", "water"]
        assert [each.frame for each in found] == counts and min(counts) > 0
        assert sum(each.drawn for each in found) == manifest.splits[split].examples
        assert sum(each.lost for each in found) == manifest.splits[split].lost
        # The label of a middle pixel tells the stratum. Labels lie off the grid here, so a patch may have none there.
        for class_id, each in enumerate(found):
            assert 0 <= each.drawn - middle.count(class_id) <= middle.count(UNLABELLED)


def test_patches_without_imagery_in_their_middle_are_replaced_and_listed(outcomes, assets):
    assert "error" not in outcomes[0]["cloudy"], outcomes[0]["cloudy"]
    manifest, folder, masked = Manifest.read(assets / "cloudy"), assets / "cloudy", clouds()
    height, width = manifest.patch_shape
    with (folder / "lost_patches.csv").open() as file:
        told = list(csv.DictReader(file))
    for split, most in EXPORT["examples"].items():
        kept = [(patch.row, patch.column) for patch in patches(folder, manifest, split)]
        lost = [(int(row["row"]), int(row["column"])) for row in told if row["split"] == split]
        assert len(set(kept)) == most and not set(kept) & set(lost)
        assert not any(masked[row + height // 2, column + width // 2] for row, column in kept)
        assert all(masked[row + height // 2, column + width // 2] for row, column in lost)
        found = manifest.sampling[split]
        assert sum(each.drawn for each in found) == most
        assert sum(each.lost for each in found) == manifest.splits[split].lost == len(lost) > most / 2
        assert all(0 < each.drawn + each.lost <= each.frame for each in found)
    reasons = {row["reason"] for row in told}
    assert reasons == {"the middle pixel has no imagery", "no pixel of the patch has imagery"}
    assert "patches of train are left out: the middle pixel has no imagery" in outcomes[1]


def test_the_manifest_tells_what_is_there(folder, outcomes):
    manifest = Manifest.read(folder)
    assert manifest.gap == 8
    assert manifest.grid == {"crs": "EPSG:32119", "transform": [30, 0, 630000, 0, -30, 228000], "shape": list(SHAPE)}
    for split, most in EXPORT["examples"].items():
        found = list(patches(folder, manifest, split))
        summary = manifest.splits[split]
        assert summary.examples == len(found) == most == outcomes[0]["sound"]["metadata"][f"{split}_examples"]
        assert [shard.examples for shard in summary.shards] == [most // 2, most // 2]
        for class_id, name in enumerate(manifest.task.entries):
            assert summary.labels["class_pixels"][name] == sum((patch.label == class_id).sum() for patch in found)
        assert summary.unlabelled_pixels == sum((patch.label == UNLABELLED).sum() for patch in found)
    assert manifest.sources[0].attribution == "Made up" and manifest.sources[0].license == "CC0"
    assert manifest.sources[0].metres is None and manifest.sources[1].metres == pytest.approx(30, rel=0.01)
    assert not list(folder.glob("*.part"))


def test_the_same_seed_gives_the_same_bytes(folder, assets):
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in (assets / "again").iterdir())
    for name in names:
        assert (folder / name).read_bytes() == (assets / "again" / name).read_bytes()


def test_progress_is_logged_with_the_rate(outcomes):
    assert "export_examples: 68 patches planned (40 train, 12 validation, 16 test)" in outcomes[1]
    assert "export_examples: 68/68 patches, " in outcomes[1]


def test_ignored_values_become_unlabelled(outcomes, assets):
    assert "error" not in outcomes[0]["ignored_value"]
    assert Manifest.read(assets / "ignored_value").splits["train"].examples == 40


@pytest.mark.parametrize(
    ("case", "texts"),
    [
        ("unknown_value", ["data.labels.classes", "3 (15 pixels)", "data.labels.ignore"]),
        ("masked", ["data.imagery: every pixel of", "masked"]),
        ("too_large", ["export.patch_shape", "[128, 128]", "96 x 130"]),
        ("too_few_blocks", ["export.block_shape", "empty split 'validation'"]),
        ("outside", ["data.region", "outside the imagery"]),
        ("no_band", ["data.imagery.bands", "b9", "which has b1, b2"]),
        ("no_asset", ["data.imagery", "nothing"]),
    ],
)
def test_bad_input_has_one_clear_error_and_leaves_no_manifest(outcomes, assets, case, texts):
    error = outcomes[0][case]["error"]
    for text in texts:
        assert text in error
    assert not (assets / case / "manifest.json").exists()


def test_a_full_disk_is_named_and_an_old_manifest_does_not_stay(sandbox, folder, assets):
    stale = assets / "full"
    stale.mkdir()
    (stale / "manifest.json").write_text(Path(folder / "manifest.json").read_text())
    outcome, _ = run_step(sandbox, assets, {"full": (section(), export())}, "full-disk")
    assert "the disk is full; free some space" in outcome["full"]["error"]
    assert not (stale / "manifest.json").exists()
