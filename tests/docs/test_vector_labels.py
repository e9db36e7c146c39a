"""The page on vector labels: its config and its recipe give the same raster of the same polygons."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml
from rasterio.transform import Affine

from earthline import config
from tests.conftest import Sandbox

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "how-to" / "vector-labels.md").read_text("utf-8")
(RECIPE,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLE, *_ = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SCENE = "projects/sandbox/assets/vector_labels"
POLYGONS = """
import geopandas
from shapely.geometry import box
orchard, pond = box(600_000, 5_099_600, 600_200, 5_099_900), box(600_250, 5_099_500, 600_390, 5_099_750)
uses = {"landuse": ["orchard", "water"]}
geopandas.GeoDataFrame(uses, geometry=[orchard, pond], crs="EPSG:32632").to_file("fields.gpkg")
"""
BURNED = """
import json, sys
from pathlib import Path
from earthline.config import load
from earthline.earth_engine.connection import connect
from earthline.earth_engine.imagery import labels
data = load(Path(sys.argv[1])).data
connect("sandbox")
import ee
scene = ee.Image(data.imagery.all_sources[0].image)
burned = labels(data).rename("label").unmask(255).setDefaultProjection(scene.projection())
print(json.dumps(burned.sampleRectangle(scene.geometry()).getInfo()["properties"]))
"""


def wanted() -> np.ndarray:
    """Class numbers (rows, columns) of the recipe; 0 where no polygon lies."""
    labels = np.zeros((50, 40), "uint8")
    labels[10:40, :20] = 3
    labels[25:50, 25:39] = 1
    return labels


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A folder with the image and the polygons of the page."""
    profile = {"driver": "GTiff", "count": 1, "height": 50, "width": 40, "dtype": "uint8", "crs": "EPSG:32632"}
    transform = Affine(10, 0, 600_000, 0, -10, 5_100_000)
    with rasterio.open(tmp_path / "image.tif", "w", transform=transform, **profile) as sink:
        sink.write(np.ones((1, 50, 40), "uint8"))
    run(POLYGONS, tmp_path)
    return tmp_path


def run(script: str, folder: Path) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=folder, check=True)


def test_the_recipe_makes_a_raster_of_polygons(scene: Path) -> None:
    run(RECIPE, scene)
    with rasterio.open(scene / "labels.tif") as labels, rasterio.open(scene / "image.tif") as image:
        assert np.array_equal(labels.read(1), wanted())
        assert (labels.nodata, labels.crs, labels.transform) == (0, image.crs, image.transform)
        assert labels.descriptions == ("landcover",)


def test_the_config_gives_the_same_without_a_raster(scene: Path, sandbox: Sandbox) -> None:
    sandbox.command("add", SCENE, str(scene / "image.tif"), "--bands", "b1")
    example = yaml.safe_load(EXAMPLE)
    example["data"]["imagery"] = {"image": SCENE, "bands": ["b1"], "data_type": "uint8"}
    path = scene / "config.yaml"
    path.write_text(yaml.safe_dump({"name": "fields", **example}))
    assert len(config.load(path).data.labels.class_names) == 5
    shown = json.loads(sandbox.run([sys.executable, "-c", BURNED, str(path)]).stdout)
    class_ids = np.where(wanted() == 0, 255, wanted() - 1)
    assert np.array_equal(shown["label"], class_ids)
