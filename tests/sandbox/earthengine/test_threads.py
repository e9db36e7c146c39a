"""What the tiles and strips of a request, computed on all cores at once, may share: a large scene shows it."""

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from tests.conftest import ROOT, attach, control

# Calls that index the shape that they are given, which crashes where another thread uses it.
INDEXING = {"prepare", "contains_xy", "intersects_xy"}
ONLY = ROOT / "sandbox" / "earthline_sandbox" / "earthengine" / "pixels" / "indexed_shapes.py"

SCRIPT = """
import json, math, sys
import ee

side, origin = int(sys.argv[1]), (300_000, 4_300_000)
ee.Initialize(project="sandbox")
image = ee.Image(f"projects/sandbox/assets/scene_{side}")
half, corners = 5 * side, 500
turns = [2 * math.pi * corner / corners for corner in range(corners)]
radii = [half * (0.9 + 0.1 * math.sin(9 * turn)) for turn in turns]
ring = [[origin[0] + half + r * math.cos(t), origin[1] - half + r * math.sin(t)] for r, t in zip(radii, turns)]
holed = ee.Geometry.Polygon([ring + ring[:1]], "EPSG:32618", False)
# The region's own CRS is the image's, so that no thread makes a shape of its own by moving it.
clipped = image.clip(holed)
grid = {
    "dimensions": {"width": side, "height": side},
    "affineTransform": {"scaleX": 10, "translateX": origin[0], "scaleY": -10, "translateY": origin[1]},
    "crsCode": "EPSG:32618",
}
# All values of band a below 100.5, whatever band b holds.
within = ee.Classifier.spectralRegion([[-1, -1, 100.5, -1, 100.5, 5, -1, 5]], ["a", "b"])
found = []
for turn in range(2):
    pixels = ee.data.computePixels({"expression": clipped.select("a"), "fileFormat": "NUMPY_NDARRAY", "grid": grid})
    reduced = clipped.reduceRegion(ee.Reducer.count(), holed, 10, maxPixels=1e9)
    sampled = clipped.sample(holed, 10, numPixels=500, seed=turn).size()
    spread = clipped.stratifiedSample(20, "b", holed, 10, seed=turn).aggregate_histogram("b")
    random = ee.FeatureCollection.randomPoints(holed, 50, turn).filterBounds(holed).size()
    painted = ee.Image().paint(ee.FeatureCollection([ee.Feature(holed, {"v": 1})]), "v").reduceRegion(
        ee.Reducer.count(), holed, 10, crs="EPSG:32618", maxPixels=1e9)
    classified = image.classify(within).reduceRegion(ee.Reducer.sum(), image.geometry(), 10, maxPixels=1e9)
    styled = ee.FeatureCollection([holed]).style(color="ff0000", fillColor="00ff00").clip(holed)
    drawn = styled.select(0).reduceRegion(ee.Reducer.count(), holed, 20, crs="EPSG:32618", maxPixels=1e9)
    answers = ee.List([reduced.get("a"), sampled, spread, random, painted.values().get(0),
        classified.values().get(0), drawn.values().get(0)]).getInfo()
    found.append([int((pixels["a"] != 0).sum()), *answers])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def own_sandbox(tmp_path_factory):
    """A sandbox of this module's own: a crash must not take that of other tests with it."""
    home = tmp_path_factory.mktemp("threads") / "home"
    control(home, "start")
    yield attach(home)
    control(home, "stop")


@pytest.mark.parametrize("side", [1_448, 2_896])
def test_clips_samples_and_reductions_of_large_scenes_on_all_cores(own_sandbox, tmp_path, side):
    path = tmp_path / "scene.tif"
    rows, columns = np.ogrid[:side, :side]
    bands = np.stack([(rows + columns) % 200 + 1, (rows // 100 + columns // 100) % 3]).astype("uint8")
    profile = {"driver": "GTiff", "height": side, "width": side, "count": 2, "dtype": "uint8", "crs": "EPSG:32618"}
    with rasterio.open(path, "w", **profile, transform=Affine(10, 0, 300_000, 0, -10, 4_300_000)) as sink:
        sink.write(bands)
    own_sandbox.command("add", f"projects/sandbox/assets/scene_{side}", str(path), "--bands", "a,b")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    answers = json.loads(own_sandbox.run([sys.executable, str(script), str(side)]).stdout)
    # The curve's area is π/4 · (.81 + .005) of the square around it.
    expected = np.pi / 4 * (0.81 + 0.005) * side**2
    for valid, reduced, sampled, spread, points, painted, classified, drawn in answers:
        assert valid == reduced
        assert abs(valid - expected) < 0.001 * expected
        assert abs(painted - expected) < 0.001 * expected
        assert 300 < sampled <= 500
        assert spread == {"0": 20, "1": 20, "2": 20}
        assert points == 50
        assert classified == (bands[0] <= 100).sum()
        assert abs(4 * drawn - expected) < 0.002 * expected
    assert own_sandbox.process.pid == own_sandbox.pid


def test_shapes_are_indexed_in_one_place_alone():
    found = []
    for path in sorted((ROOT / "sandbox" / "earthline_sandbox" / "earthengine").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            imported = [item.name for item in node.names] if isinstance(node, ast.ImportFrom) else []
            if path != ONLY and INDEXING & {name, *imported}:
                found.append(f"{Path(path).relative_to(ROOT)}:{node.lineno}")
    assert not found, f"use indexed_shapes.indexed, which copies the shape for its thread: {found}"
