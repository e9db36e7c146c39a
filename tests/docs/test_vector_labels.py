"""The recipes of the page on vector labels run as they stand, and give the raster that they promise."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from tests.conftest import Sandbox

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "vector-labels.md"
RECIPES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
FOLDER = "projects/sandbox/assets/vector_labels"
POLYGONS = """
import geopandas
from shapely.geometry import box
orchard, pond = box(600_000, 5_099_600, 600_200, 5_099_900), box(600_250, 5_099_500, 600_390, 5_099_750)
uses = {"landuse": ["orchard", "water"]}
geopandas.GeoDataFrame(uses, geometry=[orchard, pond], crs="EPSG:32632").to_file("fields.gpkg")
"""
# A task is started and left; the page says to ask for its status.
WAITING = "import time\nfor task in ee.batch.Task.list():\n    while task.active():\n        time.sleep(0.2)\n"


def wanted() -> np.ndarray:
    """Class numbers (rows, columns); 0 where no polygon lies."""
    labels = np.zeros((50, 40), "uint8")
    labels[10:40, :20] = 3
    labels[25:50, 25:39] = 1
    return labels


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A folder with the image of the page."""
    profile = {"driver": "GTiff", "count": 1, "height": 50, "width": 40, "dtype": "uint8", "crs": "EPSG:32632"}
    transform = Affine(10, 0, 600_000, 0, -10, 5_100_000)
    with rasterio.open(tmp_path / "image.tif", "w", transform=transform, **profile) as sink:
        sink.write(np.ones((1, 50, 40), "uint8"))
    return tmp_path


def run(script: str, folder: Path) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=folder, check=True)


def test_polygons_become_a_raster_on_this_machine(scene: Path) -> None:
    run(POLYGONS, scene)
    run(RECIPES[0], scene)
    with rasterio.open(scene / "labels.tif") as labels, rasterio.open(scene / "image.tif") as image:
        assert np.array_equal(labels.read(1), wanted())
        assert (labels.nodata, labels.crs, labels.transform) == (0, image.crs, image.transform)
        assert labels.descriptions == ("landcover",)


def test_polygons_become_a_raster_in_earth_engine(
    scene: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(POLYGONS, scene)
    sandbox.command("add", f"{FOLDER}/image", str(scene / "image.tif"))
    monkeypatch.chdir(scene)
    for recipe in RECIPES[1:3]:
        own = recipe.replace("projects/my-project/assets", FOLDER).replace("my-project", "sandbox")
        sandbox.python(own + WAITING)
    shown = sandbox.python(
        "import ee, json\nee.Initialize()\n"
        f"labels = ee.Image('{FOLDER}/labels')\n"
        "print(json.dumps([labels.unmask(0).sampleRectangle(labels.geometry()).getInfo()['properties'],"
        " labels.projection().getInfo()['transform']]))"
    )
    values, transform = json.loads(shown)
    assert np.array_equal(values["landcover"], wanted())
    assert transform == [10, 0, 600_000, 0, -10, 5_100_000]


def test_points_become_small_polygons(scene: Path) -> None:
    (scene / "points.csv").write_text("longitude,latitude,landuse\n10.3,46.04,forest\n10.301,46.05,town\n")
    run(RECIPES[3], scene)
    run(
        "import geopandas\nfields = geopandas.read_file('fields.gpkg')\n"
        "assert list(fields['landuse']) == ['forest', 'town']\n"
        "assert fields.area.between(690, 710).all()",
        scene,
    )
