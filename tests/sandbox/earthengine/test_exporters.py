"""How people fetch data out of Earth Engine, in programs of their own kind: Beam, pools of threads, notebooks."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer

from earthline_sandbox.earthengine.formats.tfrecords import records

SCRIPTS = Path(__file__).with_name("scripts")


def run(sandbox, script, *arguments):
    return sandbox.run([sys.executable, str(SCRIPTS / script), *map(str, arguments)], timeout=300).stdout


def stored(sandbox, band):
    folder = sandbox.home / "earthengine/assets/projects/sandbox/assets/north_carolina/landsat7_2000/@files"
    (path,) = folder.glob(f"*/{band}.tif")
    with rasterio.open(path) as source:
        return np.where(source.read_masks(1) > 0, source.read(1), 0)


@pytest.fixture
def faults(call_admin):
    yield lambda kind, method, **more: call_admin("earthengine/faults", {"kind": kind, "method": method, **more})
    call_admin("earthengine/faults", method="DELETE")


def test_a_beam_pipeline_exports_every_patch_to_the_bit(sandbox, landsat, tmp_path):
    run(sandbox, "beam_exporter.py", landsat, tmp_path / "shard")
    shards = sorted(tmp_path.glob("shard-*-of-00002"))
    assert len(shards) == 2
    expected = np.stack([stored(sandbox, 3), stored(sandbox, 4)], -1)
    corners = []
    for record in (record for shard in shards for record in records(shard, limit_bytes=2**24)):
        row, column = np.frombuffer(record, "int32", 2)
        patch = np.frombuffer(record, "float32", offset=8).reshape(128, 128, 2)
        assert (patch == expected[row : row + 128, column : column + 128]).all()
        corners.append((int(row), int(column)))
    assert sorted(corners) == [(row, column) for row in (0, 128, 256) for column in (0, 128, 256)]


def test_a_pool_of_threads_gets_past_refusals(sandbox, landsat, tmp_path, faults, call_admin):
    """Refused downloads are retried by the program, a refused request for one by the client."""
    faults("429", "thumbnails:getPixels", calls=[2, 5, 8])
    faults("503", "thumbnails:create", calls=[4])
    run(sandbox, "pool_exporter.py", landsat, tmp_path / "a.npz")
    arrays = np.load(tmp_path / "a.npz")
    assert arrays["patches"].shape == (12, 32, 32)
    assert sum(rule["struck"] for rule in call_admin("earthengine/faults")["faults"]) == 4
    band = stored(sandbox, 3)
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32119", always_xy=True).transform(*arrays["points"].T)
    rows, columns = ((228114 - y) // 28.5).astype(int), ((x - 630534) // 28.5).astype(int)
    for patch, row, column in zip(arrays["patches"], rows, columns, strict=True):
        near = band[max(row - 4, 0) : row + 5, max(column - 4, 0) : column + 5]
        # The middle of a patch in degrees, whose pixels are nearest ones, lies within the pixels round the point.
        assert np.isin(patch["B3"][15:17, 15:17], near).all()


@pytest.mark.skipif(
    importlib.util.find_spec("geopandas") is None,
    reason="NOT TESTED: geopandas is not installed; `make test` installs it (pip install --editable '.[clients]')",
)
def test_a_notebook_sees_pictures_files_tables_and_tasks(sandbox, landsat, bucket):
    seen = json.loads(run(sandbox, "notebook_client.py", landsat, bucket).splitlines()[-1])
    assert seen["thumbnail"] == ["image/jpeg", "ffd8ff"]
    assert seen["download"] == [[3, 443, 489], [630534, 28.5, 0, 228114, 0, -28.5]]
    assert seen["tile"] == [200, "image/png"]
    assert seen["frame"] == [["B1", "B2", "B3", "geo"], True]
    assert len(seen["places"]) > 20 and all(seen["places"])
    assert seen["selected"] == ["B1", "B2", "B3", "system:index"]
    assert seen["task"] == ["COMPLETED", "notebook", "EXPORT_IMAGE"]
    assert seen["exported"] == [1, True]
