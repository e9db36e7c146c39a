"""Unmodified third-party clients of Earth Engine, in processes of their own, by the sandbox's environment alone."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

SCRIPTS = Path(__file__).with_name("scripts")
LANDSAT_8 = "LANDSAT/LC08/C02/T1_L2"
BANDS = [*(f"SR_B{number}" for number in range(1, 8)), "ST_B10", "QA_PIXEL", "QA_RADSAT", "SR_QA_AEROSOL"]
#: QA_PIXEL of clear land, and of a cloud of high confidence.
CLEAR, CLOUD = 21_824, 22_280


def needs(module):
    return pytest.mark.skipif(
        importlib.util.find_spec(module) is None,
        reason=f"NOT TESTED: {module} is not installed; `make test` installs it (pip install --editable '.[clients]')",
    )


def run(sandbox, script, *arguments, **options):
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments)]
    return sandbox.run(command, timeout=300, **options).stdout


def stored(sandbox, band):
    folder = sandbox.home / "earthengine/assets/projects/sandbox/assets/north_carolina/landsat7_2000/@files"
    (path,) = folder.glob(f"*/{band}.tif")
    with rasterio.open(path) as source:
        return source.read(1), source.read_masks(1) > 0


@needs("xee")
def test_xee_opens_a_collection_and_an_address_pixel_exact(ee, sandbox, landsat, folder, tmp_path):
    collection = f"{folder}/scenes"
    ee.data.createAsset({"type": "IMAGE_COLLECTION"}, collection)
    ee.data.copyAsset(landsat, f"{collection}/a")
    ee.data.copyAsset(landsat, f"{collection}/b")
    ee.data.updateAsset(f"{collection}/b", {"startTime": "2001-05-01T00:00:00Z"}, ["start_time"])
    about = json.loads(run(sandbox, "xee_client.py", landsat, collection, tmp_path / "a.npz").splitlines()[-1])
    assert about["dims"] == ["time", "y", "x"] and about["days"] == ["2000-03-31", "2001-05-01"]
    assert about["corner"] == [630534 + 28.5 / 2, 228114 - 28.5 / 2]
    arrays = np.load(tmp_path / "a.npz")
    for name, number in (("b3", 3), ("b7", 6)):
        values, valid = stored(sandbox, number)
        assert arrays[name].shape == (1, 443, 489)
        assert (arrays[name][0][valid] == values[valid]).all() and np.isnan(arrays[name][0][~valid]).all()
    assert np.array_equal(arrays["stored"][0], arrays["b3"][0], equal_nan=True)
    assert np.array_equal(arrays["stored"][1], arrays["b3"][0], equal_nan=True)


@needs("geedim")
def test_geedim_downloads_masks_clouds_and_composites(sandbox, landsat, call_admin, tmp_path):
    generator = np.random.default_rng(0)
    scenes = []
    for number in range(3):
        data = generator.integers(8_000, 20_000, (len(BANDS), 60, 80)).astype("uint16")
        data[8], data[9] = CLEAR, 0
        data[8, 10 * number : 10 * number + 15, 20 * number : 20 * number + 15] = CLOUD
        path = tmp_path / f"{number}.tif"
        profile = {"driver": "GTiff", "count": len(BANDS), "height": 60, "width": 80, "dtype": "uint16"}
        with rasterio.open(
            path, "w", crs="EPSG:32617", transform=Affine(30, 0, 600_000, 0, -30, 4_000_000), **profile
        ) as sink:
            sink.write(data)
        time = 1_577_836_800_000 + number * 86_400_000
        asset = f"projects/earthengine-public/assets/{LANDSAT_8}/LC08_016035_2020010{number + 1}"
        call_admin(
            "earthengine/add",
            {"asset": asset, "files": [str(path)], "bands": BANDS, "properties": {"system:time_start": time}},
        )
        scenes.append(data)
    run(sandbox, "geedim_client.py", landsat, LANDSAT_8, "LC08_016035_20200101", tmp_path / "a.npz", tmp_path / "a.tif")
    arrays = np.load(tmp_path / "a.npz")
    for position, number in enumerate((3, 4)):
        values, valid = stored(sandbox, number)
        assert (arrays["whole"][..., position] == np.where(valid, values, 0)).all()
    with rasterio.open(tmp_path / "a.tif") as written:
        assert written.descriptions == ("B3", "B4") and written.transform == Affine(28.5, 0, 630534, 0, -28.5, 228114)
        for number in (3, 4):
            values, valid = stored(sandbox, number)
            assert (written.read(number - 2)[valid] == values[valid]).all()
    cloudy = scenes[0][8] == CLOUD
    assert (arrays["clear_mask"] == cloudy).all()
    assert (arrays["clear"][..., 0] == np.where(cloudy, 0, scenes[0][2])).all()
    # The farthest corner lies 65 columns and 45 rows from the cloud, whose last pixel is 14, 14.
    assert arrays["clear"][59, 79, 1] == int(30 * np.hypot(65, 45))
    stack = np.ma.MaskedArray([scene[2] for scene in scenes], [scene[8] == CLOUD for scene in scenes])
    expected = np.ma.median(stack.astype("float64"), axis=0)
    assert (arrays["median_mask"] == np.ma.getmaskarray(expected)).all()
    assert np.allclose(arrays["median"][..., 0], expected.filled(0), atol=0.5)


def test_the_earthengine_command_line(ee, sandbox, landsat, bucket, folder, tmp_path):
    storage = sandbox.home / "storage" / bucket
    raster = np.arange(12, dtype="uint8").reshape(3, 4)
    with rasterio.open(
        storage / "a.tif",
        "w",
        driver="GTiff",
        count=1,
        height=3,
        width=4,
        dtype="uint8",
        crs="EPSG:32617",
        transform=Affine(30, 0, 600_000, 0, -30, 4_000_000),
    ) as sink:
        sink.write(raster, 1)
    model, prepared = str(tmp_path / "model"), str(tmp_path / "prepared")
    names = json.loads(run(sandbox, "saved_model.py", model).splitlines()[-1])
    inputs, outputs = json.dumps({names["input"]: "B3"}), json.dumps({names["output"]: "twice"})
    commands = [
        ["ls", folder],
        ["create", "collection", f"{folder}/made"],
        ["asset", "info", landsat],
        ["upload", "image", f"gs://{bucket}/a.tif", "--asset_id", f"{folder}/made/a", "--bands", "elevation", "--wait"],
        ["ls", f"{folder}/made"],
        ["task", "list"],
        ["rm", "-r", f"{folder}/made"],
        ["ls", folder],
        ["asset", "info", f"{folder}/made"],
        ["model", "prepare", "--source_dir", model, "--dest_dir", prepared, "--input", inputs, "--output", outputs],
    ]
    output = run(sandbox, "command_line.py", json.dumps(commands), HOME=str(tmp_path))
    answers = [json.loads(line) for line in output.splitlines() if line.startswith('{"status"')]
    assert len(answers) == len(commands), output
    empty, created, info, uploaded, listed, tasks, removed, gone, missing, made = answers
    assert [answer["status"] for answer in answers[:8]] == [0] * 8
    assert empty["output"] == gone["output"] == removed["output"] == "" and created["output"] == ""
    assert json.loads(info["output"])["bands"][0]["id"] == "B1"
    assert "Task" in uploaded["output"] and listed["output"] == f"{folder}/made/a\n"
    assert "INGEST_IMAGE" in tasks["output"] or "Ingest image" in tasks["output"]
    assert missing["status"] == 1 or "does not exist" in missing["output"]
    assert made["status"] == 0 and "Success" in made["output"]
    assert (Path(prepared) / "saved_model.pb").is_file()
